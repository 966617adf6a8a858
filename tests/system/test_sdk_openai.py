"""The official `openai` package, in each mode that it has for the endpoints that sworn knows.

Each test runs on two ways: direct to the stand-in, which shows that the stand-in is faithful, and through sworn.
"""
import json
import time

import pytest

from models import SdkError, lines

opened, line = lines("openai")

MODEL = "gpt-4o-mini"
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city.", "strict": True,
                                            "parameters": {"type": "object", "properties": {"city": {"type": "string"}},
                                                           "required": ["city"], "additionalProperties": False}}}
NO_ARGUMENTS = {"type": "function", "function": {"name": "no_arguments"}}
RESPONSE_TOOLS = [{"type": "function", "name": "get_weather", "parameters": {}, "strict": False},
                  {"type": "custom", "name": "shell"}]
LONG = "The quick brown fox jumps over the lazy dog; zwölf Boxkämpfer jagen Viktor quer über den Deich. 🦊 " * 20


def ask(text="What is a proxy?", **more):
    return {"model": MODEL, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}],
            **more}


def tool_call(name="get_weather", **arguments):
    return {"tool": name, "arguments": arguments}


# ---- chat completions ----


def test_chat(line):
    result = line.call("chat.completions.create", ask())
    assert result["value"]["choices"][0]["message"]["content"] == "You said: What is a proxy? (told: Be brief.)"
    assert result["value"]["usage"]["total_tokens"] > 0
    assert result["request_id"].startswith("req_")
    (request,) = line.fake.requests
    assert request.json() == ask()


def test_chat_content_parts(line):
    content = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    result = line.call("chat.completions.create", {"model": MODEL, "messages": [{"role": "user", "content": content}]})
    assert result["value"]["choices"][0]["message"]["content"] == "You said: one two"


def test_chat_headers(line):
    result = line.call("chat.completions.create", ask(), mode="response")
    headers = result["headers"]
    assert result["request_id"] == headers["x-request-id"]
    assert headers["openai-processing-ms"] == "17" and headers["openai-organization"] == "org-fake"
    assert headers["x-ratelimit-remaining-tokens"] == "199000" and headers["x-ratelimit-reset-requests"] == "8.64s"


def test_chat_several_choices(line):
    line.fake.script({"choices": ["first", [tool_call(city="Bonn")], [{"refusal": "No."}]]})
    choices = line.call("chat.completions.create", ask(n=3, tools=[WEATHER]))["value"]["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert choices[0]["message"]["content"] == "first"
    assert choices[1]["message"]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Bonn"}'}
    assert choices[2]["message"]["refusal"] == "No."


@pytest.mark.parametrize("split", [1, 3, 8, 1000])
def test_chat_stream(line, split):
    line.fake.script({"say": LONG, "split": split})
    events = line.call("chat.completions.create", ask(stream=True), mode="events")["events"]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events) == LONG
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


def test_chat_stream_usage(line):
    events = line.call("chat.completions.create", ask(stream=True, stream_options={"include_usage": True}),
                       mode="events")["events"]
    assert events[-1]["choices"] == [] and events[-1]["usage"]["total_tokens"] > 0
    assert all(event["usage"] is None for event in events[:-1])


def test_chat_stream_helper(line):
    line.fake.script({"say": LONG})
    result = line.call("chat.completions.stream", ask(stream_options={"include_usage": True}), mode="chat_helper")
    assert result["content"] == LONG and result["seen"]["content.delta"] > 10 and result["seen"]["end"] == 1
    assert result["usage"]["total_tokens"] > 0


def test_chat_stream_choices(line):
    line.fake.script({"choices": ["the first of them", "the second, which is longer", [tool_call(city="Köln")]]})
    choices = line.call("chat.completions.stream", ask(n=3, tools=[WEATHER]), mode="chat_helper")["completion"]["choices"]
    assert [choice["message"]["content"] for choice in choices[:2]] == ["the first of them",
                                                                        "the second, which is longer"]
    assert choices[2]["message"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Köln"}'


@pytest.mark.parametrize("split", [1, 5, 1000])
def test_chat_stream_parallel_tools(line, split):
    line.fake.script({"say": ["Let me look.", tool_call(city="Bonn"), tool_call(city="Rom"), tool_call("no_arguments")],
                      "split": split})
    result = line.call("chat.completions.stream", ask(tools=[WEATHER, NO_ARGUMENTS], parallel_tool_calls=True), mode="chat_helper")
    calls = result["completion"]["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"city": "Bonn"}', '{"city": "Rom"}', "{}"]
    assert len({call["id"] for call in calls}) == 3
    assert result["completion"]["choices"][0]["finish_reason"] == "tool_calls"
    assert result["completion"]["choices"][0]["message"]["content"] == "Let me look."


def test_chat_custom_tool(line):
    line.fake.script({"say": [{"tool": "shell", "arguments": "ls -l /tmp", "custom": True}]}, times=2)
    body = ask(tools=[{"type": "custom", "custom": {"name": "shell", "description": "Runs a command."}}])
    call = line.call("chat.completions.create", body)["value"]["choices"][0]["message"]["tool_calls"][0]
    assert call["custom"] == {"name": "shell", "input": "ls -l /tmp"}
    events = line.call("chat.completions.create", {**body, "stream": True}, mode="events")["events"]
    pieces = [call["custom"].get("input", "") for event in events
              for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(pieces) == "ls -l /tmp"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_chat_refusal(line, is_streamed):
    line.fake.script({"say": {"refusal": "I cannot help with that request."}})
    if is_streamed:
        message = line.call("chat.completions.stream", ask(), mode="chat_helper")["completion"]["choices"][0]["message"]
    else:
        message = line.call("chat.completions.create", ask())["value"]["choices"][0]["message"]
    assert message["refusal"] == "I cannot help with that request." and not message["content"]


def test_chat_parse(line):
    line.fake.script({"say": '{"name": "Ada", "mail": "none"}'})
    assert line.call("chat.completions.parse", ask(), mode="chat_parse")["parsed"] == {"name": "Ada", "mail": "none"}
    sent = line.fake.requests[0].json()["response_format"]["json_schema"]
    assert sent["strict"] is True and set(sent["schema"]["properties"]) == {"name", "mail"}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_chat_run_tools(line, is_streamed):
    line.fake.script({"say": [tool_call(city="Bonn"), tool_call("get_time", zone="CET")]})
    line.fake.script({"say": [tool_call(city="Rom")]})
    line.fake.script({"say": "Sunny in both."})
    body = ask(**({"stream": True, "stream_options": {"include_usage": True}} if is_streamed else {}))
    result = line.call("chat.completions.runTools", body, mode="chat_tools",
                       tools=[{"name": "get_weather", "answer": "sunny"}, {"name": "get_time", "answer": {"hour": 12}}])
    assert result["content"] == "Sunny in both."
    assert [call["args"] for call in result["calls"]] == [{"city": "Bonn"}, {"zone": "CET"}, {"city": "Rom"}]
    assert result["usage"]["total_tokens"] > 0
    last = line.fake.requests[2].json()["messages"]
    assert [message["role"] for message in last] == ["system", "user", "assistant", "tool", "tool", "assistant", "tool"]
    assert last[3]["content"] == "sunny" and last[2]["tool_calls"][0]["id"] == last[3]["tool_call_id"]


def test_chat_stored(line):
    made = line.call("chat.completions.create", ask(store=True, metadata={"k": "v"}))["value"]
    again = line.call("chat.completions.retrieve", made["id"])["value"]
    assert again["choices"] == made["choices"] and again["metadata"] == {"k": "v"}
    messages = line.call("chat.completions.messages.list", made["id"], mode="list")["values"]
    assert [message["content"] for message in messages] == ["Be brief.", "What is a proxy?"]
    assert line.call("chat.completions.delete", made["id"])["value"]["deleted"]
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.retrieve", made["id"])
    assert raised.value.kind == "NotFoundError"


# ---- responses ----


def test_response(line):
    result = line.call("responses.create", {"model": MODEL, "input": "What is a proxy?", "instructions": "Be brief."})
    assert result["value"]["output_text"] == "You said: What is a proxy? (told: Be brief.)"
    assert result["value"]["instructions"] == "Be brief." and result["value"]["usage"]["output_tokens"] > 0


def test_response_input_items(line):
    given = [{"role": "developer", "content": "Be brief."},
             {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
             {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'},
             {"type": "function_call_output", "call_id": "call_1", "output": "the tool's words"}]
    result = line.call("responses.create", {"model": MODEL, "input": given})
    assert result["value"]["output_text"] == "You said: the tool's words"
    assert line.fake.requests[0].json()["input"] == given


EVERY_PART = [{"thinking": ["First I think.", "Then I think again."], "encrypted": "Z0FBQUFBQm8="},
              {"text": LONG, "annotations": [{"type": "url_citation", "start_index": 0, "end_index": 3, "title": "Fox",
                                              "url": "https://example.com/fox"}]},
              tool_call(city="Bonn"), {"tool": "shell", "arguments": "ls -l", "custom": True}, {"refusal": "Not that."}]


@pytest.mark.parametrize("split", [1, 7, 1000])
def test_response_stream(line, split):
    line.fake.script({"say": EVERY_PART, "split": split})
    events = line.call("responses.create", {"model": MODEL, "input": "hello", "tools": RESPONSE_TOOLS, "stream": True},
                       mode="events")["events"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    text = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(text) == LONG
    done = [event for event in events if event["type"].endswith("_text.done")]
    assert [event["text"] for event in done] == ["First I think.", "Then I think again.", LONG]
    final = events[-1]
    assert final["type"] == "response.completed"
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert items == final["response"]["output"]
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call", "custom_tool_call", "message"]


def test_response_stream_helper(line):
    line.fake.script({"say": EVERY_PART})
    result = line.call("responses.stream", {"model": MODEL, "input": "hello", "tools": RESPONSE_TOOLS}, mode="response_helper")
    assert result["text"] == LONG and result["types"][0] == "response.created"
    plain = {event.split(".")[1] for event in result["types"] if event.count(".") > 1}
    assert plain >= {"output_item", "content_part", "output_text", "refusal", "function_call_arguments",
                     "custom_tool_call_input", "reasoning_summary_part", "reasoning_summary_text"}
    call = result["response"]["output"][2]
    assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Bonn"}')


def test_response_server_tools_stream(line):
    """Items that the provider's own tools make; they come with events of their own."""
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed",
              "action": {"type": "search", "query": "weather"}}
    code = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "print(1)",
            "container_id": "cntr_1", "outputs": [{"type": "logs", "logs": "1"}]}
    line.fake.script({"say": [
        {"item": search, "events": [["response.web_search_call.in_progress", {}],
                                    ["response.web_search_call.searching", {}],
                                    ["response.web_search_call.completed", {}]]},
        {"item": code, "events": [["response.code_interpreter_call.in_progress", {}],
                                  ["response.code_interpreter_call_code.delta", {"delta": "print(1)"}],
                                  ["response.code_interpreter_call_code.done", {"code": "print(1)"}],
                                  ["response.code_interpreter_call.completed", {}]]}, "Done."]})
    tools = [{"type": "web_search"}, {"type": "code_interpreter", "container": {"type": "auto"}}]
    result = line.call("responses.stream", {"model": MODEL, "input": "x", "tools": tools}, mode="response_helper")
    assert [item["type"] for item in result["response"]["output"]] == ["web_search_call", "code_interpreter_call",
                                                                       "message"]


def test_response_parse(line):
    line.fake.script({"say": '{"name": "Ada", "mail": "none"}'})
    result = line.call("responses.parse", {"model": MODEL, "input": "hello"}, mode="response_parse")
    assert result["parsed"] == {"name": "Ada", "mail": "none"}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_response_tool_runner(line, is_streamed):
    line.fake.script({"say": [tool_call(city="Bonn")]})
    line.fake.script({"say": "Sunny."})
    result = line.call(None, {"model": MODEL, "input": "weather?"}, {"stream": is_streamed}, mode="response_tools",
                       tools=[{"name": "get_weather", "answer": "sunny"}])
    assert result == {"calls": [{"name": "get_weather", "args": {"city": "Bonn"}}], "text": "Sunny."}


def test_response_stored(line):
    first = line.call("responses.create", {"model": MODEL, "input": "the first", "metadata": {"k": "v"}})["value"]
    again = line.call("responses.retrieve", first["id"])["value"]
    assert again["output_text"] == first["output_text"] and again["metadata"] == {"k": "v"}
    items = line.call("responses.inputItems.list", first["id"], mode="list")["values"]
    assert items[0]["content"][0]["text"] == "the first"
    second = line.call("responses.create", {"model": MODEL, "input": "and?", "previous_response_id": first["id"]})["value"]
    assert second["previous_response_id"] == first["id"]
    assert second["output_text"] == "You said: and? (before: You said: the first)"
    events = line.call("responses.retrieve", first["id"], {"stream": True, "starting_after": 2}, mode="events")["events"]
    assert events[0]["sequence_number"] == 3 and events[-1]["type"] == "response.completed"
    line.call("responses.delete", first["id"])
    with pytest.raises(SdkError) as raised:
        line.call("responses.retrieve", first["id"])
    assert raised.value.kind == "NotFoundError"


def test_response_of_unknown_previous(line):
    with pytest.raises(SdkError) as raised:
        line.call("responses.create", {"model": MODEL, "input": "x", "previous_response_id": "resp_none"})
    assert raised.value.kind == "BadRequestError"


@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_response_that_ends_otherwise(line, status):
    line.fake.script({"response_status": status, "say": "Half of"}, times=2)
    assert line.call("responses.create", {"model": MODEL, "input": "x"})["value"]["status"] == status
    events = line.call("responses.create", {"model": MODEL, "input": "x", "stream": True}, mode="events")["events"]
    assert events[-1]["type"] == f"response.{status}"


# ---- embeddings, models, what is not text ----


def test_embeddings(line):
    plain = line.call("embeddings.create", {"model": "text-embedding-3-small", "input": ["one", "two"],
                                            "encoding_format": "float"})["value"]["data"]
    packed = line.call("embeddings.create", {"model": "text-embedding-3-small", "input": ["one", "two"]})["value"]["data"]
    assert [item["index"] for item in packed] == [0, 1]
    assert packed[1]["embedding"] == pytest.approx(plain[1]["embedding"])
    assert line.fake.requests[1].json()["encoding_format"] == "base64"


def test_embeddings_of_tokens(line):
    """Nobody can see what values tokens stand for: they pass only where policy reveals everything to the provider."""
    body = {"model": "text-embedding-3-small", "input": [[1, 2, 3], [4]]}
    if line.is_direct:
        assert len(line.call("embeddings.create", body)["value"]["data"]) == 2
        return
    with pytest.raises(SdkError) as raised:
        line.call("embeddings.create", body)
    assert raised.value.kind in ("PermissionDeniedError", "BadRequestError") and line.fake.requests == []


def test_models(line):
    names = [model["id"] for model in line.call("models.list", mode="list")["values"]]
    assert MODEL in names
    assert line.call("models.retrieve", MODEL)["value"]["id"] == MODEL
    with pytest.raises(SdkError) as raised:
        line.call("models.retrieve", "no-such-model")
    assert raised.value.kind == "NotFoundError"


def test_count_tokens(line):
    assert line.call("responses.inputTokens.count", {"model": MODEL, "input": "x" * 400})["value"]["input_tokens"] == 100


@pytest.mark.parametrize("name", ["batches.list", "files.list"])
def test_what_is_denied_by_default(line, name):
    """Batches and files are operations of their own, which a policy for prompts does not permit."""
    if line.is_direct:
        assert line.call(name, mode="list")["values"] == []
        return
    with pytest.raises(SdkError) as raised:
        line.call(name, mode="list", client={"maxRetries": 2})
    assert raised.value.kind == "PermissionDeniedError" and line.fake.requests == []
    assert raised.value.headers["x-should-retry"] == "false"
    assert f'it is action "openai:list_{name.removesuffix(".list")}"' in str(raised.value)


# ---- errors, retries ----

ERRORS = [(400, "BadRequestError"), (401, "AuthenticationError"), (403, "PermissionDeniedError"), (404, "NotFoundError"),
          (409, "ConflictError"), (422, "UnprocessableEntityError"), (429, "RateLimitError"),
          (500, "InternalServerError"), (503, "InternalServerError")]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("status,kind", ERRORS)
def test_error_classes(line, status, kind, is_streamed):
    line.fake.script({"status": status, "error": {"message": "as scripted", "code": "some_code"}})
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.create", ask(stream=is_streamed))
    error = raised.value
    assert (error.kind, error.status, error.code) == (kind, status, "some_code")
    assert "as scripted" in error.message and error.request_id.startswith("req_")


def test_wrong_key(line):
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.create", ask(), client={"apiKey": "sk-nobodys-key"})
    assert raised.value.kind == "AuthenticationError" and raised.value.status == 401
    assert line.is_direct or line.fake.requests == []


def test_error_without_json(line):
    line.fake.script({"status": 502, "body": "x", "raw": "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n"
                      "Content-Length: 16\r\n\r\n<html>bad</html>"})
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.create", ask())
    assert raised.value.kind == "InternalServerError"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_retries(line, status):
    line.fake.script({"status": status, "headers": {"retry-after-ms": "20"}}, times=2)
    line.fake.script({"say": "at last"})
    result = line.call("chat.completions.create", ask(), client={"maxRetries": 2})
    assert result["value"]["choices"][0]["message"]["content"] == "at last"
    assert len(line.fake.requests) == 3
    assert [request.header("x-stainless-retry-count") for request in line.fake.requests] in (["0", "1", "2"], [None] * 3)


def test_retries_end(line):
    line.fake.script({"status": 500, "headers": {"retry-after-ms": "10"}}, times=9)
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.create", ask(), client={"maxRetries": 3})
    assert raised.value.kind == "InternalServerError" and len(line.fake.requests) == 4


@pytest.mark.parametrize("header,wait_s", [({"retry-after": "1"}, 1.0), ({"retry-after-ms": "700"}, 0.7)])
def test_retry_after_is_honoured(line, header, wait_s):
    line.fake.script({"status": 429, "headers": header})
    started = time.monotonic()
    line.call("chat.completions.create", ask(), client={"maxRetries": 1})
    first, second = line.fake.requests
    assert wait_s - 0.05 <= second.at - first.at <= wait_s + 2 and time.monotonic() - started < wait_s + 5


@pytest.mark.parametrize("status,header,count", [(500, "false", 1), (429, "false", 1), (400, "true", 3)])
def test_should_retry_is_honoured(line, status, header, count):
    line.fake.script({"status": status, "headers": {"x-should-retry": header, "retry-after-ms": "10"}}, times=9)
    with pytest.raises(SdkError):
        line.call("chat.completions.create", ask(), client={"maxRetries": 2})
    assert len(line.fake.requests) == count


def test_bad_request_is_not_retried(line):
    line.fake.script({"status": 400}, times=3)
    with pytest.raises(SdkError):
        line.call("chat.completions.create", ask(), client={"maxRetries": 2})
    assert len(line.fake.requests) == 1


def test_timeout(line):
    line.fake.script({"head_delay_ms": 3000})
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.create", ask(), client={"timeout": 300})
    assert raised.value.kind == "APIConnectionTimeoutError"
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_nobody_listens(line):
    with pytest.raises(SdkError) as raised:
        line.call("models.list", client={"baseURL": "http://127.0.0.1:9/v1"})
    assert raised.value.kind == "APIConnectionError"


# ---- streams that end early ----


def test_error_in_a_chat_stream(line):
    line.fake.script({"say": LONG, "fail_event": 5, "error": {"message": "broke in the middle"}})
    result = line.call("chat.completions.create", ask(stream=True), mode="events")
    assert result["failed"]["class"] == "APIError" and "broke in the middle" in result["failed"]["message"]
    assert len(result["events"]) == 5


def test_error_in_a_response_stream(line):
    line.fake.script({"say": LONG, "fail_event": 6, "error": {"message": "broke in the middle"}})
    result = line.call("responses.create", {"model": MODEL, "input": "x", "stream": True}, mode="events")
    assert result["failed"]["class"] == "APIError" and "broke in the middle" in result["failed"]["message"]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("is_reset", [False, True])
def test_cut_off_answer(line, is_streamed, is_reset):
    """The provider breaks off: the client must see that, not an answer that looks whole."""
    line.fake.script({"say": LONG, "cut": 700, "reset": is_reset})
    if is_streamed:
        result = line.call("chat.completions.create", ask(stream=True), mode="events")
        assert "failed" in result
    else:
        with pytest.raises(SdkError):
            line.call("chat.completions.create", ask())


@pytest.mark.parametrize("how", ["stop_after", "abort_after"])
def test_abort_in_a_stream(line, how):
    """Leaving the loop cancels the request at the provider."""
    line.fake.script({"say": LONG, "delay_ms": 20, "split": 4})
    result = line.call("chat.completions.create", ask(stream=True), mode="events", **{how: 5})
    assert result["is_aborted"] and 5 <= len(result["events"]) <= 12
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_abort_by_signal(line):
    line.fake.script({"head_delay_ms": 5000})
    with pytest.raises(SdkError) as raised:
        line.call("chat.completions.create", ask(), {}, mode="signal", abort_after_ms=200)
    assert raised.value.kind == "APIUserAbortError"
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_abort_of_the_helper(line):
    line.fake.script({"say": LONG, "delay_ms": 20, "split": 4})
    result = line.call("chat.completions.stream", ask(), mode="helper_abort", event="content.delta", abort_after=3)
    assert result["is_aborted"] and result["failed"]["class"] == "APIUserAbortError"
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_deltas_arrive_as_they_are_sent(line):
    line.fake.script({"say": "0123456789" * 3, "split": 10, "delay_ms": 300})
    result = line.call("chat.completions.create", ask(stream=True), mode="events")
    assert result["times"][-1] - result["times"][0] > 900


# ---- the way an answer travels ----


@pytest.mark.parametrize("behaviour", [{"encoding": "gzip"}, {"encoding": "deflate"}, {"segment": 3}, {"chunk": 5},
                                       {"framing": "close"}, {"framing": "chunked", "chunk": 11},
                                       {"escape": "ascii"}, {"escape": "all"},
                                       {"encoding": "gzip", "framing": "chunked", "chunk": 1}],
                         ids=lambda behaviour: "-".join(map(str, behaviour.values())))
@pytest.mark.parametrize("is_streamed", [False, True])
def test_transport(line, behaviour, is_streamed):
    line.fake.script({"say": LONG, **behaviour})
    if is_streamed:
        assert line.call("chat.completions.stream", ask(), mode="chat_helper")["content"] == LONG
    else:
        result = line.call("chat.completions.create", ask())
        assert result["value"]["choices"][0]["message"]["content"] == LONG


def test_large_both_ways(line):
    text = LONG * 300
    line.fake.script({"say": text, "split": 4000}, times=2)
    assert line.call("chat.completions.create", ask(text))["value"]["choices"][0]["message"]["content"] == text
    assert line.call("chat.completions.stream", ask(text), mode="chat_helper")["content"] == text


# ---- values of a data class ----

MAIL = "maria.keller@example.org"


def through(line, *arguments, **extra):
    """Calls, and checks that the value did not reach the provider in clear where sworn is between."""
    result = line.call(*arguments, **extra)
    seen = b"".join(request.wire for request in line.fake.requests)
    assert (MAIL.encode() in seen) == line.is_direct
    return result


@pytest.mark.parametrize("split", [1, 4, 1000])
def test_own_value_comes_back(line, split):
    line.fake.script({"split": split}, times=4)
    words = f"You said: Write to {MAIL} today"
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"Write to {MAIL} today"}]}
    assert through(line, "chat.completions.create", body)["value"]["choices"][0]["message"]["content"] == words
    assert through(line, "chat.completions.stream", body, mode="chat_helper")["content"] == words
    body = {"model": MODEL, "input": f"Write to {MAIL} today"}
    assert through(line, "responses.create", body)["value"]["output_text"] == words
    result = through(line, "responses.stream", body, mode="response_helper")
    assert result["text"] == words and result["response"]["output"][0]["content"][0]["text"] == words


def test_own_value_in_a_stored_response(line):
    first = line.call("responses.create", {"model": MODEL, "input": f"Write to {MAIL} today"})["value"]
    second = through(line, "responses.create", {"model": MODEL, "input": "To whom?", "previous_response_id": first["id"]})
    assert second["value"]["output_text"] == f"You said: To whom? (before: You said: Write to {MAIL} today)"
    assert line.call("responses.retrieve", first["id"])["value"]["output_text"] == f"You said: Write to {MAIL} today"


def test_own_value_in_tool_arguments(line):
    """Cut at each place, in a stream and not."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": MAIL}],
            "tools": [{"type": "function", "function": {"name": "send"}}]}
    line.call("chat.completions.create", body)
    word = line.fake.requests[0].json()["messages"][0]["content"]
    wanted = {"to": MAIL, "text": f'Dear "{MAIL}", hi'}
    for split in range(1, len(word) + 8):
        line.fake.script({"say": [tool_call("send", to=word, text=f'Dear "{word}", hi')], "split": split})
        result = line.call("chat.completions.stream", body, mode="chat_helper")
        assert json.loads(result["call"]["arguments"]) == wanted
    line.fake.script({"say": [tool_call("send", to=word, text=f'Dear "{word}", hi')]})
    message = line.call("chat.completions.create", body)["value"]["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == wanted


def test_history_stays_the_same_at_the_provider(line):
    """Else its prompt cache would not hit."""
    messages = []
    for number in range(4):
        messages.append({"role": "user", "content": f"Write to {MAIL} and to other{number}@example.org today"})
        said = line.call("chat.completions.create", {"model": MODEL, "messages": messages})["value"]
        messages.append({"role": "assistant", "content": said["choices"][0]["message"]["content"]})
    sent = [request.json()["messages"] for request in line.fake.requests]
    for before, after in zip(sent, sent[1:]):
        assert after[:len(before)] == before


# ---- the prompt cache ----


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_what_was_sent_before_stays_the_same_over_20_turns(line, api):
    """In the provider's order: tools, instructions, messages. Each turn brings new values, and says old ones again."""
    tool = json.loads(json.dumps(WEATHER).replace("The weather of a city.", "Default from help@corp.example."))
    told = "Escalate to oncall@corp.example."
    history, prefixes = [], []
    for turn in range(20):
        history.append({"role": "user", "content": f"turn {turn}: I am t{turn}@example.org, not t{turn // 2}@example.org"})
        if api == "chat":
            body = {"model": MODEL, "messages": [{"role": "system", "content": told}, *history], "tools": [tool]}
            said = line.call("chat.completions.create", body)["value"]["choices"][0]["message"]["content"]
        else:
            body = {"model": MODEL, "input": list(history), "instructions": told, "tools": [{"type": "function", **tool["function"]}]}
            said = line.call("responses.create", body)["value"]["output"][-1]["content"][0]["text"]
        history.append({"role": "assistant", "content": said})
        sent = line.fake.requests[-1].json()
        prefixes.append(repr([sent["tools"], sent.get("instructions"), *(sent.get("messages") or sent["input"])]))
    assert all(later.startswith(earlier[:-1]) for earlier, later in zip(prefixes, prefixes[1:]))
