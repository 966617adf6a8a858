"""The canary: a secret in each field of a model API that can hold text, one at a time, never reaches the other side.

The fields come from the SDKs' own type declarations (fakes/shapes.txt), not from sworn's tables. Towards the provider the
stand-in's recorded bytes are searched; towards the client what came out of its socket, also put together from the deltas
of a stream. A request or an answer that is refused leaks nothing; that not all of them are is tested, too.

The same is done without sworn between: there each secret must be found, or the test could not fail.
"""
import base64
import json
import re
import tempfile
import urllib.parse

import pytest

from conftest import SWORN
from models import KEYS, Line, ModelGateway, Provider, has_protocol
from fakes import shapes
from fakes.script import escape_all
from rawhttp import Closed, RawClient

NOTHING_REVEALED = """
@id("models") permit (principal, action in Sworn::Action::"llm", resource);
"""
# value: what may not be seen of it
SECRETS = {"maria.keller@example.org": "maria.keller@example.org", "4111111111111111": "411111111111",
           "ghp_q7Bv2nXk9TzR4mWc8LpYd3HsJf6GuAe1Ko5N": "q7Bv2nXk9TzR4mWc8LpYd3HsJf6GuAe1Ko5N"}
PATHS = {"ChatCompletionCreateParamsBase": "/v1/chat/completions", "ResponseCreateParamsBase": "/v1/responses",
         "EmbeddingCreateParams": "/v1/embeddings", "a:MessageCreateParamsBase": "/v1/messages",
         "a:MessageCountTokensParams": "/v1/messages/count_tokens", "b:MessageCreateParamsBase": "/v1/messages"}
REQUESTS = {"openai": ["ChatCompletionCreateParamsBase", "ResponseCreateParamsBase", "EmbeddingCreateParams"],
            "anthropic": ["a:MessageCreateParamsBase", "a:MessageCountTokensParams", "b:MessageCreateParamsBase"]}
ANSWERS = {"openai": {"ChatCompletion": "/v1/chat/completions", "Response": "/v1/responses",
                      "CreateEmbeddingResponse": "/v1/embeddings", "Model": "/v1/models/gpt-4o"},
           "anthropic": {"a:Message": "/v1/messages", "b:BetaMessage": "/v1/messages",
                         "a:ModelInfo": "/v1/models/claude-sonnet-5-5"}}
STREAMS = {"openai": {"ChatCompletionChunk": "/v1/chat/completions", "ResponseStreamEvent": "/v1/responses"},
           "anthropic": {"a:RawMessageStreamEvent": "/v1/messages", "b:BetaRawMessageStreamEvent": "/v1/messages"}}
PLAIN = {"/v1/chat/completions": {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]},
         "/v1/responses": {"model": "gpt-4o", "input": "hello"},
         "/v1/embeddings": {"model": "text-embedding-3-small", "input": "hello"},
         "/v1/messages": {"model": "claude-sonnet-5-5", "max_tokens": 9,
                          "messages": [{"role": "user", "content": "hello"}]},
         "/v1/messages/count_tokens": {"model": "claude-sonnet-5-5", "messages": [{"role": "user", "content": "hello"}]}}

# Fields that ordinary programs fill: here the request or answer must go through, with the secret masked.
MUST_PASS = {
    "ChatCompletionCreateParamsBase": [
        ".messages[]<system>.content", ".messages[]<user>.content", ".messages[]<user>.content[]<text>.text",
        ".messages[]<assistant>.content", ".messages[]<tool>.content",
        ".messages[]<assistant>.tool_calls[]<function>.function.arguments", ".tools[]<function>.function.description"],
    "ResponseCreateParamsBase": [".input", ".instructions", ".input[]<function_call_output>.output",
                                 ".input[]<function_call>.arguments", ".tools[]<function>.description"],
    "EmbeddingCreateParams": [".input", ".input[]"],
    "a:MessageCreateParamsBase": [
        ".system", ".system[]<text>.text", ".messages[]<user>.content", ".messages[]<user>.content[]<text>.text",
        ".messages[]<user>.content[]<tool_result>.content", ".messages[]<assistant>.content[]<tool_use>.input{text}",
        ".messages[]<user>.content[]<document>.source<text>.data", ".tools[]<custom>.description"],
    "a:MessageCountTokensParams": [".system", ".messages[]<user>.content"],
    "ChatCompletion": [".choices[].message<assistant>.content", ".choices[].message<assistant>.refusal"],
    "Response": [".output[]<message>.content[]<output_text>.text", ".output[]<reasoning>.summary[]<summary_text>.text"],
    "a:Message": ["<message>.content[]<text>.text", "<message>.content[]<thinking>.thinking"],
    "ChatCompletionChunk": [".choices[].delta.content", ".choices[].delta.refusal"],
    "ResponseStreamEvent": ["<response.output_text.delta>.delta"],
    "a:RawMessageStreamEvent": ["<content_block_delta>.delta<text_delta>.text"],
}


# ---- looking for a secret ----


def forms(secret):
    """The ways in which a value could stand in bytes."""
    raw = secret.encode()
    found = {raw, secret.upper().encode(), escape_all(secret)[1:-1].encode(), raw.hex().encode(),
             urllib.parse.quote(secret, safe="").encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        found.add(text[4 if shift else 0:len(text) // 4 * 4 - 4])
    return found


def unescaped(data):
    """JSON's escapes taken away: as a reader of the bytes would."""
    text = data.decode("utf-8", "replace")
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return text.replace("\\/", "/").replace("\\\\", "\\")


def is_seen(secret, data):
    return any(form in data for form in forms(secret)) or secret in unescaped(data)


def lanes(body):
    """The strings of a stream's events, those at the same place and index put together."""
    found = {}
    for block in body.split(b"\n\n"):
        data = b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        try:
            collect(json.loads(data), (), found)
        except ValueError:
            continue
    return ["".join(pieces) for pieces in found.values()]


def collect(value, place, found):
    if isinstance(value, dict):
        place = (*place, *[(key, inner) for key, inner in value.items()
                        if key.endswith("index") and isinstance(inner, int)], value.get("type"))
        for key, inner in value.items():
            collect(inner, (*place, key), found)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            collect(inner, (*place, 0 if isinstance(inner, dict) and "index" in inner else number), found)
    elif isinstance(value, str):
        found.setdefault(place, []).append(value)


def is_in_reply(secret, reply):
    return is_seen(secret, reply.wire) or is_seen(secret, reply.body) or any(
        secret in lane or secret in unescaped(lane.encode()) for lane in lanes(reply.body))


# ---- the way ----


@pytest.fixture(scope="module", params=["direct", "sworn"])
def mode(request):
    return request.param


@pytest.fixture(scope="module", params=["openai", "anthropic"])
def line(request, mode):
    provider = request.param
    if mode == "sworn" and not has_protocol(provider):
        pytest.skip(f"wire/protocols.def has no {provider}: this sworn does not speak it")
    assert mode == "direct" or SWORN.exists(), f"{SWORN} is not built"
    with Provider(provider, KEYS[provider]) as fake, tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        gateway = None
        if mode == "sworn":
            gateway = ModelGateway(folder, {provider: fake}, policies={"all.cedar": NOTHING_REVEALED}).start()
        try:
            yield Line(provider, mode, None, fake, gateway, user="ana")
        finally:
            if gateway:
                gateway.stop()


class Caller:
    """Sends bodies as the SDK would, on one connection."""

    def __init__(self, line):
        self.line, self.client = line, RawClient(line.port)
        key = [("x-api-key", line.key), ("anthropic-version", "2026-10-21"), ("anthropic-beta", "some-beta")]
        self.headers = key if line.provider == "anthropic" else [("Authorization", f"Bearer {line.key}")]

    def post(self, path, body):
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.client.request("POST", path, [*self.headers, ("Content-Type", "application/json")], data)

    def get(self, path, headers=()):
        return self.client.request("GET", path, [*self.headers, *headers])


@pytest.fixture
def caller(line):
    line.fake.reset()
    made = Caller(line)
    yield made
    made.client.close()
    line.fake.reset()


class Findings:
    """What became of each case, and the verdict on all of them."""

    def __init__(self, line, root):
        self.line, self.root = line, root
        self.leaks, self.unseen, self.passed, self.count = [], [], set(), 0

    def add(self, path, is_leaked, has_passed):
        self.count += 1
        (self.leaks if is_leaked else self.unseen).append(path)
        if has_passed:
            self.passed.add(path)

    def judge(self):
        """Direct: each secret must have been seen. Through sworn: none, and what programs use must have passed."""
        print(f"{self.root}: {self.count} places, {len(self.passed)} passed, {len(self.leaks)} leaked")
        if self.line.is_direct:
            assert not self.unseen, f"the harness does not find {self.unseen[:20]}"
            return
        assert not self.leaks, f"{len(self.leaks)} of {self.count} places of {self.root} leak: {self.leaks[:20]}"
        missing = [path for path in MUST_PASS.get(self.root, ()) if path not in self.passed]
        assert not missing, f"{self.root}: refused where it must be masked: {missing}"


def rotating(examples):
    """(path, instance, value, secret), the values in turn."""
    values = list(SECRETS.items())
    return [(path, instance, *values[number % len(values)]) for number, (path, instance) in enumerate(examples)]


def sentence(value):
    return f"note: {value} here"


def escaped(body, value):
    """The body's JSON, each character of the value as \\uXXXX."""
    text = json.dumps(body, ensure_ascii=False)
    return text.replace(value, escape_all(value)[1:-1]).encode()


@pytest.mark.parametrize("root", sorted(MUST_PASS))
def test_the_named_fields_exist(root):
    assert set(MUST_PASS[root]) <= set(dict(shapes.examples(root)))


# ---- towards the provider ----


def filled(root, body):
    """The instance, with what a request cannot do without."""
    plain = PLAIN[PATHS[root]]
    return {**plain, **{key: value for key, value in body.items() if value not in ([], "x") or key not in plain}}


@pytest.mark.parametrize("form", ["plain", "escaped", "alone"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_requests(line, caller, number, form):
    root = REQUESTS[line.provider][number]
    findings = Findings(line, root)
    line.fake.script({"say": "ok"}, always=True)
    for path, instance, value, secret in rotating(shapes.examples(root)):
        body = filled(root, shapes.put(instance, value if form == "alone" else sentence(value)))
        reply = post_safely(caller, PATHS[root], escaped(body, value) if form == "escaped" else body)
        taken = line.fake.take()
        leaked = any(is_seen(secret, request.wire) for request in taken)
        findings.add(path, leaked, bool(taken) and reply is not None and reply.status < 300)
    findings.judge()


def post_safely(caller, path, body):
    """None where the server closed the connection."""
    try:
        return caller.post(path, body)
    except (Closed, ConnectionError):
        caller.client.close()
        return None


BASE64_PLACES = {"ChatCompletionCreateParamsBase": [".file_data", ".url", ".data"],
                 "ResponseCreateParamsBase": [".file_data", ".image_url", ".encrypted_content"],
                 "a:MessageCreateParamsBase": ["<base64>.data", "<redacted_thinking>.data", ".signature"]}


@pytest.mark.parametrize("root", sorted(BASE64_PLACES))
def test_requests_in_base64(line, caller, root):
    if root not in REQUESTS[line.provider]:
        pytest.skip("the other provider's")
    findings = Findings(line, root)
    for path, instance, value, secret in rotating(shapes.examples(root)):
        if not path.endswith(tuple(BASE64_PLACES[root])) or "url_citation" in path:
            continue
        text = base64.b64encode(f"A text file.\n{sentence(value)}\n".encode()).decode()
        text = f"data:text/plain;base64,{text}" if path.endswith((".file_data", "url")) else text
        post_safely(caller, PATHS[root], filled(root, shapes.put(instance, text)))
        findings.add(path, any(is_seen(secret, request.wire) for request in line.fake.take()), True)
    assert findings.count > 2
    findings.passed |= set(MUST_PASS[root])
    findings.judge()


PLACES = {"openai": ["/v1/models/{}", "/v1/responses/{}", "/v1/models?after={}", "/v1/files?purpose={}",
                     "/v1/responses/resp_1/input_items?after={}"],
          "anthropic": ["/v1/models/{}", "/v1/models?after_id={}"]}
HEADERS = ["User-Agent", "OpenAI-Organization", "OpenAI-Project", "anthropic-beta", "x-stainless-helper", "Cookie",
           "Idempotency-Key", "traceparent", "X-Forwarded-For", "Referer", "X-Note"]


def test_targets_and_headers(line, caller):
    findings = Findings(line, "targets and headers")
    for value, secret in SECRETS.items():
        for place in PLACES[line.provider]:
            target = place.format(urllib.parse.quote(value, safe="@"))
            send_safely(caller, target, ())
            findings.add(place, any(is_seen(secret, request.wire) for request in line.fake.take()), True)
        for name in HEADERS:
            send_safely(caller, "/v1/models", [(name, sentence(value))])
            findings.add(name, any(is_seen(secret, request.wire) for request in line.fake.take()), True)
    findings.judge()


def send_safely(caller, target, headers):
    try:
        caller.get(target, headers)
    except (Closed, ConnectionError):
        caller.client.close()


# ---- towards the client ----


@pytest.mark.parametrize("form", ["plain", "escaped"])
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_answers(line, caller, number, form):
    if number >= len(ANSWERS[line.provider]):
        pytest.skip("this provider has fewer answers")
    root, path = list(ANSWERS[line.provider].items())[number]
    findings = Findings(line, root)
    for place, instance, value, secret in rotating(shapes.examples(root)):
        body = shapes.put(instance, sentence(value))
        line.fake.script({"body": escaped(body, value).decode() if form == "escaped" else body})
        findings.add(place, *answered(line, caller, path, secret))
    findings.judge()


def answered(line, caller, path, secret, body=None):
    """(the secret was seen, the answer was no refusal)"""
    try:
        reply = caller.post(path, {**PLAIN[path], **(body or {})}) if path in PLAIN else caller.get(path)
    except Closed as closed:
        caller.client.close()
        line.fake.reset()
        return is_seen(secret, closed.data) or any(secret in lane for lane in lanes(closed.data)), False
    line.fake.reset()
    is_broken = b'"type":"error"' in reply.body or b'"error":{' in reply.body.replace(b" ", b"")
    return is_in_reply(secret, reply), reply.status < 300 and not is_broken


def numbered(value):
    """Indexes at 0, so that an event belongs to what the stream has opened."""
    if isinstance(value, dict):
        return {key: 0 if key.endswith("index") and isinstance(inner, int) else numbered(inner)
                for key, inner in value.items()}
    return [numbered(inner) for inner in value] if isinstance(value, list) else value


def chat_stream(event):
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    first = {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    last = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [[None, first], [None, event], [None, last], [None, "[DONE]"]]


BLOCKS = {"text_delta": {"type": "text", "text": ""}, "citations_delta": {"type": "text", "text": "", "citations": []},
          "input_json_delta": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
          "thinking_delta": {"type": "thinking", "thinking": "", "signature": ""},
          "signature_delta": {"type": "thinking", "thinking": "", "signature": ""},
          "compaction_delta": {"type": "compaction", "content": None}}


def message_stream(event):
    start = {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
           "usage": {"output_tokens": 2}}
    middle, kind = [], event["type"]
    if kind == "content_block_start":
        middle = [event, {"type": "content_block_stop", "index": 0}]
    elif kind == "content_block_delta":
        block = BLOCKS[event["delta"]["type"]]
        middle = [{"type": "content_block_start", "index": 0, "content_block": block}, event,
                  {"type": "content_block_stop", "index": 0}]
    events = [event if kind == "message_start" else start, *middle, event if kind == "message_delta" else end,
              {"type": "message_stop"}]
    return [[each["type"], each] for each in events]


OPENED = {"output_text": {"type": "message", "id": "x", "status": "in_progress", "role": "assistant", "content": []},
          "refusal": {"type": "message", "id": "x", "status": "in_progress", "role": "assistant", "content": []},
          "function_call_arguments": {"type": "function_call", "id": "x", "call_id": "c", "name": "f", "arguments": "",
                                      "status": "in_progress"},
          "custom_tool_call_input": {"type": "custom_tool_call", "id": "x", "call_id": "c", "name": "f", "input": ""},
          "reasoning_summary_text": {"type": "reasoning", "id": "x", "summary": []},
          "reasoning_text": {"type": "reasoning", "id": "x", "summary": [], "content": []},
          "mcp_call_arguments": {"type": "mcp_call", "id": "x", "name": "f", "server_label": "s", "arguments": ""},
          "code_interpreter_call_code": {"type": "code_interpreter_call", "id": "x", "code": "", "container_id": "c",
                                         "outputs": [], "status": "in_progress"}}


def response_stream(event):
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o", "output": [],
                "status": "in_progress", "error": None, "incomplete_details": None, "instructions": None,
                "metadata": {}, "parallel_tool_calls": True, "temperature": 1, "tool_choice": "auto", "tools": [],
                "top_p": 1}
    kind = event["type"].removeprefix("response.").rsplit(".", 1)[0]
    events = [{"type": "response.created", "response": response}]
    if kind in OPENED:
        events.append({"type": "response.output_item.added", "output_index": 0, "item": OPENED[kind]})
    if kind in ("output_text", "refusal"):
        part = {"type": "output_text", "text": "", "annotations": []} if kind == "output_text" else \
            {"type": "refusal", "refusal": ""}
        events.append({"type": "response.content_part.added", "item_id": "x", "output_index": 0, "content_index": 0,
                       "part": part})
    if event["type"] not in ("response.created", "error"):
        events.append(event)
    elif event["type"] == "response.created":
        events = [event]
    else:
        events.append(event)
    if event["type"] not in ("response.completed", "response.failed", "response.incomplete", "error"):
        events.append({"type": "response.completed", "response": {**response, "status": "completed"}})
    return [[each["type"], {**each, "sequence_number": number}] for number, each in enumerate(events)]


COMPOSERS = {"ChatCompletionChunk": chat_stream, "ResponseStreamEvent": response_stream,
             "a:RawMessageStreamEvent": message_stream, "b:BetaRawMessageStreamEvent": message_stream}


def events_of(root):
    """The same answer is in six events: in one of them it is tried whole, in the others at each fortieth place."""
    examples = shapes.examples(root)
    repeated = re.compile(r"<response\.(created|in_progress|failed|incomplete|queued)>")
    return [example for number, example in enumerate(examples) if not repeated.match(example[0]) or number % 40 == 0]


@pytest.mark.parametrize("form", ["plain", "escaped"])
@pytest.mark.parametrize("number", [0, 1])
def test_streams(line, caller, number, form):
    root, path = list(STREAMS[line.provider].items())[number]
    findings = Findings(line, root)
    for place, instance, value, secret in rotating(events_of(root)):
        events = COMPOSERS[root](numbered(shapes.put(instance, sentence(value))))
        if form == "escaped":
            events = [[name, data if isinstance(data, str) else escaped(data, value).decode()] for name, data in events]
        line.fake.script({"raw_events": events})
        findings.add(place, *answered(line, caller, path, secret, {"stream": True}))
    findings.judge()


LANES = {"openai": [("/v1/chat/completions", "text"), ("/v1/chat/completions", "refusal"),
                    ("/v1/chat/completions", "tool"), ("/v1/chat/completions", "custom"), ("/v1/responses", "text"),
                    ("/v1/responses", "refusal"), ("/v1/responses", "tool"), ("/v1/responses", "custom"),
                    ("/v1/responses", "thinking")],
         "anthropic": [("/v1/messages", "text"), ("/v1/messages", "tool"), ("/v1/messages", "thinking")]}


def part_of(kind, text):
    if kind == "tool":
        return {"tool": "note", "arguments": {"text": text}}
    return {"tool": "note", "arguments": text, "custom": True} if kind == "custom" else {kind: text}


@pytest.mark.parametrize("value", sorted(SECRETS))
@pytest.mark.parametrize("number", range(9))
def test_split_at_every_place(line, caller, number, value):
    """Two deltas, cut at each place in turn; then a delta for each character."""
    if number >= len(LANES[line.provider]):
        pytest.skip("this provider has fewer lanes")
    path, kind = LANES[line.provider][number]
    findings = Findings(line, f"{path} {kind}")
    text = f"note: {value} here"
    before = len('{"text": "') if kind == "tool" else 0
    cuts = [[before + text.index(value) + at] for at in range(len(value) + 1)] + [1, 2, 3, 5]
    for cut in cuts:
        line.fake.script({"say": [part_of(kind, text)], "split": cut})
        findings.add(str(cut), *answered(line, caller, path, SECRETS[value], {"stream": True}))
    findings.judge()
    # where nothing is denied, a stream is masked and not refused
    assert line.is_direct or len(findings.passed) == findings.count


@pytest.mark.parametrize("how", [{"segment": 1}, {"chunk": 1}, {"encoding": "gzip", "chunk": 1}, {"escape": "all"},
                                 {"framing": "close", "segment": 7}], ids=lambda how: "-".join(how))
@pytest.mark.parametrize("is_streamed", [False, True])
def test_split_on_the_wire(line, caller, how, is_streamed):
    findings = Findings(line, str(how))
    for path, kind in LANES[line.provider]:
        for value, secret in SECRETS.items():
            line.fake.script({"say": [part_of(kind, sentence(value))], **how})
            findings.add(f"{path} {kind}", *answered(line, caller, path, secret, {"stream": is_streamed}))
    findings.judge()
    assert line.is_direct or len(findings.passed) == len(LANES[line.provider])


# What the provider says in an error often repeats what it was sent.
@pytest.mark.parametrize("status", [400, 429, 500])
def test_errors(line, caller, status):
    findings = Findings(line, "errors")
    for value, secret in SECRETS.items():
        for field in ("message", "type", "code", "param"):
            for path in PLAIN:
                if (path.startswith("/v1/messages")) == (line.provider == "anthropic"):
                    line.fake.script({"status": status, "error": {field: sentence(value)}})
                    findings.add(f"{path} {field}", *answered(line, caller, path, secret))
    findings.judge()


# ---- as any HTTP API ----


@pytest.fixture(scope="module")
def any_api(mode):
    """The same stand-in behind the protocol `http`, which does not know what its events and lines mean."""
    assert mode == "direct" or SWORN.exists(), f"{SWORN} is not built"
    policy = '@id("any") permit (principal, action == Sworn::Action::"http:unknown", resource);'
    with Provider("openai", KEYS["openai"]) as fake, tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        gateway = None
        if mode == "sworn":
            gateway = ModelGateway(folder, {"openai": fake}, policies={"any.cedar": policy}, protocol="http").start()
        try:
            yield Line("openai", mode, None, fake, gateway, user="ana")
        finally:
            if gateway:
                gateway.stop()


@pytest.mark.parametrize("how", [{"split": 1}, {"split": 99}, {"escape": "all"}], ids=lambda how: "-".join(how))
def test_events_of_any_api(any_api, how):
    """Values may be split over them: nobody may see them but whom everything is revealed to."""
    caller, findings = Caller(any_api), Findings(any_api, "events")
    path = "/v1/chat/completions"
    for value, secret in SECRETS.items():
        any_api.fake.script({"say": [sentence(value)], **how})
        findings.add(value, *answered(any_api, caller, path, secret, {"stream": True}))
    findings.judge()
    assert any_api.is_direct or not findings.passed
    if not any_api.is_direct:
        any_api.fake.script({"say": "ok"})
        reply = caller.post(path, {**PLAIN[path], "stream": True})
        assert reply.status == 502 and b"stream of events" in reply.body


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl; charset=utf-8"])
def test_lines_of_any_api(any_api, kind):
    caller, findings = Caller(any_api), Findings(any_api, kind)
    for value, secret in SECRETS.items():
        lines_of = "".join(f'{{"number": {number}, "text": {text}}}\r\n' for number, text in
                           enumerate([json.dumps(sentence(value)), escape_all(sentence(value)), '"nothing"']))
        any_api.fake.script({"raw": f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(lines_of)}\r\n\r\n"
                                    + lines_of})
        reply = caller.get("/v1/things")
        findings.add(value, is_in_reply(secret, reply), reply.status == 200)
        documents = [json.loads(line) for line in reply.body.splitlines()]
        assert [document["number"] for document in documents] == [0, 1, 2] and documents[2]["text"] == "nothing"
    findings.judge()
    assert len(findings.passed) == len(SECRETS)
