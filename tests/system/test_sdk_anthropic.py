"""The official `@anthropic-ai/sdk` package, in each mode that it has for the endpoints that sworn knows.

Each test runs on two ways: direct to the stand-in, which shows that the stand-in is faithful, and through sworn.
"""
import time

import pytest

from models import SdkError, lines

opened, line = lines("anthropic")

MODEL = "claude-sonnet-5-5"
WEATHER = {"name": "get_weather", "description": "The weather of a city.",
           "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
THREADS = ["message-threads-2026-08-12"]
LONG = "The quick brown fox jumps over the lazy dog; zwölf Boxkämpfer jagen Viktor quer über den Deich. 🦊 " * 20


def ask(text="What is a proxy?", **more):
    return {"model": MODEL, "max_tokens": 1024, "system": "Be brief.", "messages": [{"role": "user", "content": text}],
            **more}


def tool_call(name="get_weather", **arguments):
    return {"tool": name, "arguments": arguments}


def text_of(message):
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


# ---- messages ----


def test_message(line):
    result = line.call("messages.create", ask())
    assert text_of(result["value"]) == "You said: What is a proxy? (told: Be brief.)"
    assert result["value"]["stop_reason"] == "end_turn" and result["value"]["usage"]["output_tokens"] > 0
    assert result["request_id"].startswith("req_")
    (request,) = line.fake.requests
    assert request.json() == ask() and request.header("anthropic-version") in ("2023-06-01", "2026-10-21")


def test_message_content_blocks(line):
    content = [{"type": "text", "text": "one", "cache_control": {"type": "ephemeral"}},
               {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A document."},
                "title": "t", "context": "c", "citations": {"enabled": True}},
               {"type": "text", "text": "two"}]
    body = ask(content, system=[{"type": "text", "text": "Be brief."}])
    result = line.call("messages.create", body)
    assert text_of(result["value"]) == "You said: one two (told: Be brief.)"
    assert line.fake.requests[0].json() == body


def test_history_with_tools_and_thinking(line):
    """What the model said before goes back as it was."""
    line.fake.script({"say": [{"thinking": "I should look.", "signature": "c2lnbmVk+/=="}, {"redacted": "b3BhcXVl"},
                              "Let me look.", tool_call(city="Bonn")]})
    said = line.call("messages.create", ask(tools=[WEATHER]))["value"]
    assert [block["type"] for block in said["content"]] == ["thinking", "redacted_thinking", "text", "tool_use"]
    call = said["content"][3]
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": "sunny"}]}
    body = ask(tools=[WEATHER])
    body["messages"] += [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": [result]}]
    answer = line.call("messages.create", body)["value"]
    assert text_of(answer) == "You said: sunny (told: Be brief.)"
    assert line.fake.requests[1].json()["messages"][1]["content"] == said["content"]


def test_headers(line):
    result = line.call("messages.create", ask(), mode="response")
    headers = result["headers"]
    assert result["request_id"] == headers["request-id"]
    assert headers["anthropic-ratelimit-tokens-remaining"] == "479000"
    assert headers["anthropic-ratelimit-requests-reset"] == "2026-01-01T00:00:00Z"
    assert headers["anthropic-organization-id"].startswith("0f0f0f0f-")


@pytest.mark.parametrize("split", [1, 3, 8, 1000])
def test_stream(line, split):
    line.fake.script({"say": LONG, "split": split})
    events = line.call("messages.create", ask(stream=True), mode="events")["events"]
    deltas = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(deltas) == LONG
    assert [events[0]["type"], events[-2]["type"], events[-1]["type"]] == ["message_start", "message_delta",
                                                                           "message_stop"]
    assert events[-2]["usage"]["output_tokens"] > 0


def test_stream_helper(line):
    line.fake.script({"say": LONG})
    result = line.call("messages.stream", ask(), mode="helper")
    assert result["text"] == LONG and result["seen"]["text"] > 10 and result["seen"]["end"] == 1
    assert result["message"]["stop_reason"] == "end_turn" and result["message"]["usage"]["output_tokens"] > 0
    assert result["request_id"].startswith("req_")


EVERY_BLOCK = [{"thinking": "First I think, " * 9, "signature": "c2lnbmVkIGJ5IHRoZSBwcm92aWRlcg=="}, {"redacted": "b3A="},
               {"text": LONG, "citations": [{"type": "char_location", "cited_text": "The quick", "document_index": 0,
                                             "document_title": "Fox", "start_char_index": 0, "end_char_index": 9}]},
               tool_call(city="Bonn", days=[1, 2.5, None, True]), tool_call("get_time", zone="MEZ – CET"),
               tool_call("no_arguments")]


@pytest.mark.parametrize("split", [1, 7, 1000])
def test_stream_of_every_block(line, split):
    line.fake.script({"say": EVERY_BLOCK, "split": split})
    tools = [{**WEATHER, "name": name} for name in ("get_weather", "get_time", "no_arguments")]
    result = line.call("messages.stream", ask(tools=tools), mode="helper")
    thinking, redacted, text, *calls = result["message"]["content"]
    assert thinking["thinking"] == "First I think, " * 9 and thinking["signature"].startswith("c2lnbmVkIGJ5")
    assert redacted == {"type": "redacted_thinking", "data": "b3A="}
    assert text["text"] == LONG and text["citations"][0]["cited_text"] == "The quick"
    assert [call["input"] for call in calls] == [{"city": "Bonn", "days": [1, 2.5, None, True]}, {"zone": "MEZ – CET"},
                                                 {}]
    assert result["message"]["stop_reason"] == "tool_use" and len({call["id"] for call in calls}) == 3
    assert set(result["seen"]) >= {"connect", "text", "citation", "inputJson", "thinking", "signature", "contentBlock"}


def test_stream_of_server_tools(line):
    """What the provider's own tools made comes whole."""
    line.fake.script({"say": [
        {"block": {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "foxes"}}},
        {"block": {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
            {"type": "web_search_result", "url": "https://example.com/", "title": "Foxes", "encrypted_content": "ZW5j",
             "page_age": "April 30, 2025"}]}}, "Done."]})
    tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]
    content = line.call("messages.stream", ask(tools=tools), mode="helper")["message"]["content"]
    assert [block["type"] for block in content] == ["server_tool_use", "web_search_tool_result", "text"]
    assert content[0]["input"] == {"query": "foxes"} and content[1]["content"][0]["title"] == "Foxes"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_refusal(line, is_streamed):
    line.fake.script({"say": {"refusal": "I will not."}})
    message = (line.call("messages.stream", ask(), mode="helper")["message"] if is_streamed
               else line.call("messages.create", ask())["value"])
    assert message["stop_reason"] == "refusal"


@pytest.mark.parametrize("reason", ["max_tokens", "stop_sequence", "pause_turn"])
def test_stop_reasons(line, reason):
    line.fake.script({"stop_reason": reason, "stop_sequence": "END" if reason == "stop_sequence" else None}, times=2)
    assert line.call("messages.create", ask())["value"]["stop_reason"] == reason
    message = line.call("messages.stream", ask(stop_sequences=["END"]), mode="helper")["message"]
    assert message["stop_reason"] == reason and (message["stop_sequence"] == "END") == (reason == "stop_sequence")


def test_parse(line):
    line.fake.script({"say": '{"name": "Ada", "mail": "none"}'})
    assert line.call("messages.parse", ask(), mode="parse")["parsed"] == {"name": "Ada", "mail": "none"}
    assert line.fake.requests[0].json()["output_config"]["format"]["type"] == "json_schema"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_runner(line, is_streamed):
    line.fake.script({"say": ["Let me look.", tool_call(city="Bonn"), tool_call("get_time", zone="CET")]})
    line.fake.script({"say": [tool_call(city="Rom")]})
    line.fake.script({"say": "Sunny in both."})
    result = line.call("beta.messages.toolRunner", ask(stream=is_streamed), mode="tools",
                       tools=[{"name": "get_weather", "answer": "sunny"}, {"name": "get_time", "answer": "12:00"}])
    assert text_of(result["message"]) == "Sunny in both."
    assert [call["args"] for call in result["calls"]] == [{"city": "Bonn"}, {"zone": "CET"}, {"city": "Rom"}]
    assert [message["role"] for message in result["messages"]] == ["user", "assistant"] * 3
    # the runner keeps the conversation at the provider: only what is new is sent
    second = line.fake.requests[1].json()
    assert [block["content"] for block in second["messages"][-1]["content"]] == ["sunny", "12:00"]


def test_thread(line):
    """A conversation that the provider keeps: each turn sends what is new, and names the last answer."""
    first = line.call("beta.messages.create", {**ask("the first"), "thread": {"type": "create"}, "betas": THREADS})["value"]
    continued = {"type": "continue", "previous_message_id": first["id"]}
    body = {**ask("and?"), "thread": continued, "betas": THREADS}
    del body["system"]
    second = line.call("beta.messages.create", body)["value"]
    assert text_of(second) == "You said: and? (before: You said: the first (told: Be brief.))"
    body["thread"]["previous_message_id"] = "msg_unknown"
    with pytest.raises(SdkError) as raised:
        line.call("beta.messages.create", body)
    assert raised.value.status == 404 and raised.value.body["error"]["details"]["error_code"] == "thread_not_found"


def test_beta(line):
    result = line.call("beta.messages.create", {**ask(), "betas": ["context-1m-2025-08-07"]})
    assert text_of(result["value"]).startswith("You said")
    request = line.fake.requests[0]
    assert request.path == "/v1/messages" and request.header("anthropic-beta") == "context-1m-2025-08-07"


def test_thread_helper(line):
    turns = ["the first", "the second", "the third"]
    said = line.call("beta.messages.thread", {"model": MODEL, "max_tokens": 99}, mode="thread", turns=turns)["said"]
    assert text_of(said[1]) == "You said: the second (before: You said: the first)"
    assert [len(request.json()["messages"]) for request in line.fake.requests] == [1, 1, 1]


# ---- the other endpoints ----


def test_count_tokens(line):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 400}], "tools": [WEATHER]}
    assert line.call("messages.countTokens", body)["value"]["input_tokens"] > 100
    assert line.fake.requests[0].path == "/v1/messages/count_tokens"


def test_models(line):
    names = [model["id"] for model in line.call("models.list", mode="list")["values"]]
    assert MODEL in names
    assert line.call("models.retrieve", MODEL)["value"]["display_name"] == "Claude Sonnet 5.5"
    with pytest.raises(SdkError) as raised:
        line.call("models.retrieve", "no-such-model")
    assert raised.value.kind == "NotFoundError"


@pytest.mark.parametrize("name", ["messages.batches.list", "beta.files.list"])
def test_what_is_denied_by_default(line, name):
    """Batches and files are operations of their own, which a policy for prompts does not permit."""
    if line.is_direct:
        assert line.call(name, mode="list")["values"] == []
        return
    with pytest.raises(SdkError) as raised:
        line.call(name, mode="list", client={"maxRetries": 2})
    assert raised.value.kind == "PermissionDeniedError" and line.fake.requests == []
    assert raised.value.body["type"] == "error" and raised.value.headers["x-should-retry"] == "false"


# ---- errors, retries ----

ERRORS = [(400, "BadRequestError", "invalid_request_error"), (401, "AuthenticationError", "authentication_error"),
          (403, "PermissionDeniedError", "permission_error"), (404, "NotFoundError", "not_found_error"),
          (429, "RateLimitError", "rate_limit_error"), (500, "InternalServerError", "api_error"),
          (529, "InternalServerError", "overloaded_error")]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("status,kind,name", ERRORS)
def test_error_classes(line, status, kind, name, is_streamed):
    line.fake.script({"status": status, "error": "as scripted"})
    with pytest.raises(SdkError) as raised:
        line.call("messages.create", ask(stream=is_streamed))
    error = raised.value
    # 529 has had a class of its own and none, by version
    assert error.kind in (kind, "OverloadedError") and error.status == status
    assert error.body["error"] == {"type": name, "message": "as scripted"} and error.request_id.startswith("req_")


def test_wrong_key(line):
    with pytest.raises(SdkError) as raised:
        line.call("messages.create", ask(), client={"apiKey": "sk-ant-nobodys"})
    assert raised.value.kind == "AuthenticationError" and raised.value.status == 401
    assert line.is_direct or line.fake.requests == []


def test_bearer_token(line):
    """The SDK's `authToken` goes as Authorization: Bearer."""
    result = line.call("messages.create", ask(), client={"apiKey": None, "authToken": line.key})
    assert text_of(result["value"]).startswith("You said")


@pytest.mark.parametrize("status", [408, 409, 429, 500, 529])
def test_retries(line, status):
    line.fake.script({"status": status, "headers": {"retry-after-ms": "20"}}, times=2)
    line.fake.script({"say": "at last"})
    assert text_of(line.call("messages.create", ask(), client={"maxRetries": 2})["value"]) == "at last"
    assert len(line.fake.requests) == 3


def test_retries_of_the_stream_helper(line):
    line.fake.script({"status": 529, "headers": {"retry-after-ms": "20"}})
    line.fake.script({"say": "at last"})
    assert line.call("messages.stream", ask(), mode="helper", client={"maxRetries": 1})["text"] == "at last"


@pytest.mark.parametrize("header,wait_s", [({"retry-after": "1"}, 1.0), ({"retry-after-ms": "700"}, 0.7)])
def test_retry_after_is_honoured(line, header, wait_s):
    line.fake.script({"status": 429, "headers": header})
    started = time.monotonic()
    line.call("messages.create", ask(), client={"maxRetries": 1})
    first, second = line.fake.requests
    assert wait_s - 0.05 <= second.at - first.at <= wait_s + 2 and time.monotonic() - started < wait_s + 5


@pytest.mark.parametrize("status,header,count", [(500, "false", 1), (429, "false", 1), (400, "true", 3)])
def test_should_retry_is_honoured(line, status, header, count):
    line.fake.script({"status": status, "headers": {"x-should-retry": header, "retry-after-ms": "10"}}, times=9)
    with pytest.raises(SdkError):
        line.call("messages.create", ask(), client={"maxRetries": 2})
    assert len(line.fake.requests) == count


def test_timeout(line):
    line.fake.script({"head_delay_ms": 3000})
    with pytest.raises(SdkError) as raised:
        line.call("messages.create", ask(), client={"timeout": 300})
    assert raised.value.kind == "APIConnectionTimeoutError"
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


# ---- streams that end early ----


def test_error_in_a_stream(line):
    line.fake.script({"say": LONG, "fail_event": 6})
    result = line.call("messages.create", ask(stream=True), mode="events")
    failed = result["failed"]
    assert failed["type"] == "overloaded_error" and failed["body"]["error"]["message"] == "Overloaded"


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("is_reset", [False, True])
def test_cut_off_answer(line, is_streamed, is_reset):
    """The provider breaks off: the client must see that, not an answer that looks whole."""
    line.fake.script({"say": LONG, "cut": 700, "reset": is_reset})
    if is_streamed:
        assert "failed" in line.call("messages.create", ask(stream=True), mode="events")
    else:
        with pytest.raises(SdkError):
            line.call("messages.create", ask())


@pytest.mark.parametrize("how", ["stop_after", "abort_after"])
def test_abort_in_a_stream(line, how):
    line.fake.script({"say": LONG, "delay_ms": 20, "split": 4})
    result = line.call("messages.create", ask(stream=True), mode="events", **{how: 5})
    assert result["is_aborted"] and 5 <= len(result["events"]) <= 12
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_abort_by_signal(line):
    line.fake.script({"head_delay_ms": 5000})
    with pytest.raises(SdkError) as raised:
        line.call("messages.create", ask(), {}, mode="signal", abort_after_ms=200)
    assert raised.value.kind == "APIUserAbortError"
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_abort_of_the_helper(line):
    line.fake.script({"say": LONG, "delay_ms": 20, "split": 4})
    result = line.call("messages.stream", ask(), mode="helper_abort", event="text", abort_after=3)
    assert result["is_aborted"] and result["failed"]["class"] == "APIUserAbortError"
    assert line.fake.wait(lambda requests: [request for request in requests if request.is_aborted])


def test_deltas_arrive_as_they_are_sent(line):
    line.fake.script({"say": "0123456789" * 3, "split": 10, "delay_ms": 300})
    result = line.call("messages.create", ask(stream=True), mode="events")
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
        assert line.call("messages.stream", ask(), mode="helper")["text"] == LONG
    else:
        assert text_of(line.call("messages.create", ask())["value"]) == LONG


def test_large_both_ways(line):
    text = LONG * 300
    line.fake.script({"say": text, "split": 4000}, times=2)
    assert text_of(line.call("messages.create", ask(text))["value"]) == text
    assert line.call("messages.stream", ask(text), mode="helper")["text"] == text


# ---- values of a data class ----

MAIL = "maria.keller@example.org"


@pytest.mark.parametrize("split", [1, 4, 1000])
def test_own_value_comes_back(line, split):
    line.fake.script({"split": split}, times=2)
    body = ask(f"Write to {MAIL} today")
    del body["system"]
    words = f"You said: Write to {MAIL} today"
    assert text_of(line.call("messages.create", body)["value"]) == words
    assert line.call("messages.stream", body, mode="helper")["text"] == words
    seen = b"".join(request.wire for request in line.fake.requests)
    assert (MAIL.encode() in seen) == line.is_direct


def word_at_provider(line, number=0):
    """What stands for the address in the prompt that the provider got: itself, or what sworn put there."""
    text = line.fake.requests[number].json()["messages"][0]["content"]
    return text.removeprefix("Write to ").removesuffix(" today")


def test_thinking_goes_back_as_the_provider_signed_it(line):
    """The client reads its own address in it, so it gets the signed words sealed behind the signature and returns them."""
    body = ask(f"Write to {MAIL} today")
    line.call("messages.create", body)
    word = word_at_provider(line)
    line.fake.script({"say": [{"thinking": f"They wrote {word}.", "signature": "c2lnbmVk"}, f"To {word}?"]}, times=2)
    for said in (line.call("messages.create", body)["value"], line.call("messages.stream", body, mode="helper")["message"]):
        thinking = said["content"][0]
        assert text_of(said) == f"To {MAIL}?" and thinking["thinking"] == f"They wrote {MAIL}."
        signature, mark, sealed = thinking["signature"].partition(".swn1.")
        assert signature == "c2lnbmVk" and bool(mark and sealed) != line.is_direct
        history = [*body["messages"], {"role": "assistant", "content": said["content"]}, {"role": "user", "content": "Yes"}]
        line.call("messages.create", {**body, "messages": history})
        sent = line.fake.requests[-1].json()["messages"][1]["content"]
        assert sent[0]["thinking"] == f"They wrote {word}." and sent[0]["signature"] == "c2lnbmVk"
        assert sent[1]["text"] == f"To {word}?"


def test_history_stays_the_same_at_the_provider(line):
    """Else its prompt cache would not hit."""
    messages = []
    for number in range(4):
        messages.append({"role": "user", "content": f"Write to {MAIL} and to other{number}@example.org today"})
        said = line.call("messages.create", ask("x") | {"messages": messages})["value"]
        messages.append({"role": "assistant", "content": text_of(said)})
    sent = [request.json()["messages"] for request in line.fake.requests]
    for before, after in zip(sent, sent[1:]):
        assert after[:len(before)] == before


def test_own_value_in_a_thread(line):
    turns = [f"Write to {MAIL} today", "To whom?"]
    said = line.call("beta.messages.thread", {"model": MODEL, "max_tokens": 99}, mode="thread", turns=turns)["said"]
    assert text_of(said[1]) == f"You said: To whom? (before: You said: Write to {MAIL} today)"
    assert line.is_direct or MAIL.encode() not in b"".join(request.wire for request in line.fake.requests)


# ---- the prompt cache ----


def test_what_was_sent_before_stays_the_same_over_20_turns(line):
    """In the provider's order: tools, system, messages. Each turn brings new values, and says old ones again."""
    tool = {**WEATHER, "description": "Default from help@corp.example."}
    history, prefixes = [], []
    for turn in range(20):
        history.append({"role": "user", "content": f"turn {turn}: I am t{turn}@example.org, not t{turn // 2}@example.org"})
        said = line.call("messages.create", ask(messages=list(history), system="Escalate to oncall@corp.example.", tools=[tool]))["value"]
        history.append({"role": "assistant", "content": said["content"]})
        sent = line.fake.requests[-1].json()
        prefixes.append(repr([sent["tools"], sent["system"], *sent["messages"]]))
    assert all(later.startswith(earlier[:-1]) for earlier, later in zip(prefixes, prefixes[1:]))
