"""HTTP/1.1 as curl and bare sockets speak it, direct to the stand-in and through sworn."""
import gzip
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest

from conftest import ALLOW_ALL, SWORN
from models import KEYS, Line, ModelGateway, Provider, has_protocol
from rawhttp import Closed, RawClient

LONG = "The quick brown fox jumps over the lazy dog. " * 50
CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "What is a proxy?"}]}


@pytest.fixture(scope="module", params=["direct", "sworn", "http"])
def opened(request):
    """Through sworn as a model API, and as any HTTP API under which everything is allowed."""
    protocol = {"sworn": "openai", "http": "http"}.get(request.param)
    if protocol and not has_protocol(protocol):
        pytest.skip(f"wire/protocols.def has no {protocol}: this sworn does not speak it")
    assert request.param == "direct" or SWORN.exists(), f"{SWORN} is not built"
    with Provider("openai", KEYS["openai"]) as fake, tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        gateway = None
        if protocol:
            policies = {"all.cedar": ALLOW_ALL} if protocol == "http" else None
            gateway = ModelGateway(folder, {"openai": fake}, policies=policies, protocol=protocol).start()
        try:
            yield Line("openai", request.param, None, fake, gateway)
        finally:
            if gateway:
                gateway.stop()


@pytest.fixture
def line(opened):
    opened.fake.reset()
    yield opened
    opened.check_requests()


@pytest.fixture
def client(line):
    made = RawClient(line.port)
    yield made
    made.close()


def headers(line, *more):
    return [("Authorization", f"Bearer {line.key}"), ("Content-Type", "application/json"), *more]


def head_of(line, method, target, *more):
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{line.port}"]
    return ("\r\n".join(lines + [f"{name}: {value}" for name, value in headers(line, *more)]) + "\r\n\r\n").encode()


def said(body):
    return json.loads(body)["choices"][0]["message"]["content"]


# ---- curl ----


class Curl:
    def __init__(self, line):
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        self.line = line

    def run(self, path, *arguments, body=None, check=True):
        command = ["curl", "-sS", "--http1.1", "--max-time", "30", "-H", f"Authorization: Bearer {self.line.key}",
                   "-H", "Content-Type: application/json", *arguments, f"http://127.0.0.1:{self.line.port}{path}"]
        if body is not None:
            command += ["--data-binary", "@-"]
        return subprocess.run(command, input=body, capture_output=True, check=check, timeout=60)


@pytest.fixture
def curl(line):
    return Curl(line)


def test_curl(line, curl):
    done = curl.run(CHAT, "-i", body=json.dumps(ASK).encode())
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"x-request-id" in head.lower()
    assert said(body) == "You said: What is a proxy?"


def test_curl_stream(line, curl):
    line.fake.script({"say": LONG})
    done = curl.run(CHAT, "-N", body=json.dumps({**ASK, "stream": True}).encode())
    events = [text[6:] for text in done.stdout.decode().split("\n\n") if text]
    assert events[-1] == "[DONE]"
    assert "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events[:-1]) == LONG


def test_curl_stream_is_not_held_back(line):
    """Each event goes on when it comes: the first is read before the second was sent."""
    line.fake.script({"say": "one.two.three.", "split": [4, 8], "delay_ms": 400})
    command = ["curl", "-sSN", "--max-time", "30", "-H", f"Authorization: Bearer {line.key}", "-H",
               "Content-Type: application/json", "-d", json.dumps({**ASK, "stream": True}),
               f"http://127.0.0.1:{line.port}{CHAT}"]
    times = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for read in process.stdout:
            if b'"content":' in read:
                times.append(time.monotonic())
    assert times[-1] - times[0] > 0.9


def test_curl_waits_for_100(line, curl):
    """curl asks first where a body is large; the answer must not have to wait for curl's own time-out of a second."""
    body = json.dumps({**ASK, "messages": [{"role": "user", "content": "x" * 3_000_000}]}).encode()
    started = time.monotonic()
    done = curl.run(CHAT, "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "20", body=body)
    assert time.monotonic() - started < 15
    assert b"HTTP/1.1 100" in done.stderr and len(said(done.stdout)) > 3_000_000


def test_curl_chunked_upload(line, curl):
    done = curl.run(CHAT, "-H", "Transfer-Encoding: chunked", "-H", "Expect:", body=json.dumps(ASK).encode())
    assert said(done.stdout) == "You said: What is a proxy?"


def test_curl_gzip(line, curl):
    line.fake.script({"say": LONG, "encoding": "gzip"})
    assert said(curl.run(CHAT, "--compressed", body=json.dumps(ASK).encode()).stdout) == LONG


def test_curl_keep_alive(line, curl):
    url = f"http://127.0.0.1:{line.port}/v1/models"
    done = curl.run("/v1/models", "-v", url, url)
    assert done.stdout.count(b'"object": "list"') == 3
    assert done.stderr.count(b"Re-using existing connection") == 2


def test_curl_head(line, curl):
    """What the provider does not know either is answered, with no body and no hanging connection."""
    done = curl.run("/v1/models", "-I", check=False)
    assert done.returncode == 0 and done.stdout.startswith(b"HTTP/1.1 ") and done.stdout.endswith(b"\r\n\r\n")


def test_curl_options(line, curl):
    done = curl.run("/v1/models", "-X", "OPTIONS", "-i", check=False)
    assert done.returncode == 0 and done.stdout.startswith(b"HTTP/1.1 ")


# ---- bare sockets ----


def test_keep_alive(line, client):
    for _ in range(20):
        reply = client.request("POST", CHAT, headers(line), json.dumps(ASK).encode())
        assert said(reply.body) == "You said: What is a proxy?"
        assert client.socket is not None
    assert len(line.fake.requests) == 20


def test_pipelining(line, client):
    """Sent at once, answered in order, streams between others."""
    data = b""
    for number in range(12):
        ask = {**ASK, "messages": [{"role": "user", "content": f"number {number}"}], "stream": number % 3 == 0}
        body = json.dumps(ask).encode()
        data += head_of(line, "POST", CHAT, ("Content-Length", len(body))) + body
    client.send(data)
    for number in range(12):
        reply = client.read()
        if number % 3:
            assert said(reply.body) == f"You said: number {number}"
        else:
            assert reply.body.endswith(b"data: [DONE]\n\n")


def test_byte_by_byte(line, client):
    body = json.dumps(ASK).encode()
    for byte in head_of(line, "POST", CHAT, ("Content-Length", len(body))) + body:
        client.send(bytes([byte]))
    assert said(client.read().body) == "You said: What is a proxy?"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_chunked_upload(line, client, size):
    body = json.dumps(ASK).encode()
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;note=1\r\n%b\r\n" % (len(part), part) for part in parts)
    client.send(head_of(line, "POST", CHAT, ("Transfer-Encoding", "chunked")) + chunks + b"0\r\nX-Trailer: 1\r\n\r\n")
    assert said(client.read().body) == "You said: What is a proxy?"
    assert client.request("GET", "/v1/models", headers(line)).status == 200


def test_expect_continue(line, client):
    body = json.dumps(ASK).encode()
    client.send(head_of(line, "POST", CHAT, ("Content-Length", len(body)), ("Expect", "100-continue")))
    end = client.until(b"\r\n\r\n")
    assert client.buffer[:end].startswith(b"HTTP/1.1 100")
    client.send(body)
    assert said(client.read().body) == "You said: What is a proxy?"


def test_connection_close(line, client):
    reply = client.request("GET", "/v1/models", headers(line, ("Connection", "close")))
    assert reply.status == 200
    with pytest.raises((Closed, ConnectionError)):
        client.end()


def test_half_closed_client_does_not_hang(line, client):
    """It gets its answer; or is taken for gone, since a closed socket looks the same, and hears the end at once."""
    client.send(head_of(line, "GET", "/v1/models"))
    client.socket.shutdown(socket.SHUT_WR)
    started = time.monotonic()
    try:
        assert client.read().status == 200
    except Closed as closed:
        assert not line.is_direct and closed.data == b""
    assert time.monotonic() - started < 5


def test_compressed_request(line, client):
    """The provider takes none; sworn refuses it, or passes on what it has read and inspected."""
    body = gzip.compress(json.dumps(ASK).encode())
    reply = client.request("POST", CHAT, headers(line, ("Content-Encoding", "gzip")), body)
    if line.is_direct or reply.status >= 400:
        assert 400 <= reply.status < 500
        return
    (request,) = line.fake.requests
    assert request.json() == ASK and request.header("content-encoding") is None


def test_answer_in_an_encoding_that_nobody_asked_for(line, client):
    """br cannot be read by sworn: the answer is refused, never passed; gzip is read in any case."""
    if line.is_direct:
        pytest.skip("the stand-in sends what it is told to")
    line.fake.script({"say": LONG, "encoding": "gzip", "is_forced": True})
    reply = client.request("POST", CHAT, headers(line), json.dumps(ASK).encode())
    assert reply.status >= 500 or said(reply.body) == LONG
    line.fake.script({"say": LONG, "encoding": "x-own", "is_forced": True})
    reply = client.request("POST", CHAT, headers(line), json.dumps(ASK).encode())
    assert reply.status >= 500 and b"quick brown" not in reply.wire


def test_trailers_of_the_answer(line, client):
    line.fake.script({"say": LONG, "framing": "chunked", "trailers": [["X-Checked", "yes"]]})
    assert said(client.request("POST", CHAT, headers(line), json.dumps(ASK).encode()).body) == LONG
    assert client.request("GET", "/v1/models", headers(line)).status == 200


GARBAGE = ["garbage\r\n\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{{{"]


@pytest.mark.parametrize("raw", GARBAGE, ids=range(len(GARBAGE)))
def test_provider_that_sends_garbage(line, client, raw):
    if line.is_direct:
        pytest.skip("there is nobody between")
    line.fake.script({"raw": raw})
    reply = client.request("POST", CHAT, headers(line), json.dumps(ASK).encode())
    # a whole answer that is no JSON passes where all is revealed and the API may be any
    is_whole = raw.endswith("{{{") and line.mode == "http"
    assert reply.status == 200 and reply.body == b"{{{" if is_whole else reply.status in (422, 500, 502, 503)
    assert is_whole or json.loads(reply.body)
    assert client.request("GET", "/v1/models", headers(line)).status == 200


def test_connection_serves_on_after_a_stream_that_broke_off(line, client):
    """The client was told in the stream's own words; it takes the connection for one that is kept alive."""
    if line.mode != "sworn":
        pytest.skip("only who knows the API has words for it")
    line.fake.script({"say": LONG, "cut": 700})
    reply = client.request("POST", CHAT, headers(line), json.dumps({**ASK, "stream": True}).encode())
    assert reply.status == 200 and b'"error"' in reply.body and reply.header("connection") is None
    time.sleep(0.2)
    connection = client.socket
    assert client.request("GET", "/v1/models", headers(line)).status == 200 and client.socket is connection


def test_client_that_goes_cancels_upstream(line, client):
    line.fake.script({"say": LONG, "delay_ms": 20, "split": 3})
    body = json.dumps({**ASK, "stream": True}).encode()
    client.send(head_of(line, "POST", CHAT, ("Content-Length", len(body))) + body)
    client.until(b'"content":"T')
    client.close()
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted], 5)


def test_slow_reader(line, client):
    """A client that does not read holds the provider back; nothing is lost."""
    text = LONG * 2000
    line.fake.script({"say": text, "split": 2000})
    body = json.dumps({**ASK, "stream": True, "stream_options": {"include_obfuscation": False}}).encode()
    client.send(head_of(line, "POST", CHAT, ("Content-Length", len(body))) + body)
    time.sleep(1)
    reply = client.read()
    events = [event[6:] for event in reply.body.decode().split("\n\n") if event]
    assert "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events[:-1]) == text


def test_many_streams_at_once(line):
    line.fake.script({"say": LONG[:200], "delay_ms": 10, "split": 10}, times=40)
    results = []

    def stream():
        made = RawClient(line.port)
        reply = made.request("POST", CHAT, headers(line), json.dumps({**ASK, "stream": True}).encode())
        results.append(reply.body.endswith(b"data: [DONE]\n\n"))
        made.close()

    threads = [threading.Thread(target=stream) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [True] * 40


# ---- what sworn adds ----


def test_receipt_of_each_answer(line, client):
    if line.is_direct:
        pytest.skip("the provider knows nothing of it")
    reply = client.request("POST", CHAT, headers(line), json.dumps(ASK).encode())
    assert reply.header("sworn-receipt")


def test_no_token_no_request(line, client):
    for given in ([], [("Authorization", "Bearer nonsense")], [("Authorization", "Basic abc")]):
        reply = client.request("POST", CHAT, [*given, ("Content-Type", "application/json")], json.dumps(ASK).encode())
        assert reply.status == 401 and json.loads(reply.body)
    assert line.is_direct or line.fake.take() == []
    line.fake.take()
