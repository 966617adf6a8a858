"""The client or the upstream leaves in the midst of a model's answer: at every event and every byte of streams in which a
tool call has finished and the end is yet to come. The gateway lives, and what it records of the answer are words of that
answer, not of memory that is somebody else's by then.

Freed memory is filled with a pattern (MALLOC_PERTURB_), so that a build without sanitizers fails, too. `./dev test-long`
runs this with AddressSanitizer, and takes every byte.
"""
import concurrent.futures
import contextlib
import json
import os
import socket
import struct
import tempfile
import threading

import pytest

from conftest import free_port
from models import ModelGateway, has_protocol
from promise import events

IS_LONG = os.environ.get("SWORN_LONG") == "1"
POLICY = '@id("models") permit (principal, action in Sworn::Action::"llm", resource);'
MODEL, TOOL, REASON = "model-of-the-test", "refund_of_the_test", {"tool_calls", "tool_use", "end_turn", "stop", "completed"}
WAIT_S = 20

pytestmark = pytest.mark.skipif(not has_protocol("openai"), reason="wire/protocols.def has no openai")


def sent(*documents):
    return [f"event: {document['type']}\ndata: {json.dumps(document)}\n\n" if "type" in document else
            f"data: {json.dumps(document)}\n\n" for document in documents]


def chat():
    def chunk(delta, reason=None):
        return {"id": "x", "object": "chat.completion.chunk", "model": MODEL,
                "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": TOOL, "arguments": '{"to":"a"}'}}
    return sent(chunk({"role": "assistant", "content": "Hello "}), chunk({"tool_calls": [call]}), chunk({}, "tool_calls"),
                {"id": "x", "object": "chat.completion.chunk", "model": MODEL, "choices": [],
                 "usage": {"prompt_tokens": 7, "completion_tokens": 8}}) + ["data: [DONE]\n\n"]


def messages():
    block = {"type": "tool_use", "id": "t", "name": TOOL, "input": {}}
    return sent({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": MODEL,
                                                      "content": [], "usage": {"input_tokens": 7, "output_tokens": 1}}},
                {"type": "content_block_start", "index": 0, "content_block": block},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 8}},
                {"type": "message_stop"})


def responses():
    item = {"type": "function_call", "id": "f", "call_id": "c", "name": TOOL, "arguments": "{}", "status": "completed"}
    response = {"id": "resp_1", "object": "response", "model": MODEL, "status": "in_progress", "output": []}
    return sent({"type": "response.created", "sequence_number": 0, "response": response},
                {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": {**item, "arguments": ""}},
                {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": item},
                {"type": "response.completed", "sequence_number": 3,
                 "response": {**response, "status": "completed", "output": [item],
                              "usage": {"input_tokens": 7, "output_tokens": 8}}})


EXCHANGES = {"chat": ("openai", "/v1/chat/completions", chat()), "messages": ("anthropic", "/v1/messages", messages()),
             "responses": ("openai", "/v1/responses", responses())}
BODY = {"model": MODEL, "max_tokens": 9, "stream": True, "input": "x", "messages": [{"role": "user", "content": "x"}]}
REQUESTS = {"chat": {name: BODY[name] for name in ("model", "stream", "messages")},
            "messages": {name: BODY[name] for name in ("model", "max_tokens", "stream", "messages")},
            "responses": {name: BODY[name] for name in ("model", "stream", "input")}}


class Upstream:
    """Sends so much of an answer as the request's own header says, then waits for its peer to leave, or leaves itself."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.answer, args=self.listener.accept()[:1], daemon=True).start()

    def answer(self, peer):
        with peer, contextlib.suppress(OSError):
            peer.settimeout(WAIT_S)
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(65536) or b"\r\n\r\n"
            name, who, count = [line for line in head.decode().split("\r\n") if line.startswith("X-Leave:")][0].split()[1:]
            piece = "".join(EXCHANGES[name][2]).encode()[:int(count)]
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                         + (b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b""))
            if who == "client":
                peer.recv(1)
            elif int(count) % 2:
                reset(peer)


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture(scope="module")
def gateway():
    upstream = Upstream()
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        made = ModelGateway(folder, {"openai": upstream, "anthropic": upstream}, policies={"models.cedar": POLICY})
        made.environment.update(FAKE_OPENAI_KEY="k", FAKE_ANTHROPIC_KEY="k", MALLOC_PERTURB_="61")
        made.start()
        try:
            yield made
        finally:
            made.stop()
            upstream.listener.close()


def leave(gateway, name, who, count):
    provider, path, _ = EXCHANGES[name]
    body = json.dumps(REQUESTS[name]).encode()
    with socket.create_connection(("127.0.0.1", gateway.ports[provider]), timeout=WAIT_S) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {gateway.token('ana')}\r\n"
                       f"Content-Type: application/json\r\nX-Leave: {name} {who} {count}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with contextlib.suppress(OSError):
            while client.recv(65536):
                client.settimeout(0.05 if who == "client" else WAIT_S)
        if count % 2:
            reset(client)


def places(parts):
    """Behind each event, and a byte before; all bytes in the long suite."""
    length = len("".join(parts).encode())
    ends = [len("".join(parts[:number]).encode()) for number in range(len(parts) + 1)]
    some = {place + by for place in ends for by in (-1, 0)}
    return [place for place in (range(length) if IS_LONG else sorted(some)) if 0 <= place < length]


@pytest.mark.parametrize("who", ["client", "upstream"])
@pytest.mark.parametrize("name", EXCHANGES)
def test_somebody_leaves(gateway, name, who):
    gateway.token("ana")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda count: leave(gateway, name, who, count), places(EXCHANGES[name][2])))
    assert gateway.process.poll() is None, gateway.log.read_text()[-2000:]
    gateway.await_publication()
    outcomes = events(gateway, "outcome")
    assert outcomes
    for outcome in outcomes:
        facts = outcome.get("facts", {})
        assert set(facts.get("tools", [])) <= {TOOL}, outcome
        assert facts.get("model", MODEL) == MODEL and facts.get("stop_reason", "stop") in REASON | {"in_progress"}, outcome
    assert any(outcome.get("facts", {}).get("tools") for outcome in outcomes)


def test_the_evidence_is_good(gateway):
    gateway.await_publication()
    gateway.verify()
