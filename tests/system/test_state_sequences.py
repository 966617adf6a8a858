"""Random sequences of everything that moves a session, and where sworn took it to be compared with what the server says.

Each sequence ends with a question that the server answers: in which schemas it looks for a name, and who acts. The intent
of that very statement says in which tables sworn saw the name, and the role. The two must not differ; what sworn refuses
because it cannot know is no difference. SWORN_LONG=1 runs 10,000 sequences, else a sample.
"""
import concurrent.futures
import os
import random
import tempfile

import pytest

import pgwire
from conftest import ALLOW_ALL, Gateway
from pgwire import Connection

SEQUENCES = 10_000 if os.environ.get("SWORN_LONG") else 240
WORKERS = 4
SEED = int(os.environ.get("SWORN_SEED", "20"))
# Schemas of a path in which the name is not: asked about all the same, because it may be there when the statement runs.
UNFOUND = {"nobody_home", "pg_temp", "pg_catalog"}
LABELS = 40 # a table in each probe says which sequence it ends
SCHEMAS = ["s1", "s2", "s3", "walker"]
TABLES = "CREATE ROLE walker; CREATE ROLE nobody_home;" + "".join(
    f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.probe (i int); INSERT INTO {schema}.probe VALUES (1);"
    for schema in SCHEMAS) + """
CREATE TABLE probe (i int);
INSERT INTO probe VALUES (1);
""" + "".join(f"CREATE TABLE label_{label} (i int); INSERT INTO label_{label} VALUES (1);" for label in range(LABELS)) + """
CREATE PROCEDURE public.commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
CREATE PROCEDURE public.rolls_back() LANGUAGE plpgsql AS $$ BEGIN ROLLBACK; END $$;
CREATE PROCEDURE public.goes(text) LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', $1, false); END $$;
CREATE FUNCTION public.travels(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    RETURN set_config('search_path', $1, false); END $$;
CREATE TABLE watched (path text);
CREATE FUNCTION public.watches() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('search_path', new.path, true); RETURN NULL; END $$;
CREATE TRIGGER watches BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION public.watches();
GRANT INSERT ON watched TO PUBLIC;
GRANT USAGE ON SCHEMA s1, s2, s3, walker, public TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA s1, s2, s3, walker, public TO PUBLIC;
GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA public TO PUBLIC;
"""
PROBE = ("SELECT c.relnamespace::regnamespace::text, current_user::text, pg_catalog.current_schemas(false)::text, "
         "pg_catalog.current_setting('application_name') FROM public.label_{label}, probe p JOIN pg_catalog.pg_class c "
         "ON c.oid = p.tableoid")


def path(dice):
    return dice.choice(["s1", "s2", "s3", "s1, s2", "s3, public", '"$user", s1', '"$user", public', "s2, pg_catalog", "pg_temp, s3"])


def config(dice):
    return f"set_config('search_path', '{path(dice)}', {dice.choice(['true', 'false'])})"


def code(dice):
    """A DO block whose path through it nobody can tell from its text."""
    act = dice.choice([f"set search_path to {path(dice)}", f"set local search_path to {path(dice)}", f"perform {config(dice)}",
                       "reset search_path", "commit", "rollback", "null", "set role walker", "reset role",
                       "update pg_settings set setting = 's2' where name = 'search_path'"])
    return dice.choice([
        f"DO $$ begin {act}; end $$", f"DO $$ begin if false then {act}; end if; end $$",
        f"DO $$ begin if random() < 0.5 then {act}; end if; end $$",
        f"DO $$ begin begin {act}; raise exception 'x'; exception when others then null; end; end $$",
        f"DO $$ begin {act}; perform 1/0; end $$", f"DO $$ begin {act}; commit; set search_path to s1; end $$"])


KINDS = [
    (6, lambda dice: f"SET search_path = {path(dice)}"), (5, lambda dice: f"SET LOCAL search_path = {path(dice)}"),
    (4, lambda dice: f"SELECT {config(dice)}"), (2, lambda dice: f"SELECT CASE WHEN random() < 0.5 THEN {config(dice)} END"),
    (2, lambda dice: "RESET search_path"), (2, lambda dice: "SET search_path TO DEFAULT"), (1, lambda dice: "RESET ALL"),
    (1, lambda dice: "DISCARD ALL"), (6, lambda dice: "BEGIN"), (4, lambda dice: "COMMIT"), (4, lambda dice: "ROLLBACK"),
    (1, lambda dice: "COMMIT AND CHAIN"), (1, lambda dice: "ROLLBACK AND CHAIN"),
    (5, lambda dice: f"SAVEPOINT {dice.choice('ab')}"), (4, lambda dice: f"ROLLBACK TO {dice.choice('ab')}"),
    (2, lambda dice: f"RELEASE {dice.choice('ab')}"), (8, code), (2, lambda dice: "SELECT 1/0"),
    (2, lambda dice: f"SET {dice.choice(['', 'LOCAL'])} ROLE {dice.choice(['walker', 'nobody_home', 'none', 'absent'])}"),
    (1, lambda dice: "RESET ROLE"), (1, lambda dice: "SET SESSION AUTHORIZATION walker"),
    (1, lambda dice: "SET SESSION AUTHORIZATION DEFAULT"),
    (2, lambda dice: f"UPDATE pg_settings SET setting = '{path(dice)}' WHERE name = 'search_path'"),
    (1, lambda dice: "CALL public.commits()"), (1, lambda dice: "CALL public.rolls_back()"),
    (2, lambda dice: f"CALL public.goes('{path(dice)}')"), (1, lambda dice: f"PREPARE p AS SELECT {config(dice)}"),
    (2, lambda dice: "EXECUTE p"), (1, lambda dice: "DEALLOCATE p"), (1, lambda dice: "DO $$ begin prepare p as select 1; end $$"),
    (2, lambda dice: f"SELECT public.travels('{path(dice)}')"),
    (2, lambda dice: f"INSERT INTO public.watched VALUES ('{path(dice)}')"),
    (2, lambda dice: "SELECT 1"), (1, lambda dice: "CREATE TEMP TABLE IF NOT EXISTS other (i int)"),
    (1, lambda dice: "not sql at all"), (1, lambda dice: "START TRANSACTION READ ONLY"),
]


def statement(dice):
    return dice.choices([make for _, make in KINDS], [weight for weight, _ in KINDS])[0](dice)


def extended(statements, dice):
    parts = [pgwire.parse(sql) + pgwire.bind() + pgwire.execute() for sql in statements]
    between = pgwire.FLUSH if dice.random() < 0.3 else b""
    return between.join(parts) + pgwire.SYNC


def batches(dice, label):
    """What a client sends, one answer each; the probe stands at the very end of the last."""
    result = []
    for _ in range(dice.randint(1, 5)):
        statements = [statement(dice) for _ in range(dice.randint(1, 4))]
        result.append((dice.choice(["apart", "text", "pipeline"]), statements))
    result[-1][1].append(PROBE.replace("{label}", str(label)))
    data = []
    for kind, statements in result:
        if kind == "pipeline":
            data.append(extended(statements, dice))
        else:
            data += [pgwire.query(sql) for sql in (statements if kind == "apart" else ["; ".join(statements)])]
    return result, data


def run(connection, number, label):
    """(what was sent, the server's answer to the probe or None, whether sworn refused something)"""
    dice = random.Random(SEED * 1_000_003 + number)
    script, data = batches(dice, label)
    try:
        for part in data:
            answer = connection.ask(part)
    except (TimeoutError, pgwire.Closed) as error:
        raise AssertionError(f"sequence {number} got no answer: {script}") from error
    found = [row for row in pgwire.rows(answer) if len(row) == 4 and row[3].startswith(b"sworn:")]
    refused = [error for error in pgwire.errors(answer) if error["C"] == "42501"]
    for reset in ("ROLLBACK", "SET SESSION AUTHORIZATION DEFAULT", "DISCARD ALL", "SET search_path = s3"):
        connection.ask(pgwire.query(reset))
    return script, [part.decode() for part in found[-1]] if found else None, bool(refused)


def run_some(gateway, numbers):
    with Connection(gateway.port) as connection:
        connection.login("ana", gateway.token("ana"), "walk")
        return [(number, *run(connection, number, at % LABELS)) for at, number in enumerate(numbers)]


def taken(intent):
    """(label, the schemas in which sworn saw the name, the roles that it thought act)"""
    schemas, roles, label = set(), set(), None
    for step in intent["event"]["steps"]:
        schema, _, table = step["resource"].rpartition("/")[2].partition(".")
        if table == "probe":
            schemas.add(schema)
            roles.add(step["context"].get("role", "owner"))
        elif table.startswith("label_"):
            label = int(table.removeprefix("label_"))
    return label, schemas, roles


def probes(gateway):
    """{session: what was taken for each probe that was allowed, in order}"""
    result = {}
    for entry in gateway.entries():
        event = entry["event"]
        if event["type"] == "intent" and event["verdict"] == "allow" and "label_" in str(event["steps"]):
            result.setdefault(entry["session"], []).append(taken(entry))
    return result


def differences(results, intents):
    """Of one session: what the server said of each sequence against what was taken; and how many were compared."""
    found, compared, at = [], 0, 0
    for place, (number, script, told, _) in enumerate(results):
        if told is None:
            continue
        while intents[at][0] != place % LABELS:
            at += 1
        _, schemas, roles = intents[at]
        at += 1
        compared += 1
        touched, user, path, _ = told
        looked = set(path.strip("{}").split(",")) & {*SCHEMAS, "public"}
        # What code within the same text sets may be reached or not: all that it may be is asked about.
        both = any(word in sql for sql in script[-1][1] for word in ("set_config", "travels", "watched", "DO ", "CALL"))
        seen = schemas - UNFOUND
        if not (looked <= seen if both else seen == looked) or touched not in schemas or roles != {user}:
            found.append((number, script, f"the server: {told}", f"sworn: {sorted(schemas)} as {sorted(roles)}"))
    return found, compared


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("walk", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="walk", policies={"all.cedar": ALLOW_ALL}).start()
        try:
            yield running
        finally:
            running.stop()
            with cluster.connect() as connection:
                connection.execute("DROP DATABASE walk WITH (FORCE)")
                connection.execute("DROP ROLE walker, nobody_home")


def test_sworn_and_the_server_agree(gateway):
    """Number 3: after any sequence, sworn decides on what the server will touch."""
    gateway.token("ana")
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        ranges = [range(worker, SEQUENCES, WORKERS) for worker in range(WORKERS)]
        sessions = list(pool.map(lambda numbers: run_some(gateway, numbers), ranges))
    gateway.await_publication()
    intents = probes(gateway)
    found, compared = [], 0
    for results in sessions:
        session = next(told[3] for _, _, told, _ in results if told).removeprefix("sworn:")
        more, count = differences(results, intents[session])
        found += more
        compared += count
    refused = sum(refused for results in sessions for *_, refused in results)
    print(f"{SEQUENCES} sequences, {compared} answered and compared, {refused} refused, {len(found)} differ")
    for difference in found[:5]:
        print(*difference, sep="\n  ")
    assert not found
    assert compared > SEQUENCES // 3
