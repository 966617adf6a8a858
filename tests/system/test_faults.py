"""What must hold when a disk is full, a process hangs or a clock jumps: nothing falls, and evidence says what was."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import threading
import time

import psycopg
import pytest

from conftest import wait_until
from promise import events, small_file_system


@contextlib.contextmanager
def filled(folder):
    """Nothing can be written there meanwhile."""
    with open(folder / "filler", "wb", buffering=0) as filler:
        with contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
    try:
        yield
    finally:
        (folder / "filler").unlink()


def refusal_of(connection, statement):
    """The error with which the statement is refused; None when it ran."""
    try:
        connection.execute(statement)
        return None
    except psycopg.Error as error:
        return str(error)


def long_statement(number):
    return f"SELECT {number} /* {'y' * 9000} */"


# ---- Sealed texts cannot be written: what closes never shares the fate of new work ----

def leave_by_terminate(connection):
    connection.close()


def leave_by_reset(connection):
    # closed by another owner of the descriptor, without a Terminate
    os.close(os.dup2(os.open("/dev/null", os.O_RDONLY), connection.fileno()))


def leave_after_refusal(connection):
    assert refusal_of(connection, "SELECT 7")
    connection.close()


@pytest.mark.parametrize("leave", [leave_by_terminate, leave_by_reset, leave_after_refusal])
def test_sessions_end_while_the_sealed_folder_is_full(make_gateway, leave):
    """An orderly end is in the log although no text can be sealed; then work goes on, and the log is good."""
    gateway = make_gateway(start=False)
    with small_file_system(gateway.folder / "sealed", "400k") as sealed:
        gateway.start()
        busy = gateway.connect("ana")
        busy.execute("SELECT 1")
        idle = gateway.connect("copilot")
        with filled(sealed):
            wait_until(lambda: refusal_of(busy, long_statement(2)), 10, "a refusal")
            with pytest.raises(psycopg.OperationalError, match="sealed texts cannot be written .No space left"):
                gateway.connect("bo")
            status = gateway.run("status", check=False)
            assert "sealed texts cannot be written (No space left on device)" in status.stdout
            leave(idle)
            wait_until(lambda: [event for event in events(gateway, "session_end")], 10, "the end of the session")
        wait_until(lambda: gateway.run("status").stdout.count("accepting"), 10, "the log to accept again")
        with gateway.connect("ana") as again:
            assert again.execute("SELECT 4").fetchone() == (4,)
        gateway.stop()
        assert gateway.verify(check=False).returncode == 0, gateway.verify(check=False).stdout
        gateway.start()
        gateway.stop()
        assert gateway.verify(check=False).returncode == 0


def test_a_statement_under_way_gets_its_outcome_while_the_sealed_folder_is_full(make_gateway):
    gateway = make_gateway(start=False)
    with small_file_system(gateway.folder / "sealed", "400k") as sealed:
        gateway.start()
        slow = gateway.connect("ana")
        other = gateway.connect("bo")
        result = []
        thread = threading.Thread(target=lambda: result.append(slow.execute("SELECT pg_sleep(2)").rowcount))
        thread.start()
        wait_until(lambda: events(gateway, "intent"), 10, "the intent")
        with filled(sealed):
            wait_until(lambda: refusal_of(other, long_statement(1)), 10, "a refusal")
            thread.join(20)
            assert result == [1]
            wait_until(lambda: [event for event in events(gateway, "outcome") if event["status"] == "ok"], 10, "the outcome")
        gateway.stop()
        assert gateway.verify(check=False).returncode == 0


def test_a_gateway_stops_while_the_sealed_folder_is_full(make_gateway):
    gateway = make_gateway(start=False)
    with small_file_system(gateway.folder / "sealed", "400k") as sealed:
        gateway.start()
        connection = gateway.connect("ana")
        with filled(sealed):
            wait_until(lambda: refusal_of(connection, long_statement(1)), 10, "a refusal")
            gateway.stop()
            verified = gateway.verify(check=False)
            assert verified.returncode == 0, verified.stdout


# ---- A keeper that hangs ----

@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_hung_keeper_is_said_and_refuses(make_gateway):
    """SIGSTOP stands for a disk that does not answer. Nobody waits for good, and all goes on when it answers."""
    gateway = make_gateway()
    connection = gateway.connect("ana")
    connection.execute("SELECT 1")
    with stopped(gateway.keeper_pid()):
        with pytest.raises(psycopg.Error, match="keeper does not answer"):
            connection.execute("SELECT 2")
        status = gateway.run("status", check=False)
        assert "the keeper does not answer" in status.stdout
        with pytest.raises(psycopg.OperationalError, match="keeper does not answer"):
            gateway.connect("ana")
        assert "the keeper has not answered for" in gateway.log.read_text()
    wait_until(lambda: "accepting" in gateway.run("status").stdout, 20, "the log to accept again")
    with gateway.connect("ana") as again:
        again.execute("SELECT 3")
    gateway.stop()
    assert gateway.verify(check=False).returncode == 0


@pytest.mark.parametrize("signals", [1, 2])
def test_a_hung_keeper_does_not_stop_the_stop(make_gateway, signals):
    """The drain's deadline overrides every wait (at once for the second signal); the next start closes what stayed open."""
    gateway = make_gateway()
    connection = gateway.connect("ana")
    connection.execute("SELECT 1")
    keeper = gateway.keeper_pid()
    with stopped(keeper):
        thread = threading.Thread(target=refusal_of, args=(connection, "SELECT 2"))
        thread.start()
        time.sleep(0.5)
        for _ in range(signals):
            gateway.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        gateway.process.wait(90)
        thread.join(10)
        assert not pathlib.Path(f"/proc/{keeper}").exists() or "Z" in pathlib.Path(f"/proc/{keeper}/stat").read_text()
    gateway.process = None
    gateway.start()
    gateway.stop()
    verified = gateway.verify(check=False)
    assert verified.returncode == 0, verified.stdout


# ---- The state database is locked by another process ----

def lock_state(gateway, how):
    database = sqlite3.connect(gateway.folder / "sworn.db", isolation_level=None)
    database.execute(how)
    return contextlib.closing(database)


@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_locked_state_database_delays_no_statement(make_gateway, how):
    """Neither what an open session does, nor its token check each second, nor a login waits for who writes there."""
    gateway = make_gateway()
    gateway.token("bo")
    sessions = [gateway.connect("ana") for _ in range(6)]
    with lock_state(gateway, how):
        with gateway.connect("bo") as fresh:  # whose use of its token is to be noted, by a writer that waits
            assert fresh.execute("SELECT 2").fetchone() == (2,)
        time.sleep(1.2)  # by now each session's token is looked up again
        for session in sessions:
            assert session.execute("SELECT 1").fetchone() == (1,)
        assert "cannot be noted" not in gateway.log.read_text(), "the writer waits still"
        wait_until(lambda: "cannot be noted" in gateway.log.read_text(), 20, "the writer to give up")


def test_a_token_that_is_revoked_while_writers_wait_is_out(make_gateway):
    gateway = make_gateway()
    session = gateway.connect("ana")
    session.execute("SELECT 1")
    tokens = json.loads(gateway.run("token", "list", "--json").stdout)
    for token in tokens if isinstance(tokens, list) else tokens["tokens"]:
        gateway.run("token", "revoke", str(token["id"]))
    with lock_state(gateway, "BEGIN IMMEDIATE"):
        time.sleep(1.2)
        with pytest.raises(psycopg.Error, match="revoked"):
            session.execute("SELECT 2")


# ---- A text is durable before the intent that commits to it ----

def test_sealed_texts_are_durable_before_their_statement_goes_on(make_gateway):
    """By the system calls of the gateway itself: each write of a payload is followed by fdatasync() before anything is sent."""
    gateway = make_gateway()
    trace = gateway.folder / "trace"
    with gateway.connect("ana") as connection:
        connection.execute("SELECT 0")
        tracer = subprocess.Popen(["strace", "-f", "-y", "-e", "trace=write,fdatasync,sendto,sendmsg,writev", "-o", str(trace),
                                   "-p", str(gateway.process.pid)], stderr=subprocess.PIPE, text=True)
        try:
            assert "attached" in tracer.stderr.readline()
            time.sleep(0.5)  # to the last of the threads
            for number in range(20):
                connection.execute(f"SELECT {number} AS traced")
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)
    lines = trace.read_text(errors="replace").splitlines()
    unsynced, writes = False, 0
    for line in lines:
        if ".payloads>" in line and "write" in line:
            unsynced, writes = True, writes + 1
        elif ".payloads>" in line and "fdatasync" in line:
            unsynced = False
        elif "traced" in line and ("TCP" in line or "socket" in line):
            assert not unsynced, line
    assert writes >= 20, lines[:20]
