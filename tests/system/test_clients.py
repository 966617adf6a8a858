"""Clients that people use, unchanged: psycopg 3, node's pg, pgbench."""
import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import threading

import psycopg
import psycopg.rows
import pytest

from conftest import BUILD, ROOT, wait_until

LONG = os.environ.get("SWORN_LONG") == "1"
NODE_FOLDER = ROOT / "tests" / "system" / "node"


@pytest.fixture
def connection(gateway):
    with gateway.connect() as opened:
        yield opened


# ---- psycopg ----


def test_pipeline_goes_on_behind_an_error(connection):
    connection.execute("CREATE TEMP TABLE piped (i int PRIMARY KEY)")
    with connection.pipeline() as pipeline:
        first = connection.execute("INSERT INTO piped VALUES (%s) RETURNING i", [1])
        pipeline.sync()
        assert first.fetchone() == (1,)
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO piped VALUES (%s)", [1])
            connection.execute("INSERT INTO piped VALUES (%s)", [2])
            pipeline.sync()
        cursors = [connection.execute("INSERT INTO piped VALUES (%s) RETURNING i", [number]) for number in range(3, 103)]
        pipeline.sync()
        assert [cursor.fetchone()[0] for cursor in cursors] == list(range(3, 103))
    assert connection.execute("SELECT count(*), sum(i) FROM piped").fetchone() == (101, 1 + sum(range(3, 103)))


def test_executemany_with_returning(connection):
    connection.execute("CREATE TEMP TABLE many (i int, t text)")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO many VALUES (%s, %s) RETURNING i", [(n, f"t{n}") for n in range(200)],
                           returning=True)
        returned = [cursor.fetchone()[0]]
        while cursor.nextset():
            returned.append(cursor.fetchone()[0])
    assert returned == list(range(200))


@pytest.mark.parametrize("options", ["", "(FORMAT csv)", "(FORMAT binary)"])
def test_copy_both_ways(connection, options):
    connection.execute("CREATE TEMP TABLE copied (i int, t text, j jsonb, b bytea)")
    connection.execute("INSERT INTO copied SELECT i, repeat('ü\n\\', i %% 7), jsonb_build_object('i', i), "
                       "decode(md5(i::text), 'hex') FROM generate_series(1, %s) i", [3000])
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY copied TO STDOUT {options}") as copy:
            data = b"".join(bytes(block) for block in copy)
        connection.execute("CREATE TEMP TABLE back (LIKE copied)")
        with cursor.copy(f"COPY back FROM STDIN {options}") as copy:
            for at in range(0, len(data), 10007):
                copy.write(data[at:at + 10007])
    same = connection.execute("SELECT (SELECT count(*) FROM back), count(*) FROM (TABLE copied EXCEPT TABLE back) d")
    assert same.fetchone() == (3000, 0)


def test_copy_rows_and_broken_off(connection):
    connection.execute("CREATE TEMP TABLE given (i int, t text)")
    with connection.cursor() as cursor:
        with cursor.copy("COPY given FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            for number in range(100):
                copy.write_row((number, f"row {number}"))
        with pytest.raises(psycopg.errors.QueryCanceled):
            with cursor.copy("COPY given FROM STDIN") as copy:
                copy.write_row((100, "not kept"))
                raise psycopg.errors.QueryCanceled("given up")
        with cursor.copy("COPY given TO STDOUT") as copy:
            copy.set_types(["int4", "text"])
            assert len(list(copy.rows())) == 100
        with pytest.raises(psycopg.errors.BadCopyFileFormat):
            with cursor.copy("COPY given FROM STDIN") as copy:
                copy.write(b"1\ttoo\tmany\n")
    assert connection.execute("SELECT count(*) FROM given").fetchone() == (100,)


def test_server_side_cursors(gateway):
    with gateway.connect(autocommit=False) as connection:
        for binary in (False, True):
            with connection.cursor("far", scrollable=True, binary=binary) as cursor:
                cursor.execute("SELECT i, i::text FROM generate_series(1, %s) i", [5000])
                cursor.itersize = 700
                assert sum(row[0] for row in cursor) == 5000 * 5001 // 2
                cursor.scroll(10, mode="absolute")
                assert cursor.fetchone() == (11, "11")
                assert cursor.fetchmany(3) == [(12, "12"), (13, "13"), (14, "14")]
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("SELECT generate_series(1, 3)")
            connection.commit()
            assert cursor.fetchall() == [(1,), (2,), (3,)]


def test_row_by_row_streaming(connection):
    with connection.cursor() as cursor:
        assert sum(1 for _ in cursor.stream("SELECT * FROM generate_series(1, 20000)")) == 20000


def test_binary_both_ways(connection, cluster):
    values = (42, 1.5, "ü", b"\x00\xff", True, [1, None, 3], None)
    sql = "SELECT %b::int8, %b::float8, %b::text, %b::bytea, %b::bool, %b::int4[], %b::text"
    with cluster.connect("shop") as direct:
        wanted = direct.cursor(binary=True).execute(sql, values).fetchone()
    assert connection.cursor(binary=True).execute(sql, values).fetchone() == wanted
    types = ("SELECT 1.23::numeric, '2024-02-29'::date, '12:34'::time, '2024-01-01 00:00+00'::timestamptz, "
             "'1 day'::interval, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{\"a\": [1]}'::jsonb, '10.0.0.1'::inet, "
             "'[1,5)'::int4range, ARRAY['a', NULL]")
    with cluster.connect("shop") as direct:
        wanted = direct.cursor(binary=True).execute(types).fetchone()
    assert connection.cursor(binary=True).execute(types).fetchone() == wanted


def test_prepared_statements_are_reused(gateway):
    with gateway.connect(prepare_threshold=0) as connection:
        for number in range(50):
            assert connection.execute("SELECT %s::int * 2", [number]).fetchone() == (number * 2,)
        assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0] >= 1
        connection.prepared_max = 2
        for number in range(10):
            assert connection.execute(f"SELECT {number}").fetchone() == (number,)


def test_prepared_statement_outlives_a_changed_table(gateway):
    with gateway.connect(prepare_threshold=0) as connection:
        connection.execute("CREATE TEMP TABLE changing (a int)")
        connection.execute("SELECT * FROM changing WHERE a > %s", [0])
        connection.execute("ALTER TABLE changing ADD COLUMN b int")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            connection.execute("SELECT * FROM changing WHERE a > %s", [0])


def test_notices_and_notifications(gateway):
    seen, heard = [], []
    with gateway.connect() as connection, gateway.connect("bo") as other:
        connection.add_notice_handler(lambda diagnostic: seen.append((diagnostic.severity, diagnostic.message_primary)))
        connection.add_notify_handler(heard.append)
        connection.execute("DO $$ BEGIN RAISE NOTICE 'first'; RAISE WARNING 'second'; END $$")
        assert seen == [("NOTICE", "first"), ("WARNING", "second")]
        connection.execute("LISTEN news")
        other.execute("NOTIFY news, 'from another'")
        wait_until(lambda: connection.execute("SELECT 1") and heard, 5, "the notification")
        other.execute("NOTIFY news, 'while idle'")
        notification = wait_for_notification(connection)
        assert (heard[0].channel, heard[0].payload) == ("news", "from another")
        assert notification.payload == "while idle"
        connection.execute("NOTIFY news, 'to myself'")
        wait_until(lambda: connection.execute("SELECT 1") and heard[-1].payload == "to myself", 5, "its own")


def wait_for_notification(connection):
    """From the socket alone, without asking the server anything."""
    import select
    for _ in range(50):
        select.select([connection.fileno()], [], [], 0.1)
        connection.pgconn.consume_input()
        notification = connection.pgconn.notifies()
        if notification:
            return psycopg.Notify(notification.relname.decode(), notification.extra.decode(), notification.be_pid)
    raise AssertionError("no notification came to an idle session")


def test_cancel(gateway, cluster):
    with gateway.connect() as connection:
        timer = threading.Thread(target=lambda: (wait_until(lambda: is_sleeping(cluster), 10, "the sleep"),
                                                 connection.cancel()))
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(9.5)")
        timer.join(10)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def is_sleeping(cluster):
    with cluster.connect() as watching:
        return watching.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND "
                                "query LIKE '%pg_sleep(9.5)%'").fetchone()


def test_large_parameters_and_results(connection):
    large = "x" * 100_000
    assert connection.execute("SELECT %s::text", [large]).fetchone() == (large,)
    assert connection.execute("SELECT length(%s)", ["ü" * 3_000_000]).fetchone() == (3_000_000,)
    blob = os.urandom(1_000_000)
    assert connection.execute("SELECT %s::bytea", [blob]).fetchone() == (blob,)
    assert connection.execute("SELECT %s::int[]", [list(range(50_000))]).fetchone()[0][-1] == 49_999
    assert connection.execute(f"SELECT length('{'y' * 5_000_000}')").fetchone() == (5_000_000,)


def test_connection_info(connection, cluster):
    with cluster.connect("shop") as direct:
        for name in ("server_version", "server_encoding", "DateStyle", "TimeZone", "integer_datetimes",
                     "standard_conforming_strings", "IntervalStyle"):
            assert connection.info.parameter_status(name) == direct.info.parameter_status(name), name
        assert connection.info.server_version == direct.info.server_version
    assert connection.info.dbname == "shop" and connection.info.user == "ana"
    assert connection.info.encoding == "utf-8"
    connection.execute("SET client_encoding = 'LATIN1'")
    assert connection.info.encoding == "iso8859-1"
    assert connection.execute("SELECT 'ü'").fetchone() == ("ü",)


def test_transactions(gateway):
    with gateway.connect(autocommit=False) as connection:
        connection.execute("CREATE TEMP TABLE kept (i int)")
        with connection.transaction():
            connection.execute("INSERT INTO kept VALUES (1)")
            with pytest.raises(ZeroDivisionError):
                with connection.transaction():
                    connection.execute("INSERT INTO kept VALUES (2)")
                    raise ZeroDivisionError
            with pytest.raises(psycopg.errors.DivisionByZero):
                with connection.transaction():
                    connection.execute("SELECT 1/0")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        assert connection.execute("SELECT * FROM kept").fetchall() == [(1,)]
        connection.commit()
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_denial_in_a_transaction(make_gateway):
    """It fails the transaction, for the driver and for the server."""
    gateway = make_gateway(policies={"all.cedar": '@id("all") permit (principal, action, resource);\n'
                                     '@id("no-ddl") forbid (principal, action == Sworn::Action::"sql:ddl", resource);'})
    with gateway.connect(autocommit=False) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE never (i int)")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 'unusable'")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            with connection.pipeline():
                connection.execute("SELECT 1")
                connection.execute("CREATE TABLE never (i int)")
                connection.execute("SELECT 2")
        connection.rollback()
        assert connection.execute("SELECT 'usable'").fetchone() == ("usable",)


def test_wrong_database(gateway):
    with pytest.raises(psycopg.OperationalError, match='database "nowhere" does not exist'):
        gateway.connect(database="nowhere")


def test_fifty_at_once(gateway):
    async def one(number):
        async with await psycopg.AsyncConnection.connect(gateway.dsn(), autocommit=True) as connection:
            for step in range(5):
                cursor = await connection.execute("SELECT %s::int, pg_sleep(0.01)", [number * 10 + step])
                assert (await cursor.fetchone())[0] == number * 10 + step
            return number

    async def everyone():
        return await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(50))), 60)

    gateway.token("ana")
    assert asyncio.run(everyone()) == list(range(50))


def test_dict_rows_and_types_by_name(gateway):
    with gateway.connect(row_factory=psycopg.rows.dict_row) as connection:
        row = connection.execute("SELECT id, email FROM customers ORDER BY id LIMIT 1").fetchone()
        assert row == {"id": 1, "email": "maria.keller@example.org"}
        info = psycopg.types.TypeInfo.fetch(connection, "jsonb")
        assert info.name == "jsonb"


def test_two_phase_commit_reaches_the_server(gateway):
    with contextlib.closing(gateway.connect(autocommit=False)) as connection:
        xid = connection.xid(1, "sworn", "test")
        connection.tpc_begin(xid)
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.NotSupportedError, match="max_prepared_transactions"):
            connection.tpc_prepare()


# ---- node ----


def node_modules():
    """build/node with `pg` and `pg-cursor` in it, or a reason to skip."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("node and npm are not installed")
    folder = BUILD / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "clients.mjs"):
        shutil.copy(NODE_FOLDER / name, folder / name)
    if not (folder / "node_modules" / "pg-cursor").exists():
        try:
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
                                   "--fetch-retries=1", "--fetch-timeout=20000"], cwd=folder, timeout=120, check=False,
                                  text=True, capture_output=True)
        except subprocess.TimeoutExpired:
            pytest.skip("npm install took too long: is the registry reachable?")
        if done.returncode != 0:
            pytest.skip(f"npm install failed: {done.stderr[-300:]}")
    return folder


def test_node_pg(gateway):
    folder = node_modules()
    done = subprocess.run(["node", "clients.mjs"], cwd=folder, text=True, capture_output=True, timeout=60, check=False,
                          env={**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(gateway.port), "PGUSER": "ana",
                               "PGPASSWORD": gateway.token("ana"), "PGDATABASE": "shop"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["failed"] == []


# ---- pgbench ----


@pytest.fixture(scope="module")
def bench_database(gateway, cluster):
    cluster.create_database("bench")
    pgbench(gateway, "-i", "-s", "2", "-q")
    yield
    with cluster.connect() as connection:
        connection.execute("DROP DATABASE bench WITH (FORCE)")


def pgbench(gateway, *arguments):
    done = subprocess.run(["pgbench", "-h", "127.0.0.1", "-p", str(gateway.port), "-U", "ana", *arguments, "bench"],
                          env={**os.environ, "PGPASSWORD": gateway.token("ana")}, text=True, capture_output=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "aborted" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("arguments", [["-S"], []], ids=["select", "read-write"])
@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_pgbench(gateway, bench_database, protocol, arguments):
    clients, seconds = ("64", "30") if LONG else ("8", "2")
    out = pgbench(gateway, "-M", protocol, "-c", clients, "-j", "2", "-T", seconds, "-n", *arguments)
    assert int(re.search(r"number of failed transactions: (\d+)", out)[1]) == 0
    assert int(re.search(r"transactions actually processed: (\d+)", out)[1]) > 0


def test_pgbench_pipelines(gateway, bench_database, tmp_path):
    script = tmp_path / "pipeline.sql"
    script.write_text("\\startpipeline\n" + "SELECT abalance FROM pgbench_accounts WHERE aid = 1;\n" * 20 + "\\endpipeline\n")
    out = pgbench(gateway, "-M", "extended", "-f", str(script), "-c", "4", "-t", "20", "-n")
    assert "number of failed transactions: 0 " in out
