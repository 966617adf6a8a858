#!/usr/bin/env python3
"""Runs a Cedar conformance program over data that lies beside the repository, packed.

usage: cedar.py PROGRAM ARCHIVE WORK_FOLDER [ARCHIVE...]

A .tar.gz is unpacked, a .gz is expanded, below WORK_FOLDER, once for each version of the archive; the program gets the
results as its arguments. Prints TAP: one test, skipped with a reason where the data is absent."""
import fcntl
import gzip
import pathlib
import shutil
import subprocess
import sys
import tarfile


def unpack(archive, work):
    """The folder or file that the archive holds; unpacked beside a stamp of the archive's size and time."""
    target = work / archive.name.removesuffix(".gz").removesuffix(".tar")
    status = archive.stat()
    stamp = work / (archive.name + ".stamp")
    wanted = f"{status.st_size} {status.st_mtime_ns}"
    if stamp.is_file() and stamp.read_text() == wanted and target.exists():
        return target
    work.mkdir(parents=True, exist_ok=True)
    if archive.name.endswith(".tar.gz"):
        shutil.rmtree(target, ignore_errors=True)
        with tarfile.open(archive) as packed:
            packed.extractall(target, filter="data")
    else:
        with gzip.open(archive) as packed, open(target, "wb") as out:
            shutil.copyfileobj(packed, out)
    stamp.write_text(wanted)
    return target


def main():
    program, work = sys.argv[1], pathlib.Path(sys.argv[3])
    archives = [pathlib.Path(name) for name in (sys.argv[2], *sys.argv[4:])]
    name = f"{pathlib.Path(program).name} {archives[0].name}"
    print("1..1")
    for archive in archives:
        if not archive.is_file():
            print(f"ok 1 - {name} # SKIP {archive.name} is not beside the repository (../shared/cedar)")
            return
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = [str(unpack(archive, work)) for archive in archives]
    done = subprocess.run([program, *data], capture_output=True, text=True, errors="replace")
    for line in (done.stdout + done.stderr).splitlines():
        print("#", line)
    print("ok 1 -" if done.returncode == 0 else "not ok 1 -", name)


main()
