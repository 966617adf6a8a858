"""The HTTP part of the page."""
from http_servers import ANSWER_BYTES, PORTKEY, versions
from report import ratio, verdict
from servers import ROOT

FINDINGS = ROOT / "tests" / "bench" / "http_findings.md"

HOW = """A stand-in for a model API answers at once, with {answer} bytes of JSON, or with 64 deltas at 20 ms. It is asked
directly and through the others, with chat requests of the given size: prose with about one email address, phone or card
number a KiB. An answer that is not a complete 200 with the address of its own prompt in it ends the benchmark. All of it
runs on one machine, over TCP on loopback on both hops, so it competes for the cores.

* {versions}.
* One thread each: `worker_processes 1`, `nbthread 1`, node as it is, `workers: 1` (sworn's keeper is a process of its
  own and counted). haproxy has `http-no-delay` and `http-reuse always`; nginx has `proxy_buffering off`, a request body
  stays in memory, and there is no access log; {portkey} gets the custom host by its header. All keep connections to the
  upstream alive, in clear.
* Each target has answered 4,000 requests before, or all that it could in 40 s (node compiles as it goes).
* Targets take turns within each of {rounds} rounds of 2 s; figures are medians over the rounds. CPU is user and system
  time of all processes of the target, from /proc, by request. "added" is the difference to the direct connection's.
* Load average {load[0]:.1f} at the start, {load[1]:.1f} at the end; the benchmark by itself makes about 3. Where others compete for
  the cores, throughput and latency say little; CPU a request, which also grows, can still be compared.
"""
SWORN = """* "controls off": one policy permits and reveals everything; evidence is written all the same. "sworn": everything on,
  values become placeholders towards the model and the caller's own values again on the way back, ledger on disk;
  "tmpfs": ledger in memory.
"""


def added(value, direct):
    return f"{value - direct:,.0f}"


def request_rows(by_name, label):
    direct, haproxy, portkey = (by_name.get(name) for name in ("direct", "haproxy", "portkey"))
    for name, result in by_name.items():
        is_direct = name == "direct"
        yield (f"| {label} | {name} | {result.per_second:,.0f} "
               f"| {ratio(result.per_second, portkey.per_second) if portkey else '-'} "
               f"| {'-' if is_direct else f'{result.cpu_us:,.1f}'} "
               f"| {'-' if is_direct or not haproxy else ratio(result.cpu_us, haproxy.cpu_us)} "
               f"| {result.p50_us:,.0f} | {'-' if is_direct else added(result.p50_us, direct.p50_us)} "
               f"| {result.p99_us:,.0f} | {'-' if is_direct else added(result.p99_us, direct.p99_us)} |")


def request_table(results):
    lines = ["### Requests, as fast as they are answered", "",
             "| body, connections | through | requests/s | x Portkey | CPU us a request | x haproxy | p50 us | added "
             "| p99 us | added |", "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for (body, connections), by_name in results["requests"].items():
        lines += request_rows(by_name, f"{body} KiB, {connections}")
    return lines + [""]


def rate_table(by_name):
    direct = by_name["direct"]
    lines = ["### 1,000 requests a second of 1 KiB, by the clock", "",
             "Latency counts from when a request was due. What was never sent because all 64 connections were waiting",
             "counts with the time that it had waited at the end.", "",
             "| through | answered/s | p50 us | added | p99 us | added | CPU us a request | never sent |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name, result in by_name.items():
        is_direct = name == "direct"
        lines.append(f"| {name} | {result.per_second:,.0f} | {result.p50_us:,.0f} "
                     f"| {'-' if is_direct else added(result.p50_us, direct.p50_us)} | {result.p99_us:,.0f} "
                     f"| {'-' if is_direct else added(result.p99_us, direct.p99_us)} "
                     f"| {'-' if is_direct else f'{result.cpu_us:,.1f}'} | {result.unserved:,.0f} |")
    return lines + [""]


def stream_table(by_name):
    direct = by_name["direct"]
    lines = ["### Streams of 64 deltas at 20 ms, 8 at a time", "",
             "First event and first text count from the request. An event carries the time at which it was sent, so that its",
             "delay is that of the one way back; the text of a delta has come when all of it has, in whichever event.", "",
             "| through | first event us | added | first text us | added | event delay p50 us | added | p99 us | added "
             "| text delay p50 us | added | CPU us a stream |", "|---|" + "---:|" * 11]
    for name, result in by_name.items():
        cells = []
        for field in ("first_event_us", "first_text_us", "delay_us", "delay_p99_us", "text_us"):
            value = getattr(result, field)
            cells += [f"{value:,.0f}", "-" if name == "direct" else added(value, getattr(direct, field))]
        cells.append("-" if name == "direct" else f"{result.cpu_us:,.0f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines + [""]


def memory_table(by_name):
    lines = ["### Resident memory", "",
             "MiB of a new process (of all its processes, by VmRSS): at rest; the highest with 1,000 connections that have had",
             "an answer and are kept, plus 64 active streams; 10 s after all of them have gone.", "",
             "| | at rest | highest | 10 s later | of 1,000 connections still open at the end |", "|---|---:|---:|---:|---:|"]
    for name, result in by_name.items():
        lines.append(f"| {name} | {result.idle / 1024:.1f} | {result.peak / 1024:.1f} | {result.recovered / 1024:.1f} "
                     f"| {result.connections:,} |")
    return lines + [""]


def absent_lines(absent):
    """Targets with one reason between them stand on one line."""
    by_reason = {}
    for name, reason in absent.items():
        by_reason.setdefault(reason, []).append(f'"{name}"')
    return [f"* Not in these tables: {', '.join(names)}:\n  {reason.rstrip('.')}." for reason, names in by_reason.items()]


def goal_row(text, sign, bound, got, unit=""):
    is_met = got < bound if sign == "<" else got >= bound
    return f"| {text} | {sign} {bound:,}{unit} | {got:,.2f}{unit} | {verdict(is_met)} |"


def goal_rows(results):
    requests, rate, streams = results["requests"], results["rate"], results["streams"]
    if (1, 1) in requests:
        by_name = requests[1, 1]
        yield goal_row("added p50, 1 connection, 1 KiB", "<", 300, by_name["sworn"].p50_us - by_name["direct"].p50_us, " us")
    yield goal_row("added p99 at 1,000 requests a second", "<", 1000, rate["sworn"].p99_us - rate["direct"].p99_us, " us")
    for what, field in (("first event", "first_event_us"), ("first text", "first_text_us")):
        yield goal_row(f"added to the {what} of a stream", "<", 1000,
                       getattr(streams["sworn"], field) - getattr(streams["direct"], field), " us")
    yield goal_row("added to each event, p50", "<", 60, streams["sworn"].delay_us - streams["direct"].delay_us, " us")
    for connections in (8, 64):
        by_name = requests.get((1, connections), {})
        if "portkey" in by_name:
            yield goal_row(f"throughput against Portkey, {connections} connections", ">=", 20,
                           by_name["sworn"].per_second / by_name["portkey"].per_second, "x")
        if "haproxy" in by_name:
            yield goal_row(f"CPU a request against haproxy, {connections} connections", "<", 3,
                           by_name["sworn"].cpu_us / by_name["haproxy"].cpu_us, "x")
    yield goal_row("highest resident memory", "<", 40, results["memory"]["sworn"].peak / 1024, " MiB")


def write(results, rounds):
    has_sworn = "sworn" in results["rate"]
    out = ["## Model APIs over HTTP", "",
           HOW.format(answer=ANSWER_BYTES, versions=",\n  ".join(versions()), portkey=PORTKEY, rounds=rounds,
                      load=results["load"]).rstrip()]
    if has_sworn:
        out += [SWORN.rstrip()]
    out += absent_lines(results["absent"]) + [""]
    if has_sworn:
        out += ["| what, everything on, ledger on disk | goal | measured | met |", "|---|---:|---:|---|",
                *goal_rows(results), ""]
    out += request_table(results) + rate_table(results["rate"]) + stream_table(results["streams"])
    out += memory_table(results["memory"])
    if has_sworn:
        out += [FINDINGS.read_text(encoding="utf-8")]
    return "\n".join(out).rstrip() + "\n"
