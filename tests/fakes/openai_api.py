"""OpenAI's API as it is served: Chat Completions, Responses, Embeddings, Models; batches and files as listings.

What an implementer of a gateway meets here and does not guess:
* Answers are JSON with an indent of two spaces; the data of events is compact. Both are UTF-8, not escaped.
* Chat chunks have no `event:` line and end with `data: [DONE]`. Responses' events have one, a `sequence_number` without
  gaps from 0, and no [DONE]: the last is response.completed, .incomplete or .failed, or `error`.
* With `stream_options.include_usage` each chunk has `"usage":null` and one more comes before [DONE] with `"choices":[]`.
* `obfuscation` is padding of random length in each delta, unless `stream_options.include_obfuscation` is false.
* The first chunk of a choice has the role, the last an empty delta with the finish_reason. Choices interleave.
* A tool call's first delta has index, id, type and name with empty arguments; the others have the index only.
* Responses say each text four times: the deltas, *.done, content_part.done, output_item.done, response.completed;
  likewise arguments and summaries. response.created, .in_progress and the answer also send back `instructions`,
  `metadata`, `tools`, `text.format` and `user` as they were in the request: text of the caller in the answer.
* The SDK asks for embeddings as base64 (little-endian floats) unless told otherwise, and decodes them.
* Stored objects: a response is kept unless `store` is false, GET and DELETE /v1/responses/{id}; GET with `stream=true` and
  `starting_after` replays its events. previous_response_id of an unknown one is a 400.
* Errors: {"error":{"message","type","param","code"}}. In a chat stream an error is `data: {"error":{...}}`.
  The SDK retries 408, 409, 429 and >= 500 twice, unless `x-should-retry` says otherwise; it waits `retry-after-ms`, else
  `retry-after` (up to 60 s), else 0.5 s doubling.
"""
import base64
import struct
import zlib

from fakes import script
from fakes.server import Answer

CREATED = 1767225600
MODELS = ["gpt-4o-mini-2024-07-18", "gpt-4o-mini", "gpt-5-2025-08-07", "gpt-5", "o4-mini", "text-embedding-3-small"]
ERRORS = {400: ("invalid_request_error", None, "Invalid value for 'messages'."),
          401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
          403: ("insufficient_permissions", None, "You have insufficient permissions for this operation."),
          404: ("invalid_request_error", "model_not_found", "The model `no-such-model` does not exist."),
          409: ("invalid_request_error", "conflict", "The resource was changed meanwhile."),
          422: ("invalid_request_error", None, "Unprocessable request."),
          429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
          500: ("server_error", None, "The server had an error while processing your request."),
          503: ("service_unavailable", "server_is_overloaded", "The engine is currently overloaded.")}


def headers(request_id, kind="application/json"):
    return [("Date", "Thu, 01 Jan 2026 00:00:00 GMT"), ("Content-Type", kind), ("openai-organization", "org-fake"),
            ("openai-processing-ms", "17"), ("openai-project", "proj_fake"), ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"), ("x-ratelimit-limit-tokens", "200000"),
            ("x-ratelimit-remaining-requests", "9999"), ("x-ratelimit-remaining-tokens", "199000"),
            ("x-ratelimit-reset-requests", "8.64s"), ("x-ratelimit-reset-tokens", "6ms"), ("x-request-id", request_id),
            ("Set-Cookie", "__cf_bm=fake; path=/; HttpOnly; Secure"), ("Server", "cloudflare"),
            ("CF-RAY", "8f00000000000000-FRA"), ("alt-svc", 'h3=":443"; ma=86400')]


def error_of(status, how):
    kind, code, message = ERRORS.get(status, ("server_error", None, "Error"))
    given = how.get("error") or {}
    given = given if isinstance(given, dict) else {"message": given}
    return {"message": message, "type": kind, "param": None, "code": code, **given}


def obfuscation(seed):
    return "x4Qm9LsT2bWvK7"[:1 + zlib.crc32(repr(seed).encode()) % 14]


class OpenAI:
    """Answers for one stand-in; `how` is the behaviour of this request."""
    name = "openai"

    def __init__(self, key=None):
        self.key = key
        self.stored = {}  # id: (object, events)

    def answer(self, request, number, how):
        request_id = how.get("request_id") or script.name_of("req_", number)
        if how.get("status", 200) >= 400 and "body" not in how:
            return self.error(how["status"], how, request_id)
        problem = self.problem(request)
        if problem:
            return self.error(problem[0], {**how, "error": problem[1]}, request_id)
        handler = self.route(request)
        return handler(request, number, how, request_id)

    def route(self, request):
        path, method = request.path, request.method
        posts = {"/v1/chat/completions": self.chat, "/v1/responses": self.responses, "/v1/embeddings": self.embeddings,
                 "/v1/responses/input_tokens": self.input_tokens}
        if method == "POST" and path in posts:
            return posts[path]
        if path.startswith(("/v1/responses/", "/v1/chat/completions/")):
            return self.kept
        return self.listing

    def problem(self, request):
        authorization = request.header("authorization", "")
        if self.key is not None and authorization != f"Bearer {self.key}":
            shown = authorization[7:][-4:]
            return (401, {"message": f"Incorrect API key provided: ****{shown}. You can find your API key at "
                                     "https://platform.openai.com/account/api-keys."})
        if request.method != "POST" or "multipart" in request.header("content-type", ""):
            return None
        try:
            body = request.json() if request.body else {}
        except ValueError:
            return (400, {"message": "We could not parse the JSON body of your request."})
        needed = {"/v1/chat/completions": "messages", "/v1/embeddings": "input"}.get(request.path)
        if needed and needed not in body:
            return (400, {"message": f"Missing required parameter: '{needed}'.", "param": needed,
                          "code": "missing_required_parameter"})
        if body.get("previous_response_id") and body["previous_response_id"] not in self.stored:
            return (400, {"message": f"Previous response with id '{body['previous_response_id']}' not found.",
                          "param": "previous_response_id", "code": "previous_response_not_found"})
        return None

    def error(self, status, how, request_id):
        data = script.dump({"error": error_of(status, how)}, how, indent=4)
        return Answer(status, headers(request_id), data.encode() + b"\n", behaviour=how)

    def json(self, value, how, request_id):
        if "body" in how:
            value = how["body"]
        data = value if isinstance(value, str) else script.dump(value, how, indent=2)
        return Answer(how.get("status", 200), headers(request_id), data.encode("utf-8", "surrogatepass"), behaviour=how)

    def streamed(self, pieces, how, request_id):
        if "raw_events" in how:
            pieces = (script.server_sent(data if isinstance(data, str) else script.dump(data, how), event)
                      for event, data in how["raw_events"])
        return Answer(200, headers(request_id, "text/event-stream; charset=utf-8"), pieces=pieces, behaviour=how)

    def listing(self, request, _number, how, request_id):
        models = [{"id": name, "object": "model", "created": CREATED, "owned_by": "system"} for name in MODELS]
        if request.method == "GET" and request.path == "/v1/models":
            return self.json({"object": "list", "data": models}, how, request_id)
        if request.method == "GET" and request.path.startswith("/v1/models/"):
            found = [model for model in models if model["id"] == request.path[11:]]
            if found:
                return self.json(found[0], how, request_id)
        if request.method == "GET" and request.path in ("/v1/batches", "/v1/files"):
            return self.json({"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}, how,
                             request_id)
        if "body" in how:
            return self.json(None, how, request_id)
        return self.error(404, {**how, "error": {"message": f"Unknown request URL: {request.method} {request.path}.",
                                                 "code": "unknown_url"}}, request_id)

    def embeddings(self, request, _number, how, request_id):
        body = request.json()
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        if inputs and isinstance(inputs[0], int):
            inputs = [inputs]
        size = body.get("dimensions", 8)
        data = []
        for index, given in enumerate(inputs):
            vector = [((zlib.crc32(f"{given}{at}".encode()) >> 8) / (1 << 24)) for at in range(size)]
            packed = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
            data.append({"object": "embedding", "index": index,
                         "embedding": packed if body.get("encoding_format") == "base64" else vector})
        tokens = sum(map(script.count_tokens, inputs))
        return self.json({"object": "list", "data": data, "model": body["model"],
                          "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}, how, request_id)

    def input_tokens(self, request, _number, how, request_id):
        tokens = script.count_tokens(request.json().get("input") or "")
        return self.json({"object": "response.input_tokens", "input_tokens": tokens}, how, request_id)

    def kept(self, request, _number, how, request_id):
        """GET and DELETE of what was stored."""
        parts = request.path.split("/v1/")[1].split("/")
        name = parts[-1] if parts[-1] not in ("input_items", "messages", "cancel") else parts[-2]
        if name not in self.stored:
            kind = "Response" if parts[0] == "responses" else "Chat completion"
            return self.error(404, {**how, "error": {"message": f"{kind} with id '{name}' not found.", "param": "id",
                                                     "code": None}}, request_id)
        value, events, items = self.stored[name]
        if request.method == "DELETE":
            del self.stored[name]
            kind = "response" if parts[0] == "responses" else "chat.completion.deleted"
            return self.json({"id": name, "object": kind, "deleted": True}, how, request_id)
        if parts[-1] in ("input_items", "messages"):
            return self.json({"object": "list", "data": items, "has_more": False, "first_id": items[0]["id"],
                              "last_id": items[-1]["id"]}, how, request_id)
        if request.query.get("stream") == "true":
            after = int(request.query.get("starting_after", -1))
            pieces = (script.server_sent(script.dump(event, how), event["type"]) for event in events
                      if event["sequence_number"] > after)
            return self.streamed(pieces, how, request_id)
        return self.json(value, how, request_id)

    # ---- chat completions ----

    def chat(self, request, number, how, request_id):
        body = request.json()
        completion = self.completion(body, number, how)
        if body.get("store"):
            items = [{"id": script.name_of("chatmsg-", number, at), **message}
                     for at, message in enumerate(body["messages"])]
            self.stored[completion["id"]] = ({**completion, "metadata": body.get("metadata")}, [], items)
        if not body.get("stream") or "body" in how:
            return self.json(completion, how, request_id)
        return self.streamed(self.chat_stream(completion, body, how), how, request_id)

    def completion(self, body, number, how):
        said = how.get("choices") or [how.get("say", echo_chat(body))] * (body.get("n") or 1)
        choices = [choice_of(script.as_parts(parts), index, number, how) for index, parts in enumerate(said)]
        prompt, answer = script.count_tokens(body["messages"]), script.count_tokens([c["message"] for c in choices])
        usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer,
                 "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                 "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                                               "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}
        return {"id": script.name_of("chatcmpl-", number), "object": "chat.completion", "created": CREATED,
                "model": body["model"], "choices": choices, "usage": {**usage, **how.get("usage", {})},
                "service_tier": "default", "system_fingerprint": "fp_fake00000a"}

    def chat_stream(self, completion, body, how):
        options = body.get("stream_options") or {}
        for count, chunk in enumerate(self.chunks(completion, options, how)):
            if count == how.get("fail_event"):
                failed = {"error": error_of(how.get("fail_status", 500), how)}
                yield script.server_sent(script.dump(failed, how))
                return
            yield script.server_sent(script.dump(chunk, how))
        if not how.get("no_done"):
            yield script.server_sent("[DONE]")

    def chunks(self, completion, options, how):
        base = {key: completion[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
        base = {"id": base.pop("id"), "object": "chat.completion.chunk", **base}
        has_usage = options.get("include_usage")
        lanes = [choice_deltas(choice, how) for choice in completion["choices"]]
        for count, (index, delta, finish) in enumerate(interleave(lanes)):
            chunk = {**base, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            if has_usage:
                chunk["usage"] = None
            if options.get("include_obfuscation", True):
                chunk["obfuscation"] = obfuscation(count)
            yield chunk
        if has_usage:
            yield {**base, "choices": [], "usage": completion["usage"]}

    # ---- responses ----

    def responses(self, request, number, how, request_id):
        body = request.json()
        response = self.response(body, number, how)
        events = list(response_events(response, how, (body.get("stream_options") or {}).get("include_obfuscation", True)))
        if body.get("store") is not False:
            self.stored[response["id"]] = (response, events, items_of(body.get("input"), number))
        if not body.get("stream") or "body" in how:
            return self.json(response, how, request_id)
        return self.streamed(self.response_stream(events, how), how, request_id)

    def response_stream(self, events, how):
        for count, event in enumerate(events):
            if count == how.get("fail_event"):
                error = error_of(how.get("fail_status", 500), how)
                failed = {"type": "error", "sequence_number": count, "code": error["code"] or error["type"],
                          "message": error["message"], "param": None}
                yield script.server_sent(script.dump(failed, how), "error")
                return
            yield script.server_sent(script.dump(event, how), event["type"])

    def response(self, body, number, how):
        parts = script.as_parts(how.get("say", echo_response(body, self.stored)))
        output = [item_of(part, number, index) for index, part in enumerate(parts)]
        given, made = script.count_tokens([body.get("instructions"), body.get("input")]), script.count_tokens(output)
        status = how.get("response_status", "completed")
        usage = {"input_tokens": given, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": made,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": given + made, **how.get("usage", {})}
        error = {"code": "server_error", "message": "The model failed to answer."} if status == "failed" else None
        return {"id": script.name_of("resp_", number), "object": "response", "created_at": CREATED, "status": status,
                "background": False, "error": how.get("response_error", error),
                "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
                "instructions": body.get("instructions"), "max_output_tokens": body.get("max_output_tokens"),
                "model": body.get("model", "gpt-4o-mini"), "output": output,
                "parallel_tool_calls": body.get("parallel_tool_calls", True),
                "previous_response_id": body.get("previous_response_id"), "prompt_cache_key": body.get("prompt_cache_key"),
                "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
                "safety_identifier": body.get("safety_identifier"), "service_tier": "default",
                "store": body.get("store") is not False, "temperature": 1.0,
                "text": body.get("text") or {"format": {"type": "text"}, "verbosity": "medium"},
                "tool_choice": body.get("tool_choice", "auto"), "tools": body.get("tools", []), "top_logprobs": 0,
                "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": body.get("user"),
                "metadata": body.get("metadata") or {}}


# ---- chat: choices and deltas ----


def choice_of(parts, index, number, how):
    said = [part["text"] for part in parts if "text" in part]
    refused = [part["refusal"] for part in parts if "refusal" in part]
    calls = [call_of(part, number, index, at) for at, part in enumerate(parts) if "tool" in part]
    message = {"role": "assistant", "content": "".join(said) if said else None,
               "refusal": "".join(refused) if refused else None,
               "annotations": [note for part in parts for note in part.get("annotations", ())]}
    if calls:
        message = {**message, "tool_calls": calls}
    finish = how.get("finish_reason") or ("tool_calls" if calls else "stop")
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def call_of(part, number, index, at):
    kind = "custom" if part.get("custom") else "function"
    inner = {"name": part["tool"], "input" if kind == "custom" else "arguments": script.arguments_text(part)}
    return {"id": part.get("id") or script.name_of("call_", number, index, at), "type": kind, kind: inner}


def choice_deltas(choice, how):
    """(choice index, delta, finish reason) of one choice, in the order of the provider."""
    index, message = choice["index"], choice["message"]
    content = "" if message["content"] is not None else None
    yield index, {"role": "assistant", "content": content, "refusal": None}, None
    for piece in script.split(message["content"] or "", how):
        yield index, {"content": piece}, None
    for piece in script.split(message["refusal"] or "", how):
        yield index, {"refusal": piece}, None
    for at, call in enumerate(message.get("tool_calls", ())):
        kind = call["type"]
        field = "input" if kind == "custom" else "arguments"
        yield index, {"tool_calls": [{"index": at, "id": call["id"], "type": kind,
                                      kind: {"name": call[kind]["name"], field: ""}}]}, None
        for piece in script.split(call[kind][field], how):
            yield index, {"tool_calls": [{"index": at, kind: {field: piece}}]}, None
    if message["annotations"]:
        yield index, {"annotations": message["annotations"]}, None
    yield index, {}, choice["finish_reason"]


def interleave(lanes):
    """One of each in turn, until all are at their end."""
    lanes = list(lanes)
    while lanes:
        for lane in list(lanes):
            try:
                yield next(lane)
            except StopIteration:
                lanes.remove(lane)


def echo_chat(body):
    last = body["messages"][-1] if body["messages"] else {}
    told = [text for message in body["messages"] if message.get("role") in ("system", "developer")
            for text in script.texts(message.get("content"))]
    said = f"You said: {' '.join(script.texts(last.get('content')))}"
    return said + (f" (told: {' '.join(told)})" if told else "")


# ---- responses: items and events ----


def item_of(part, number, index):
    if "text" in part or "refusal" in part:
        content = ({"type": "output_text", "annotations": list(part.get("annotations", ())), "logprobs": [],
                    "text": part["text"]} if "text" in part else {"type": "refusal", "refusal": part["refusal"]})
        return {"id": script.name_of("msg_", number, index), "type": "message", "status": "completed",
                "content": [content], "role": "assistant"}
    if "tool" in part:
        kind, field = ("custom_tool_call", "input") if part.get("custom") else ("function_call", "arguments")
        return {"id": script.name_of("ctc_" if part.get("custom") else "fc_", number, index), "type": kind,
                "status": "completed", field: script.arguments_text(part),
                "call_id": part.get("id") or script.name_of("call_", number, index), "name": part["tool"]}
    if "thinking" in part:
        words = part["thinking"] if isinstance(part["thinking"], list) else [part["thinking"]]
        item = {"id": script.name_of("rs_", number, index), "type": "reasoning",
                "summary": [{"type": "summary_text", "text": text} for text in words]}
        return {**item, "encrypted_content": part["encrypted"]} if "encrypted" in part else item
    return {**part["item"], "_events": part.get("events", ())}


def without_notes(response):
    return {**response, "output": [{key: value for key, value in item.items() if key != "_events"}
                                   for item in response["output"]]}


def response_events(response, how, is_obfuscated):
    """Every event of a stream, numbered. Takes the notes of the script out of the response."""
    items, response["output"] = response["output"], without_notes(response)["output"]
    started = {**response, "status": "in_progress", "output": [], "usage": None, "error": None,
               "incomplete_details": None}
    events = [{"type": "response.created", "response": started}, {"type": "response.in_progress", "response": started}]
    for index, item in enumerate(items):
        events += item_events(item, index, how)
    events.append({"type": f"response.{response['status']}", "response": response})
    for number, event in enumerate(events):
        numbered = {"type": event["type"], "sequence_number": number, **event}
        if is_obfuscated and event["type"].endswith(".delta"):
            numbered["obfuscation"] = obfuscation(number)
        yield numbered


def item_events(item, index, how):
    given = {"item_id": item.get("id"), "output_index": index}
    notes = item.get("_events", ())
    item = {key: value for key, value in item.items() if key != "_events"}
    empty = {"message": {"status": "in_progress", "content": []}, "reasoning": {"summary": []},
             "function_call": {"status": "in_progress", "arguments": ""},
             "custom_tool_call": {"status": "in_progress", "input": ""}}
    streams = {"message": message_events, "reasoning": reasoning_events, "function_call": call_events,
               "custom_tool_call": call_events}
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty.get(item["type"], {})}}
    if item["type"] in streams and not notes:
        yield from streams[item["type"]](item, given, how)
    for kind, fields in notes:
        yield {"type": kind, **given, **fields}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def message_events(item, given, how):
    for at, part in enumerate(item["content"]):
        here = {**given, "content_index": at}
        field, kind = ("text", "output_text") if part["type"] == "output_text" else ("refusal", "refusal")
        extra = {"logprobs": []} if kind == "output_text" else {}
        blank = {**part, field: "", **({"annotations": []} if extra else {})}
        yield {"type": "response.content_part.added", **here, "part": blank}
        for piece in script.split(part[field], how):
            yield {"type": f"response.{kind}.delta", **here, "delta": piece, **extra}
        for number, note in enumerate(part.get("annotations", ())):
            yield {"type": "response.output_text.annotation.added", **here, "annotation_index": number,
                   "annotation": note}
        yield {"type": f"response.{kind}.done", **here, field: part[field], **extra}
        yield {"type": "response.content_part.done", **here, "part": part}


def reasoning_events(item, given, how):
    for at, part in enumerate(item["summary"]):
        here = {**given, "summary_index": at}
        yield {"type": "response.reasoning_summary_part.added", **here, "part": {"type": "summary_text", "text": ""}}
        for piece in script.split(part["text"], how):
            yield {"type": "response.reasoning_summary_text.delta", **here, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **here, "text": part["text"]}
        yield {"type": "response.reasoning_summary_part.done", **here, "part": part}


def call_events(item, given, how):
    kind, field = ((("custom_tool_call_input"), "input") if item["type"] == "custom_tool_call"
                   else ("function_call_arguments", "arguments"))
    for piece in script.split(item[field], how):
        yield {"type": f"response.{kind}.delta", **given, "delta": piece}
    yield {"type": f"response.{kind}.done", **given, field: item[field]}


def items_of(given, number):
    given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}] \
        if isinstance(given, str) else (given or [])
    return [{"id": script.name_of("msg_", number, "in", at), **item} for at, item in enumerate(given)] or \
        [{"id": script.name_of("msg_", number, "in"), "type": "message", "role": "user", "content": []}]


def echo_response(body, stored):
    given = body.get("input") or ""
    last = given if isinstance(given, str) else given[-1] if given else ""
    said = f"You said: {' '.join(script.texts(last))}"
    previous = stored.get(body.get("previous_response_id"))
    if previous:
        said += f" (before: {' '.join(script.texts(previous[0]['output']))})"
    return said + (f" (told: {body['instructions']})" if isinstance(body.get("instructions"), str) else "")
