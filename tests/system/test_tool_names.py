"""A tool call passes only under a name that the request offers, byte for byte, whatever a policy makes of other spellings."""
import json
import re

import pytest

from models import KEYS, ModelGateway, Provider
from promise import wait_for_event

POLICIES = {"models.cedar": """
@id("models") permit (principal, action in Sworn::Action::"llm", resource);
@id("never-export") forbid (principal, action == Sworn::Action::"llm:tool_use",
                            resource == Sworn::Tool::"prod/openai/export_customers");
"""}
NAMES = ["Export_Customers", "export_customers ", " export_customers", "export\u200b_customers", "EXPORT_CUSTOMERS", "export-customers",
         "functions.export_customers", "default_api:export_customers", "export_customers\n", "\uff45xport_customers",
         "never_offered", "mai", "mail2", "Mail", "export_customers\u0000"]


@pytest.fixture(scope="module")
def fake():
    with Provider("openai", KEYS["openai"]) as provider:
        yield provider


@pytest.fixture(scope="module")
def gateway(fake, tmp_path_factory):
    made = ModelGateway(tmp_path_factory.mktemp("gateway"), {"openai": fake}, policies=POLICIES).start()
    yield made
    made.stop()


def ask(gateway, fake, api, name, stream):
    from test_placeholders import post  # noqa: PLC0415
    fake.script({"say": [{"tool": name, "arguments": {"a": 1}}]})
    tools = [{"type": "function", "name": tool} for tool in ("export_customers", "mail")]
    if api == "chat":
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "go"}],
                "tools": [{"type": "function", "function": {"name": tool["name"]}} for tool in tools]}
    else:
        body = {"model": "m", "stream": stream, "input": "go", "tools": tools}
    said = post(gateway, "openai", "/v1/chat/completions" if api == "chat" else "/v1/responses", body)
    return said if stream else json.dumps(said)


def has_call(said):
    return "tool_calls\": [" in said or "\"tool_calls\":[" in said or "\"type\": \"function_call\"" in said or \
        "\"type\":\"function_call\"" in said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("name", NAMES)
def test_another_spelling_is_refused(gateway, fake, api, name, stream):
    said = ask(gateway, fake, api, name, stream)
    assert not has_call(said) and "the request offers no tool of this name" in said
    action = re.search(r"\(action ([0-9a-f-]+)\)", said)[1]
    (intent,) = wait_for_event(gateway, "intent", lambda event: event["action"] == action)
    assert (intent["verdict"], intent["refused"]) == ("deny", "not_offered")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_what_is_offered_is_for_policy_to_decide(gateway, fake, api, stream):
    assert has_call(ask(gateway, fake, api, "mail", stream))
    said = ask(gateway, fake, api, "export_customers", stream)
    assert not has_call(said) and "never-export" in said
