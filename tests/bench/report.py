"""The page: what was measured, as Markdown, with the targets that the figures are judged by."""

# pgbench: (what, clients, the most or least, how to get it from the medians by target)
GOALS = (
    ("CPU per query, ledger on disk, against pgbouncer", "select", 8, "<=", 3.0, "cpu", "sworn", "pgbouncer"),
    ("CPU per query, ledger on disk, against pgbouncer", "select", 64, "<=", 2.0, "cpu", "sworn", "pgbouncer"),
    ("CPU per query, ledger on tmpfs, against pgbouncer", "select", 64, "<=", 1.8, "cpu", "sworn, tmpfs", "pgbouncer"),
    ("throughput, ledger on disk, against the same on tmpfs", "select", 8, ">=", 0.4, "rate", "sworn", "sworn, tmpfs"),
    ("throughput, ledger on disk, against the same on tmpfs", "select", 32, ">=", 0.65, "rate", "sworn", "sworn, tmpfs"),
    ("throughput, ledger on disk, against the same on tmpfs", "select", 128, ">=", 0.75, "rate", "sworn", "sworn, tmpfs"),
    ("CPU per query of 200 rows, against pgbouncer", "rows", 8, "<=", 1.5, "cpu", "sworn", "pgbouncer"),
    ("throughput of 200 rows, against pgbouncer", "rows", 8, ">=", 1 / 1.5, "rate", "sworn", "pgbouncer"),
)
ENTRIES_PER_SECOND = 50000
OUTSTANDING = 128


def value(result, what):
    return result.cpu_us if what == "cpu" else result.per_second


def ratio(part, whole):
    return f"{part / whole:.2f}" if whole else "-"


def verdict(is_met):
    return "yes" if is_met else "**no**"


def goal_rows(measured, sections):
    for text, workload, clients, sign, bound, what, ours, theirs in GOALS:
        results = measured.get(workload, {})
        if (clients, ours) not in results or (clients, theirs) not in results:
            continue
        got = value(results[clients, ours], what) / value(results[clients, theirs], what)
        is_met = got <= bound if sign == "<=" else got >= bound
        yield f"| {text}, {clients} clients | {sign} {bound:.2f} | {got:.2f} | {verdict(is_met)} |"
    if "cedar" in sections:
        for text, bound, got, is_met in sections["cedar"].goals():
            yield f"| {text} | {bound} | {got} | {verdict(is_met)} |"
    if "ledger" in sections:
        _, rates, raw_us, alone_us = sections["ledger"]["disk"]
        rate = rates.get(OUTSTANDING, 0)
        yield (f"| durable entries a second, {OUTSTANDING} outstanding | >= {ENTRIES_PER_SECOND:,} | {rate:,} "
               f"| {verdict(rate >= ENTRIES_PER_SECOND)} |")
        yield (f"| one entry alone, p50, against the disk's own fdatasync ({raw_us} us) | <= 2.00 "
               f"| {alone_us / raw_us:.2f} | {verdict(alone_us <= 2 * raw_us)} |")


def workload_table(workload, results):
    _, title, _, _, all_clients, names = workload
    lines = [f"### {title}", "",
             "| clients | through | queries/s | of direct | of pgbouncer | CPU us a query | x pgbouncer "
             "| p50 us | added | p99 us | added |",
             "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for clients in all_clients:
        direct, pooler = results[clients, "direct"], results[clients, "pgbouncer"]
        for name in names:
            result = results[clients, name]
            is_direct = name == "direct"
            lines.append(
                f"| {clients} | {name} | {result.per_second:,.0f} | {ratio(result.per_second, direct.per_second)} "
                f"| {ratio(result.per_second, pooler.per_second)} "
                f"| {'-' if is_direct else f'{result.cpu_us:.1f}'} "
                f"| {'-' if is_direct else ratio(result.cpu_us, pooler.cpu_us)} "
                f"| {result.p50_us:,.0f} | {'-' if is_direct else f'{result.p50_us - direct.p50_us:,.0f}'} "
                f"| {result.p99_us:,.0f} | {'-' if is_direct else f'{result.p99_us - direct.p99_us:,.0f}'} |")
    return "\n".join(lines) + "\n"


HOW = """PostgreSQL, pgbouncer (session mode) and sworn run on one machine with pgbench, over TCP on loopback on both hops, so they
compete for its cores. sworn has every control on: the policies of the demo, an agent to whom nothing is revealed and for
whom every class is masked, evidence of every query before it goes on and before its answer ends, texts sealed. "sworn"
keeps its ledger on disk, "sworn, tmpfs" in memory, which shows what the disk costs.

* Targets take turns within each of {rounds} rounds of {seconds} s; figures are medians over the rounds.
* CPU is user and system time from /proc of all processes of the target (sworn: gateway and keeper), divided by the
  queries that ended in the same time. Logins are outside of it.
* Latencies are from pgbench's log of each query. "added" is the difference to the direct connection's. At more than one
  client the machine is saturated, and latency is mostly queueing; one client shows the path itself.
"""


def write(machine, rounds, seconds, workloads, measured, sections, findings):
    out = ["# Benchmarks", "", "Written by `./dev bench` (about 25 minutes; `--quick` about 7). To see one part:",
           "`./dev bench --only select`; others are " + ", ".join(
               f"`{name}`" for name in ("prepared", "rows", "many", "people", "cedar", "ledger", "detect", "parts", "http")) + ".", ""]
    out += [f"* {line}" for line in machine] + [""]
    goals = list(goal_rows(measured, sections))
    if goals:
        out += ["## Goals", "", "| what | goal | measured | met |", "|---|---:|---:|---|", *goals, ""]
    if measured:
        out += ["## Through the gateway", "", HOW.format(rounds=rounds, seconds=seconds)]
        out += [workload_table(workload, measured[workload[0]]) for workload in workloads]
    if measured:
        out += [findings.strip(), ""]
    if "cedar" in sections:
        out += ["## Cedar", "", sections["cedar"].page()]
    if "http" in sections:
        out += [sections["http"]]
    if "ledger" in sections:
        for place in ("disk", "tmpfs"):
            out += [f"## Ledger on {place}", "", sections["ledger"][place][0]]
    if "detect" in sections:
        out += ["## Detector", "", sections["detect"][0], "Precision and recall on the labelled sets:", "",
                sections["detect"][1]]
    if "parts" in sections:
        out += ["## Parts", "", sections["parts"]]
    return "\n".join(out).rstrip() + "\n"
