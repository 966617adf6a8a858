"""Cedar beside cedar-wasm: both read the same sets, take turns, and have to decide alike."""
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import cedar_sets
from servers import ROOT

sys.path.append(str(ROOT / "tests" / "conformance" / "differential"))
import oracle  # pylint: disable=wrong-import-position

PROGRAM = ROOT / "build" / "tests" / "bench" / "cedar-bench"
SCRIPT = ROOT / "tests" / "bench" / "cedar_wasm.js"
ORACLE_FOLDER = ROOT / "build" / "tests" / "conformance" / "oracle"
ARCHIVE = ROOT.parent / "shared" / "cedar" / "extra.tar.gz"
FINDINGS = ROOT / "tests" / "bench" / "cedar_findings.md"
TIMEOUT_S = 300
OFFICIAL_ROUNDS = 1  # these are many; node starts for each
MANY = 100  # policies; the least number that cedar-wasm's goal is about

# what, policies, goal, the figure of the set with an index to use
GOALS = (
    ("a decision among 10 policies", 10, 1.0),
    ("a decision among 10,000 policies, of which the index leaves few", 10000, 5.0),
)
TIMES_FASTER = 100


def sworn(folder, seconds):
    done = subprocess.run([str(PROGRAM), str(folder), str(seconds)], check=True, text=True, capture_output=True,
                          timeout=TIMEOUT_S)
    return json.loads(done.stdout)


def wasm(folder, seconds):
    """None where the oracle itself fails: its recursion is bounded by WebAssembly's stack."""
    # Without the quick compiler's code first, calls are at their best from the start.
    command = ["node", "--no-liftoff", str(SCRIPT), str(oracle.module(ORACLE_FOLDER)), str(folder), str(seconds)]
    done = subprocess.run(command, check=False, text=True, capture_output=True, timeout=TIMEOUT_S)
    if done.returncode == 0:
        return json.loads(done.stdout)
    print(f"bench: cedar-wasm fails: {' '.join(done.stderr.split())[:200]}", file=sys.stderr)
    return None


def instructions(folder):
    """Of one decision, which a busy machine does not change. None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=cedar_engine_authorize",
               "--callgrind-out-file=/dev/null", str(PROGRAM), str(folder), "0"]
    done = subprocess.run(command, check=True, text=True, capture_output=True, timeout=TIMEOUT_S)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1]) / json.loads(done.stdout)["calls"]


def compare(name, ours, theirs):
    for number, (our, their) in enumerate(zip(ours["verdicts"], theirs["verdicts"], strict=True)):
        # The lists are sorted as text on one side and by code point on the other; ids here are ASCII.
        if our != their:
            sys.exit(f"bench: cedar, {name}, request {number}: sworn says `{our}`, cedar-wasm `{their}`")


def medians(rounds):
    """Of each figure over the rounds that have one; None when none does."""
    rounds = [one for one in rounds if one is not None]
    if not rounds:
        return None
    return {what: statistics.median(one[what] for one in rounds) for what in rounds[0] if what != "verdicts"}


def measure_set(name, folder, rounds, seconds, has_oracle):
    ours, theirs = [], []
    for turn in range(rounds):
        print(f"bench: cedar, {name}, round {turn + 1}", file=sys.stderr, flush=True)
        ours.append(sworn(folder, seconds))
        theirs.append(wasm(folder, seconds) if has_oracle else None)
        if theirs[-1] is not None:
            compare(name, ours[-1], theirs[-1])
    return medians(ours), medians(theirs)


def count(number):
    return f"{number:,.0f}"


def microseconds(nanoseconds):
    value = nanoseconds / 1000
    return f"{value:,.2f}" if value < 10 else count(value)


def milliseconds(nanoseconds):
    return f"{nanoseconds / 1e6:,.2f}"


def kibibytes(size):
    return f"{size / 1024:,.0f}"


def against(theirs, what, ours):
    return "-" if theirs is None else f"{count(theirs[what] / ours)} x"


def shown(theirs, what, write=microseconds):
    return "-" if theirs is None else write(theirs[what])


class Result:
    """What a run measured, ready for the page."""

    def __init__(self, reason, rounds, generated, official):
        self.reason, self.rounds, self.generated, self.official = reason, rounds, generated, official

    def goals(self):
        """(what, goal, measured, is met)"""
        for text, size, most_us in GOALS:
            got = self.generated[size, True][0]["stored"] / 1000
            yield text, f"<= {most_us:.2f} us", f"{got:.2f} us", got <= most_us
        ours, theirs, _ = self.generated[MANY, True]
        if theirs is not None:
            got = theirs["reachable"] / ours["stored"]
            yield (f"decisions a second among {MANY} policies, against cedar-wasm with few entities",
                   f">= {TIMES_FASTER} x", f"{got:,.0f} x", got >= TIMES_FASTER)

    def decisions(self):
        yield "| policies | index | ns | decisions/s | instructions | from JSON us | cedar-wasm us | ratio | from JSON " \
              "| with all entities us | without any us |"
        yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        for (size, is_keyed), (ours, theirs, steps) in self.generated.items():
            yield (f"| {size:,} | {'prunes' if is_keyed else 'cannot'} | {count(ours['stored'])} "
                   f"| {count(1e9 / ours['stored'])} | {'-' if steps is None else count(steps)} "
                   f"| {microseconds(ours['json'])} | {shown(theirs, 'reachable')} "
                   f"| {against(theirs, 'reachable', ours['stored'])} | {against(theirs, 'reachable', ours['json'])} "
                   f"| {shown(theirs, 'all')} | {shown(theirs, 'none')} |")

    def bundles(self):
        yield "| policies | index | first parse ms | again ms | cedar-wasm again ms | ratio | its first | bundle KiB " \
              "| of it compiled KiB | entities | store KiB |"
        yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        for (size, is_keyed), (ours, theirs, _) in self.generated.items():
            yield (f"| {size:,} | {'prunes' if is_keyed else 'cannot'} | {milliseconds(ours['cold'])} "
                   f"| {milliseconds(ours['again'])} | {shown(theirs, 'again', milliseconds)} "
                   f"| {against(theirs, 'again', ours['again'])} | {shown(theirs, 'cold', milliseconds)} "
                   f"| {kibibytes(ours['bundle'])} | {kibibytes(ours['compiled'])} "
                   f"| {count(ours['entities'])} | {kibibytes(ours['store'])} |")

    def official_rows(self):
        yield "| set | policies | entities | ns | decisions/s | from JSON us | cedar-wasm us | ratio | from JSON " \
              "| parse us | cedar-wasm us | bundle KiB |"
        yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
        for name, (ours, theirs) in self.official.items():
            yield (f"| {name} | {count(ours['policies'])} | {count(ours['entities'])} | {count(ours['stored'])} "
                   f"| {count(1e9 / ours['stored'])} | {microseconds(ours['json'])} | {shown(theirs, 'reachable')} "
                   f"| {against(theirs, 'reachable', ours['stored'])} | {against(theirs, 'reachable', ours['json'])} "
                   f"| {microseconds(ours['again'])} | {shown(theirs, 'again')} | {kibibytes(ours['bundle'])} |")

    def page(self):
        absent = f"cedar-wasm is absent: {self.reason}.\n\n" if self.reason else ""
        missing = "" if self.official else f"The official sets are not at hand ({ARCHIVE.name}).\n"
        parts = [HOW.format(version=oracle.VERSION, rounds=self.rounds), absent, "### Generated sets\n\n", *(row + "\n" for row in self.decisions()), "\n",
                 *(row + "\n" for row in self.bundles()), "\n### Benchmark sets of Cedar's own project\n\n", missing]
        rows = [row + "\n" for row in (self.official_rows() if self.official else ())]
        return "".join([*parts, *rows, "\n", FINDINGS.read_text(encoding="utf-8")])


HOW = """One thread; sworn and cedar-wasm {version} (node, `preparsePolicySet` once, then `statefulIsAuthorized`) read the same
files, take turns set by set, and every verdict, its reasons and errors have to be the same on both sides. Figures are
medians of {rounds} rounds (Cedar's own sets: one) of the median over passes through the requests.

* **ns, decisions/s**: policies compiled, entities in a store, the request as values: what the gateway does. A gateway's whole
  question to its policy, with the entities of the request built, is `policy_bench` below.
* **from JSON**: request and the entities that it can reach are read from JSON text for each decision.
* **cedar-wasm**: the same entities, as JavaScript objects, which the call reads anew each time: it cannot keep any. "with all
  entities" hands it the whole store, "without any" none (verdicts then differ: it is the floor of a call). The first
  *ratio* is to sworn's ns, the second to sworn's own way from JSON, which is the closer comparison of work.
* **index**: generated sets are written twice with the same meaning: as scopes, which the index sees, and as conditions, so that
  every policy is a candidate.
* **parse**: text to compiled form, for the first time in a process and again; cedar-wasm's first time also compiles its own
  WebAssembly, so that the ratio is to later ones. **bundle**: what text, syntax tree and compiled form hold of the
  heap, as the allocator counts it.
* **instructions** of a decision are callgrind's, which load does not change.
* `-` under cedar-wasm: it could not run, or fails on that set (clauses-10kb overflows its stack).

"""


def run(rounds, seconds):
    reason = oracle.install(ORACLE_FOLDER)
    with tempfile.TemporaryDirectory(prefix="sworn-cedar-") as place:
        place = pathlib.Path(place)
        generated, official = {}, {}
        for is_keyed in (True, False):
            for size in cedar_sets.SIZES:
                name = f"{size} policies, {'index' if is_keyed else 'no index'}"
                folder = cedar_sets.generate(place / f"{size}-{is_keyed}", size, is_keyed)
                ours, theirs = measure_set(name, folder, rounds, seconds, reason is None)
                generated[size, is_keyed] = ours, theirs, instructions(folder)
        folders = cedar_sets.official(ARCHIVE, place / "official") if ARCHIVE.is_file() else {}
        for name, folder in folders.items():
            official[name] = measure_set(name, folder, OFFICIAL_ROUNDS, seconds, reason is None)
    return Result(reason, rounds, generated, official)
