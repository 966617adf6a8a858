"""No evidence, no action; fail closed: the gateway and the keeper are killed, and their disk fails, under load."""
import json
import os
import random
import signal
import subprocess
import time

import psycopg
import pytest

from conftest import wait_until
from promise import Load, ServerLog, check_promises, events, small_file_system
from test_runtime import run_aside

IS_LONG = os.environ.get("SWORN_LONG") == "1"
KILLS = 30 if IS_LONG else 3
STEPS = ["after-ring-take", "after-wal-write", "after-fdatasync", "after-result", "tile-temp", "tile-rename",
         "state-write", "checkpoint-rename"]
FAULT = "SWORN_TEST_FAULT"


@pytest.fixture(scope="module")
def marks(cluster):
    """A database of its own with a table for marks."""
    cluster.create_database("marks", "CREATE TABLE marks (mark text);")
    return cluster


def wait_for_end(gateway, timeout_s=40):
    status = gateway.process.wait(timeout_s)
    gateway.process = None
    return status


def settle(gateway, server_log):
    """Restarts on the same folders, ends in order, and checks everything."""
    gateway.environment.pop(FAULT, None)
    gateway.start()
    with gateway.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    gateway.stop()
    return check_promises(gateway, server_log)


@pytest.mark.parametrize("number", range(KILLS))
def test_gateway_killed_under_load(make_gateway, marks, number):
    gateway = make_gateway(database="marks")
    server_log = ServerLog(marks)
    with Load(gateway) as load:
        wait_until(lambda: load.done, 20, "the load to begin")
        time.sleep(random.uniform(0.05, 0.6))
        gateway.process.kill()
        wait_for_end(gateway)
    assert load.refusals, "the clients did not notice"
    ran = settle(gateway, server_log)
    assert ran >= len(load.done), "an answer was released for a statement that the server does not know"


@pytest.mark.parametrize("number", range(KILLS))
def test_keeper_killed_under_load(make_gateway, marks, number):
    gateway = make_gateway(database="marks")
    server_log = ServerLog(marks)
    with Load(gateway) as load:
        wait_until(lambda: load.done, 20, "the load to begin")
        time.sleep(random.uniform(0.05, 0.6))
        os.kill(gateway.keeper_pid(), signal.SIGKILL)
        assert wait_for_end(gateway) == 1
    assert "the keeper has stopped" in gateway.log.read_text()
    assert load.refusals
    settle(gateway, server_log)


def test_end_is_withheld_when_the_keeper_dies_over_its_outcome(make_gateway, marks):
    """The farewell of a session must not flush what waited for evidence that never came."""
    gateway = make_gateway(database="marks")
    with gateway.connect() as connection:
        keeper = gateway.keeper_pid()
        thread, result = run_aside(connection, "SELECT 'complete' FROM pg_sleep(0.5)")
        wait_until(lambda: json.loads(gateway.run("status").stdout)["in_flight"] == 1, 10, "the statement in flight")
        os.kill(keeper, signal.SIGSTOP)
        time.sleep(1)  # the answer is complete, and waits
        os.kill(keeper, signal.SIGKILL)
        thread.join(20)
        wait_for_end(gateway)
    assert "rows" not in result and isinstance(result["error"], psycopg.Error)


@pytest.mark.parametrize("step", STEPS)
def test_keeper_killed_at_each_step(make_gateway, marks, step):
    gateway = make_gateway(database="marks", environment={FAULT: f"crash:at={step},after={random.randint(3, 9)}"})
    server_log = ServerLog(marks)
    with Load(gateway, clients=3) as load:
        assert wait_for_end(gateway) == 1
    assert load.refusals
    assert gateway.log.read_text().count("the keeper has stopped") >= 1
    settle(gateway, server_log)


def test_gateway_restarts_at_once_beside_a_keeper_that_is_still_finishing(make_gateway, marks):
    gateway = make_gateway(database="marks")
    keeper = gateway.keeper_pid()
    os.kill(keeper, signal.SIGSTOP)  # it is slow to notice
    try:
        gateway.process.kill()
        wait_for_end(gateway)
        gateway.start(wait=False)
        time.sleep(0.5)
        assert gateway.process.poll() is None, gateway.log.read_text()
    finally:
        os.kill(keeper, signal.SIGCONT)
    wait_until(gateway.is_ready, 20, "the gateway that waited")
    assert "waits" in gateway.log.read_text()
    gateway.stop()
    check_promises(gateway, ServerLog(marks))


def test_second_gateway_on_the_same_folders_is_refused(make_gateway, marks):
    gateway = make_gateway(database="marks")
    second = subprocess.run([str(gateway_binary()), "gateway", "--config", str(gateway.config)], text=True,
                            capture_output=True, timeout=60, check=False)
    assert second.returncode == 1
    assert "in use" in second.stderr
    with gateway.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def gateway_binary():
    from conftest import SWORN
    return SWORN


def test_stop_at_each_moment_of_the_start_leaves_good_evidence(make_gateway, marks):
    gateway = make_gateway(database="marks")
    gateway.stop()
    for _ in range(20 if IS_LONG else 5):
        gateway.start(wait=False)
        time.sleep(random.uniform(0.0, 0.15))
        gateway.process.kill()
        wait_for_end(gateway)
    settle(gateway, ServerLog(marks))


# ---- The disk ------------------------------------------------------------------------------------------------------


def refused(connection, marker):
    """Runs a marked statement; True when it was refused because there is no evidence."""
    try:
        connection.execute(f"INSERT INTO marks VALUES ('mark:{marker}')")
        return False
    except psycopg.Error as error:
        assert "evidence" in str(error), error
        return True


@pytest.mark.parametrize("fault, reason", [("enospc", "No space left on device"), ("erofs", "Read-only file system")])
def test_no_space_refuses_and_recovers(make_gateway, marks, tmp_path, fault, reason):
    full = tmp_path / "full"
    gateway = make_gateway(database="marks", environment={FAULT: f"{fault}:while={full}"})
    server_log = ServerLog(marks)
    with gateway.connect() as connection:
        connection.execute("SELECT 1 /* mark:before */")
        full.touch()
        # What is recorded until the keeper next needs space still has its place, and is let through with its evidence.
        wait_until(lambda: refused(connection, "probe"), 10, "refusals")
        for number in range(20):
            with pytest.raises(psycopg.Error) as error:
                connection.execute(f"INSERT INTO marks VALUES ('mark:refused{number}')")
            assert reason in str(error.value) and "nothing is let through" in str(error.value)
            assert error.value.sqlstate
        with pytest.raises(psycopg.OperationalError, match="evidence log cannot be written"):
            gateway.connect()
        assert reason in gateway.run("status").stdout
        full.unlink()
        wait_until(lambda: not refused(connection, "after"), 10, "recovery")
    assert "mark:refused" not in server_log.text()
    assert "mark:after" in server_log.text()
    gateway.stop()
    check_log(gateway, server_log)


def check_log(gateway, server_log):
    """Each statement that ran has its intent; sessions may have intents that the server never saw."""
    intents = {}
    for event in events(gateway, "intent"):
        if event["verdict"] == "allow":
            intents[event["session"]] = intents.get(event["session"], 0) + 1
    for session, ran in server_log.statements().items():
        assert len(ran) <= intents.get(session, 0)
    verified = gateway.verify(check=False)
    assert verified.returncode == 0, verified.stdout


def test_a_refusal_for_a_full_disk_fails_the_transaction(make_gateway, marks, tmp_path):
    """A refusal is an error like any other: half a transaction is not committed. The session lives on."""
    full = tmp_path / "full"
    gateway = make_gateway(database="marks", environment={FAULT: f"enospc:while={full}"})
    with gateway.connect(autocommit=False) as connection:
        connection.execute("INSERT INTO marks VALUES ('mark:kept')")
        full.touch()
        wait_until(lambda: refused(connection, "probe"), 10, "refusals")
        full.unlink()
        wait_until(lambda: "accepting" in gateway.run("status").stdout, 10, "recovery")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        connection.execute("INSERT INTO marks VALUES ('mark:later')")
        connection.commit()
    with marks.connect("marks") as direct:
        assert direct.execute("SELECT count(*) FROM marks WHERE mark = 'mark:kept'").fetchone() == (0,)
        assert direct.execute("SELECT count(*) FROM marks WHERE mark = 'mark:later'").fetchone() == (1,)


def test_fsync_error_stops_the_gateway_for_good(make_gateway, marks):
    gateway = make_gateway(database="marks", environment={FAULT: "fsync:after=60"})
    server_log = ServerLog(marks)
    with Load(gateway, clients=3) as load:
        assert wait_for_end(gateway) == 1
    log = gateway.log.read_text()
    assert "Input/output error" in log and "the keeper stops here" in log and "the gateway stops too" in log
    assert load.refusals
    settle(gateway, server_log)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, small enough to be filled."""
    with small_file_system(tmp_path / "disk", "512m") as folder:
        yield folder


def fill(folder):
    with open(folder / "filler", "wb") as filler:
        try:
            while True:
                filler.write(b"\0" * 65536)
                filler.flush()
        except OSError:
            return


def test_real_full_disk(make_gateway, marks, small_disk):
    config = f"""
"""
    gateway = make_gateway(database="marks", start=False, config=config)
    text = gateway.config.read_text().replace("directory: evidence,", f"directory: {small_disk}/evidence, "
                                              f"sealed: {small_disk}/sealed, ")
    gateway.config.write_text(text)
    gateway.evidence = small_disk / "evidence"
    gateway.start()
    server_log = ServerLog(marks)
    with gateway.connect() as connection:
        connection.execute("SELECT 1 /* mark:before */")
        fill(small_disk)
        wait_until(lambda: refused(connection, "probe"), 20, "refusals")
        for number in range(20):
            with pytest.raises(psycopg.Error):
                connection.execute(f"INSERT INTO marks VALUES ('mark:refused{number}')")
        assert "mark:refused" not in server_log.text()
        (small_disk / "filler").unlink()
        wait_until(lambda: works(gateway), 20, "recovery")
    gateway.stop()
    check_log(gateway, server_log)


def works(gateway):
    try:
        with gateway.connect() as connection:
            return connection.execute("INSERT INTO marks VALUES ('mark:works')").rowcount == 1
    except psycopg.Error:
        return False
