"""What psql prints through sworn, with everything allowed and revealed, is what it prints without it, byte for byte.

Each file of differential/ runs twice, each time on a database of the same name made anew: direct, then through the
gateway. Compared are stdout, stderr, the exit status and the files that psql wrote. Only what must differ is put aside:
ports, process ids, and the text of `\\set` that names them.
"""
import os
import pathlib
import re
import signal
import subprocess
import tempfile

import pytest

from conftest import Gateway, wait_until

FOLDER = pathlib.Path(__file__).parent / "differential"
FILES = sorted(path.name for path in FOLDER.glob("[0-9]*.sql"))
DATABASE = "differential"
POLICY = """
@id("allow-all") permit (principal, action, resource);
@id("allow-unknown") permit (principal, action == Sworn::Action::"sql:unknown", resource);
"""


@pytest.fixture(scope="module")
def gateway(cluster):
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database=DATABASE, policies={"all.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()


def recreate(cluster):
    with cluster.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS differential_role")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    cluster.psql(DATABASE, "-q", "-f", str(FOLDER / "base.sql"))


def psql_command(port):
    return ["psql", "-X", "-h", "127.0.0.1", "-p", str(port), "-U", "owner", "-d", DATABASE]


def psql_environment(password):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10", "PAGER": "cat", "COLUMNS": "80", "LANG": "C.UTF-8",
            "HOME": "/nonexistent"}


def normalise(data, port):
    data = re.sub(rb"\b%d\b" % port, b"PORT", data)
    return re.sub(rb"(PID|process) \d+", rb"\1 NUMBER", data)


def run_file(name, port, password):
    """(stdout, stderr, status, files written)"""
    with tempfile.TemporaryDirectory(prefix="sworn-psql-") as folder:
        done = subprocess.run([*psql_command(port), "-a", "-f", str(FOLDER / name)], cwd=folder, capture_output=True,
                              stdin=subprocess.DEVNULL, env=psql_environment(password), timeout=60, check=False)
        files = {path.name: path.read_bytes() for path in sorted(pathlib.Path(folder).iterdir())}
    return normalise(done.stdout, port), normalise(done.stderr, port), done.returncode, files


def first_difference(direct, through):
    lines = zip(direct.split(b"\n"), through.split(b"\n"))
    for number, (left, right) in enumerate(lines, 1):
        if left != right:
            return f"line {number}: direct {left[:300]!r}, through sworn {right[:300]!r}"
    return f"one is longer: direct {len(direct)} bytes, through sworn {len(through)} bytes"


def assert_same(direct, through, what):
    assert direct == through, f"{what}: {first_difference(direct, through)}"


def count_statements():
    """Statements and backslash commands that talk to the server, counted modestly: what ends a line."""
    count = 0
    for name in FILES:
        text = (FOLDER / name).read_text()
        count += len(re.findall(r"(;|\\g\w*[^;\n]*|\\crosstabview.*)$", text, re.MULTILINE)) + text.count("\\;")
        count += len(re.findall(r"^\\(?:d|l|s[fv]|z|copy|lo_|c\b)", text, re.MULTILINE))
    return count


def test_the_set_is_large():
    assert count_statements() >= 300


@pytest.mark.parametrize("name", FILES)
def test_same_output(gateway, cluster, name):
    recreate(cluster)
    direct = run_file(name, cluster.port, cluster.password)
    recreate(cluster)
    through = run_file(name, gateway.port, gateway.token("owner"))
    assert_same(direct[0], through[0], f"stdout of {name}")
    assert_same(direct[1], through[1], f"stderr of {name}")
    assert direct[2] == through[2]
    assert direct[3].keys() == through[3].keys()
    for written in direct[3]:
        assert_same(direct[3][written], through[3][written], f"{written} written by {name}")


def interrupt_a_sleep(cluster, port, password, marker):
    """Ctrl-C while the server sleeps: libpq sends a CancelRequest."""
    process = subprocess.Popen([*psql_command(port), "-c", f"SELECT '{marker}', pg_sleep(30)"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=psql_environment(password))
    try:
        with cluster.connect() as watching:
            wait_until(lambda: watching.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query "
                                                "LIKE %s", [f"%{marker}'%"]).fetchone(), 10, "the sleep")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return out, err, process.returncode


def test_same_after_an_interrupt(gateway, cluster):
    recreate(cluster)
    direct = interrupt_a_sleep(cluster, cluster.port, cluster.password, "direct")
    through = interrupt_a_sleep(cluster, gateway.port, gateway.token("owner"), "through")
    assert b"canceling statement due to user request" in direct[1]
    assert direct == through
