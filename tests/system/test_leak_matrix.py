"""One value, one verdict: each class in each form by each way out, generated. Whatever names a value (a word before it, a
JSON key, an element, a pair of name and value, a column) masks it wherever it stands.

Then what no name stands at: values computed from a named column, and errors that quote them; documents too deep to read;
and numbers, which nothing but a name makes a telephone number.
"""
import json

import psycopg
import pytest

import pgwire
from test_leaks import BY_NAME, NEEDS_CONTEXT, VALUES, capture, is_seen, leaks, open_session, quote  # noqa: F401

FORMS = {
    "plain": lambda column, value: value,
    "key: value": lambda column, value: f"{column}: {value}",
    "JSON member": lambda column, value: json.dumps({"id": 1, column: value}),
    "nested JSON": lambda column, value: json.dumps([{"x": {column: [value]}}]),
    "XML element": lambda column, value: f"<row><id>1</id><{column}>{value}</{column}></row>",
    "hstore": lambda column, value: f'"id"=>"1", "{column}"=>"{value}"',
    "pair": lambda column, value: json.dumps([{"name": column, "value": value}]),
    "pair, value first": lambda column, value: json.dumps({"value": value, "name": column}),
}
JSON_FORMS = {"JSON member", "nested JSON", "pair", "pair, value first"}
WAYS = {
    "SELECT text": "SELECT {text}",
    "array": "SELECT ARRAY['x', {text}]",
    "composite": "SELECT ROW(1, {text})",
    "array of composites": "SELECT ARRAY[ROW(1, {text})]",
    "in json": "SELECT json_build_object('x', {text})",
    "in jsonb as text": "SELECT jsonb_build_object('x', {text})::text",
    "COPY text": "COPY (SELECT 1, {text}) TO STDOUT",
    "COPY CSV": "COPY (SELECT 1, {text}) TO STDOUT (FORMAT csv)",
    "COPY binary": "COPY (SELECT 1, {text}) TO STDOUT (FORMAT binary)",
    "notice": "DO $body$ BEGIN RAISE NOTICE '%', {text}; END $body$",
    "error": "DO $body$ BEGIN RAISE EXCEPTION '%', {text}; END $body$",
    "cast error": "SELECT {text}::int",
    "NOTIFY": "LISTEN m; SELECT pg_notify('m', {text})",
    "EXPLAIN": "EXPLAIN SELECT * FROM leak_email WHERE note = {text}",
}
JSON_WAYS = {
    "jsonb": "SELECT {text}::jsonb",
    "json": "SELECT {text}::json",
    "jsonb::text": "SELECT {text}::jsonb::text",
    "jsonb_pretty": "SELECT jsonb_pretty({text}::jsonb)",
    "path as text": "SELECT {text}::jsonb #>> '{{}}'",
    "COPY of jsonb": "COPY (SELECT {text}::jsonb) TO STDOUT",
    "array of jsonb": "SELECT ARRAY[{text}::jsonb]",
}
COLUMN_WAYS = {
    "column": "SELECT {text} AS {column}",
    "column of text": "SELECT {text}::text AS {column}",
    "array column": "SELECT ARRAY[{text}] AS {column}",
    "row as json": "SELECT row_to_json(t) FROM (SELECT {text} AS {column}) t",
    "row as text": "SELECT row_to_json(t)::text FROM (SELECT {text} AS {column}) t",
    "xmlforest": "SELECT xmlforest({text} AS {column})",
    "EXPLAIN": "EXPLAIN SELECT * FROM leak_{name} WHERE {column} = {text}",
}


def cells(name):
    """The statements that send the class in each form by each way."""
    column, value = VALUES[name]
    for form, write in FORMS.items():
        if form == "plain" and name in NEEDS_CONTEXT:
            continue  # not known without its name, by design
        text = "E" + quote(write(column, value).replace("\\", "\\\\"))
        for way, sql in {**WAYS, **(JSON_WAYS if form in JSON_FORMS else {})}.items():
            if form == "pair, value first" and way in ("EXPLAIN", "cast error") and name in NEEDS_CONTEXT:
                continue  # in the midst of a text a value is judged by what stands before it, so that streams can go on
            yield f"{form} / {way}", sql.format(text=text)
    for way, sql in COLUMN_WAYS.items():
        yield f"column name / {way}", sql.format(text=quote(value), column=column, name=name)


@pytest.mark.parametrize("name", VALUES)
def test_each_form_by_each_way(leaks, name):  # noqa: F811
    leaking = [cell for cell, sql in cells(name) if is_seen(capture(leaks, "ana", [sql]), name)]
    assert not leaking, f"{name} leaks by: {leaking}"


@pytest.mark.parametrize("name", ["email", "person_name", "credential"])
def test_each_cell_shows_it_to_whom_it_is_revealed(leaks, name):  # noqa: F811
    """Without this the matrix could pass by sending nothing."""
    assert all(is_seen(capture(leaks, "owner", [sql]), name) for cell, sql in cells(name)
               if "array" not in cell and "\"" not in cell)


# Names that end in a word for secrets, and those of columns that hold them, in real schemas.
SECRET_NAMES = """token api_token reset_password_token confirmation_token id_token remember_token unlock_token oauth_token
    personal_access_token auth auth_key credential credentials creds pass pass_hash password_digest encrypted_password
    rolpassword usr_pwd smtp_pass ssh_key tls_key license_key stripe_key shared_secret hmac_key jwt_secret secret_token
    otp_secret totp_seed apiKey clientSecret db_pass DB_PASSWORD tls.key""".split()
SECRET = "Qz0QeFq5f8xkXlQv6M0YdAq8e9vE1m7h3Xw9u7cQ"


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_is_one_by_every_name_in_every_structure(leaks, name):  # noqa: F811
    sqls = [f"SELECT '{SECRET}' AS \"{name}\"", f"SELECT '{json.dumps({name: SECRET})}'::jsonb",
            f"SELECT '{json.dumps({name: SECRET})}'::text", f"SELECT '<a><{name}>{SECRET}</{name}></a>'",
            f"SELECT jsonb_build_object('name', '{name}', 'value', '{SECRET}')",
            f"SELECT '\"{name}\"=>\"{SECRET}\"'"]
    leaking = [sql for sql in sqls if SECRET.encode() in capture(leaks, "ana", [sql])]
    assert not leaking


VERIFIERS = [
    "SCRAM-SHA-256$4096:6PJBVLMg/Dm34dcsR0QmCw==$2hfW174Uj9zeZf4DVykJYWIInMw9dZP1RwaVBn8lh4Q=:DTemM/Yap+RVixge8L2NKMcC7wZyeKuWITuMJ1dRgmQ=",
    "md5a3556571e93b0d20722ba62be61e8c2d", "$2b$12$KIXQ4z1uQh8E5mT3nq9gUe8Xn0vQ8b0c7dVt8x1oYkzqkq3y8mR5W",
    "$2y$10$KIXQ4z1uQh8E5mT3nq9gUe8Xn0vQ8b0c7dVt8x1oYkzqkq3y8mR5W",
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
    "$6$rounds=5000$saltsalt$Qz0QeFq5f8xkXlQv6M0YdAq8e9vE1m7h3Xw9u7cQ5m1h1h0bT1vYtq9z3n9p4s1d6f8g0j2l4k6m8n0p2q4r6t",
    "$5$saltsalt$Qz0QeFq5f8xkXlQv6M0YdAq8e9vE1m7h3Xw9u7cQ5m1", "$1$saltsalt$Qz0QeFq5f8xkXlQv6M0Yd0",
    "$apr1$saltsalt$Qz0QeFq5f8xkXlQv6M0Yd0", "$y$j9T$saltsaltsalt$Qz0QeFq5f8xkXlQv6M0YdAq8e9vE1m7h3Xw9u7cQ5m1",
    "pbkdf2_sha256$260000$abcDEF123456$Qz0QeFq5f8xkXlQv6M0YdAq8e9vE1m7h3Xw9u7cQ5m0=",
    "pbkdf2:sha256:260000$abcDEF123456$5f8e9d0c1b2a39485f8e9d0c1b2a39485f8e9d0c1b2a39485f8e9d0c1b2a3948",
    "scrypt:32768:8:1$abcDEF123456$5f8e9d0c1b2a39485f8e9d0c1b2a39485f8e9d0c1b2a39485f8e9d0c1b2a3948",
    "{SSHA}Qz0QeFq5f8xkXlQv6M0YdAq8e9vE1m7h", "$P$Bp1WHPKXqGLn2V3w4y5z6A7b8C9d0e1",
]


@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda text: text[:12])
def test_a_password_verifier_is_a_credential(leaks, verifier):  # noqa: F811
    captured = capture(leaks, "ana", [f"SELECT '{verifier}' AS x", f"SELECT 'stored as {verifier} since then' AS x",
                                      f"SELECT '{json.dumps({'x': verifier})}'::jsonb"])
    assert verifier[8:].encode() not in captured and captured.count(b"[CREDENTIAL]") == 3


def test_the_catalog_shows_no_verifier(leaks):  # noqa: F811
    server, *_ = leaks
    with server.connect("leaks") as connection:
        connection.execute("CREATE ROLE verified PASSWORD 'Kx81Pq02Lm'")
    captured = capture(leaks, "ana", ["SELECT rolname, rolpassword FROM pg_authid", "SELECT passwd FROM pg_shadow",
                                      "SELECT a::text FROM pg_authid a"])
    assert b"SCRAM-SHA-256$" not in captured


# What is computed from a column that only its name makes known: (way, may only its class be told).
COMPUTED = """SELECT jsonb_build_object('k', full_name) FROM leak_person_name
SELECT *, jsonb_build_object('k', full_name) FROM leak_person_name
SELECT jsonb_build_object('k', full_name), * FROM leak_person_name
SELECT json_build_object('n', json_agg(full_name)) FROM leak_person_name
SELECT string_agg(full_name, ';') FROM leak_person_name
SELECT string_agg(full_name, ';')::int FROM leak_person_name
SELECT full_name::int FROM leak_person_name
SELECT left(full_name, 30) || '!' FROM leak_person_name
SELECT xmlelement(name k, full_name) FROM leak_person_name
SELECT jsonb_object_agg(full_name, 1) FROM leak_person_name
SELECT full_name::bytea FROM leak_person_name
SELECT replace(full_name, ' ', '_') FROM leak_person_name
SELECT array_to_string(ARRAY[full_name], '-') FROM leak_person_name
SELECT k FROM (SELECT jsonb_build_object('k', full_name) AS k FROM leak_person_name) AS s
WITH c AS (SELECT full_name AS a FROM leak_person_name) SELECT row_to_json(c) FROM c
SELECT row_to_json(t) FROM (SELECT full_name AS a FROM leak_person_name) AS t
SELECT p::text FROM leak_person_name AS p
SELECT p::text::int FROM leak_person_name AS p
SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'leak_person_name'
INSERT INTO moved (person) SELECT full_name FROM leak_person_name RETURNING person
INSERT INTO moved SELECT full_name FROM leak_person_name RETURNING person
UPDATE moved SET person = (SELECT full_name FROM leak_person_name) RETURNING person
WITH r AS (INSERT INTO moved (person) SELECT full_name FROM leak_person_name RETURNING person) SELECT person FROM r
DO $$ BEGIN RAISE NOTICE '%', (SELECT string_agg(full_name, ';') FROM leak_person_name); END $$
DO $$ BEGIN RAISE EXCEPTION '%', (SELECT full_name FROM leak_person_name) USING ERRCODE = '42601'; END $$
DO $$ BEGIN RAISE EXCEPTION 'x' USING DETAIL = (SELECT full_name FROM leak_person_name); END $$
PREPARE e AS SELECT full_name::int FROM leak_person_name; EXECUTE e
COPY (SELECT jsonb_build_object('k', full_name) FROM leak_person_name) TO STDOUT
COPY (SELECT string_agg(full_name, ';')::int FROM leak_person_name) TO STDOUT""".splitlines()


@pytest.fixture(scope="module")
def computed(leaks):  # noqa: F811
    server, *_ = leaks
    with server.connect("leaks") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS moved (person text)")
        connection.execute("INSERT INTO moved SELECT 'x'")
        connection.execute("INSERT INTO leak_person_name (id, full_name) SELECT i, (SELECT full_name FROM leak_person_name "
                           "WHERE id = 1) || ' ' || repeat('I', i) FROM generate_series(2, 3) i ON CONFLICT DO NOTHING")
        connection.execute("ANALYZE leak_person_name")
    yield leaks
    with server.connect("leaks") as connection:
        connection.execute("DELETE FROM leak_person_name WHERE id > 1; DROP TABLE moved")


@pytest.mark.parametrize("sql", COMPUTED)
def test_what_is_computed_from_a_named_column_is_masked_whole(computed, sql):
    captured = capture(computed, "ana", [sql])
    assert b"Wilhelmine" not in captured and b"Abendroth" not in captured


@pytest.mark.parametrize("sql", ["SELECT count(full_name), length(full_name), full_name IS NULL, full_name = 'x', id "
                                 "FROM leak_person_name WHERE id = 1 GROUP BY full_name, id",
                                 "SELECT *, count(full_name) OVER () FROM leak_person_name WHERE id = 1",
                                 "SELECT EXISTS (SELECT full_name FROM leak_person_name), 12345678"])
def test_counts_and_comparisons_hold_nothing(computed, sql):
    captured = capture(computed, "ana", [sql])
    assert b"D\0" in captured and b"\xff\xff\xff\xff" not in captured.split(b"D\0", 1)[1][:40]


def test_an_error_keeps_what_names_only_objects(computed):
    captured = capture(computed, "ana", ["SELECT full_name, no_such FROM leak_person_name",
                                         "INSERT INTO leak_person_name (id, full_name) VALUES (1, 'x')"])
    assert b'column "no_such" does not exist' in captured
    assert b'duplicate key value violates unique constraint "leak_person_name_pkey"' in captured


@pytest.mark.parametrize("depth", [63, 64, 65, 200])
@pytest.mark.parametrize("way", ["SELECT ({text})::jsonb, 'kept'", "SELECT ({text})::json, 'kept'", "SELECT {text}, 'kept'",
                                 "COPY (SELECT ({text})::jsonb, 'kept') TO STDOUT", "SELECT ARRAY[({text})::jsonb], 'kept'",
                                 "COPY (SELECT {text}, 'kept') TO STDOUT (FORMAT csv)", "SELECT ROW(({text})::jsonb), 'kept'",
                                 "COPY (SELECT ({text})::jsonb, 'kept') TO STDOUT (FORMAT binary)"])
def test_a_document_too_deep_is_withheld_and_the_session_lives(leaks, way, depth):  # noqa: F811
    text = f"repeat('{{\"a\":', {depth}) || '{{\"last_name\":\"Featherstone\"}}' || repeat('}}', {depth})"
    *_, relay = leaks
    relay.take()
    with open_session(leaks, "ana") as session:
        session.ask(pgwire.query(way.format(text=text)))
        session.ask(pgwire.query("SELECT 'alive' AS x"))
    captured = relay.take()
    assert b"Featherstone" not in captured and b"kept" in captured and b"alive" in captured


@pytest.mark.parametrize("number", [
    "(-2147483648)::text", "0.4830009440873890::numeric", "4111111111111111::bigint", "4111111111111111::numeric", "2147483647",
    "9223372036854775807", "ARRAY[4111111111111111]", "5105105105105100::float8", "to_jsonb(4111111111111111)",
    "json_build_object('n', 4111111111111111)", "(0.4830009440873890)::text", "536904399", "'22222222-2222-2222-2222-222222222222'",
    "'2f3c5d1a-4155-5526-7100-123456789012'::uuid", "'111-11111-1111-1111-1111-111111111111'", "1700000000.123456"])
def test_no_number_is_personal_by_its_shape(leaks, number):  # noqa: F811
    server, *_ = leaks
    with server.connect("leaks") as connection:
        wanted = str(connection.execute(f"SELECT ({number})::text").fetchone()[0])
    for alias in ("n", "text", "numeric"):
        assert wanted.encode() in capture(leaks, "ana", [f"SELECT {number} AS \"{alias}\""])


def test_part_of_a_uuid_in_an_error_is_no_telephone_number(leaks):  # noqa: F811
    for uuid in ("11111111-1111-1111-1111-111111111111F", "{11111111-1111-1111-1111-11111111111}", "111-11111-1111-1111-1111-111111111111",
                 "11111111-1111-1111-G111-111111111111", "11+11111-1111-1111-1111-111111111111"):
        assert uuid.encode() in capture(leaks, "ana", [f"SELECT '{uuid}'::uuid"])


@pytest.mark.parametrize("sql", ["SELECT 4111111111111111::bigint AS card_number", "SELECT 4111111111111111::numeric AS card_number",
                                 "SELECT jsonb_build_object('card_number', 4111111111111111)"])
def test_a_number_with_a_telling_name_is_personal(leaks, sql):  # noqa: F811
    assert b"411111111111" not in capture(leaks, "ana", [sql])


DECLARED = """masking:
  hash_key: file:mask.key
  columns:
    - {upstream: shop, table: public.notes, column: nick, class: person_name}
    - {upstream: shop, table: "*.ledger", column: ref, class: iban}
  allow: [support@example.com]"""


def test_declared_columns_and_allowed_values(make_gateway, cluster):
    """masking.columns marks a column that no name tells, by its table, in every way out; masking.allow shows a value to all."""
    gateway = make_gateway(start=False, policies={"all.cedar": """
        @id("work") permit (principal, action in Sworn::Action::"sql", resource);"""})
    gateway.config.write_text(gateway.config.read_text().replace("masking: {hash_key: file:mask.key}", DECLARED))
    gateway.start()
    with gateway.connect() as connection:
        connection.execute("CREATE TABLE notes (id int, nick text, seen text)")
        connection.execute("CREATE TABLE ledger (ref text, nick text)")
        connection.execute("INSERT INTO notes VALUES (1, 'Featherstone', 'support@example.com and ana@example.com')")
        connection.execute("INSERT INTO ledger VALUES ('ACME-1234567', 'plain')")
        try:
            for sql in ("SELECT nick FROM notes", "SELECT nick AS x FROM public.notes", "SELECT n.nick || '!' FROM notes n",
                        "SELECT jsonb_build_object('k', nick) FROM notes", "SELECT ref FROM ledger"):
                value = str(connection.execute(sql).fetchone()[0])
                assert "Featherstone" not in value and "1234567" not in value
            for sql in ("COPY notes TO STDOUT", "COPY (SELECT nick FROM notes) TO STDOUT", "COPY notes (nick) TO STDOUT"):
                with connection.cursor().copy(sql) as copy:
                    assert b"Featherstone" not in b"".join(bytes(block) for block in copy)
            with pytest.raises(psycopg.Error) as failure:
                connection.execute("SELECT nick::int FROM notes")
            assert "Featherstone" not in str(failure.value) and failure.value.sqlstate == "22P02"
            assert connection.execute("SELECT nick FROM ledger").fetchone()[0] == "plain"
            assert connection.execute("SELECT seen FROM notes").fetchone()[0] == "support@example.com and [EMAIL]"
        finally:
            connection.execute("DROP TABLE notes, ledger")
