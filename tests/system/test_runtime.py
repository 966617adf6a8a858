"""How the gateway runs and ends, and what its commands say."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import psycopg
import pytest

from conftest import ALLOW_ALL, SWORN, Postgres, wait_until
from promise import ServerLog, events, wait_for_event

IS_LONG = os.environ.get("SWORN_LONG") == "1"
NOTHING = '@id("nothing") forbid (principal, action, resource);'


def run_aside(connection, sql):
    """A statement on a thread: (thread, what came of it)."""
    result = {}

    def run():
        try:
            result["rows"] = connection.execute(sql).fetchall()
        except psycopg.Error as error:
            result["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def refusal_of_login(gateway):
    """What the client is told; its half of the connection is gone afterwards."""
    try:
        gateway.connect(connect_timeout=10).close()
    except psycopg.OperationalError as error:
        return str(error)
    raise AssertionError("the login went well")


# ---- Stop and reload ------------------------------------------------------------------------------------------------


def test_stop_lets_what_is_in_flight_finish_and_ends_idle_sessions(make_gateway):
    gateway = make_gateway()
    idle = gateway.connect()
    idle.execute("SELECT 1")
    busy = gateway.connect()
    thread, result = run_aside(busy, "SELECT 'finished' FROM pg_sleep(1.5)")
    wait_until(lambda: json.loads(gateway.run("status").stdout)["in_flight"] == 1, 10, "the statement in flight")
    gateway.process.send_signal(signal.SIGTERM)
    with pytest.raises(psycopg.OperationalError, match="shutting down|closed"):
        for _ in range(100):
            idle.execute("SELECT 2")
            time.sleep(0.02)
    idle.close()
    assert refusal_of_login(gateway)
    thread.join(20)
    assert result.get("rows") == [("finished",)], result
    gateway.stop()
    ends = {event["reason"] for event in events(gateway, "session_end")}
    assert ends <= {"shutdown", "client_left"} and "shutdown" in ends
    assert events(gateway)[-1]["type"] == "node_stop"
    assert gateway.verify().returncode == 0
    busy.close()


def test_second_signal_ends_the_patience(make_gateway):
    gateway = make_gateway()
    busy = gateway.connect()
    thread, result = run_aside(busy, "SELECT 1 FROM pg_sleep(60)")
    wait_until(lambda: json.loads(gateway.run("status").stdout)["in_flight"] == 1, 10, "the statement in flight")
    gateway.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    gateway.stop()
    thread.join(20)
    assert isinstance(result["error"], psycopg.OperationalError)
    outcome = events(gateway, "outcome")[-1]
    assert outcome["status"] == "interrupted"
    assert gateway.verify().returncode == 0


def test_reload_applies_to_open_sessions_and_a_bad_one_changes_nothing(make_gateway):
    gateway = make_gateway()
    good = gateway.config.read_text()
    with gateway.connect() as connection:
        for bad in ("nonsense: [", good.replace("kind: service", "kind: servant"), good.replace("upstreams:", "upstream:"),
                    good.replace("file:upstream.password", "file:missing.password"), ""):
            gateway.config.write_text(bad)
            gateway.reload()
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert gateway.log.read_text().splitlines()[-1].count("what was in force stays") == 1
        gateway.config.write_text(good)
        gateway.write_policies({"none.cedar": NOTHING})
        gateway.reload()
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=""):
            connection.execute("SELECT 1")
        gateway.write_policies({"all.cedar": ALLOW_ALL})
        gateway.reload()
        assert connection.execute("SELECT 2").fetchone() == (2,)


def test_reload_that_removes_a_principal_denies_its_open_sessions(make_gateway):
    gateway = make_gateway()
    connection = gateway.connect("nightly")
    connection.execute("SELECT 1")
    text = gateway.config.read_text()
    gateway.config.write_text("\n".join(line for line in text.splitlines() if "nightly" not in line))
    gateway.reload()
    for _ in range(3):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no longer known"):
            connection.execute("SELECT 2")
    with gateway.connect() as other:
        assert other.execute("SELECT 3").fetchone() == (3,)
    gateway.config.write_text(text)
    gateway.reload()
    assert connection.execute("SELECT 4").fetchone() == (4,)
    connection.close()
    gateway.stop()
    denied = [event for event in events(gateway, "intent") if event["verdict"] == "deny"]
    assert [event["principal"] for event in denied] == ["nightly"] * 3


def test_revoked_token_stops_its_open_session(make_gateway):
    gateway = make_gateway()
    with gateway.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        for token in json.loads(gateway.run("token", "list", "--json").stdout):
            gateway.run("token", "revoke", str(token["id"]))

        def refusal():
            try:
                connection.execute("SELECT 1")
            except psycopg.Error as error:
                return str(error)
            return None

        assert "revoked" in wait_until(refusal, 10, "the revocation to be noticed")


def test_reload_under_load_drops_nothing(make_gateway):
    gateway = make_gateway()
    stop = threading.Event()
    failures = []
    count = [0] * 3

    def work(number):
        try:
            with gateway.connect() as connection:
                while not stop.is_set():
                    connection.execute("SELECT 1")
                    count[number] += 1
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    gateway.token("ana")
    for thread in threads:
        thread.start()
    for number in range(10):
        gateway.write_policies({"all.cedar": ALLOW_ALL + f"// {number}\n"})
        gateway.reload()
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not failures and min(count) > 0
    gateway.stop()
    assert gateway.verify().returncode == 0


# ---- Many sessions, memory ------------------------------------------------------------------------------------------


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


@pytest.mark.skipif("asan" in os.environ.get("SWORN_BUILD", ""), reason="a sanitizer's memory is its own")
@pytest.mark.skipif("tsan" in os.environ.get("SWORN_BUILD", ""), reason="a sanitizer's memory is its own")
def test_idle_sessions_are_cheap(make_gateway):
    """10,000 idle sessions must fit in 400 MB: 41 KB each."""
    permitted = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500) // 2
    count = min(permitted, 10000) if IS_LONG else 500
    if permitted < count:
        pytest.skip(f"the limit of open files does not permit {count} sessions")
    upstream = FakeServer()
    gateway = make_gateway(start=False)
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace(f"address: 127.0.0.1:{gateway.postgres.port}",
                                           f"address: 127.0.0.1:{upstream.port}"))
    # The usual soft limit: the gateway has to raise it itself.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    token = gateway.token("ana")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        gateway.start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        before = resident_kib(gateway.process.pid)
        sessions = [log_in_raw(gateway.port, "ana", token) for _ in range(count)]
        wait_until(lambda: json.loads(gateway.run("status").stdout)["sessions"] == count, 60, "all sessions")
        each = (resident_kib(gateway.process.pid) - before) / count
        for session in sessions:
            session.close()
        wait_until(lambda: json.loads(gateway.run("status").stdout)["sessions"] == 0, 60, "their end")
        print(f"{each:.1f} KiB a session, {before} KiB without")
        assert each < 400e6 / 10000 / 1024, f"{each:.1f} KiB a session"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        upstream.stop()


class FakeServer:
    """Accepts every login, so that the count of sessions is not PostgreSQL's to limit."""

    GREETING = (b"R\0\0\0\x08\0\0\0\0" + b"S" + (4 + len(b"server_version\x0015.0\0")).to_bytes(4, "big") +
                b"server_version\x0015.0\0" + b"S" + (4 + len(b"client_encoding\0UTF8\0")).to_bytes(4, "big") +
                b"client_encoding\0UTF8\0" + b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02" + b"Z\0\0\0\x05I")

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.accepted = []
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.accepted.append(client)
            client.settimeout(10)
            try:
                length = int.from_bytes(client.recv(4), "big")
                client.recv(length - 4)
                client.sendall(self.GREETING)
            except OSError:
                continue

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)
        for client in self.accepted:
            client.close()


def log_in_raw(port, user, token):
    """A session with as little of a client as there can be."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    parameters = b"user\0" + user.encode() + b"\0database\0shop\0\0"
    connection.sendall((8 + len(parameters)).to_bytes(4, "big") + b"\0\3\0\0" + parameters)
    assert connection.recv(9)[:1] == b"R"
    connection.sendall(b"p" + (5 + len(token)).to_bytes(4, "big") + token.encode() + b"\0")
    answer = b""
    while not answer.endswith(b"Z\0\0\0\x05I"):
        part = connection.recv(4096)
        assert part and not answer.startswith(b"E"), answer + part
        answer += part
    return connection


def test_clean_shutdown_reports_no_leak(make_gateway):
    """Meant for SWORN_BUILD=build-asan, whose exit status and report would tell; elsewhere it is an orderly stop."""
    gateway = make_gateway(environment={"ASAN_OPTIONS": "detect_leaks=1:exitcode=66", "UBSAN_OPTIONS": "halt_on_error=1"})
    with gateway.connect() as connection:
        connection.execute("SELECT * FROM customers")
        connection.execute("SELECT * FROM orders WHERE id = %s", (1,))
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT nothing FROM nowhere")
    gateway.reload()
    gateway.psql("-c", "COPY customers TO STDOUT")
    left = gateway.connect()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={gateway.port} user=ana password=no dbname=shop")
    gateway.stop()
    left.close()
    log = gateway.log.read_text()
    assert "Sanitizer" not in log and "runtime error" not in log, log


# ---- The upstream ---------------------------------------------------------------------------------------------------


def test_upstream_down_is_said(make_gateway):
    gateway = make_gateway(start=False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gateway.config.write_text(gateway.config.read_text().replace(
            f"address: 127.0.0.1:{gateway.postgres.port}", f"address: 127.0.0.1:{unused.getsockname()[1]}"))
        gateway.start()
        assert "Connection refused" in refusal_of_login(gateway)
    gateway.stop()
    end = events(gateway, "session_end")[0]
    assert end["actions"] == 0 and end["reason"] in ("unavailable", "error")
    assert gateway.verify().returncode == 0


def test_wrong_upstream_password_is_said_and_not_shown(make_gateway):
    gateway = make_gateway(start=False)
    (gateway.folder / "upstream.password").write_text("canary-wrong-password")
    gateway.start()
    refusal = refusal_of_login(gateway)
    assert "upstream shop" in refusal and "28P01" in refusal
    assert "password" in gateway.log.read_text()  # the server's own words are for the operator
    assert "canary-wrong-password" not in refusal + gateway.log.read_text()
    gateway.stop()
    assert gateway.verify().returncode == 0


def test_upstream_that_restarts(make_gateway, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pg")
    for above in (folder, *folder.parents[:3]):
        if above.stat().st_uid == os.geteuid() and above != pathlib.Path("/tmp"):
            above.chmod(0o755)
    postgres = Postgres(folder)
    try:
        postgres.create_database("shop")
        gateway = make_gateway(postgres=postgres)
        connection = gateway.connect()
        thread, result = run_aside(connection, "SELECT 1 FROM pg_sleep(30)")
        wait_until(lambda: json.loads(gateway.run("status").stdout)["in_flight"] == 1, 10, "the statement in flight")
        postgres.stop()
        thread.join(20)
        assert isinstance(result["error"], psycopg.OperationalError), result
        assert refusal_of_login(gateway)
        connection.close()
        postgres.start()
        with gateway.connect() as again:
            assert again.execute("SELECT 1").fetchone() == (1,)
        gateway.stop()
        statuses = [event["status"] for event in events(gateway, "outcome")]
        assert sorted(set(statuses)) in (["error", "ok"], ["connection_lost", "ok"])
        assert len(events(gateway, "intent")) == len(statuses)
        assert gateway.verify().returncode == 0
    finally:
        postgres.stop()


# ---- Commands -------------------------------------------------------------------------------------------------------

VERBS = ["gateway", "check", "token create", "token list", "token revoke", "pending", "approve", "deny", "status",
         "audit verify", "audit list", "audit show", "audit receipt", "audit reindex", "policy check", "detect"]


def sworn(*arguments, stdin=None, **environment):
    return subprocess.run([str(SWORN), *arguments], text=True, capture_output=True, timeout=30, check=False, input=stdin,
                          env={"PATH": os.environ["PATH"], **environment})


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_refuses_what_it_does_not_know(verb):
    words = verb.split()
    help_ = sworn(*words, "--help")
    assert help_.returncode == 0 and help_.stdout.startswith(f"usage: sworn {verb}") and not help_.stderr
    assert len(help_.stdout.splitlines()) >= 3
    unknown = sworn(*words, "--no-such-option")
    assert unknown.returncode == 2 and "--no-such-option" in unknown.stderr and "--help" in unknown.stderr
    many = sworn(*words, "a", "b", "c")
    assert many.returncode == 2 and many.stderr


def test_usage():
    none = sworn()
    assert none.returncode == 2 and "usage: sworn VERB" in none.stderr and not none.stdout
    help_ = sworn("--help")
    assert help_.returncode == 0
    for verb in VERBS:
        assert verb.split()[0] in help_.stdout
    unknown = sworn("frobnicate")
    assert unknown.returncode == 2 and "frobnicate" in unknown.stderr and "usage" in unknown.stderr
    nested = sworn("audit", "frobnicate")
    assert nested.returncode == 2 and "verify" in nested.stderr
    version = sworn("--version")
    assert version.returncode == 0 and version.stdout.startswith("sworn ")
    assert sworn("approve").returncode == 2
    assert sworn("token", "create", "--config").returncode == 2


def test_missing_config_is_named():
    for words in (["gateway"], ["check"], ["token", "list"], ["pending"], ["status"], ["audit", "list"]):
        told = sworn(*words, "--config", "/nowhere/sworn.yaml")
        assert told.returncode in (1, 2) and "/nowhere/sworn.yaml" in told.stderr, (words, told)
        assert words == ["gateway"] or told.returncode == 2


@pytest.fixture
def config(make_gateway):
    return make_gateway(start=False)


BROKEN = {
    "unknown key": ("admin: unix:sworn.sock", "admin: unix:sworn.sock\ncolour: red", "colour"),
    "unknown key inside": ("user: owner", "user: owner\n    usr: x", "upstreams[0].usr"),
    "wrong type": ("principals:", "workers: many\nprincipals:", "workers"),
    "list for a text": ("user: owner", "user: [owner]", "upstreams[0].user"),
    "unknown protocol": ("- protocol: postgres", "- protocol: gopher", "listeners[0].protocol"),
    "unknown upstream": ("upstream: shop\n", "upstream: shoe\n", "listeners[0].upstream"),
    "missing secret": ("file:upstream.password", "env:NO_SUCH_VARIABLE", "upstreams[0].password"),
    "secret in the file": ("file:upstream.password", "hunter2", "upstreams[0].password"),
    "bad duration": ("checkpoint_interval: 200ms", "checkpoint_interval: soon", "ledger.checkpoint_interval"),
    "principal twice": ("- {name: bo, kind", "- {name: ana, kind", "ana"),
    "acts for nobody": ("on_behalf_of: ana", "on_behalf_of: nobody", "nobody"),
    "no such folder": ("{directory: policies}", "{directory: missing}", "missing"),
    "no yaml": ("listeners:", "listeners: {", "sworn.yaml"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_check_names_the_path_of_what_is_broken(config, what):
    old, new, path = BROKEN[what]
    text = config.config.read_text()
    assert old in text
    config.config.write_text(text.replace(old, new, 1))
    told = config.run("check", check=False)
    assert told.returncode == 2 and path in told.stderr and "error" in told.stderr, told.stderr
    assert "hunter2" not in told.stderr
    started = subprocess.run([str(SWORN), "gateway", "--config", str(config.config)], text=True, capture_output=True,
                             timeout=30, check=False)
    assert started.returncode in (1, 2) and path in started.stderr


def test_check_of_policies(config):
    good = config.run("check")
    assert good.returncode == 0 and "good" in good.stdout
    config.write_policies({"a.cedar": ALLOW_ALL, "b.cedar": "permit (principal, action resource);"})
    bad = config.run("policy", "check", check=False)
    assert bad.returncode == 2 and "b.cedar:1:" in bad.stderr
    config.write_policies({"a.cedar": '@id("loose") @remedy("approve:sre") forbid (principal, action, resource);'})
    loose = config.run("policy", "check", check=False)
    assert loose.returncode == 2 and "approve:sre" in loose.stderr and "unless" in loose.stderr


def test_commands_without_a_running_gateway(config):
    for words in (["pending"], ["status"], ["approve", "abcd-efgh", "--view", "0" * 16]):
        told = config.run(*words, check=False, token="bo")
        assert told.returncode == 1 and "is the gateway running" in told.stderr


def test_tokens(make_gateway):
    gateway = make_gateway()
    first = gateway.token("ana")
    assert first.startswith("swt_")
    made = json.loads(gateway.run("token", "create", "ana", "--expires", "1s", "--json").stdout)
    listed = json.loads(gateway.run("token", "list", "--json").stdout)
    assert [row["id"] for row in listed] == [1, 2] and all(row["principal"] == "ana" for row in listed)
    assert first not in json.dumps(listed) and "expires" in listed[1] and "expires" not in listed[0]
    assert gateway.run("token", "list", "nobody").returncode == 0
    assert gateway.run("token", "create", "nobody", check=False).returncode == 1
    assert gateway.run("token", "create", "ana", "--expires", "soon", check=False).returncode == 2
    assert gateway.run("token", "revoke", "77", check=False).returncode == 1
    assert gateway.run("token", "revoke", "one", check=False).returncode == 2
    time.sleep(1.1)
    for token in (made["token"], "swt_nonsense", ""):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"host=127.0.0.1 port={gateway.port} user=ana password='{token}' dbname=shop")
    gateway.run("token", "revoke", "1")
    with pytest.raises(psycopg.OperationalError) as refused:
        gateway.connect()
    assert "token" in str(refused.value) and first not in str(refused.value)


def test_detect():
    found = sworn("detect", stdin="write to mk.private@example.net or pay with 4111 1111 1111 1111\n")
    assert found.returncode == 0
    assert [line.split("\t")[1] for line in found.stdout.splitlines()] == ["email", "card_number"]
    lines = [{"id": "a", "text": "ünï mk.private@example.net"}, {"id": 2, "text": "nothing here 1234567890123"},
             {"id": "c", "text": ""}]
    told = sworn("detect", "--jsonl", stdin="".join(json.dumps(line) + "\n" for line in lines))
    assert told.returncode == 0, told.stderr
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", 2, "c"]
    start, end, name, score = answers[0]["spans"][0]
    assert lines[0]["text"][start:end] == "mk.private@example.net" and name == "email" and 0 < score <= 100
    assert answers[1]["spans"] == [] and answers[2]["spans"] == []
    bad = sworn("detect", "--jsonl", stdin='{"id":"a","text":"x"}\nnonsense\n')
    assert bad.returncode != 0 and "2" in bad.stderr
