"""No evidence, no action, over HTTP: the gateway and the keeper are killed, and their disk fails, under load."""
import contextlib
import itertools
import json
import os
import random
import re
import signal
import threading
import time

import pytest

from api import PULL, Client, api, detail, json_answer, make_api_gateway, stream_answer  # noqa: F401
from conftest import wait_until
from promise import events
from rawhttp import Closed
from test_promises import FAULT, KILLS, STEPS, fill, small_disk, wait_for_end  # noqa: F401

COMMENTS = "/repos/acme/web/issues/7/comments"
MARK = re.compile(r"mark:(\w+)")
MANY = 40


class Load:
    """Clients that post marked comments, each answered in pieces, until their connection or the test ends them."""

    numbers = itertools.count()

    def __init__(self, gateway, clients=4):
        self.gateway, self.is_over = gateway, False
        self.done, self.refused, self.failures = [], [], []
        self.threads = [threading.Thread(target=self.work) for _ in range(clients)]
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

    def work(self):
        try:
            with Client(self.gateway) as client:
                while not self.is_over:
                    self.one(client)
        except (OSError, Closed) as error:
            self.failures.append(error)

    def one(self, client):
        mark = f"m{next(self.numbers)}"
        reply = client.post(COMMENTS, {"body": f"mark:{mark}"})
        (self.done if reply.status == 200 else self.refused).append(mark)


def echo(request):
    """The mark, in pieces, so that there is an end to be held back."""
    return stream_answer([b"seen ", request.body, b" end"])


@pytest.fixture
def marks(api):
    api.script = echo
    return api


def marks_seen(api):
    """What reached the API, in order."""
    return [MARK.search(request.body.decode())[1] for request in api.requests if b"mark:" in request.body]


def check_promises(gateway, api, done=()):
    """After a crash, a restart and a stop: evidence and what the API itself saw agree, and the evidence is whole."""
    sessions, allowed, outcomes = {}, [], {}
    for event in events(gateway):
        sessions.setdefault(event["session"], []).append(event["seq"])
        if event["type"] == "intent" and event["verdict"] == "allow":
            allowed.append(event["action"])
        if event["type"] == "outcome":
            outcomes.setdefault(event["action"], []).append(event["status"])
    for session, numbers in sessions.items():
        assert numbers == list(range(len(numbers))), f"session {session} has gaps: {numbers}"
    for action in allowed:
        assert len(outcomes.get(action, [])) == 1, f"{action} has outcomes {outcomes.get(action)}"
    seen = marks_seen(api)
    assert len(set(seen)) == len(seen), "a request was sent twice"
    recorded = {}
    for action in allowed[-MANY:]:
        found = MARK.search(gateway.run("audit", "show", action).stdout)
        recorded[found[1] if found else None] = outcomes[action][0]
    # The last that the API saw are among the last that were recorded.
    for mark in seen[-MANY // 4:]:
        assert mark in recorded, f"{mark} reached the API and has no intent"
    assert len(seen) <= len(allowed)
    # A client that has its end has an outcome that says so.
    for mark in done:
        assert recorded.get(mark, "ok") == "ok", f"{mark} was answered to its end and its outcome is {recorded[mark]}"
    verified = gateway.verify(check=False)
    assert verified.returncode == 0, verified.stdout
    return len(seen)


def settle(gateway, api, done=()):
    """Restarts on the same folders, ends in order, and checks everything."""
    gateway.environment.pop(FAULT, None)
    gateway.start()
    with Client(gateway) as client:
        assert client.get(PULL).status == 200
    gateway.stop()
    return check_promises(gateway, api, done)


@pytest.mark.parametrize("number", range(KILLS))
def test_gateway_killed_under_load(make_api_gateway, marks, number):
    gateway = make_api_gateway()
    with Load(gateway) as load:
        wait_until(lambda: load.done, 20, "the load to begin")
        time.sleep(random.uniform(0.05, 0.6))
        gateway.process.kill()
        wait_for_end(gateway)
    assert load.failures, "the clients did not notice"
    assert settle(gateway, marks, load.done) >= len(load.done)


@pytest.mark.parametrize("number", range(KILLS))
def test_keeper_killed_under_load(make_api_gateway, marks, number):
    gateway = make_api_gateway()
    with Load(gateway) as load:
        wait_until(lambda: load.done, 20, "the load to begin")
        time.sleep(random.uniform(0.05, 0.6))
        os.kill(gateway.keeper_pid(), signal.SIGKILL)
        assert wait_for_end(gateway) == 1
    assert "the keeper has stopped" in gateway.log.read_text()
    settle(gateway, marks, load.done)


@pytest.mark.parametrize("step", STEPS)
def test_keeper_killed_at_each_step(make_api_gateway, marks, step):
    gateway = make_api_gateway(environment={FAULT: f"crash:at={step},after={random.randint(3, 9)}"})
    with Load(gateway, clients=3) as load:
        assert wait_for_end(gateway) == 1
    settle(gateway, marks, load.done)


# ---- Bytes wait for evidence ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def stopped(pid):
    """The keeper does not come to write."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("size", [10, 300_000])
def test_no_byte_of_a_request_leaves_before_its_intent_is_durable(make_api_gateway, marks, size):
    gateway = make_api_gateway()
    with Client(gateway) as client:
        assert client.get(PULL).status == 200  # logged in, and with a connection to the API
        body = json.dumps({"body": "mark:held " + "x" * size}).encode()
        before = marks.received
        with stopped(gateway.keeper_pid()):
            client.send(client.head_of("POST", COMMENTS, [("Content-Type", "application/json"),
                                                         ("Content-Length", str(len(body)))]) + body)
            time.sleep(0.5)
            assert marks.received == before and not marks_seen(marks)
        assert client.read().status == 200
    assert marks_seen(marks) == ["held"]
    gateway.stop()
    check_promises(gateway, marks)


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
def test_end_of_an_answer_waits_for_its_outcome(make_api_gateway, marks, kind):
    gateway = make_api_gateway()
    go_on = threading.Event()

    def pieces():
        yield b'["begun",'
        assert go_on.wait(20)
        yield b'"over"]'

    marks.script = lambda request: stream_answer(pieces(), kind)
    with Client(gateway) as client:
        client.send(client.head_of("GET", PULL))
        marks.wait(lambda requests: requests)
        client.until(b'["begun",')  # it is revealed: it streams
        with stopped(gateway.keeper_pid()):
            go_on.set()
            client.socket.settimeout(0.6)
            with pytest.raises(TimeoutError):
                client.until(b"0\r\n\r\n")
        client.socket.settimeout(20)
        assert client.read().body == b'["begun","over"]'
    gateway.stop()
    check_promises(gateway, marks)


def test_whole_answer_waits_for_its_outcome(make_api_gateway, api):
    policy = '@id("do") permit (principal, action, resource) unless { action == Sworn::Action::"reveal" };'
    gateway = make_api_gateway(policies={"do.cedar": policy})
    go_on = threading.Event()

    def late(_):
        assert go_on.wait(20)
        return json_answer({"done": True})

    api.script = late
    with Client(gateway) as client:
        client.send(client.head_of("GET", PULL))
        api.wait(lambda requests: requests)
        with stopped(gateway.keeper_pid()):
            go_on.set()
            client.socket.settimeout(0.6)
            with pytest.raises(TimeoutError):
                client.fill()
        client.socket.settimeout(20)
        assert client.read().status == 200


def test_denial_waits_for_its_evidence(make_api_gateway, api):
    gateway = make_api_gateway(policies={"reads.cedar": """
@id("reads") permit (principal, action == Sworn::Action::"github:get_pull_request", resource);"""})
    with Client(gateway) as client:
        assert client.get(PULL).status == 200
        with stopped(gateway.keeper_pid()):
            client.send(client.head_of("DELETE", PULL))
            client.socket.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.fill()
        client.socket.settimeout(20)
        assert client.read().status == 403


def test_intents_without_outcome_are_closed_at_the_next_start(make_api_gateway, marks):
    gateway = make_api_gateway()
    marks.script = json_answer({}, silent=True)
    clients = [Client(gateway) for _ in range(5)]
    for number, client in enumerate(clients):
        client.send(client.head_of("GET", f"/repos/acme/web/pulls/{number}"))
    marks.wait(lambda requests: len(requests) == 5)
    time.sleep(0.5)  # a checkpoint
    gateway.process.kill()
    wait_for_end(gateway)
    for client in clients:
        assert client.rest() == b""
        client.close()
    marks.script = echo
    settle(gateway, marks)
    statuses = [event["status"] for event in events(gateway, "outcome")]
    assert statuses.count("interrupted") == 5


# ---- The disk -------------------------------------------------------------------------------------------------------


def refused(client, mark):
    reply = client.post(COMMENTS, {"body": f"mark:{mark}"})
    assert reply.status in (200, 503), reply.wire
    return reply if reply.status == 503 else None


@pytest.mark.parametrize("fault, reason", [("enospc", "No space left on device"), ("erofs", "Read-only file system")])
def test_no_space_refuses_and_recovers(make_api_gateway, marks, tmp_path, fault, reason):
    full = tmp_path / "full"
    gateway = make_api_gateway(environment={FAULT: f"{fault}:while={full}"})
    with Client(gateway) as client:
        assert not refused(client, "before")
        full.touch()
        wait_until(lambda: refused(client, f"probe{time.monotonic_ns()}"), 10, "refusals")
        marks.take()
        for number in range(20):
            reply = refused(client, f"refused{number}")
            assert reason in detail(reply) and "nothing is let through" in detail(reply)
        assert marks.take() == []
        with Client(gateway) as other:  # a login is not let through either
            reply = other.get(PULL)
            assert reply.status == 503 and "evidence log cannot be written" in detail(reply)
        assert reason in gateway.run("status").stdout
        full.unlink()
        wait_until(lambda: not refused(client, f"after{time.monotonic_ns()}"), 10, "recovery")
    assert not [mark for mark in marks_seen(marks) if mark.startswith("refused")]
    gateway.stop()
    check_promises(gateway, marks)


def test_fsync_error_stops_the_gateway_for_good(make_api_gateway, marks):
    gateway = make_api_gateway(environment={FAULT: "fsync:after=60"})
    with Load(gateway, clients=3) as load:
        assert wait_for_end(gateway) == 1
    log = gateway.log.read_text()
    assert "Input/output error" in log and "the gateway stops too" in log
    settle(gateway, marks, load.done)


def test_real_full_disk(make_api_gateway, marks, small_disk):
    gateway = make_api_gateway(start=False)
    text = gateway.config.read_text().replace("directory: evidence,", f"directory: {small_disk}/evidence, "
                                              f"sealed: {small_disk}/sealed, ")
    gateway.config.write_text(text)
    gateway.evidence = small_disk / "evidence"
    gateway.start()
    with Client(gateway) as client:
        assert not refused(client, "before")
        fill(small_disk)
        wait_until(lambda: refused(client, f"probe{time.monotonic_ns()}"), 20, "refusals")
        marks.take()
        for number in range(20):
            assert refused(client, f"refused{number}")
        assert marks.take() == []
        (small_disk / "filler").unlink()
        wait_until(lambda: not refused(client, f"after{time.monotonic_ns()}"), 20, "recovery")
    gateway.stop()
    check_promises(gateway, marks)


def test_keeper_that_stops_in_the_midst_of_an_answer(make_api_gateway, marks):
    """The end never comes, and the client can tell."""
    gateway = make_api_gateway()
    go_on = threading.Event()

    def pieces():
        yield b"begun "
        assert go_on.wait(20)
        yield b"over"

    marks.script = lambda request: stream_answer(pieces(), "text/event-stream")
    with Client(gateway) as client:
        client.send(client.head_of("GET", PULL))
        client.until(b"begun ")
        os.kill(gateway.keeper_pid(), signal.SIGKILL)
        wait_for_end(gateway)
        go_on.set()
        assert b"0\r\n\r\n" not in client.rest()
    marks.script = echo
    settle(gateway, marks)
    assert [event["status"] for event in events(gateway, "outcome")][0] == "interrupted"


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_end_is_withheld_when_the_keeper_dies_over_its_outcome(make_api_gateway, marks, kind):
    """The farewell of a session must not flush what waited for evidence that never came."""
    policy = '@id("do") permit (principal, action, resource) unless { action == Sworn::Action::"reveal" };'
    gateway = make_api_gateway(policies={"do.cedar": policy})
    go_on = threading.Event()

    def pieces():
        yield b'["begun, with words enough to be let go of before the end comes", '
        assert go_on.wait(20)
        yield b'"over"]'

    marks.script = lambda request: stream_answer(pieces(), kind)
    with Client(gateway) as client:
        client.send(client.head_of("GET", PULL))
        marks.wait(lambda requests: requests)
        keeper = gateway.keeper_pid()
        os.kill(keeper, signal.SIGSTOP)
        go_on.set()
        time.sleep(0.4)  # the answer is complete, and waits
        os.kill(keeper, signal.SIGKILL)
        data = client.rest()
        wait_for_end(gateway)
    assert not data.endswith((b"0\r\n\r\n", b'"over"]')), data
    marks.script = echo
    settle(gateway, marks)
    assert [event["status"] for event in events(gateway, "outcome")][0] == "interrupted"
