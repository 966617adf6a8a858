"""The HTTP part of the benchmark: `./dev bench --only http`.

The same load goes to a stand-in for a model API directly, through nginx, haproxy, Portkey and sworn. Targets take turns
within each round; figures are medians over the rounds. A target that cannot be started is left out, and the page says
why; a wrong answer through one that runs ends the benchmark."""
import collections
import contextlib
import os
import pathlib
import resource
import shutil
import sys
import tempfile
import time

import http_load
import http_report
from http_servers import Fake, Haproxy, Nginx, Portkey, SwornHttp
from servers import ROOT

KIB = 1024
# KiB of the request, connections
CASES = ((1, 1), (1, 8), (1, 16), (1, 64), (16, 1), (16, 16), (16, 64), (100, 1), (100, 16), (100, 64))
QUICK_CASES = ((1, 1), (1, 8), (1, 64), (16, 1), (16, 64), (100, 1), (100, 64))
WARM_UP_REQUESTS, WARM_UP_SECONDS = 2000, 20
SECONDS = 2
RATE = 1000
RATE_CONNECTIONS = 64
RATE_SECONDS = 4
STREAM_CONNECTIONS = 8
STREAM_SECONDS = 3
IDLE_CONNECTIONS = 1000
ACTIVE_STREAMS = 64
RECOVERY_S = 10
SETTLE_S = 1
FILES = 16384

Memory = collections.namedtuple("Memory", "idle peak recovered connections")


def say(*words):
    print("bench: http,", *words, file=sys.stderr, flush=True)


class Field:
    """Where targets are started: each in a folder of its own, in memory or on the checkout's disk."""

    def __init__(self, stack):
        self.memory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="http-", dir="/dev/shm")))
        self.disk = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="http-", dir=ROOT / "build")))
        self.memory.chmod(0o755)
        self.stack, self.count = stack, 0
        self.fake = self.start(Fake, self.memory)

    def start(self, kind, where, *arguments):
        self.count += 1
        folder = where / str(self.count)
        folder.mkdir()
        target = kind(folder, *arguments)
        self.stack.callback(target.stop)
        return target

    def makers(self):
        """How to start each, by name."""
        return {
            "nginx": lambda: self.start(Nginx, self.memory, self.fake),
            "haproxy": lambda: self.start(Haproxy, self.memory, self.fake),
            "portkey": lambda: self.start(Portkey, self.memory, self.fake),
            "sworn, controls off": lambda: self.start(SwornHttp, self.disk, self.fake, "sworn, controls off", "off"),
            "sworn": lambda: self.start(SwornHttp, self.disk, self.fake, "sworn", "on"),
            "sworn, tmpfs": lambda: self.start(SwornHttp, self.memory, self.fake, "sworn, tmpfs", "on"),
        }


def in_turns(targets, rounds, what, measure):
    """{target name: medians}"""
    gathered = {name: [] for name in targets}
    for turn in range(rounds):
        for name, target in targets.items():
            say(f"{what}, round {turn + 1}, {name}")
            gathered[name].append(measure(target))
    return {name: http_load.medians(results) for name, results in gathered.items()}


def measure_memory(target):
    time.sleep(SETTLE_S)
    idle = http_load.resident_kib(target.pids())
    connections = http_load.IdleConnections(target, IDLE_CONNECTIONS, KIB)
    try:
        peak = http_load.peak_of_streams(target, ACTIVE_STREAMS, 16 * KIB)
    finally:
        still_open = connections.close()
    time.sleep(RECOVERY_S)
    return Memory(idle, peak, http_load.resident_kib(target.pids()), still_open)


def measure_all(field, rounds, cases):
    makers = field.makers()
    targets, absent = {"direct": field.fake}, {}
    for name, make in makers.items():
        try:
            targets[name] = make()
        except RuntimeError as error:
            absent[name] = str(error)
            say(f"without {name}: {error}")
    for name, target in targets.items():
        say(f"warm-up, {name}")
        http_load.warm_up(target, WARM_UP_REQUESTS, WARM_UP_SECONDS)
    results = {"absent": absent, "requests": {}}
    for body, connections in cases:
        results["requests"][body, connections] = in_turns(
            targets, rounds, f"{body} KiB, {connections} connections",
            lambda target: http_load.requests(target, connections, body * KIB, SECONDS))
    results["rate"] = in_turns(targets, rounds, f"{RATE} requests a second", lambda target: http_load.requests(
        target, RATE_CONNECTIONS, KIB, RATE_SECONDS, RATE))
    results["streams"] = in_turns(targets, rounds, "streams", lambda target: http_load.streams(
        target, STREAM_CONNECTIONS, KIB, STREAM_SECONDS))
    for name in list(targets)[1:]:
        targets[name].stop()
    results["memory"] = {}
    for name in list(targets)[1:]:
        say(f"memory, {name}")
        target = makers[name]()
        results["memory"][name] = measure_memory(target)
        target.stop()
    return results


def run(is_quick):
    """The section of the page, in Markdown."""
    for program in ("nginx", "haproxy"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None:
            sys.exit(f"bench: {program} is missing: apt-get install {program}")
    os.environ["PATH"] += ":/usr/sbin"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if hard < 0 else min(FILES, hard), hard))
    rounds = 1 if is_quick else 3
    load_at_start = os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        results = measure_all(Field(stack), rounds, QUICK_CASES if is_quick else CASES)
    results["load"] = load_at_start, os.getloadavg()[0]
    return http_report.write(results, rounds)
