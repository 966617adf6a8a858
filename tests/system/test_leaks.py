"""A value of a data class leaves in clear only for those to whom policy reveals it.

For each class a value is fetched in every way that a client can fetch one, by a principal without `reveal`. Everything that
the gateway sends to the client is recorded by a relay in between, and searched for the value: as it is, in hex, in UTF-16,
with JSON's and COPY's escapes, and in parts. A second relay cuts what the server sends into tiny segments. The same is then
done by a principal to whom it is revealed: the value must be there, or the test could not have failed.
"""
import socket
import tempfile
import threading
import time

import psycopg
import pytest

import pgwire
from conftest import Gateway, Postgres
from pgwire import Connection

POLICY = """
@id("work") permit (principal, action in Sworn::Action::"sql", resource);
@id("owners-see") permit (principal in Sworn::Group::"owners", action == Sworn::Action::"reveal", resource);
"""

PRIVATE_KEY = ("-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n"
               "KUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQJAIJLixBy2qpFoS4DSmoEm\n-----END RSA PRIVATE KEY-----")

# class: (a column by whose name such a value goes, value)
VALUES = {
    "email": ("email", "maria.keller@example.org"),
    "phone": ("phone", "+49 30 901820555"),
    "card_number": ("card_number", "4111111111111111"),
    "iban": ("iban", "DE89370400440532013000"),
    "us_ssn": ("ssn", "536-90-4399"),
    "ip_address": ("ip_address", "203.0.113.195"),
    "mac_address": ("mac_address", "3c:22:fb:9a:41:d7"),
    "date_of_birth": ("date_of_birth", "1984-03-17"),
    "person_name": ("full_name", "Wilhelmine Abendroth"),
    "address": ("address", "17 Zimtstern Lane, Quellstadt"),
    "uk_nino": ("national_insurance", "AB123456C"),
    "uk_nhs": ("nhs_number", "943 476 5919"),
    "de_tax_id": ("tax_id", "86095742719"),
    "fr_nir": ("nir", "255081416802538"),
    "es_dni": ("dni", "12345678Z"),
    "it_fiscal_code": ("codice_fiscale", "RSSMRA85T10A562S"),
    "passport": ("passport_number", "C01X00T47"),
    "crypto_address": ("wallet", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    "jwt": ("token", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0."
                     "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"),
    "private_key": ("private_key", PRIVATE_KEY),
    "url_password": ("url", "https://deploy:hunter2-Zq9x@git.example.com/repo.git"),
    "credential": ("api_key", "AKIAQ3EGSZ2UNL5HXW7P"),
}
# What may not be seen of it; for a card or an IBAN the last four may (operator partial).
SECRET_PART = {"url_password": "hunter2-Zq9x", "private_key": "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu",
               "card_number": "411111111111", "iban": "DE8937040044053201"}
# Known by the name of their field alone: free text that holds them without it is not recognised, by design.
BY_NAME = {"date_of_birth", "person_name", "address"}
# Digits that could be anything are known where a word near them or the field's name says so.
NEEDS_CONTEXT = BY_NAME | {"passport", "uk_nhs", "de_tax_id"}


def note_of(name):
    column, value = VALUES[name]
    return "nothing" if name in BY_NAME else f"seen: {column} {value} here"


def quote(value):
    return "'" + value.replace("'", "''") + "'"


class Relay:
    """Listens on loopback, forwards both ways to a port, cuts what comes back into segments, keeps what it forwarded."""

    def __init__(self, port, segment=None):
        self.target, self.segment = port, segment
        self.back = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target), 10)
            except OSError:
                return
            server.settimeout(None)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets += [client, server]
            threading.Thread(target=self.pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, self.segment), daemon=True).start()
            threading.current_thread()

    def pump(self, source, sink, segment):
        is_back = source.getpeername()[1] == self.target
        try:
            while data := source.recv(65536):
                if is_back:
                    self.back.append(data)
                step = segment or len(data)
                for at in range(0, len(data), step):
                    sink.sendall(data[at:at + step])
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def take(self):
        """What came back since the last time."""
        taken, self.back = b"".join(self.back), []
        return taken

    def close(self):
        for each in self.sockets:
            each.close()


def disguises(text):
    """The forms in which a text can stand in what a server sends."""
    plain = text.encode()
    return {plain, plain.hex().encode(), plain.upper(), text.encode("utf-16-le"), text.encode("utf-16-be"),
            plain.replace(b"\n", b"\\n"), plain.replace(b"/", b"\\/"), text[::-1].encode()}


def is_seen(captured, name):
    value = SECRET_PART.get(name, VALUES[name][1])
    halves = [value] if len(value) < 16 else [value, value[:len(value) * 2 // 3], value[len(value) // 3:]]
    if name in SECRET_PART:
        halves = [value]
    return any(form in captured for half in halves for form in disguises(half))


def table_sql(name):
    column, value = VALUES[name]
    table = f"leak_{name}"
    listed = "nothing" if name in NEEDS_CONTEXT else value
    return f"""
CREATE TABLE {table} (id int PRIMARY KEY, {column} text UNIQUE, note text, doc jsonb, list text[], plain json);
INSERT INTO {table} VALUES (1, {quote(value)}, {quote(note_of(name))},
    jsonb_build_object('{column}', {quote(value)}, 'deep', jsonb_build_array(jsonb_build_object('{column}', {quote(value)}))),
    ARRAY['x', {quote(listed)}], json_build_object('{column}', {quote(value)}));
CREATE VIEW {table}_view AS SELECT {column} AS renamed_in_a_view, id FROM {table};
CREATE VIEW {table}_outer AS SELECT y AS renamed_again, z FROM
    (SELECT renamed_in_a_view AS y, doc->>'{column}' AS z FROM {table}_view JOIN {table} USING (id)) AS s;
CREATE VIEW {table}_wide AS SELECT id, t AS inner_row FROM {table} AS t;
CREATE FUNCTION {table}_function() RETURNS SETOF {table} LANGUAGE sql AS 'SELECT * FROM {table}';
CREATE FUNCTION {table}_text() RETURNS text LANGUAGE sql AS 'SELECT note FROM {table}';
"""


# way: SQL with {table}, {column}; those in NAMELESS do not tell the class by a name, so values without a shape pass there
SIMPLE = {
    "column": "SELECT {column} FROM {table}",
    "star": "SELECT * FROM {table}",
    "alias": "SELECT {column} AS x FROM {table}",
    "alias in a subquery": "SELECT y FROM (SELECT {column} AS y FROM {table}) AS s",
    "CTE": "WITH c AS (SELECT {column} AS z FROM {table}) SELECT z FROM c",
    "union": "SELECT 'x' AS a UNION ALL SELECT {column} FROM {table}",
    "free text": "SELECT note FROM {table}",
    "two rows of one field": "SELECT id, {column} FROM {table} UNION ALL SELECT 2, {column} FROM {table}",
    "concatenated": "SELECT 'is ' || {column} || '.' FROM {table}",
    "lower case": "SELECT lower({column}), {column} FROM {table}",
    "coalesced": "SELECT coalesce({column}, 'none') FROM {table}",
    "aggregated": "SELECT string_agg({column}, ', ') FROM {table}",
    "array": "SELECT list FROM {table}",
    "array of the column": "SELECT array_agg({column}) FROM {table}",
    "jsonb": "SELECT doc FROM {table}",
    "json": "SELECT plain FROM {table}",
    "field of jsonb": "SELECT doc->>'{column}', doc->'{column}' FROM {table}",
    "field by a path": "SELECT doc#>>'{deep,0,{column}}', doc->'deep'->0->>'{column}' FROM {table}",
    "field by a function": "SELECT jsonb_extract_path_text(doc, '{column}'), jsonb_path_query(doc, '$.{column}') FROM {table}",
    "field by a subscript": "SELECT doc['{column}'], doc['deep'][0]['{column}'] AS x FROM {table}",
    "field in a subquery": "SELECT * FROM (SELECT doc->>'{column}' FROM {table}) AS s (x)",
    "row as json": "SELECT to_jsonb(t) FROM {table} t",
    "json built": "SELECT json_build_object('{column}', {column}) FROM {table}",
    "composite": "SELECT t FROM {table} t",
    "row": "SELECT ROW(1, {column}) FROM {table}",
    "array of composites": "SELECT array_agg(t) FROM {table} t",
    "view": "SELECT * FROM {table}_view",
    "column of a view": "SELECT renamed_in_a_view AS x FROM {table}_view",
    "view of a view": "SELECT * FROM {table}_outer",
    "composite of a view": "SELECT v FROM {table}_view v",
    "row in a row": "SELECT w FROM {table}_wide w",
    "function in FROM": "SELECT * FROM {table}_function()",
    "function of text": "SELECT {table}_text()",
    "cursor": "BEGIN; DECLARE c CURSOR FOR SELECT {column} FROM {table}; FETCH ALL FROM c; COMMIT",
    "binary cursor": "BEGIN; DECLARE c BINARY CURSOR FOR SELECT {column}, doc, list FROM {table}; FETCH ALL FROM c; COMMIT",
    "prepared": "PREPARE p AS SELECT {column} FROM {table}; EXECUTE p; EXECUTE p; DEALLOCATE p",
    "returning": "UPDATE {table} SET id = id RETURNING *",
    "returning with an alias": "UPDATE {table} SET id = id RETURNING {column} AS x",
    "copy": "COPY {table} TO STDOUT",
    "copy of a column": "COPY {table} ({column}) TO STDOUT",
    "copy of a query": "COPY (SELECT note, {column} FROM {table}) TO STDOUT",
    "copy csv": "COPY {table} TO STDOUT (FORMAT csv, HEADER)",
    "copy csv quoted": "COPY {table} TO STDOUT (FORMAT csv, FORCE_QUOTE *, DELIMITER ';')",
    "copy binary": "COPY {table} TO STDOUT (FORMAT binary)",
    "copy of a query binary": "COPY (SELECT note, {column}, doc, plain FROM {table}) TO STDOUT (FORMAT binary)",
    "notice": "DO $$ BEGIN RAISE NOTICE 'note: %', (SELECT note FROM {table}); END $$",
    "warning with detail": "DO $$ BEGIN RAISE WARNING 'x' USING DETAIL = (SELECT note FROM {table}), "
                           "HINT = (SELECT note FROM {table}); END $$",
    "exception": "DO $$ BEGIN RAISE EXCEPTION 'note: %', (SELECT note FROM {table}); END $$",
    "unique violation": "INSERT INTO {table} (id, {column}) SELECT 2, {column} FROM {table}",
    "cast error": "SELECT note::int FROM {table}",
    "explain of a literal": "EXPLAIN SELECT * FROM {table} WHERE note = {note}",
    "explain analyze": "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM {table} WHERE note <> {note}",
    "notify": "LISTEN leaks; DO $$ BEGIN PERFORM pg_notify('leaks', (SELECT note FROM {table})); END $$",
    "statement echoed": "SELECT name FROM pg_cursors; SELECT note FROM {table} WHERE note LIKE '%x%' OR id = 1",
}


@pytest.fixture(scope="module")
def leaks():
    """A server, a gateway, a relay on each side of it."""
    with tempfile.TemporaryDirectory(prefix="sworn-pg-") as folder, tempfile.TemporaryDirectory(prefix="sworn-gw-") as home:
        server = Postgres(folder)
        relays = []
        gateway = None
        try:
            server.create_database("leaks", "".join(table_sql(name) for name in VALUES))
            upstream = Relay(server.port)
            relays.append(upstream)
            gateway = Gateway(home, server, database="leaks", policies={"leaks.cedar": POLICY})
            text = gateway.config.read_text()
            gateway.config.write_text(text.replace(f"127.0.0.1:{server.port}", f"127.0.0.1:{upstream.port}"))
            gateway.start()
            client = Relay(gateway.port)
            relays.append(client)
            yield server, gateway, upstream, client
        finally:
            if gateway is not None:
                gateway.stop(expect=None)
            for relay in relays:
                relay.close()
            server.stop()


def open_session(leaks, user):
    _, gateway, _, relay = leaks
    return Connection(relay.port).login(user, gateway.token(user), "leaks")


def statement(way, name):
    column, _ = VALUES[name]
    text = SIMPLE[way].replace("{table}", f"leak_{name}").replace("{column}", column)
    return text.replace("{note}", quote(note_of(name)))


def capture(leaks, user, sqls, segment=None):
    """All bytes that a client of that name receives, for these statements in one session."""
    _, _, upstream, relay = leaks
    upstream.segment = segment
    relay.take()
    with open_session(leaks, user) as session:
        for sql in sqls:
            session.ask(pgwire.query(sql))
            session.ask(pgwire.query("ROLLBACK"))
    upstream.segment = None
    return relay.take()


@pytest.mark.parametrize("name", VALUES)
def test_never_in_clear(leaks, name):
    leaking = [way for way in SIMPLE if is_seen(capture(leaks, "ana", [statement(way, name)]), name)]
    assert not leaking, f"{name} leaks by: {leaking}"


@pytest.mark.parametrize("name", VALUES)
def test_in_clear_where_revealed(leaks, name):
    """Without this the test above could pass by sending nothing."""
    ways = ["column", "alias", "jsonb", "copy", "array of the column", "composite", "row as json", "binary cursor", "view", "view of a view"]
    if name not in BY_NAME:
        ways += ["notice", "exception", "notify", "free text", "explain analyze", "cast error"]
    if name not in NEEDS_CONTEXT:
        ways += ["array"]
    unseen = [way for way in ways if not is_seen(capture(leaks, "owner", [statement(way, name)]), name)]
    assert not unseen


@pytest.mark.parametrize("name", VALUES)
def test_never_in_clear_in_the_extended_protocol(leaks, name):
    column, value = VALUES[name]
    table = f"leak_{name}"
    _, _, _, relay = leaks
    relay.take()
    with open_session(leaks, "ana") as session:
        for results in ((0,), (1,)):
            for sql in (f"SELECT {column} FROM {table}", f"SELECT doc FROM {table}", f"SELECT list FROM {table}",
                        f"SELECT t, array[t], id FROM {table} AS t", f"SELECT * FROM {table}_outer",
                        f"SELECT {column} AS x FROM {table} WHERE id = $1"):
                values = [b"1"] if "$1" in sql else []
                session.ask(pgwire.parse(sql, b"again") + pgwire.SYNC)
                for _ in range(2):
                    session.ask(pgwire.bind(values, name=b"again", results=results) + pgwire.describe() +
                                pgwire.execute(limit=1) + pgwire.execute() + pgwire.SYNC)
                session.ask(pgwire.message(b"C", b"Sagain\0") + pgwire.SYNC)
    assert not is_seen(relay.take(), name)


@pytest.mark.parametrize("segment", [1, 2, 3, 7, 64])
def test_split_over_segments(leaks, segment):
    names = ["email", "card_number", "iban", "jwt", "credential", "private_key", "us_ssn", "fr_nir"]
    ways = ["star", "jsonb", "array", "copy", "copy csv", "copy binary", "notice", "exception", "binary cursor"]
    captured = capture(leaks, "ana", [statement(way, name) for name in names for way in ways], segment)
    assert not [name for name in names if is_seen(captured, name)]
    assert b"[EMAIL]" in captured


@pytest.mark.parametrize("name", VALUES)
def test_never_in_clear_to_psycopg(leaks, name):
    _, gateway, _, relay = leaks
    column, _ = VALUES[name]
    relay.take()
    dsn = f"host=127.0.0.1 port={relay.port} user=ana password={gateway.token('ana')} dbname=leaks"
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as connection:
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                for _ in range(2):
                    row = cursor.execute(f"SELECT {column}, doc, list, id FROM leak_{name}").fetchone()
                    assert row[3] == 1
            with connection.transaction(), connection.cursor("far", binary=binary) as cursor:
                cursor.execute(f"SELECT {column}, note FROM leak_{name}")
                cursor.fetchall()
        with connection.cursor() as cursor:
            for options in ("", "(FORMAT csv)", "(FORMAT binary)"):
                with cursor.copy(f"COPY leak_{name} TO STDOUT {options}") as copy:
                    assert b"".join(bytes(block) for block in copy)
    assert not is_seen(relay.take(), name)


def test_what_is_masked_is_told_in_the_evidence(leaks):
    _, gateway, _, _ = leaks
    capture(leaks, "bo", [statement("column", "email")])
    rows = gateway.actions("--principal", "bo")
    assert any("email" in row["masked"] for row in rows)


def test_neighbours_of_what_is_masked_stay(leaks):
    """The names of a row's or a view's other columns say nothing of a field."""
    server, _, _, _ = leaks
    server.psql("leaks", stdin="""
        CREATE TABLE neighbours (id int, full_name text, date_of_birth date, status text, total int, made date);
        INSERT INTO neighbours VALUES (70001, 'Wilhelmine Abendroth', '1984-03-17', 'open', 81234, '2024-05-06');
        CREATE VIEW neighbours_view AS SELECT id AS a, full_name AS b, date_of_birth AS c, status AS d, total AS e,
            made AS f FROM neighbours;""")
    for sql in ("SELECT n FROM neighbours n", "SELECT * FROM neighbours_view", "SELECT v FROM neighbours_view v",
                "SELECT array_agg(v) FROM neighbours_view v"):
        captured = capture(leaks, "ana", [sql])
        assert not [word for word in (b"70001", b"open", b"81234", b"2024-05-06") if word not in captured], sql
        assert not [word for word in (b"Abendroth", b"1984-03-17") if word in captured], sql


def test_a_plan_fetched_in_part(leaks):
    """The lines of a plan are judged together, so a part of them is not shown."""
    _, _, _, relay = leaks
    sql = f"EXPLAIN SELECT * FROM leak_private_key WHERE note = {quote(note_of('private_key'))}"
    relay.take()
    with open_session(leaks, "ana") as session:
        session.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.execute(limit=1) * 3 + pgwire.execute() + pgwire.SYNC)
        captured = relay.take()
        assert not is_seen(captured, "private_key") and b"withheld" in captured
        session.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.execute() + pgwire.SYNC)
        captured = relay.take()
        assert not is_seen(captured, "private_key") and b"[PRIVATE_KEY]" in captured
        assert b"Seq Scan" in captured or b"Index Scan" in captured


def received_since(gateway, count):
    time.sleep(0.6)  # evidence is published by the checkpoint
    events = [entry["event"] for entry in gateway.entries()[count:]]
    return [event["received"] for event in events if event["type"] == "outcome" and "received" in event]


def test_copy_in_is_counted(leaks):
    """What a client brings in is told in the outcome, in each format, also when it does not wait to be asked."""
    server, gateway, _, relay = leaks
    server.psql("leaks", stdin="CREATE TABLE brought (id int, full_name text, note text)")
    line = "1\tWilhelmine Abendroth\tpays with 4111111111111111\n"
    count = len(gateway.entries())
    dsn = f"host=127.0.0.1 port={relay.port} user=ana password={gateway.token('ana')} dbname=leaks"
    with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY brought FROM STDIN") as copy:
            copy.write(line[:30])
            copy.write(line[30:] + "2\t\\N\tnothing\n")
        with cursor.copy("COPY brought FROM STDIN (FORMAT csv, HEADER)") as copy:
            copy.write(line.replace("\t", ",").join(["id,full_name,note\n", ""]))
        with cursor.copy("COPY brought (note) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["text"])
            copy.write_row(("maria.keller@example.org",))
    with open_session(leaks, "ana") as session:
        session.ask(pgwire.query("COPY brought FROM STDIN") + pgwire.message(b"d", line.encode()) +
                    pgwire.message(b"c"))
        assert b"SELECT 5" in b"".join(body for _, body in session.ask(pgwire.query("TABLE brought")))
        session.ask(pgwire.message(b"d", b"not asked for\n") + pgwire.message(b"c") + pgwire.query("SELECT 1"))
    both = {"card_number": 1, "person_name": 1}
    assert received_since(gateway, count) == [both, both, {"email": 1}, both]


def test_parameters_that_cannot_be_inspected_are_refused(leaks):
    """The action is denied and in evidence; the session goes on."""
    _, gateway, _, relay = leaks
    dsn = f"host=127.0.0.1 port={relay.port} user=cleo password={gateway.token('cleo')} dbname=leaks"
    with psycopg.connect(dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="could not be inspected"):
            connection.execute("SELECT length(%s)", ["a@b.example.com " * 1100000])
        assert connection.execute("SELECT length(%s)", ["x"]).fetchone() == (1,)
    time.sleep(0.6)
    intents = [entry["event"] for entry in gateway.entries() if entry["event"].get("principal") == "cleo"]
    assert [event["verdict"] for event in intents if event["type"] == "intent"] == ["deny", "allow"]


def test_values_typed_by_the_client_come_back_masked(leaks):
    """Errors and plans quote the statement; the client knows the value, others who read the same log or screen may not."""
    name = "email"
    _, value = VALUES[name]
    sqls = [f"SELECT '{value}'::int", f"SELECT '{value}'", f"EXPLAIN SELECT * FROM leak_email WHERE email = '{value}'"]
    assert not is_seen(capture(leaks, "ana", sqls), name)


def test_long_texts(leaks):
    """A value at every place of a long field, near the borders of buffers too."""
    _, value = VALUES["email"]
    sqls = [f"SELECT repeat('x ', {fill}) || (SELECT email FROM leak_email) || repeat(' y', 70000) AS long"
            for fill in (0, 2000, 4090, 8180, 16370, 32760, 65530, 131060)]
    assert not is_seen(capture(leaks, "ana", sqls), "email")
    rows = [f"SELECT repeat('x', i) || ' ' || email FROM leak_email, generate_series(0, 3000, 7) i"]
    assert not is_seen(capture(leaks, "ana", rows), "email")
    assert value.encode() in capture(leaks, "owner", rows)
