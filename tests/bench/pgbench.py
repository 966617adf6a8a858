"""One pgbench run against one target, and what it cost.

pgbench logs the time and latency of each transaction; the CPU time of the target's processes (user and system, from
/proc) is sampled beside it. The figures are those of the steady middle of the run: from the samples that lie wholly
between the first and the last transaction, so that logins are not counted."""
import collections
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time

from servers import DATABASE, postgres_program

SAMPLE_S = 0.05
SETTLE_S = 0.3
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
RUN_TIMEOUT_S = 120

Result = collections.namedtuple("Result", "per_second cpu_us p50_us p99_us")


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


class Sampler(threading.Thread):
    def __init__(self, pids):
        super().__init__()
        self.pids, self.samples, self.is_done = pids, [], threading.Event()

    def run(self):
        while not self.is_done.wait(SAMPLE_S):
            self.samples.append((time.time(), cpu_seconds(self.pids)))


def read_log(folder):
    """(when it ended, how long it took in microseconds) of each transaction."""
    transactions = []
    for path in folder.iterdir():
        with open(path, encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                transactions.append((int(fields[4]) + int(fields[5]) / 1e6, int(fields[2])))
    transactions.sort()
    return transactions


def summarise(transactions, samples):
    first, last = transactions[0][0] + SETTLE_S, transactions[-1][0]
    inside = [sample for sample in samples if first <= sample[0] <= last]
    if len(inside) < 2:
        raise RuntimeError("the run was too short to be measured")
    (begin, cpu_begin), (end, cpu_end) = inside[0], inside[-1]
    latencies = sorted(latency for when, latency in transactions if begin <= when < end)
    count = len(latencies)
    return Result(count / (end - begin), (cpu_end - cpu_begin) * 1e6 / count, latencies[count // 2],
                  latencies[count * 99 // 100])


def run(target, clients, seconds, mode="simple", script=None):
    """script: SQL text in pgbench's form; None is pgbench's own -S."""
    with tempfile.TemporaryDirectory(prefix="sworn-bench-", dir="/dev/shm") as folder:
        logs = pathlib.Path(folder) / "logs"
        logs.mkdir()
        what = ["-S"]
        if script is not None:
            path = pathlib.Path(folder) / "script"
            path.write_text(script)
            what = ["-f", str(path)]
        command = [postgres_program("pgbench"), "-n", "-M", mode, *what, "-c", str(clients), "-j", "2",
                   "-T", str(seconds), "--log", f"--log-prefix={logs}/log", "-h", "127.0.0.1", "-p", str(target.port),
                   "-U", target.user, DATABASE]
        sampler = Sampler(target.pids())
        sampler.start()
        done = subprocess.run(command, check=False, text=True, capture_output=True, timeout=RUN_TIMEOUT_S,
                              env={**os.environ, "PGPASSWORD": target.password})
        sampler.is_done.set()
        sampler.join()
        if done.returncode != 0:
            raise RuntimeError(f"pgbench through {target.name}: {done.stderr}")
        return summarise(read_log(logs), sampler.samples)


def medians(results):
    return Result(*(statistics.median(values) for values in zip(*results)))
