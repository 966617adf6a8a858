"""What the tests of sworn's promises share: load, the server's own log, and evidence read from its files."""
import contextlib
import itertools
import os
import re
import subprocess
import threading

import psycopg
import pytest

from conftest import wait_until

STATEMENT = re.compile(r"sworn:([0-9a-f]{16}) LOG:  (?:statement|execute [^:]*): (.*)$")
MARKER = re.compile(r"mark:(\w+)")


def events(gateway, kind=None):
    """The entries of the published log, or those of one type, each with its event's members at the top."""
    found = []
    for entry in gateway.entries():
        if kind in (None, entry["event"]["type"]):
            found.append({**entry["event"], "seq": entry["seq"], "session": entry["session"], "time": entry["time"]})
    return found


def wait_for_event(gateway, kind, matches=lambda event: True, timeout_s=10):
    return wait_until(lambda: [event for event in events(gateway, kind) if matches(event)], timeout_s, f"a {kind} entry")


def events_of(gateway, action):
    gateway.await_publication()
    return [event for event in events(gateway) if event.get("action") == action]


def text_of(gateway, action):
    """The sealed text of an action, as `sworn audit show` opens it."""
    shown = gateway.run("audit", "show", action).stdout
    return shown.split("text, as committed to:\n    ", 1)[1].split("\n\n", 1)[0]


class ServerLog:
    """What PostgreSQL itself says it ran since the object was made: marked statements by session, in order."""

    def __init__(self, postgres):
        self.postgres = postgres
        self.offset = postgres.log.stat().st_size

    def text(self):
        with open(self.postgres.log, "rb") as log:
            log.seek(self.offset)
            return log.read().decode(errors="replace")

    def statements(self):
        ran = {}
        for line in self.text().splitlines():
            found = STATEMENT.search(line)
            if found and "mark:" in found[2]:
                ran.setdefault(found[1], []).append(found[2])
        return ran


class Load:
    """Clients that run marked INSERTs and SELECTs until their connection or the test ends them."""

    numbers = itertools.count()

    def __init__(self, gateway, clients=4):
        self.gateway = gateway
        self.is_over = False
        self.done = []  # markers whose answers arrived
        self.refusals = []
        self.threads = [threading.Thread(target=self.work, args=(client,)) for client in range(clients)]
        gateway.token("ana")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client hangs"

    def work(self, client):
        try:
            with self.gateway.connect(connect_timeout=10, prepare_threshold=None) as connection:
                while not self.is_over:
                    self.one(connection, client)
        except psycopg.Error as error:
            self.refusals.append(str(error))

    def one(self, connection, client):
        marker = f"m{next(self.numbers)}"
        if client % 2 == 0:
            connection.execute(f"INSERT INTO marks VALUES ('mark:{marker}')")
        else:
            connection.execute(f"SELECT %s::int /* mark:{marker} */", (client,))
        self.done.append(marker)


def check_promises(gateway, server_log):
    """After a crash, a restart and a stop: evidence and the server's own log agree, and the evidence is whole."""
    sessions = {}
    intents = {}
    outcomes = {}
    for event in events(gateway):
        sessions.setdefault(event["session"], []).append(event["seq"])
        if event["type"] == "intent" and event["verdict"] == "allow":
            intents.setdefault(event["session"], []).append(event["action"])
        if event["type"] == "outcome":
            outcomes[event["action"]] = outcomes.get(event["action"], 0) + 1
    for session, numbers in sessions.items():
        assert numbers == list(range(len(numbers))), f"session {session} has gaps: {numbers}"
    for session, actions in intents.items():
        for action in actions:
            assert outcomes.get(action) == 1, f"{action} has {outcomes.get(action, 0)} outcomes"
    ran_count = 0
    for session, ran in server_log.statements().items():
        recorded = intents.get(session, [])
        # A client waits for each answer, so its n-th statement can only be its n-th intent.
        assert len(ran) <= len(recorded) <= len(ran) + 1, f"session {session} ran {len(ran)} of {len(recorded)} intents"
        assert MARKER.search(text_of(gateway, recorded[len(ran) - 1]))[1] == MARKER.search(ran[-1])[1]
        ran_count += len(ran)
    verified = gateway.verify(check=False)
    assert verified.returncode == 0, verified.stdout
    return ran_count


class Held:
    """A statement that waits for approval, on a client of its own."""

    def __init__(self, gateway, sql, user="copilot", connect=None):
        known = {row["id"] for row in gateway.pending()}
        self.error = None
        self.rows = None
        self.connection = connect or gateway.connect(user)
        self.sql = sql
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        self.row = wait_until(lambda: self.find(gateway, known), 10, f"{sql} to be held: {self.error}")
        self.id = self.row["id"]
        self.action = self.row["action"]

    def find(self, gateway, known):
        assert self.error is None, self.error
        new = [row for row in gateway.pending() if row["id"] not in known]
        return new[0] if new else None

    def run(self):
        try:
            cursor = self.connection.execute(self.sql)
            self.rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            self.error = error

    def finish(self, timeout_s=20):
        self.thread.join(timeout_s)
        assert not self.thread.is_alive(), "the held statement did not end"
        return self

    def close(self):
        self.connection.close()
        self.finish()


@contextlib.contextmanager
def small_file_system(folder, size):
    """A tmpfs of that size at the folder."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=False,
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
