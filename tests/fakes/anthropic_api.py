"""The Messages API as Anthropic serves it: Messages, count_tokens, Models, batches and files as listings.

What an implementer of a gateway meets here and does not guess:
* Each event has an `event:` line, and the SDK ignores an event without one. `ping` may come anywhere behind
  message_start. An error may come in mid-stream as `event: error`, with HTTP status 200 long sent.
* The JSON in `data:` carries spaces before its closing brackets at times. Answers are compact JSON in UTF-8.
* tool_use starts with `"input":{}`; its arguments come as `partial_json` strings that are JSON only together, the first
  of them empty. A tool without arguments gives nothing but the empty one; the client makes `{}` of it.
* server_tool_use streams its input likewise; results of server tools come whole in content_block_start.
* A thinking block streams thinking_delta, then one signature_delta; with `display: "omitted"` only the signature. The
  signature covers the thinking: it has to go back upstream byte for byte. redacted_thinking comes whole in the start.
* citations_delta appends one citation to the text block that is open.
* stop_reason is null in message_start and in the message of a stream until message_delta; usage there is cumulative.
* The SDK's beta calls go to the same paths with an `anthropic-beta` header; versions before 1.0 add `?beta=true`.
* `anthropic-version` is required: 2023-06-01, or since October 2026 2026-10-21. Keys come as `x-api-key` or, from the
  SDK since 1.0, as `Authorization: Bearer`; curl and older SDKs send `x-api-key`.
* `thread` {"type":"create"} and {"type":"continue","previous_message_id"} (beta, header message-threads-2026-08-12): the
  provider keeps the conversation for minutes and later requests send only what is new, as the SDK's toolRunner does by
  itself. What stands for a value in it must mean the same in the next request. An unknown one is a 404 whose error has
  `details.error_code` thread_not_found; the SDK then sends the whole conversation again.
* Errors: {"type":"error","error":{"type","message"},"request_id"}. The SDK retries 408, 409, 429 and >= 500 twice, unless
  `x-should-retry` says otherwise; it waits `retry-after-ms`, else `retry-after`, else 0.5 s doubling.
"""
import base64
import hashlib
import json

from fakes import script
from fakes.server import Answer

ERRORS = {400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
          404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error",
          503: "api_error", 504: "timeout_error", 529: "overloaded_error"}
MESSAGES = {400: "max_tokens: Field required", 401: "invalid x-api-key", 403: "Your API key does not have permission "
            "to use the specified resource", 404: "model: no-such-model", 429: "This request would exceed the rate "
            "limit for your organization", 500: "Internal server error", 529: "Overloaded"}
MODELS = [("claude-opus-5-5", "Claude Opus 5.5"), ("claude-sonnet-5-5", "Claude Sonnet 5.5"),
          ("claude-haiku-4-5-20251001", "Claude Haiku 4.5"), ("claude-3-5-haiku-20241022", "Claude Haiku 3.5")]


def headers(request_id, kind="application/json"):
    reset = "2026-01-01T00:00:00Z"
    limits = [(f"anthropic-ratelimit-{name}-{field}", value)
              for name, limit, left in (("requests", "4000", "3999"), ("tokens", "480000", "479000"),
                                        ("input-tokens", "400000", "399000"), ("output-tokens", "80000", "80000"))
              for field, value in (("limit", limit), ("remaining", left), ("reset", reset))]
    return [("Date", "Thu, 01 Jan 2026 00:00:00 GMT"), ("Content-Type", kind), ("Cache-Control", "no-cache"),
            ("request-id", request_id), ("anthropic-organization-id", "0f0f0f0f-1111-4222-8333-444444444444"),
            *limits, ("Server", "cloudflare"), ("CF-RAY", "8f00000000000000-FRA"), ("via", "1.1 google")]


def error_body(status, how, request_id, is_event=False):
    given = how.get("error") or {}
    given = given if isinstance(given, dict) else {"message": given}
    return {"type": "error", "request_id": request_id,
            "error": {**({"details": None} if is_event else {}), "type": ERRORS.get(status, "api_error"),
                      "message": MESSAGES.get(status, "Error"), **given}}


class Anthropic:
    """Answers for one stand-in; `how` is the behaviour of this request."""
    name = "anthropic"

    def __init__(self, key=None):
        self.key = key
        self.threads = {}  # the last answer's id: its text

    def answer(self, request, number, how):
        request_id = how.get("request_id") or script.name_of("req_", number)
        if how.get("status", 200) >= 400 and "body" not in how:
            return self.error(how["status"], how, request_id)
        problem = self.problem(request)
        if problem:
            return self.error(problem[0], {**how, "error": {"message": problem[1]}}, request_id)
        route = (request.method, request.path)
        if route == ("POST", "/v1/messages"):
            return self.messages(request, number, how, request_id)
        if route == ("POST", "/v1/messages/count_tokens"):
            body = {key: value for key, value in request.json().items() if key != "model"}
            return self.json({"input_tokens": script.count_tokens(body)}, how, request_id)
        if request.method == "GET":
            found = self.get(request.path)
            if found is not None:
                return self.json(found, how, request_id)
        return self.error(404, {**how, "error": {"message": "Not Found"}}, request_id)

    def problem(self, request):
        given = request.header("x-api-key")
        bearer = request.header("authorization", "")
        if given is None and bearer.lower().startswith("bearer "):
            given = bearer[7:]
        if self.key is not None and given != self.key:
            return (401, MESSAGES[401])
        if request.header("anthropic-version") is None:
            return (400, "anthropic-version: header is required")
        if request.method != "POST":
            return None
        try:
            body = request.json()
        except ValueError as error:
            return (400, f"The request body is not valid JSON: {error}")
        for field in ("model", "messages") + (("max_tokens",) if request.path == "/v1/messages" else ()):
            if field not in body and request.path.startswith("/v1/messages") and "batches" not in request.path:
                return (400, f"{field}: Field required")
        return None

    def error(self, status, how, request_id):
        given = headers(request_id)
        given.append(("x-should-retry", "true" if status in (408, 409, 429) or status >= 500 else "false"))
        data = script.dump(error_body(status, how, request_id), how)
        return Answer(status, given, data.encode(), behaviour=how)

    def json(self, value, how, request_id):
        if "body" in how:
            value = how["body"]
        data = value if isinstance(value, str) else script.dump(value, how)
        return Answer(how.get("status", 200), headers(request_id), data.encode("utf-8", "surrogatepass"), behaviour=how)

    def get(self, path):
        models = [{"type": "model", "id": name, "display_name": title, "created_at": "2025-09-29T00:00:00Z",
                   "max_input_tokens": 200000, "max_tokens": 64000} for name, title in MODELS]
        if path == "/v1/models":
            return {"data": models, "has_more": False, "first_id": models[0]["id"], "last_id": models[-1]["id"]}
        if path.startswith("/v1/models/"):
            return next((model for model in models if model["id"] == path[11:]), None)
        if path in ("/v1/messages/batches", "/v1/files"):
            return {"data": [], "has_more": False, "first_id": None, "last_id": None}
        return None

    # ---- messages ----

    def messages(self, request, number, how, request_id):
        body = request.json()
        thread = body.get("thread") or {}
        previous = thread.get("previous_message_id")
        if thread.get("type") == "continue" and previous not in self.threads:
            lost = {"message": "The thread was not found.", "details": {"error_code": "thread_not_found"}}
            return self.error(404, {**how, "error": lost}, request_id)
        message = self.message(body, number, how)
        if thread:
            self.threads[message["id"]] = " ".join(script.texts(message["content"]))
        if not body.get("stream") or "body" in how:
            return self.json(message, how, request_id)
        given = headers(request_id, "text/event-stream; charset=utf-8")
        return Answer(200, given, pieces=self.stream(message, how, request_id), behaviour=how)

    def message(self, body, number, how):
        parts = script.as_parts(how["say"]) if "say" in how else [{"text": self.echo(body)}]
        blocks = [block for index, part in enumerate(parts) for block in block_of(part, number, index)]
        stop = "end_turn"
        if any("tool" in part for part in parts):
            stop = "tool_use"
        if any("refusal" in part for part in parts):
            stop = "refusal"
        usage = {"input_tokens": script.count_tokens([body.get("system"), body["messages"]]),
                 "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                 "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                 "output_tokens": script.count_tokens([block for block in blocks]), "service_tier": "standard",
                 **how.get("usage", {})}
        return {"model": body["model"], "id": script.name_of("msg_01", number), "type": "message", "role": "assistant",
                "content": blocks, "stop_reason": how.get("stop_reason", stop),
                "stop_sequence": how.get("stop_sequence"), "usage": usage}

    def echo(self, body):
        """What the model says unless told otherwise: the words that it was asked, and those of the system prompt."""
        last = body["messages"][-1] if body["messages"] else {}
        said = f"You said: {' '.join(script.texts(last.get('content')))}"
        before = self.threads.get((body.get("thread") or {}).get("previous_message_id"))
        system = " ".join(script.texts(body.get("system")))
        return said + (f" (before: {before})" if before else "") + (f" (told: {system})" if system else "")

    def stream(self, message, how, request_id):
        if "raw_events" in how:
            for event, data in how["raw_events"]:
                yield script.server_sent(data if isinstance(data, str) else script.dump(data, how), event)
            return
        for count, event in enumerate(self.events(message, how)):
            if count == how.get("fail_event"):
                failed = error_body(how.get("fail_status", 529), how, request_id, True)
                yield script.server_sent(script.dump(failed, how), "error")
                return
            yield script.server_sent(padded(script.dump(event, how), count), event["type"])

    def events(self, message, how):
        usage = {**message["usage"], "output_tokens": 1}
        yield {"type": "message_start", "message": {**message, "content": [], "stop_reason": None,
                                                    "stop_sequence": None, "usage": usage}}
        for index, block in enumerate(message["content"]):
            for event in block_events(block, index, how):
                yield event
                if index == 0 and event["type"] == "content_block_start":
                    yield {"type": "ping"}
            yield {"type": "content_block_stop", "index": index}
        final = {key: value for key, value in message["usage"].items() if key.endswith("_tokens")}
        yield {"type": "message_delta", "delta": {"stop_reason": message["stop_reason"],
                                                  "stop_sequence": message["stop_sequence"]}, "usage": final}
        yield {"type": "message_stop"}


def padded(data, count):
    """Spaces before the last bracket, as the provider has them."""
    return data[:-1] + " " * (count * 7 % 13) + data[-1]


def block_of(part, number, index):
    if "text" in part or "refusal" in part:
        block = {"type": "text", "text": part.get("text", part.get("refusal"))}
        return [{**block, "citations": part["citations"]} if part.get("citations") else block]
    if "tool" in part:
        text = script.arguments_text(part)
        return [{"type": "tool_use", "id": part.get("id") or script.name_of("toolu_01", number, index),
                 "name": part["tool"], "input": json.loads(text) if text else {}}]
    if "thinking" in part:
        words = "".join(part["thinking"]) if isinstance(part["thinking"], list) else part["thinking"]
        # of the words, and without them: the provider's own bytes cannot be read by anybody else
        signature = base64.b64encode(b"\x12\x48" + hashlib.sha512(words.encode()).digest()).decode()
        return [{"type": "thinking", "thinking": words, "signature": part.get("signature", signature)}]
    if "redacted" in part:
        return [{"type": "redacted_thinking", "data": part["redacted"]}]
    return [part["block"]] if "block" in part else []


def block_events(block, index, how):
    """content_block_start and the deltas of one block."""
    def delta(kind, field, value):
        return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: value}}

    def start(**empty):
        return {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}

    if block["type"] == "text":
        yield start(text="", **({"citations": []} if "citations" in block else {}))
        yield from (delta("text_delta", "text", piece) for piece in script.split(block["text"], how))
        yield from (delta("citations_delta", "citation", citation) for citation in block.get("citations", ()))
    elif block["type"] in ("tool_use", "server_tool_use"):
        yield start(input={})
        text = script.dump(block["input"], how) if block["input"] else ""
        yield delta("input_json_delta", "partial_json", "")
        yield from (delta("input_json_delta", "partial_json", piece) for piece in script.split(text, how))
    elif block["type"] == "thinking":
        yield start(thinking="", signature="")
        yield from (delta("thinking_delta", "thinking", piece) for piece in script.split(block["thinking"], how))
        yield delta("signature_delta", "signature", block["signature"])
    else:
        yield start()
