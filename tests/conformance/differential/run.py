#!/usr/bin/env python3
"""Compares generated cases with the oracle.

usage: run.py PROGRAM SCRIPT WORK_FOLDER KIND COUNT

Installs the oracle (npm, @cedar-policy/cedar-wasm) below WORK_FOLDER once. Prints TAP: one test, skipped with a reason
where there is no npm or no registry. The first seed is fixed; CEDAR_SEED sets another one."""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

ORACLE = "@cedar-policy/cedar-wasm"
VERSION = "4.13.0"
PIECE = 1000  # a case has one seed, and counts at least one, so that pieces do not overlap


def install(work):
    """None, or why the oracle is not there."""
    module = work / "node_modules" / ORACLE
    if (module / "package.json").is_file():
        return None
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "npm and node are not installed"
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(work),
               f"{ORACLE}@{VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        return "the npm registry does not answer"
    return None if done.returncode == 0 else "npm could not install the oracle: is the registry reachable?"


def write_cases(module, script, kind, seed, cases, path):
    """In pieces, each by a process of its own: a long one makes node's optimiser crash now and then."""
    with open(path, "wb") as out:
        for start in range(0, cases, PIECE):
            command = ["node", "--no-opt", script, str(module), str(seed + start), str(min(PIECE, cases - start)), kind]
            subprocess.run(command, stdout=out, check=True)


def main():
    program, script, work, kind, count = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4], sys.argv[5]
    seed = os.environ.get("CEDAR_SEED", "1")
    name = f"{kind}: {count} cases as with {ORACLE} {VERSION}, from seed {seed} on"
    print("1..1")
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reason = install(work)
    if reason is not None:
        print(f"ok 1 - {name} # SKIP {reason}")
        return
    cases = work / f"cases-{kind}-{count}.jsonl"
    write_cases(work / "node_modules" / ORACLE, script, kind, int(seed), int(count), cases)
    done = subprocess.run([program, str(cases)], capture_output=True, text=True, errors="replace")
    for line in (done.stdout + done.stderr).splitlines():
        print("#", line)
    print("ok 1 -" if done.returncode == 0 else "not ok 1 -", name)


main()
