"""A long statement keeps nobody else waiting, is read for few at once, and leaves no memory behind; one that is beyond the limit
is refused at once. (One statement that stalls everybody.)
"""
import threading
import time

import psycopg
import pytest

import pgwire
from pgwire import Connection

POLICY = """
@id("read") permit (principal, action == Sworn::Action::"sql:read", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
"""
ITEMS_BEYOND = 1_300_000 # two words each, and 2.5 million are the limit


def in_list(items):
    return "SELECT 1 WHERE 1 IN (" + ",".join(["1"] * items) + ")"


def resident_kb(gateway):
    for line in open(f"/proc/{gateway.process.pid}/status", encoding="ascii"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.fixture
def gateway(make_gateway):
    return make_gateway(config="workers: 1\n", policies={"p.cedar": POLICY})


def test_others_go_on_while_it_is_read(gateway):
    """One worker: while a statement of 120,000 words is read, another session's statements are answered, many of them."""
    with Connection(gateway.port) as slow, gateway.connect() as other:
        slow.login("copilot", gateway.token("copilot"), "shop")
        done = threading.Event()
        answers = []

        def read():
            answers.append(slow.ask(pgwire.query(in_list(60_000))))
            done.set()
        thread = threading.Thread(target=read)
        thread.start()
        count = 0
        while not done.is_set() and count < 100_000:
            assert other.execute("SELECT 1").fetchone() == (1,)
            count += 1
        thread.join()
    assert count > 10, f"{count} statements of others while one was read"
    assert not pgwire.errors(answers[0])


@pytest.mark.parametrize("kind", ["in list", "values", "signs", "nested calls"])
def test_what_is_beyond_the_limit_is_refused_before_it_is_read(gateway, kind):
    sql = {"in list": in_list(ITEMS_BEYOND), "values": "VALUES " + ",".join(["(1)"] * 700_000),
           "signs": "SELECT " + "- " * ITEMS_BEYOND * 2 + "1",
           "nested calls": "SELECT " + "lower(" * 900_000 + "'x'" + ")" * 900_000}[kind]
    before = resident_kb(gateway)
    with Connection(gateway.port) as raw:
        raw.login("ana", gateway.token("ana"), "shop")
        answer = raw.ask(pgwire.query(sql))
    assert [error["C"] for error in pgwire.errors(answer)] == ["42501"] and "sql:unknown" in pgwire.errors(answer)[0]["M"]
    assert resident_kb(gateway) - before < 100_000, "it was read"


def test_long_literals_are_not_many_words(gateway):
    """Bytes in quotes are one word: a document of 8 MB passes."""
    document = "{" + ",".join('"a%d": [1, 2, 3]' % i for i in range(300_000)) + "}"
    with gateway.connect() as connection:
        assert connection.execute("SELECT length('" + document + "')").fetchone()[0] == len(document)
        assert connection.execute("SELECT length($d$" + document + "$d$)").fetchone()[0] == len(document)
        assert connection.execute("SELECT length(E'\\'" + document + "')").fetchone()[0] == len(document) + 1


def test_memory_returns(gateway):
    with Connection(gateway.port) as raw:
        raw.login("ana", gateway.token("ana"), "shop")
        raw.ask(pgwire.query("SELECT 1"))
        before = resident_kb(gateway)
        for _ in range(2):
            raw.ask(pgwire.query(in_list(100_000)))
        for _ in range(50):
            raw.ask(pgwire.query("SELECT 1"))
            after = resident_kb(gateway)
            if after - before < 60_000:
                break
            time.sleep(0.1)
    assert after - before < 60_000, f"{before} kB before, {after} kB after"


def test_many_at_once_of_one_principal(gateway):
    """They wait for each other; another principal's is read in between."""
    failures = []

    def run(user):
        try:
            with gateway.connect(user) as connection:
                connection.execute(in_list(20_000))
        except psycopg.Error as error:
            failures.append(error)
    threads = [threading.Thread(target=run, args=("copilot",)) for _ in range(6)] + [threading.Thread(target=run, args=("ana",))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_by_parse_and_by_prepare(gateway):
    """The same statement in the extended protocol, and behind PREPARE, once and again."""
    sql = in_list(30_000)
    with Connection(gateway.port) as raw:
        raw.login("ana", gateway.token("ana"), "shop")
        for _ in range(2):
            answer = raw.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.execute() + pgwire.SYNC)
            assert len(pgwire.rows(answer)) == 1, answer
        assert not pgwire.errors(raw.ask(pgwire.query("PREPARE big AS " + sql)))
        assert len(pgwire.rows(raw.ask(pgwire.query("EXECUTE big")))) == 1
        assert len(pgwire.rows(raw.ask(pgwire.bind(name=b"big") + pgwire.execute() + pgwire.SYNC))) == 1
