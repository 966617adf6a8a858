"""Answers that are not as the tables say, over real sockets: whatever a provider leaves out or writes in another form, a
forbidden tool is not delivered, a value does not pass, and the evidence names the tool (unit/wire/llm_mutation_test.c
tries every member of every recorded answer)."""
import http.client
import json
import tempfile

import pytest

from models import KEYS, ModelGateway, Provider, has_protocol
from promise import events

POLICY = """
@id("models") permit (principal, action in Sworn::Action::"llm", resource);
@id("no-export") forbid (principal, action == Sworn::Action::"llm:tool_use", resource)
when { resource == Sworn::Tool::"prod/openai/export_customers" || resource == Sworn::Tool::"prod/anthropic/export_customers" };
"""
OWN = "bruno.costa77@example.org"
PIECES = [f"Ask {OWN} now"[at:at + 3] for at in range(0, 40, 3)]

pytestmark = pytest.mark.skipif(not has_protocol("openai"), reason="wire/protocols.def has no openai")


@pytest.fixture(scope="module")
def place():
    with Provider("openai", KEYS["openai"]) as openai, Provider("anthropic", KEYS["anthropic"]) as anthropic, \
            tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        fakes = {"openai": openai, "anthropic": anthropic}
        gateway = ModelGateway(folder, fakes, policies={"models.cedar": POLICY}).start()
        try:
            yield fakes, gateway
        finally:
            gateway.stop()


def ask(gateway, provider, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports[provider], timeout=20)
    connection.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {gateway.token('copilot')}",
                                                        "Content-Type": "application/json",
                                                        "anthropic-version": "2023-06-01"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "export_customers", "arguments": "{}"}}
CHAT = {"id": "x", "object": "chat.completion", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": [CALL]}, "finish_reason": "tool_calls"}]}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use", "usage": {},
           "content": [{"type": "tool_use", "id": "t1", "name": "export_customers", "input": {}}]}
RESPONSE = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [
    {"type": "function_call", "id": "f", "call_id": "c", "name": "export_customers", "arguments": "{}"}]}
CHAT_PATH, MESSAGE_PATH, RESPONSE_PATH = "/v1/chat/completions", "/v1/messages", "/v1/responses"


def without(value, *names):
    return {name: member for name, member in value.items() if name not in names}


def chat(**choice):
    return {**CHAT, "choices": [{"index": 0, **choice}]}


WHOLE = {
    "chat": (CHAT_PATH, CHAT),
    "chat, no object": (CHAT_PATH, without(CHAT, "object")),
    "chat, object null": (CHAT_PATH, {**CHAT, "object": None}),
    "chat, object empty": (CHAT_PATH, {**CHAT, "object": ""}),
    "chat, choices an object": (CHAT_PATH, {**CHAT, "choices": CHAT["choices"][0]}),
    "chat, tool_calls an object": (CHAT_PATH, chat(message={"tool_calls": CALL})),
    "chat, a call without a type": (CHAT_PATH, chat(message={"tool_calls": [without(CALL, "type")]})),
    "chat, a delta for a message": (CHAT_PATH, chat(delta={"tool_calls": [CALL]})),
    "chat, in an array": (CHAT_PATH, [CHAT]),
    "chat, a call in the message's place": (CHAT_PATH, {"tool_calls": [CALL]}),
    "chat, arguments an object": (CHAT_PATH, chat(message={"tool_calls": [
        {"id": "c", "function": {"name": "export_customers", "arguments": {"a": 1}}}]})),
    "chat, beside an error": (CHAT_PATH, {**CHAT, "error": {"message": "no"}}),
    "chat, Anthropic's block": (CHAT_PATH, chat(message={"content": MESSAGE["content"]})),
    "message": (MESSAGE_PATH, MESSAGE),
    "message, no type": (MESSAGE_PATH, without(MESSAGE, "type")),
    "message, type null": (MESSAGE_PATH, {**MESSAGE, "type": None}),
    "message, type error": (MESSAGE_PATH, {**MESSAGE, "type": "error"}),
    "message, content an object": (MESSAGE_PATH, {**MESSAGE, "content": MESSAGE["content"][0]}),
    "message, a block without a type": (MESSAGE_PATH, {**MESSAGE, "content": [without(MESSAGE["content"][0], "type")]}),
    "response": (RESPONSE_PATH, RESPONSE),
    "response, no object": (RESPONSE_PATH, without(RESPONSE, "object")),
    "response, output an object": (RESPONSE_PATH, {**RESPONSE, "output": RESPONSE["output"][0]}),
    "response, an item without a type": (RESPONSE_PATH, {**RESPONSE, "output": [without(RESPONSE["output"][0], "type")]}),
    "response, wrapped": (RESPONSE_PATH, {"response": RESPONSE}),
}
PROMPTS = {CHAT_PATH: {"model": "m", "messages": [{"role": "user", "content": "go"}],
                       "tools": [{"type": "function", "function": {"name": "export_customers"}}]},
           MESSAGE_PATH: {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "go"}],
                          "tools": [{"name": "export_customers", "input_schema": {"type": "object"}}]},
           RESPONSE_PATH: {"model": "m", "input": "go", "tools": [{"type": "function", "name": "export_customers"}]}}


def is_delivered(text):
    """The tool's name, but for the words that stand in the place of its call."""
    return "export_customers" in text.replace("did not let the model call export_customers", "")


def tools_of_last_outcome(gateway):
    gateway.await_publication()
    return events(gateway, "outcome")[-1].get("facts", {}).get("tools", [])


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_answer(place, name, status):
    fakes, gateway = place
    path, body = WHOLE[name]
    provider = "anthropic" if path == MESSAGE_PATH else "openai"
    fakes[provider].script({"body": body, "status": status})
    got, text = ask(gateway, provider, path, PROMPTS[path])
    assert not is_delivered(text), (got, text)
    assert got != 200 or "did not let the model call" in text
    assert "export_customers" in tools_of_last_outcome(gateway)


CHUNK = {"id": "x", "object": "chat.completion.chunk"}
STREAMED = {
    "a call, no object": {"choices": [{"index": 0, "delta": {"tool_calls": [CALL]}, "finish_reason": "tool_calls"}]},
    "a call, choices an object": {**CHUNK, "choices": {"index": 0, "delta": {"tool_calls": [CALL]}}},
    "a call, tool_calls an object": {**CHUNK, "choices": [{"index": 0, "delta": {"tool_calls": CALL}}]},
    "a call, a message for a delta": {**CHUNK, "choices": [{"index": 0, "message": {"tool_calls": [CALL]}}]},
    "a call, in an array": [{**CHUNK, "choices": [{"index": 0, "delta": {"tool_calls": [CALL]}}]}],
    "a call, object of a whole answer": {"object": "chat.completion", "choices": [{"delta": {"tool_calls": [CALL]}}]},
    "a call, beside the choices": {**CHUNK, "choices": [], "delta": {"tool_calls": [CALL]}},
}


@pytest.mark.parametrize("name", STREAMED)
def test_a_call_in_a_stream(place, name):
    fakes, gateway = place
    fakes["openai"].script({"raw_events": [[None, json.dumps(STREAMED[name])], [None, "[DONE]"]]})
    _, text = ask(gateway, "openai", CHAT_PATH, {**PROMPTS[CHAT_PATH], "stream": True})
    assert not is_delivered(text), text
    assert "export_customers" in tools_of_last_outcome(gateway)


TEXTS = {
    "as it should be": lambda piece: {**CHUNK, "choices": [{"index": 0, "delta": {"content": piece}}]},
    "no object": lambda piece: {"choices": [{"index": 0, "delta": {"content": piece}}]},
    "no index": lambda piece: {**CHUNK, "choices": [{"delta": {"content": piece}}]},
    "choices an object": lambda piece: {**CHUNK, "choices": {"index": 0, "delta": {"content": piece}}},
    "a message for a delta": lambda piece: {**CHUNK, "choices": [{"index": 0, "message": {"content": piece}}]},
    "in an array": lambda piece: [{**CHUNK, "choices": [{"index": 0, "delta": {"content": piece}}]}],
    "the index behind": lambda piece: {"choices": [{"delta": {"content": piece}, "index": 0}]},
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_in_pieces_of_three(place, name):
    fakes, gateway = place
    fakes["openai"].script({"raw_events": [[None, json.dumps(TEXTS[name](piece))] for piece in PIECES] + [[None, "[DONE]"]]})
    _, text = ask(gateway, "openai", CHAT_PATH, {**PROMPTS[CHAT_PATH], "stream": True})
    said = "".join(part.split('"')[0] for part in text.split('"content":"')[1:])
    assert OWN not in said and "[EMAIL]" in said, text


# ---- refusals that are final ----


def post(gateway, provider, path, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports[provider], timeout=20)
    connection.request("POST", path, json.dumps(body), {
        "Authorization": f"Bearer {gateway.token('copilot')}", "Content-Type": "application/json",
        "anthropic-version": "2023-06-01", **headers})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


@pytest.mark.parametrize("name", ["chat, a call in the message's place", "response, wrapped"])
def test_a_withheld_answer_is_not_tried_again(place, name):
    """SDKs try 408, 409, 429 and everything from 500 on again, and pay again for what is withheld again."""
    fakes, gateway = place
    path, body = WHOLE[name]
    fakes["openai"].script({"body": body})
    status, headers, text = post(gateway, "openai", path, PROMPTS[path])
    assert (status, headers["x-should-retry"]) == (422, "false"), text
    assert "withheld" in text and "Do not try again" in text


IMAGE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}]}


@pytest.mark.parametrize("agent, expected", [("claude-cli/2.1.9 (external, cli)", 400), ("Anthropic/Python 0.71.0", 403)])
def test_a_denial_is_no_failed_login(place, agent, expected):
    """Claude Code answers each 403 with "Please run /login"."""
    status, headers, text = post(place[1], "anthropic", MESSAGE_PATH, IMAGE, **{"User-Agent": agent})
    assert (status, headers["x-should-retry"]) == (expected, "false"), text
    assert json.loads(text)["error"]["type"] == "permission_error" and "unscanned" in text


# ---- reach ----


@pytest.mark.parametrize("field", ["Authorization", "x-api-key", "api-key", "x-goog-api-key"])
def test_a_token_in_every_clients_header(place, field):
    """Azure's and Google's clients send their key in headers of their own; none of it goes upstream."""
    fakes, gateway = place
    token = gateway.token("copilot")
    fakes["openai"].reset()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["openai"], timeout=20)
    connection.request("POST", CHAT_PATH, json.dumps(PROMPTS[CHAT_PATH]), {
        field: f"Bearer {token}" if field == "Authorization" else token, "Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()
    assert token.encode() not in fakes["openai"].requests[-1].wire
