"""./dev bench [--quick] [--only NAME ...]: measures, and writes doc/benchmarks.md.

Targets take turns within each round, so that a change in the machine's load meets all of them; the figures are medians
over the rounds. --quick measures less and shorter; --only runs a part and prints it instead of writing the page."""
import argparse
import contextlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import cedar
import http_bench
import pgbench
import programs
import report
from servers import ROOT, ROWS, Pgbouncer, Postgres, Sworn, postgres_program

PAGE = ROOT / "doc" / "benchmarks.md"
FINDINGS = ROOT / "tests" / "bench" / "findings.md"
SCALE = 10
FEW_ROWS = 200

SELECT_FEW = f"""\\set aid random(1, {100000 * SCALE - FEW_ROWS})
SELECT * FROM pgbench_accounts WHERE aid BETWEEN :aid AND :aid + {FEW_ROWS - 1};
"""
SELECT_MANY = f"SELECT * FROM pgbench_accounts WHERE aid <= {ROWS};\n"
SELECT_PEOPLE = f"SELECT * FROM people WHERE id <= {FEW_ROWS};\n"

ALL = ("direct", "pgbouncer", "sworn", "sworn, tmpfs")
# name, title, pgbench mode, script, clients, targets
WORKLOADS = (
    ("select", "`pgbench -S -M simple`", "simple", None, (1, 8, 32, 64, 128), ALL),
    ("prepared", "`pgbench -S -M prepared`", "prepared", None, (1, 8, 64), ALL[:3]),
    ("rows", f"{FEW_ROWS} rows of pgbench_accounts, 23 KB", "simple", SELECT_FEW, (8,), ALL[:3]),
    ("many", f"{ROWS:,} rows of pgbench_accounts, 1.1 MB", "simple", SELECT_MANY, (8,), ALL[:3]),
    ("people", f"{FEW_ROWS} rows with names, emails and phone numbers, masked", "simple", SELECT_PEOPLE, (8,), ALL[:3]),
)
PROGRAMS = ("cedar", "ledger", "detect", "parts", "http")


@contextlib.contextmanager
def servers():
    """The targets by name. Data is in memory but for the ledger on disk, which stands where the checkout does."""
    with contextlib.ExitStack() as stack:
        memory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sworn-bench-", dir="/dev/shm")))
        disk = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build")))
        memory.chmod(0o755)
        targets = {}

        def add(target):
            stack.callback(target.stop)
            targets[target.name] = target
            return target

        def folder(parent, name):
            (parent / name).mkdir()
            return parent / name

        postgres = add(Postgres(folder(memory, "postgres"), SCALE))
        add(Pgbouncer(folder(memory, "pgbouncer"), postgres))
        add(Sworn("sworn", folder(disk, "sworn"), postgres))
        add(Sworn("sworn, tmpfs", folder(memory, "sworn"), postgres))
        yield targets


def measure(targets, workload, rounds, seconds):
    """{(clients, target name): medians}"""
    name, _, mode, script, all_clients, names = workload
    results = {}
    for clients in all_clients:
        gathered = {target: [] for target in names}
        for turn in range(rounds):
            for target in names:
                print(f"bench: {name}, {clients} clients, round {turn + 1}, {target}", file=sys.stderr, flush=True)
                gathered[target].append(pgbench.run(targets[target], clients, seconds, mode, script))
        for target in names:
            results[clients, target] = pgbench.medians(gathered[target])
    return results


def first_line(*command):
    return subprocess.run(command, check=False, text=True, capture_output=True).stdout.partition("\n")[0]


def describe_machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text(encoding="utf-8").split()[1])
    revision = first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    return [f"{os.cpu_count()} cores, {model}, {memory_kib >> 20} GiB, Linux {platform.release()}",
            first_line(postgres_program("postgres"), "--version"), first_line("pgbouncer", "--version"),
            f"sworn at {revision}, {time.strftime('%Y-%m-%d', time.gmtime())}, load average "
            f"{os.getloadavg()[0]:.1f} at the start"]


def run_programs(wanted, is_quick):
    sections = {}
    if "cedar" in wanted:
        sections["cedar"] = cedar.run(*(1, 0.1) if is_quick else (3, 0.3))
    if "ledger" in wanted:
        sections["ledger"] = {"disk": programs.ledger(ROOT / "build"), "tmpfs": programs.ledger("/dev/shm")}
    if "detect" in wanted:
        sections["detect"] = (programs.detection(), programs.recognition())
    if "parts" in wanted:
        sections["parts"] = programs.parts()
    return sections


def main():
    names = [workload[0] for workload in WORKLOADS] + list(PROGRAMS)
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--quick", action="store_true", help="one round of 5 s, of fewer clients")
    parser.add_argument("--only", action="append", choices=names, help="this part; the page is not written")
    arguments = parser.parse_args()
    wanted = arguments.only or names
    rounds, seconds = (1, 5) if arguments.quick else (3, 5)
    machine = describe_machine()
    started = time.monotonic()
    chosen = [workload for workload in WORKLOADS if workload[0] in wanted]
    if arguments.quick:
        chosen = [(*workload[:4], tuple(clients for clients in workload[4] if clients in (8, 64)), workload[5])
                  for workload in chosen]
    measured = {}
    if chosen and shutil.which("pgbouncer") is None:
        sys.exit("bench: pgbouncer is missing: apt-get install pgbouncer")
    if chosen:
        with servers() as targets:
            measured = {workload[0]: measure(targets, workload, rounds, seconds) for workload in chosen}
    sections = run_programs(wanted, arguments.quick)
    if "http" in wanted:
        sections["http"] = http_bench.run(arguments.quick)
    page = report.write(machine, rounds, seconds, chosen, measured, sections, FINDINGS.read_text(encoding="utf-8"))
    print(f"bench: took {time.monotonic() - started:.0f} s", file=sys.stderr)
    if arguments.only:
        print(page)
    else:
        PAGE.write_text(page, encoding="utf-8")
        print(f"bench: wrote {PAGE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
