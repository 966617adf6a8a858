"""The protocol where drivers do not go: encryption requests, versions, refused modes, broken messages, cancel keys."""
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

import pgwire
from conftest import SWORN, wait_until
from pgwire import Closed, Connection


@pytest.fixture
def login(gateway):
    def connect(user="ana", version=pgwire.VERSION_3_0, **options):
        connection = Connection(gateway.port)
        opened.append(connection)
        return connection.login(user, gateway.token(user), "shop", version, **options)

    opened = []
    yield connect
    for connection in opened:
        connection.socket.close()


def make_certificate(folder):
    """A self-made authority, and a certificate for localhost signed by it: (authority, certificate, key)"""
    paths = [folder / name for name in ("ca.pem", "ca.key", "server.pem", "server.key", "server.csr", "ext")]
    authority, authority_key, certificate, key, asked, extensions = map(str, paths)
    paths[5].write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (["req", "-x509", *ec, "-keyout", authority_key, "-out", authority, "-days", "2", "-subj", "/CN=ca"],
                    ["req", *ec, "-keyout", key, "-out", asked, "-subj", "/CN=localhost"],
                    ["x509", "-req", "-in", asked, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days",
                     "2", "-extfile", extensions, "-out", certificate]):
        subprocess.run(["openssl", *command], check=True, capture_output=True, cwd=folder)
    os.chmod(key, 0o600)
    return authority, certificate, key


@pytest.fixture
def tls(make_gateway, tmp_path):
    authority, certificate, key = make_certificate(tmp_path)
    gateway = make_gateway(listener=f"tls: {{certificate: {certificate}, key: {key}}}")
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["postgresql"])
    return gateway, context, authority


def scalar(messages):
    return pgwire.rows(messages)[0][0]


# ---- encryption ----


def test_gss_is_refused_and_the_connection_goes_on(gateway):
    with Connection(gateway.port) as connection:
        connection.send(pgwire.request(pgwire.CODE_GSSENC))
        assert connection.read_bytes(1) == b"N"
        connection.send(pgwire.request(pgwire.CODE_SSL))
        assert connection.read_bytes(1) == b"N"
        connection.login("ana", gateway.token("ana"), "shop")
        assert scalar(connection.ask(pgwire.query("SELECT 1"))) == b"1"


def test_psql_verifies_the_certificate(tls):
    gateway, _, authority = tls
    for mode, root, works in (("verify-full", authority, True), ("require", "", True),
                              ("verify-full", "/nonexistent", False)):
        dsn = f"host=localhost port={gateway.port} user=ana dbname=shop sslmode={mode} " + (
            f"sslrootcert={root}" if root else "")
        done = subprocess.run(["psql", "-X", "-At", "-c", "SELECT 'over tls'", dsn], text=True, capture_output=True,
                              env={**os.environ, "PGPASSWORD": gateway.token("ana")}, timeout=20, check=False)
        assert (done.returncode == 0) == works, done.stderr
        assert not works or done.stdout == "over tls\n"


def test_direct_tls_needs_its_protocol_name(tls):
    gateway, context, authority = tls
    with Connection(gateway.port) as connection:
        connection.start_direct_tls(context)
        connection.login("ana", gateway.token("ana"), "shop")
        assert scalar(connection.ask(pgwire.query("SELECT 'direct'"))) == b"direct"
    nameless = ssl.create_default_context(cafile=authority)
    with Connection(gateway.port) as connection:
        with pytest.raises((Closed, OSError)):
            connection.start_direct_tls(nameless)
            connection.login("ana", gateway.token("ana"), "shop")


def test_plaintext_behind_an_encryption_request_is_refused(tls):
    """CVE-2021-23214: what a man in the middle sends before the handshake must not be read as if it came from within."""
    gateway, context, _ = tls
    with Connection(gateway.port) as connection:
        connection.send(pgwire.request(pgwire.CODE_SSL) + pgwire.startup(user="ana", database="shop"))
        with pytest.raises((Closed, OSError, ssl.SSLError)):
            assert connection.read_bytes(1) == b"S"
            connection.socket = context.wrap_socket(connection.socket, server_hostname="localhost")
            connection.login("ana", gateway.token("ana"), "shop")


def test_large_results_over_tls(tls):
    gateway, context, _ = tls
    with Connection(gateway.port) as connection:
        connection.start_tls(context)
        connection.login("ana", gateway.token("ana"), "shop")
        assert len(scalar(connection.ask(pgwire.query("SELECT repeat('x', 3000000)")))) == 3000000
        parameter = os.urandom(400000).hex().encode()
        answer = connection.ask(pgwire.parse("SELECT $1::text") + pgwire.bind([parameter]) + pgwire.execute() +
                                pgwire.SYNC)
        assert scalar(answer) == parameter


def test_a_token_never_crosses_a_network_in_clear(make_gateway):
    gateway = make_gateway(start=False)
    text = gateway.config.read_text().replace(f"127.0.0.1:{gateway.port}", f"0.0.0.0:{gateway.port}")
    gateway.config.write_text(text)
    done = subprocess.run([str(SWORN), "check", "--config", str(gateway.config)], text=True, capture_output=True,
                          timeout=20, check=False)
    assert done.returncode != 0 and "clear" in done.stderr + done.stdout


# ---- versions and modes ----


def test_newer_minor_version_is_negotiated_down(login):
    connection = login(version=pgwire.VERSION_3_2)
    assert connection.negotiated == pgwire.VERSION_3_0
    assert scalar(connection.ask(pgwire.query("SELECT 'spoken'"))) == b"spoken"


def test_unknown_protocol_option_is_named(gateway):
    with Connection(gateway.port) as connection:
        connection.send(pgwire.startup(user="ana", database="shop", **{"_pq_.future": "1"}))
        kind, body = connection.read()
        assert kind == b"v" and b"_pq_.future\0" in body


def test_other_major_versions_are_refused(gateway):
    for version in (2 << 16, 4 << 16, 0):
        with Connection(gateway.port) as connection:
            connection.send(pgwire.startup(version, user="ana", database="shop"))
            assert connection.is_closed()


def test_replication_is_refused(gateway):
    for value in ("true", "database", "on", "1"):
        with pytest.raises(Closed, match="replication"):
            with Connection(gateway.port) as connection:
                connection.login("ana", gateway.token("ana"), "shop", replication=value)


def test_function_call_is_refused_and_the_session_lives(login):
    connection = login()
    call = struct.pack("!IHHH", 1598, 0, 0, 0)
    answer = connection.ask(pgwire.message(b"F", call))
    assert errors_of(answer) and answer[-1] == (b"Z", b"I")
    assert scalar(connection.ask(pgwire.query("SELECT 1"))) == b"1"


def test_large_object_calls_of_libpq_are_refused_in_words(gateway):
    done = gateway.psql("-c", "\\lo_unlink 12345", check=False)
    assert done.returncode == 1 and "function call" in done.stderr.lower(), done.stderr


def errors_of(messages):
    return pgwire.errors(messages)


def test_startup_parameters_that_change_rights_are_refused(gateway):
    for name, value in (("role", "postgres"), ("session_authorization", "owner"), ("log_statement", "none"),
                        ("options", "-c role=owner"), ("options", "-c log_statement=none"), ("options", "-crole=x"),
                        ("options", "--session-authorization=x"), ("session_preload_libraries", "x")):
        with pytest.raises(Closed):
            with Connection(gateway.port) as connection:
                connection.login("ana", gateway.token("ana"), "shop", **{name: value})


def test_parameters_that_clients_need_are_passed(login):
    connection = login(client_encoding="LATIN1", options="-c statement_timeout=12s -c DateStyle=German",
                       application_name="mine")
    assert connection.parameters["client_encoding"] == "LATIN1"
    assert connection.parameters["DateStyle"].startswith("German")
    assert scalar(connection.ask(pgwire.query("SHOW statement_timeout"))) == b"12s"
    assert scalar(connection.ask(pgwire.query("SHOW application_name"))).startswith(b"sworn:")


def test_wrong_logins_get_no_hint(gateway):
    said = []
    for user, token in (("ana", "wrong"), ("nobody", "wrong"), ("ana", gateway.token("bo")), ("owner", "")):
        with pytest.raises(Closed) as refused:
            with Connection(gateway.port) as connection:
                connection.login(user, token, "shop")
        said.append(str(refused.value).replace(user, "USER"))
    assert len(set(said)) == 1, said
    assert "28P01" in said[0] or "28000" in said[0]


# ---- size and shape ----


def test_oversized_messages_are_refused(make_gateway):
    gateway = make_gateway(upstream="max_message: 1MiB")
    with Connection(gateway.port) as connection:
        connection.login("ana", gateway.token("ana"), "shop")
        assert scalar(connection.ask(pgwire.query("SELECT length('" + "x" * 900000 + "')"))) == b"900000"
        connection.send(b"Q" + struct.pack("!I", (1 << 20) + 100) + b"SELECT 'x")
        assert errors_of(connection.read_until(b"E"))[0]["C"] == "54000"
        assert connection.is_closed()
    with Connection(gateway.port) as connection:
        connection.login("ana", gateway.token("ana"), "shop")
        assert scalar(connection.ask(pgwire.query("SELECT 1"))) == b"1"


BROKEN = {
    "length below four": b"Q\0\0\0\3",
    "length zero": b"Q\0\0\0\0",
    "negative length": b"Q\xff\xff\xff\xff",
    "unknown type": pgwire.message(b"?", b"x"),
    "a server's message": pgwire.message(b"Z", b"I"),
    "query without its end": pgwire.message(b"Q", b"SELECT 1"),
    "query with bytes behind its end": pgwire.message(b"Q", b"SELECT 1\0DROP TABLE orders\0"),
    "empty query body": pgwire.message(b"Q"),
    "parse without an end": pgwire.message(b"P", b"name"),
    "parse that promises types": pgwire.message(b"P", b"\0SELECT 1\0\0\5"),
    "bind that promises values": pgwire.message(b"B", b"\0\0\0\0\0\7"),
    "bind with a value past its end": pgwire.message(b"B", b"\0\0\0\0\0\1\0\0\xff\xffabc\0\0"),
    "bind with a length of minus two": pgwire.message(b"B", b"\0\0\0\0\0\1\xff\xff\xff\xfe\0\0"),
    "execute without a limit": pgwire.message(b"E", b"\0"),
    "describe of nothing": pgwire.message(b"D", b"X\0"),
    "close of nothing": pgwire.message(b"C", b""),
    "sync with a body": pgwire.message(b"S", b"x"),
    "a second startup": pgwire.startup(user="bo", database="shop"),
    "a password again": pgwire.message(b"p", b"token\0"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_messages_end_or_fail_their_own_session_only(gateway, login, name):
    other = login("bo")
    other.ask(pgwire.query("BEGIN"))
    connection = login()
    connection.send(BROKEN[name] + pgwire.SYNC)
    connection.socket.settimeout(2)
    try:
        answer = connection.read_until(b"Z")
        assert errors_of(answer), f"{name}: answered without an error: {answer}"
    except (Closed, TimeoutError):
        pass
    connection.socket.close()
    assert scalar(other.ask(pgwire.query("SELECT 'unhurt'"))) == b"unhurt"
    assert gateway.process.poll() is None


def test_broken_startups(gateway):
    for data in (b"\0\0\0\0", b"\0\0\0\4", b"\0\0\0\7abc", b"\xff\xff\xff\xff" + b"x" * 100, b"GET / HTTP/1.1\r\n\r\n",
                 struct.pack("!II", 12, pgwire.VERSION_3_0) + b"user", pgwire.startup(user="")[:-1] + b"x",
                 struct.pack("!I", 20000) + b"\0" * 19996, b"\x16\x03\x01\x00\x05hello", pgwire.startup(user="a" * 9000),
                 pgwire.request(pgwire.CODE_SSL) * 50, pgwire.request(pgwire.CODE_CANCEL, b"")):
        with Connection(gateway.port) as connection:
            connection.socket.settimeout(3)
            try:
                connection.send(data)
                connection.socket.shutdown(socket.SHUT_WR)
                while connection.socket.recv(4096):
                    pass
            except ConnectionError:
                pass
    assert gateway.psql("-At", "-c", "SELECT 1").stdout == "1\n"


def test_slow_bytes_are_one_message(login):
    connection = login()
    for byte in pgwire.query("SELECT 'slow'"):
        connection.send(bytes([byte]))
        time.sleep(0.002)
    assert scalar(connection.read_until(b"Z")) == b"slow"


# ---- cancel ----


def sleep_in_background(connection, seconds):
    result = {}

    def run():
        result["messages"] = connection.ask(pgwire.query(f"SELECT pg_sleep({seconds}), 'slept'"))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def is_sleeping(cluster, seconds):
    with cluster.connect() as watching:
        return watching.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE %s",
                                [f"%pg_sleep({seconds})%"]).fetchone()


def test_cancel_needs_the_right_key(gateway, cluster, login):
    connection = login()
    thread, result = sleep_in_background(connection, 7.25)
    wait_until(lambda: is_sleeping(cluster, 7.25), 5, "the sleep")
    wrong = bytes([connection.key[0] ^ 1]) + connection.key[1:]
    assert pgwire.cancel(gateway.port, connection.pid, wrong)
    assert pgwire.cancel(gateway.port, connection.pid ^ 1, connection.key)
    time.sleep(0.3)
    assert thread.is_alive() and is_sleeping(cluster, 7.25)
    assert pgwire.cancel(gateway.port, connection.pid, connection.key)
    thread.join(5)
    assert not thread.is_alive()
    assert errors_of(result["messages"])[0]["C"] == "57014"
    assert scalar(connection.ask(pgwire.query("SELECT 1"))) == b"1"


def test_the_key_is_ours_not_the_servers(cluster, login):
    connection = login()
    real_pid = int(scalar(connection.ask(pgwire.query("SELECT pg_backend_pid()"))))
    thread, result = sleep_in_background(connection, 1.75)
    wait_until(lambda: is_sleeping(cluster, 1.75), 5, "the sleep")
    pgwire.cancel(cluster.port, connection.pid, connection.key)
    pgwire.cancel(cluster.port, real_pid, connection.key)
    thread.join(8)
    assert not errors_of(result["messages"])


def test_a_cancel_that_comes_late_hurts_nobody(gateway, login):
    connection = login()
    connection.ask(pgwire.query("SELECT 1"))
    for _ in range(20):
        pgwire.cancel(gateway.port, connection.pid, connection.key)
    answers = [connection.ask(pgwire.query("SELECT 'next'")) for _ in range(40)]  # each cancel spoils one at the most
    assert scalar(answers[-1]) == b"next"
    connection.send(pgwire.TERMINATE)
    assert connection.is_closed()
    assert pgwire.cancel(gateway.port, connection.pid, connection.key)


# ---- the extended protocol by hand ----


def test_pipelined_batches_keep_their_order(login):
    connection = login()
    batch = b""
    for number in range(50):
        batch += pgwire.parse(f"SELECT {number}") + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC
    connection.send(batch)
    for number in range(50):
        answer = connection.read_until(b"Z")
        assert [kind for kind, _ in answer] == [b"1", b"2", b"T", b"D", b"C", b"Z"]
        assert scalar(answer) == str(number).encode()


def test_an_error_discards_up_to_sync(login):
    connection = login()
    answer = connection.ask(pgwire.parse("SELECT 1") + pgwire.bind() + pgwire.execute() + pgwire.parse("SELECT 1/0") +
                            pgwire.bind() + pgwire.execute() + pgwire.parse("SELECT 'never'") + pgwire.bind() +
                            pgwire.execute() + pgwire.SYNC)
    assert [kind for kind, _ in answer] == [b"1", b"2", b"D", b"C", b"1", b"E", b"Z"]  # planned at Bind
    assert errors_of(answer)[0]["C"] == "22012"


def test_row_limit_suspends_a_portal(login):
    connection = login()
    answer = connection.ask(pgwire.parse("SELECT i FROM generate_series(1, 5) i") + pgwire.bind(portal=b"p") +
                            pgwire.execute(b"p", 2) + pgwire.execute(b"p", 2) + pgwire.execute(b"p", 2) + pgwire.SYNC)
    assert [kind for kind, _ in answer] == [b"1", b"2", b"D", b"D", b"s", b"D", b"D", b"s", b"D", b"C", b"Z"]


def test_flush_brings_answers_without_sync(login):
    connection = login()
    connection.send(pgwire.parse("SELECT $1::int + 1", b"plus") + pgwire.describe(b"S", b"plus") + pgwire.FLUSH)
    assert [kind for kind, _ in connection.read_until(b"T")] == [b"1", b"t", b"T"]
    connection.send(pgwire.bind([b"41"], name=b"plus") + pgwire.execute() + pgwire.FLUSH)
    assert scalar(connection.read_until(b"C")) == b"42"
    assert connection.ask(pgwire.SYNC) == [(b"Z", b"I")]


def test_empty_query_and_binary_formats(login):
    connection = login()
    assert [kind for kind, _ in connection.ask(pgwire.query(""))] == [b"I", b"Z"]
    answer = connection.ask(pgwire.parse("") + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC)
    assert [kind for kind, _ in answer] == [b"1", b"2", b"n", b"I", b"Z"]
    answer = connection.ask(pgwire.parse("SELECT $1 + 1, $2::text", types=(23, 25)) +
                            pgwire.bind([struct.pack("!i", 41), "ü".encode()], formats=(1, 0), results=(1, 0)) +
                            pgwire.execute() + pgwire.SYNC)
    assert pgwire.rows(answer) == [[struct.pack("!i", 42), "ü".encode()]]


def test_copy_in_that_the_client_gives_up(login):
    connection = login()
    connection.ask(pgwire.query("CREATE TEMP TABLE given_up (i int)"))
    connection.send(pgwire.query("COPY given_up FROM STDIN"))
    assert connection.read()[0] == b"G"
    answer = connection.ask(pgwire.message(b"d", b"1\n2\n") + pgwire.message(b"f", b"changed my mind\0"))
    assert errors_of(answer)[0]["C"] == "57014"
    assert scalar(connection.ask(pgwire.query("SELECT count(*) FROM given_up"))) == b"0"


def test_many_named_statements(login):
    connection = login()
    for number in range(300):
        connection.send(pgwire.parse(f"SELECT {number}", b"s%d" % number))
    connection.ask(pgwire.SYNC)
    for number in (0, 150, 299):
        answer = connection.ask(pgwire.bind(name=b"s%d" % number) + pgwire.execute() + pgwire.SYNC)
        assert scalar(answer) == str(number).encode()
    answer = connection.ask(pgwire.message(b"C", b"Ss0\0") + pgwire.bind(name=b"s0") + pgwire.execute() + pgwire.SYNC)
    assert errors_of(answer)[0]["C"] == "26000"
