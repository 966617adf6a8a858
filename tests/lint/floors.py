"""Proves the house of doc/principles.md: which floor may include from which."""
import pathlib
import re
import subprocess
import sys

ALLOWED = {
    "base": {"base"},
    "run": {"run", "base"},
    "cedar": {"cedar", "base"},
    "detect": {"detect", "base"},
    "ledger": {"ledger", "base"},
    "model": {"model", "base"},
    "guard": {"guard", "model", "ledger", "detect", "cedar", "run", "base"},
    "wire": {"wire", "model", "run", "base"},
    "keeper": {"keeper", "ledger", "run", "base"},
    "gate": {"gate", "keeper", "wire", "guard", "model", "ledger", "detect", "cedar", "run", "base"},
}
EVERYTHING = set(ALLOWED) | {"cmd"}
# Class sets and counts are numbers that these floors carry; the detector itself stays out of their reach.
CARRIES_CLASSES = {"model", "wire"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def main():
    files = subprocess.run(["git", "ls-files", "*.c", "*.h"], capture_output=True, text=True, check=True).stdout.split()
    bad = 0
    for name in files:
        floor = name.split("/")[0]
        if floor in ("tests", "cmd"):
            continue
        allowed = ALLOWED.get(floor, EVERYTHING)
        for include in INCLUDE.findall(pathlib.Path(name).read_text()):
            target = include.split("/")[0]
            reaches_up = target not in allowed
            if floor in CARRIES_CLASSES and include == "detect/classes.h":
                reaches_up = False
            if reaches_up:
                print(f"{name}: includes {include}, which is not on its floor or below")
                bad += 1
    return 1 if bad else 0


sys.exit(main())
