"""One run of http_load against one target, and what it cost."""
import collections
import json
import pathlib
import statistics
import subprocess

from http_servers import BUILD
from pgbench import cpu_seconds

RUN_TIMEOUT_S = 120
SAMPLE_S = 0.05

Requests = collections.namedtuple("Requests", "per_second cpu_us p50_us p99_us unserved")
Streams = collections.namedtuple("Streams", "cpu_us first_event_us first_text_us delay_us delay_p99_us text_us")


def command(target, *options):
    fields = [part for field in target.fields for part in ("-H", field)]
    return [str(part) for part in (BUILD / "http_load", "-p", target.port, "-k", target.key, *fields, *options)]


def parse(target, output, returncode):
    lines = output.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise RuntimeError(f"http_load through {target.name} ended with {returncode}")
    result = json.loads(lines[-1])
    if returncode != 0 or result["errors"] > 0:
        raise RuntimeError(f"{result['errors']} errors through {target.name}, the first: {result['first_error']}")
    return result


def run(target, *options):
    """(what http_load says, CPU microseconds a request)"""
    before = cpu_seconds(target.pids())
    done = subprocess.run(command(target, *options), check=False, text=True, stdout=subprocess.PIPE,
                          timeout=RUN_TIMEOUT_S)
    after = cpu_seconds(target.pids())
    result = parse(target, done.stdout, done.returncode)
    return result, (after - before) * 1e6 / result["requests"]


def requests(target, connections, body_bytes, seconds, rate=None):
    paced = () if rate is None else ("-r", rate)
    result, cpu_us = run(target, "-c", connections, "-b", body_bytes, "-t", seconds, *paced)
    latency = result["latency"]
    return Requests(result["per_second"], cpu_us, latency["p50"], latency["p99"], result["unserved"])


def streams(target, connections, body_bytes, seconds):
    result, cpu_us = run(target, "-s", "-c", connections, "-b", body_bytes, "-t", seconds)
    return Streams(cpu_us, result["first_event"]["p50"], result["first_text"]["p50"], result["event_delay"]["p50"],
                   result["event_delay"]["p99"], result["text_delay"]["p50"])


def warm_up(target, requests, seconds):
    """What is compiled as it runs is so before it is measured."""
    for connections, body_bytes in ((1, 1024), (8, 16384)):
        run(target, "-c", connections, "-b", body_bytes, "-n", requests, "-t", seconds)


def medians(results):
    return type(results[0])(*(statistics.median(values) for values in zip(*results)))


def resident_kib(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total


class IdleConnections:
    """Connections that have had one answer each and are kept."""

    def __init__(self, target, count, body_bytes):
        self.target = target
        self.process = subprocess.Popen(command(target, "-i", "-c", count, "-b", body_bytes), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.is_ready = self.process.stdout.readline().strip() == "idle"

    def close(self):
        """How many were still open."""
        output, _ = self.process.communicate(timeout=RUN_TIMEOUT_S)
        return parse(self.target, output, self.process.returncode)["open"]


def peak_of_streams(target, connections, body_bytes):
    """Highest resident memory while the streams are active."""
    peak = 0
    with subprocess.Popen(command(target, "-s", "-c", connections, "-b", body_bytes, "-t", 1), text=True,
                          stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, resident_kib(target.pids()))
            try:
                process.wait(SAMPLE_S)
            except subprocess.TimeoutExpired:
                pass
        parse(target, process.stdout.read(), process.returncode)
    return peak
