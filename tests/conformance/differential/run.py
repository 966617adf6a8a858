#!/usr/bin/env python3
"""Compares generated cases with the oracle.

usage: run.py PROGRAM SCRIPT WORK_FOLDER KIND COUNT

Installs the oracle (npm, @cedar-policy/cedar-wasm) below WORK_FOLDER once. Prints TAP: one test, skipped with a reason
where there is no npm or no registry. The first seed is fixed; CEDAR_SEED sets another one."""
import os
import pathlib
import subprocess
import sys

import oracle

PIECE = 1000  # a case has one seed, and counts at least one, so that pieces do not overlap


def write_cases(module, script, kind, seed, cases, path):
    """In pieces, each by a process of its own: a long one makes node's optimiser crash now and then."""
    with open(path, "wb") as out:
        for start in range(0, cases, PIECE):
            command = ["node", "--no-opt", script, str(module), str(seed + start), str(min(PIECE, cases - start)), kind]
            subprocess.run(command, stdout=out, check=True)


def main():
    program, script, work, kind, count = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4], sys.argv[5]
    seed = os.environ.get("CEDAR_SEED", "1")
    name = f"{kind}: {count} cases as with {oracle.NAME} {oracle.VERSION}, from seed {seed} on"
    print("1..1")
    reason = oracle.install(work)
    if reason is not None:
        print(f"ok 1 - {name} # SKIP {reason}")
        return
    cases = work / f"cases-{kind}-{count}.jsonl"
    write_cases(oracle.module(work), script, kind, int(seed), int(count), cases)
    done = subprocess.run([program, str(cases)], capture_output=True, text=True, errors="replace")
    for line in (done.stdout + done.stderr).splitlines():
        print("#", line)
    print("ok 1 -" if done.returncode == 0 else "not ok 1 -", name)


main()
