"""What policies say of model APIs, over real sockets: budgets, tool calls, what nobody can inspect; evidence and replay."""
import http.client
import json
import threading

import pytest

from models import KEYS, ModelGateway, Provider, has_protocol
from promise import events, wait_for_event

POLICY = """
@id("models") permit (principal, action in Sworn::Action::"llm", resource);
@id("budget") @reason("the budget is spent")
forbid (principal is Sworn::Agent, action == Sworn::Action::"llm:prompt", resource) when { context.tokens_1d > 0 };
@id("small-refunds") @reason("small refunds only")
forbid (principal, action == Sworn::Action::"llm:tool_use", resource == Sworn::Tool::"prod/openai/refund")
unless { context.input_numbers.hasTag("amount") && context.input_numbers.getTag("amount") <= 500 };
"""
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
REFUND = {"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}

pytestmark = pytest.mark.skipif(not has_protocol("openai"), reason="wire/protocols.def has no openai")


@pytest.fixture
def place(tmp_path):
    with Provider("openai", KEYS["openai"]) as fake:
        gateway = ModelGateway(tmp_path, {"openai": fake}, policies={"models.cedar": POLICY}).start()
        try:
            yield fake, gateway
        finally:
            gateway.stop()


def prompt(gateway, user, content, **more):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["openai"], timeout=20)
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], **more}
    connection.request("POST", "/v1/chat/completions", json.dumps(body),
                       {"Authorization": f"Bearer {gateway.token(user)}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_budget_is_spent_and_outlives_a_restart(place):
    fake, gateway = place
    assert prompt(gateway, "copilot", "hello")[0] == 200
    outcome = wait_for_event(gateway, "outcome")[0]
    assert outcome["facts"]["tokens_in"] > 0 and outcome["facts"]["tokens_out"] > 0 and len(outcome["detector"]) == 64
    spent = outcome["facts"]["tokens_in"] + outcome["facts"]["tokens_out"]
    status, text = prompt(gateway, "copilot", "again")
    assert status == 403 and "the budget is spent" in text
    assert prompt(gateway, "ana", "another one's budget")[0] == 200
    gateway.stop()
    gateway.start()
    assert prompt(gateway, "copilot", "after a restart")[0] == 403
    denial = wait_for_event(gateway, "intent", lambda event: event["verdict"] == "deny")[-1]
    assert (denial["tokens_1h"], denial["tokens_1d"]) == (spent, spent)
    assert len(fake.requests) == 2


def test_prompts_side_by_side_share_one_budget(place):
    """The one that is under way has reserved its part: the other is not decided as if nothing were spent."""
    fake, gateway = place
    fake.script({"head_delay_ms": 3000, "say": "slow"})
    statuses = []
    first = threading.Thread(target=lambda: statuses.append(prompt(gateway, "copilot", "hello")[0]))
    first.start()
    fake.wait(lambda requests: len(requests) == 1)
    status, text = prompt(gateway, "copilot", "at the same time")
    first.join()
    assert (statuses, status) == ([200], 403) and "the budget is spent" in text
    denial = wait_for_event(gateway, "intent", lambda event: event["verdict"] == "deny")[-1]
    assert denial["tokens_1d"] > 1000 and len(fake.requests) == 1  # the estimate: no max_tokens was given


def test_a_crash_and_an_error_of_the_provider(place):
    """What was under way when the gateway was killed stays counted; what the provider refused costs nothing."""
    fake, gateway = place
    fake.script({"status": 429})
    assert prompt(gateway, "copilot", "too many")[0] == 429
    fake.script({"head_delay_ms": 6000, "say": "slow"})
    first = threading.Thread(target=lambda: killed(gateway))
    first.start()
    fake.wait(lambda requests: len(requests) == 2)
    gateway.process.kill()
    gateway.process.wait()
    first.join()
    gateway.process = None
    gateway.start()
    assert prompt(gateway, "copilot", "after the crash")[0] == 403 and len(fake.requests) == 2


def killed(gateway):
    with pytest.raises((OSError, http.client.HTTPException)):
        prompt(gateway, "copilot", "hello", max_tokens=77)


def test_tool_calls_are_decided_by_their_arguments_and_replay(place):
    fake, gateway = place
    for amount in (20, 900):
        fake.script({"say": [{"tool": "refund", "arguments": {"amount": amount}}]})
        status, text = prompt(gateway, "ana", "refund it", tools=[REFUND])
        assert status == 200 and (f"{amount}" in text) == (amount == 20), text
    intents = wait_for_event(gateway, "intent", lambda event: event["steps"][0]["verb"] == "llm:tool_use")
    assert [intent["verdict"] for intent in intents] == ["allow", "deny"] and intents[1]["policies"] == ["small-refunds"]
    prompts = [event["action"] for event in events(gateway, "intent") if event["steps"][0]["verb"] == "llm:prompt"]
    assert [intent["within"] for intent in intents] == prompts
    assert set(intents[1]["steps"][0]["context"]["input"]) == {"count", "hmac"}
    gateway.stop()
    with_key = gateway.run("policy", "replay")
    assert with_key.returncode == 0 and "4 decisions taken again: all the same" in with_key.stdout, with_key
    without = gateway.run("policy", "replay", "--evidence", str(gateway.evidence), check=False)
    assert without.returncode == 2 and "2 decisions taken again: all the same" in without.stdout, without
    assert "2 decisions need the sealed text" in without.stdout


def test_what_the_upstream_got_in_clear_replays(place, tmp_path):
    fake, gateway = place
    del fake
    assert prompt(gateway, "ana", "write to ana@example.org")[0] == 200
    wait_for_event(gateway, "outcome", lambda event: event["masked_request"] == {"email": 1})
    gateway.stop()
    assert gateway.run("policy", "replay").returncode == 0
    (tmp_path / "clear").mkdir()
    (tmp_path / "clear/models.cedar").write_text(POLICY + """
@id("mail") permit (principal, action == Sworn::Action::"reveal", resource == Sworn::DataClass::"email")
when { context.sink == "upstream" };""")
    again = gateway.run("policy", "replay", "--policies", str(tmp_path / "clear"), check=False)
    assert again.returncode == 1 and "to the upstream email" in again.stdout, again


def test_an_image_goes_nowhere_unless_revealed(place):
    fake, gateway = place
    image = [{"type": "image_url", "image_url": {"url": PNG}}]
    status, text = prompt(gateway, "ana", image)
    assert status == 403 and "no policy reveals unscanned" in text
    denial = wait_for_event(gateway, "intent")[0]
    assert denial["unscanned"] is True and denial["steps"][0]["context"]["has_image"] is True and fake.requests == []
    gateway.write_policies({"models.cedar": POLICY + """
@id("images") permit (principal, action == Sworn::Action::"reveal", resource == Sworn::DataClass::"unscanned")
when { context.sink == "upstream" && context.source == "prod/openai" };"""})
    gateway.stop()
    gateway.start()
    assert prompt(gateway, "ana", image)[0] == 200
    assert wait_for_event(gateway, "intent", lambda event: event.get("policies") == ["images", "models"])
