"""The programs of build/tests/bench, each on its own; what they print goes into the page as it stands."""
import pathlib
import re
import subprocess
import sys
import tempfile

from servers import ROOT

BUILD = ROOT / "build" / "tests" / "bench"
PROGRAM_TIMEOUT_S = 180


def run(*command):
    print("bench:", pathlib.Path(command[0]).name, file=sys.stderr, flush=True)
    return subprocess.run([str(part) for part in command], check=True, text=True, capture_output=True,
                          timeout=PROGRAM_TIMEOUT_S).stdout


def block(text):
    return f"```\n{text.rstrip()}\n```\n"


def ledger(folder):
    """Its Markdown, and entries a second by how many are outstanding."""
    with tempfile.TemporaryDirectory(prefix="sworn-ledger-", dir=folder) as place:
        text = run(BUILD / "ledger_bench", place)
    rates = {int(row[1]): int(row[2]) for row in re.finditer(r"^\| +(\d+) \| +(\d+) \|", text, re.MULTILINE)}
    lines = [line for line in text.splitlines() if not line.endswith(place) and "evidence in" not in line]
    raw = re.search(r"p50 (\d+) us", text)
    alone = re.search(r"^\| +1 \| +\d+ \| +(\d+) \|", text, re.MULTILINE)
    return "\n".join(lines).rstrip() + "\n", rates, int(raw[1]), int(alone[1])


def detection():
    return block(run(BUILD / "detect_bench"))


def recognition():
    """Precision and recall on the labelled sets, or where they are not at hand, where the table is."""
    data = ROOT.parent / "shared" / "pii"
    if not data.is_dir():
        return "The labelled sets are not part of the repository; the last table stands in `doc/detection.md`.\n"
    return run(sys.executable, ROOT / "tests" / "bench" / "detect_eval.py", BUILD / "detect_eval", "--data", data)


def parts():
    return "\n".join(f"`{name}`:\n\n{block(run(BUILD / name))}" for name in ("policy_bench", "run_bench"))
