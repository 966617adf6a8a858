"""The protocol `http`: operations and their parameters, masking in both directions, headers and credentials, evidence."""
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib

import pytest

from api import (ALL, CARD, DO_ALL, EMAIL, KEY, PULL, Api, Client, RawServer, api, detail, json_answer,  # noqa: F401
                 make_api_gateway, read_head, running, stream_answer, text_answer)
from conftest import wait_until
from fakes.script import numbered, placeholders
from promise import events, wait_for_event
from rawhttp import Closed, Reply
from test_wire import make_certificate

REVIEWS = f"{PULL}/reviews"
# The caller gets back what it sent itself, and nothing else; the upstream gets nothing.
OWN_VALUES = DO_ALL + """
@id("own-values") permit (principal, action == Sworn::Action::"reveal", resource)
when { context.sink == "principal" };
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two gateways before one API: one under which everything is revealed, one that masks."""
    with Api() as server, running(tmp_path_factory.mktemp("open"), server) as revealing, \
            running(tmp_path_factory.mktemp("masks"), server, policies={"masks.cedar": DO_ALL}) as masking:
        yield server, revealing, masking
        for gateway in (revealing, masking):
            gateway.stop()
            assert gateway.verify().returncode == 0
            log = gateway.log.read_text()
            assert KEY not in log and not any(token in log for token in gateway.tokens.values())


@pytest.fixture
def server(both):
    both[0].script = json_answer({"ok": True})
    both[0].take()
    yield both[0]
    for request in both[0].requests:
        assert request.problems == [], request.head


@pytest.fixture
def client(both, server):
    with Client(both[1]) as made:
        yield made


@pytest.fixture
def masked(both, server):
    with Client(both[2]) as made:
        yield made


def intent_of(gateway, reply):
    action = reply.header("sworn-receipt")
    return wait_for_event(gateway, "intent", lambda event: event["action"] == action)[0]


def outcome_of(gateway, reply):
    action = reply.header("sworn-receipt")
    return wait_for_event(gateway, "outcome", lambda event: event["action"] == action)[0]


def steps_of(intent):
    return [step["verb"] for step in intent["steps"]]


# ---- Operations and their parameters --------------------------------------------------------------------------------

RULES = {
    "inputs.cedar": """
@id("reads") permit (principal, action == Sworn::Action::"github:get_pull_request", resource);
@id("comment-on-acme") permit (principal, action == Sworn::Action::"github:create_comment", resource)
when { context.input.hasTag("owner") && context.input.getTag("owner") == "acme" };
@id("list-open") permit (principal, action == Sworn::Action::"github:list_pull_requests", resource)
when { context.input.hasTag("state") && context.input.getTag("state") == "open" };
@id("small-numbers") permit (principal, action == Sworn::Action::"github:get_review", resource)
when { context.input_numbers.hasTag("review") && context.input_numbers.getTag("review") < 100 };
@id("reviews") permit (principal, action == Sworn::Action::"github:create_review", resource);
@id("nobody-approves") forbid (principal, action == Sworn::Action::"github:create_review", resource)
when { context.input.hasTag("event") && context.input.getTag("event") == "APPROVE" };
@id("deep") permit (principal, action == Sworn::Action::"github:create_review_comment", resource)
when { context.input.hasTag("position.line") && context.input.getTag("position.line") == "3" };
@id("seen") permit (principal, action == Sworn::Action::"reveal", resource);
""",
}


@pytest.fixture(scope="module")
def ruled(tmp_path_factory):
    with Api() as server, running(tmp_path_factory.mktemp("ruled"), server, policies=RULES) as gateway:
        yield server, gateway


@pytest.fixture
def rules(ruled):
    ruled[0].script = json_answer({"ok": True})
    ruled[0].take()
    with Client(ruled[1]) as made:
        made.server = ruled[0]
        yield made


@pytest.mark.parametrize("method, target, body, status", [
    ("GET", PULL, None, 200),
    ("DELETE", PULL, None, 403),  # the path is known, the operation is not
    ("GET", PULL + "/", None, 403),
    ("GET", "/" + PULL, None, 403),
    ("GET", PULL.replace("pulls", "Pulls"), None, 403),
    ("GET", "/", None, 403),
    ("GET", "/user/emails", None, 403),
    ("POST", "/repos/acme/web/issues/7/comments", {"body": "x"}, 200),
    ("POST", "/repos/other/web/issues/7/comments", {"body": "x"}, 403),
    ("POST", "/repos/%61cme/web/issues/7/comments", {"body": "x"}, 200),  # decoded before it is compared
    ("POST", "/repos/acme%2Fx/web/issues/7/comments", {"body": "x"}, 403),
    ("GET", "/repos/acme/web/pulls?state=open", None, 200),
    ("GET", "/repos/acme/web/pulls?state=%6fpen", None, 200),
    ("GET", "/repos/acme/web/pulls?state=closed", None, 403),
    ("GET", "/repos/acme/web/pulls", None, 403),
    ("GET", f"{REVIEWS}/99", None, 200),
    ("GET", f"{REVIEWS}/100", None, 403),
    ("GET", f"{REVIEWS}/many", None, 403),
    ("POST", REVIEWS, {"event": "COMMENT"}, 200),
    ("POST", REVIEWS, {"event": "APPROVE"}, 403),
    ("POST", REVIEWS + "?event=APPROVE", {}, 403),
    ("POST", f"{PULL}/comments", {"position": {"line": 3}}, 200),
    ("POST", f"{PULL}/comments", {"position": {"line": 4}}, 403),
])
def test_operations_and_their_parameters(rules, method, target, body, status):
    reply = rules.ask(method, target, body)
    assert reply.status == status, reply.body
    assert len(rules.server.take()) == (status == 200)


@pytest.mark.parametrize("target, body, kind", [
    ("", b'{"event": "COMMENT", "event": "APPROVE"}', "application/json"),
    ("", b'{"event": "COMMENT", "\\u0065vent": "APPROVE"}', "application/json"),
    ("?event=COMMENT", b'{"event": "APPROVE"}', "application/json"),
    ("?event=COMMENT&event=APPROVE", b"{}", "application/json"),
    ("?event=COMMENT&%65vent=APPROVE", b"{}", "application/json"),
    ("", b"event=COMMENT&event=APPROVE", "application/x-www-form-urlencoded"),
    ("", b'{"event": "APPROVE"', "application/json"),
    ("", b'{"event": "APPROVE"} {}', "application/json"),
    ("", b'{"event": "COMMENT", // "x"\n "event": "APPROVE"}', "application/json"),
    ("", b"\xef\xbb\xbf{\"event\": \"APPROVE\"}", "application/json"),
    ("", '{"event": "APPROVE"}'.encode("utf-16"), "application/json"),
    ("", b'{"a":' * 64 + b"1" + b"}" * 64, "application/json"),
    ("?" + "&".join(f"a{number}=1" for number in range(65)), b"{}", "application/json"),
    ("?event=%ff%fe", b"{}", "application/json"),
])
def test_doubt_about_a_parameter_refuses(rules, target, body, kind):
    reply = rules.ask("POST", REVIEWS + target, body, [("Content-Type", kind)])
    assert reply.status in (400, 403), reply.body
    assert rules.server.take() == []
    assert intent_of_any(rules, reply)["verdict"] == "deny"


def intent_of_any(client, reply):
    return wait_for_event(client.gateway, "intent", lambda event: event["action"] == reply.header("sworn-receipt"))[0]


@pytest.mark.parametrize("kind", ["application/json", "application/vnd.github+json", "application/json; charset=utf-8",
                                  "text/plain", "application/x-www-form-urlencoded", "application/octet-stream",
                                  "application/x-ndjson", "text/plain; charset=utf-16", "multipart/form-data; boundary=x",
                                  None])
@pytest.mark.parametrize("body", [b'{"event": "APPROVE"}', b'\r\n\t {"event":"APPROVE"}', b'\xef\xbb\xbf{"event":"APPROVE"}',
                                  b'{"event": "COMMENT", "event": "APPROVE"}'])
def test_media_type_does_not_hide_a_parameter(rules, kind, body):
    """GitHub reads a body as JSON whatever it is said to be; so must the policy."""
    reply = rules.ask("POST", REVIEWS, body, [("Content-Type", kind)] if kind else [])
    assert reply.status in (400, 403), reply.body
    assert rules.server.take() == []


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL",
                                  "X-Rewrite-URL", "X-Original-Method"])
def test_header_does_not_make_it_another_operation(rules, name):
    assert rules.get(PULL, [(name, "DELETE")]).status in (200, 400)
    for request in rules.server.take():
        assert request.header(name) is None


def test_unknown_operation_passes_only_where_it_is_named(make_api_gateway, api):
    gateway = make_api_gateway(policies={"all-http.cedar": """
@id("http") permit (principal, action in Sworn::Action::"http", resource);
@id("bo-unknown") permit (principal == Sworn::User::"bo", action == Sworn::Action::"http:unknown", resource);
"""})
    with Client(gateway) as ana, Client(gateway, "bo") as bo:
        assert ana.get(PULL).status == 200
        refused = ana.get("/rate_limit")
        assert refused.status == 403 and bo.get("/rate_limit").status == 200
    assert [request.path for request in api.take()] == [PULL, "/rate_limit"]
    intent = intent_of(gateway, refused)
    assert intent["verdict"] == "deny" and "http:unknown" in json.dumps(intent)


STORY = {"story.cedar": """
@id("agents-work-on-pull-requests") permit (
    principal in Sworn::Group::"agents", action in Sworn::Action::"http", resource);
@id("people-do-all") permit (principal is Sworn::User, action in Sworn::Action::"http", resource);
@id("seen") permit (principal, action == Sworn::Action::"reveal", resource);

@id("no-agent-approves-its-work") @control("SOC2-CC8.1")
forbid (principal is Sworn::Agent, action == Sworn::Action::"github:create_review", resource)
when { !context.input.hasTag("event") || context.input.getTag("event") != "COMMENT" };

@id("an-agents-merge-needs-sre") @remedy("approve:sre")
forbid (principal is Sworn::Agent, action in [Sworn::Action::"github:merge_pull_request",
    Sworn::Action::"github:merge_branch"], resource)
unless { context.applied.contains("approve:sre") };
"""}


def test_agent_that_approves_and_merges_its_own_pull_request_at_2_am(make_api_gateway, api):
    gateway = make_api_gateway(policies=STORY)
    agent = Client(gateway, "copilot")
    made = agent.post("/repos/acme/web/pulls", {"title": "Fix", "head": "fix", "base": "main"})
    assert made.status == 200
    approved = agent.post(REVIEWS, {"event": "APPROVE", "body": "LGTM, reviewed by me"})
    assert approved.status == 403 and intent_of(gateway, approved)["verdict"] == "deny"
    submitted = agent.post(REVIEWS, {"body": "pending"})
    assert submitted.status == 403
    assert agent.post(REVIEWS, {"event": "COMMENT", "body": "Please have a look"}).status == 200
    api.take()

    merging = Aside(agent, "PUT", f"{PULL}/merge", {"merge_method": "squash"})
    row = wait_until(gateway.pending, 10, "the merge to be held")[0]
    assert row["needs"] == "approve:sre" and "merge" in json.dumps(row)
    assert gateway.approve(row["id"], "copilot", check=False).returncode == 1
    assert gateway.approve(row["id"], "ana", check=False).returncode == 1  # the agent acts for her
    assert api.take() == [] and merging.reply is None
    gateway.approve(row["id"], "bo", "--reason", "seen at 2 a.m.")
    reply = merging.finish()
    assert reply.status == 200 and [request.method for request in api.take()] == ["PUT"]
    intent = intent_of(gateway, reply)
    assert intent["approvers"] == ["bo"] and intent["applied"] == ["approve:sre"]
    with Client(gateway, "cleo") as person:
        assert person.post(REVIEWS, {"event": "APPROVE"}).status == 200
    agent.close()
    gateway.stop()
    assert gateway.verify().returncode == 0


class Aside:
    """A request on a thread."""

    def __init__(self, client, *arguments):
        self.reply = self.error = None
        self.thread = threading.Thread(target=self.run, args=(client, *arguments))
        self.thread.start()

    def run(self, client, *arguments):
        try:
            self.reply = client.ask(*arguments)
        except (OSError, Closed) as error:
            self.error = error

    def finish(self, timeout_s=20):
        self.thread.join(timeout_s)
        assert not self.thread.is_alive(), "the request did not end"
        assert self.error is None, self.error
        return self.reply


def test_client_that_leaves_a_held_request(make_api_gateway, api):
    gateway = make_api_gateway(policies=STORY)
    agent = Client(gateway, "copilot")
    agent.send(agent.head_of("PUT", f"{PULL}/merge", [("Content-Length", "0")]))
    row = wait_until(gateway.pending, 10, "the merge to be held")[0]
    agent.close()
    wait_until(lambda: not gateway.pending(), 10, "the end of the hold")
    assert gateway.approve(row["id"], "bo", check=False).returncode == 1
    assert wait_for_event(gateway, "hold_ended")[0]["how"] == "cancelled"
    time.sleep(0.2)
    assert api.take() == []
    gateway.stop()
    assert gateway.verify().returncode == 0


def test_denied_request_leaves_the_connection_usable(make_api_gateway, api):
    gateway = make_api_gateway(policies=STORY)
    with Client(gateway, "copilot") as agent:
        merging = Aside(agent, "PUT", f"{PULL}/merge", {})
        row = wait_until(gateway.pending, 10, "the merge to be held")[0]
        gateway.run("deny", row["id"], "--reason", "no", token="bo")
        reply = merging.finish()
        assert reply.status == 403 and "denied by bo" in detail(reply)
        before = agent.socket
        assert agent.get(PULL).status == 200 and agent.socket is before
    assert [request.method for request in api.take()] == ["GET"]


# ---- Masking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json"])
def test_json_answer_is_masked(masked, server, kind):
    server.script = json_answer({"owner": EMAIL, "n": 1.50, "list": [{"card": CARD}], EMAIL: "key"},
                                headers=[("Content-Type", kind)])
    server.script.headers = [("Content-Type", kind)]
    reply = masked.get()
    assert reply.status == 200 and EMAIL.encode() not in reply.wire and b"4111" not in reply.wire
    assert json.loads(reply.body)["n"] == 1.5 and b"1.5" in reply.body
    assert int(reply.header("content-length")) == len(reply.body)


@pytest.mark.parametrize("body", [
    b'{"a":"mk.private\\u0040example.net"}', b'{"a":"mk.private\\u0040ex\\u0061mple.net"}',
    b'{"a":"\\u0034111 1111 1111 1111"}', b'{"a":"\\/ mk.private@example.net"}'])
def test_escapes_hide_nothing_in_an_answer(masked, server, body):
    server.script = text_answer(body, "application/json")
    reply = masked.get()
    said = reply.body if reply.status != 200 else json.dumps(json.loads(reply.body)).encode()
    assert EMAIL.encode() not in said and b"4111 1111" not in said


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/xml", "text/csv", None])
@pytest.mark.parametrize("behaviour", [{}, {"framing": "chunked", "chunk": 1}, {"framing": "close", "segment": 3},
                                       {"encoding": "gzip", "is_forced": True}])
def test_text_answer_is_masked(masked, server, kind, behaviour):
    text = f"from {EMAIL} with {CARD} and more text\n" * 20
    server.script = text_answer(text, kind or "x", **behaviour)
    if kind is None:
        server.script.headers = []
    reply = masked.get()
    assert reply.status == 200 and EMAIL.encode() not in reply.body and b"1111 1111" not in reply.body
    assert reply.body.count(b"and more text\n") == 20


@pytest.mark.parametrize("kind", ["application/octet-stream", "image/png", "text/plain; charset=utf-16", "nonsense"])
def test_answer_that_cannot_be_looked_into_is_withheld(masked, client, server, kind):
    server.script = text_answer(b"\x00\x01 bytes " + EMAIL.encode(), kind)
    reply = masked.get()
    assert reply.status == 502 and EMAIL.encode() not in reply.wire and "content type" in detail(reply)
    assert client.get().body == b"\x00\x01 bytes " + EMAIL.encode()


def test_broken_json_answer_is_withheld(masked, client, server):
    server.script = text_answer(b'{"a": "' + EMAIL.encode() + b'", oops}', "application/json")
    reply = masked.get()
    assert reply.status == 502 and EMAIL.encode() not in reply.wire
    assert client.get().status == 200  # nothing has to be looked into


def test_request_gets_placeholders_and_the_answer_the_values(make_api_gateway, api):
    gateway = make_api_gateway(policies={"own.cedar": OWN_VALUES})
    api.script = lambda request: json_answer({"echo": json.loads(request.body)["body"], "other": "someone@else.example"})
    with Client(gateway) as client:
        reply = client.post("/repos/acme/web/issues/7/comments", {"body": f"Write to {EMAIL}, or {EMAIL}, or a@b.example"})
    sent = api.take()[0]
    assert EMAIL.encode() not in sent.wire
    assert numbered(sent.json()["body"]) == "Write to <EMAIL_1>, or <EMAIL_1>, or <EMAIL_2>"
    assert json.loads(reply.body)["echo"] == f"Write to {EMAIL}, or {EMAIL}, or a@b.example"
    outcome = outcome_of(gateway, reply)
    assert EMAIL not in json.dumps(events(gateway)) and outcome["status"] == "ok"


def test_placeholders_of_others_are_not_restored(make_api_gateway, api):
    gateway = make_api_gateway(policies={"own.cedar": OWN_VALUES})
    names = []

    def answer(request):
        names.extend(placeholders(request.body.decode()).get("EMAIL", []))
        return text_answer(f"who is <EMAIL_{names[0]}>, EMAIL_{names[0]} or <EMAIL_7>?")

    api.script = answer
    with Client(gateway) as ana, Client(gateway, "bo") as bo:
        first = ana.post("/repos/acme/web/issues/7/comments", {"body": EMAIL})
        second = bo.post("/repos/acme/web/issues/7/comments", {"body": f"<EMAIL_{names[0]}>"})
        third = ana.get()
    assert first.body == f"who is {EMAIL}, EMAIL_{names[0]} or <EMAIL_7>?".encode()
    assert EMAIL.encode() not in second.wire and third.body == first.body


@pytest.mark.parametrize("kind, body", [("text/plain", f"mail {EMAIL}"), ("application/xml", f"<a>{EMAIL}</a>"),
                                        ("application/json", json.dumps([EMAIL, {"x": [CARD]}]))])
def test_request_body_is_masked(masked, server, kind, body):
    reply = masked.ask("POST", "/repos/acme/web/issues/7/comments", body.encode(), [("Content-Type", kind)])
    assert reply.status == 200, reply.body
    sent = server.take()[0]
    assert EMAIL.encode() not in sent.wire and b"4111" not in sent.wire and b"<EMAIL_" in sent.body


@pytest.mark.parametrize("target, body, kind", [
    (f"{PULL}?q={EMAIL}", None, None), (f"{PULL}?q=mk.private%40example.net", None, None),
    (f"/repos/{EMAIL}/web/pulls", None, None), (f"{PULL}?q=4111+1111+1111+1111", None, None),
    (f"{PULL}?q=4111%201111%201111%201111", None, None), (f"{PULL}?4111111111111111", None, None),
    ("/repos/acme/web/issues/7/comments", f"body={EMAIL}", "application/x-www-form-urlencoded"),
    ("/repos/acme/web/issues/7/comments", "body=mk.private%40example.net", "application/x-www-form-urlencoded"),
    ("/repos/acme/web/issues/7/comments", "body=4111+1111+1111+1111", "application/x-www-form-urlencoded"),
    ("/repos/acme/web/issues/7/comments", "mk.private%40example.net=1", "application/x-www-form-urlencoded"),
])
def test_value_where_it_cannot_be_replaced_refuses(masked, client, server, target, body, kind):
    arguments = ("POST" if body else "GET", target, body.encode() if body else None, [("Content-Type", kind)] if kind else [])
    reply = masked.ask(*arguments)
    assert reply.status == 403 and server.take() == [], reply.body
    assert EMAIL.encode() not in reply.wire
    assert client.ask(*arguments).status == 200  # it is revealed there


def test_headers_are_masked_in_both_directions(masked, server):
    server.script = json_answer({"ok": 1}, headers=[("X-Owner", EMAIL), ("Location", f"/u?m={EMAIL}"), ("X-Card", CARD)])
    reply = masked.get(PULL, [("X-Note", f"ask {EMAIL}")])
    assert EMAIL.encode() not in reply.wire and b"4111" not in reply.wire and reply.header("x-owner")
    sent = server.take()[0]
    assert EMAIL.encode() not in sent.wire and "<EMAIL_" in sent.header("x-note")




def test_names_of_headers_carry_nothing(masked, server):
    """A number fits into a token, where it cannot be replaced."""
    for name in ("4111111111111111", "4111-1111-1111-1111"):
        assert masked.get(PULL, [(name, "1")]).status == 403
    assert server.take() == []


def test_range_of_an_answer_is_not_asked_for(masked, server):
    """Two halves of a value, asked for one after the other, would each be nobody's data."""
    assert masked.get(PULL, [("Range", "bytes=0-9"), ("If-Range", '"x"')]).status == 200
    sent = server.take()[0]
    assert sent.header("range") is None and sent.header("if-range") is None


def test_operator_of_a_class(make_api_gateway, api):
    gateway = make_api_gateway(policies={"masks.cedar": DO_ALL})
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("hash_key: file:mask.key", "hash_key: file:mask.key, operators: "
                                           "{email: redact, card_number: partial}"))
    gateway.reload()
    api.script = json_answer({"a": EMAIL, "b": CARD})
    with Client(gateway) as client:
        said = json.loads(client.get().body)
    assert EMAIL not in said["a"] and said["b"].endswith("1111") and "4111" not in said["b"]


def test_reveal_is_by_principal_and_class(make_api_gateway, api):
    gateway = make_api_gateway(policies={"some.cedar": DO_ALL + """
@id("sre-see-mail") permit (principal in Sworn::Group::"sre", action == Sworn::Action::"reveal",
    resource == Sworn::DataClass::"email") when { context.sink == "principal" };
"""})
    api.script = json_answer({"a": EMAIL, "b": CARD})
    with Client(gateway) as ana, Client(gateway, "bo") as bo:
        first, second = ana.get(), bo.get()
    assert EMAIL.encode() not in first.body
    assert EMAIL.encode() in second.body and b"4111" not in first.body + second.body
    assert outcome_of(gateway, second)["status"] == "ok"


# ---- Headers and credentials ----------------------------------------------------------------------------------------

PROVIDER = [("X-Request-Id", "req_123"), ("X-RateLimit-Remaining", "59"), ("X-RateLimit-Limit", "60"), ("Retry-After", "7"),
            ("ETag", '"33a64df5"'), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Link", '</p?page=2>; rel="next"'),
            ("Location", "/repos/acme/web/pulls/8"), ("Cache-Control", "private, max-age=60"), ("Vary", "Accept"),
            ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Empty", "")]


def test_provider_headers_pass(client, masked, server):
    server.script = json_answer({"ok": True}, headers=PROVIDER)
    for one in (client, masked):
        reply = one.get()
        for name, value in PROVIDER:
            assert (name.lower(), value) in reply.headers


@pytest.mark.parametrize("name, value", [
    ("Connection", "X-Hop"), ("Keep-Alive", "timeout=5"), ("Proxy-Authenticate", "Basic"), ("Proxy-Connection", "keep-alive"),
    ("TE", "trailers"), ("Trailer", "X-T"), ("Upgrade", "h2c"), ("Sworn-Receipt", "forged")])
def test_hop_by_hop_headers_stop_here(client, server, name, value):
    fields = [(name, value), *([("X-Hop", "1")] if name == "Connection" else [])]
    server.script = json_answer({"ok": True}, headers=fields)
    reply = client.get(PULL, fields)
    assert reply.status == 200
    sent = server.take()[0]
    assert sent.header("x-hop") is None and reply.header("x-hop") is None
    assert sent.header(name) is None or name == "Sworn-Receipt"
    given = [value for key, value in reply.headers if key == name.lower()]
    assert given == [] if name != "Sworn-Receipt" else len(given) == 1 and given[0] != "forged"


def test_request_headers_pass(client, server):
    fields = [("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28"), ("User-Agent", "gh/2"),
              ("If-None-Match", '"x"'), ("X-Twice", "1"), ("X-Twice", "2"), ("Idempotency-Key", "k1")]
    client.get(PULL + "?a=1&b=%20", fields)
    sent = server.take()[0]
    for field in fields:
        assert field in sent.headers
    assert sent.target == PULL + "?a=1&b=%20"
    assert sent.values("host") == [f"127.0.0.1:{server.port}"] and sent.values("accept-encoding") == ["identity"]


@pytest.mark.parametrize("scheme", ["Authorization: Bearer %s", "Authorization: bearer %s", "Authorization: token %s",
                                    "x-api-key: %s", "Authorization: Bearer %s|x-api-key: %s"])
def test_key_takes_the_place_of_the_token(both, server, scheme):
    gateway = both[1]
    token = gateway.token("ana")
    fields = [tuple(part.replace("%s", token).split(": ", 1)) for part in scheme.split("|")]
    with Client(gateway, None) as anyone:
        server.script = lambda request: json_answer({"head": request.header("accept")})
        reply = anyone.request("GET", PULL, fields)
    assert reply.status == 200
    sent = server.take()[0]
    assert sent.values("authorization") == [f"Bearer {KEY}"] and sent.header("x-api-key") is None
    assert token.encode() not in sent.wire and KEY.encode() not in reply.wire


def test_key_and_token_are_nowhere_else(make_api_gateway, api):
    gateway = make_api_gateway()
    api.script = json_answer({"ok": True})
    with Client(gateway) as client:
        client.post("/repos/acme/web/issues/7/comments", {"body": "x"})
        client.ask("GET", "/nothing/here")
        token = client.token.encode()
    gateway.stop()
    for path in gateway.folder.rglob("*"):
        if path.is_file() and path.name not in ("sworn.db", "sworn.db-wal"):
            data = path.read_bytes()
            assert KEY.encode() not in data and token not in data, path
    assert token not in (gateway.folder / "sworn.db").read_bytes()


def test_who_has_no_good_token(make_api_gateway, api):
    gateway = make_api_gateway()
    good = gateway.token("ana")
    expired = json.loads(gateway.run("token", "create", "ana", "--expires", "1s", "--json").stdout)["token"]
    other = gateway.token("bo")
    time.sleep(1.1)
    cases = [[], [("Authorization", "Bearer swt_nonsense")], [("Authorization", f"Bearer {expired}")],
             [("Authorization", f"Basic {good}")], [("Authorization", "Bearer ")], [("Authorization", f"Bearer{good}")],
             [("Authorization", f"Bearer {good}"), ("x-api-key", other)],
             [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {other}")],
             [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")],
             [("Authorization", f"Bearer {good}, Bearer {other}")], [("x-api-key", good[:-1])],
             [("Authorization", f"Bearer {KEY}")], [("Cookie", f"token={good}")]]
    for fields in cases:
        with Client(gateway, None) as anyone:
            reply = anyone.request("GET", PULL, fields)
            assert reply.status == 401 and detail(reply), (fields, reply.wire)
            assert good.encode() not in reply.wire and other.encode() not in reply.wire
            assert reply.header("connection") == "close"
    assert api.take() == []
    with Client(gateway) as ana:
        assert ana.get().status == 200
        gateway.run("token", "revoke", "1")
        wait_until(lambda: ana.get().status != 200, 10, "the revocation to be noticed")
    api.take()
    with Client(gateway) as ana:
        assert ana.get().status == 401
    assert api.take() == []
    gateway.stop()
    assert gateway.verify().returncode == 0
    log = gateway.log.read_text() + json.dumps(events(gateway))
    assert good not in log and other not in log


def test_another_token_on_the_connection_is_another_session(make_api_gateway, api):
    gateway = make_api_gateway()
    with Client(gateway) as client:
        first = client.get()
        kept = client.socket
        client.token = gateway.token("bo")
        second = client.get()
        client.token = "swt_wrong"
        wrong = client.get()
        assert client.socket is None or client.socket is kept
    assert first.status == second.status == 200 and wrong.status == 401
    one, two = intent_of(gateway, first), intent_of(gateway, second)
    assert (one["principal"], two["principal"]) == ("ana", "bo") and one["session"] != two["session"]
    assert len(api.take()) == 2
    gateway.stop()
    ends = {event["session"]: event for event in events(gateway, "session_end")}
    assert ends[one["session"]]["actions"] == ends[two["session"]]["actions"] == 1
    assert gateway.verify().returncode == 0


def test_many_tokens_in_one_pipeline(make_api_gateway, api):
    gateway = make_api_gateway()
    ana, bo = gateway.token("ana"), gateway.token("bo")
    with Client(gateway, None) as client:
        parts = []
        for number in range(12):
            client.token = bo if number % 3 == 2 else ana
            parts.append(client.head_of("GET", f"/repos/acme/web/pulls/{number}"))
        client.send(b"".join(parts))
        replies = [client.read() for _ in range(12)]
    principals = [intent_of(gateway, reply)["principal"] for reply in replies]
    assert principals == ["bo" if number % 3 == 2 else "ana" for number in range(12)]
    assert [request.path.rsplit("/", 1)[1] for request in api.take()] == [str(number) for number in range(12)]


# ---- Evidence -------------------------------------------------------------------------------------------------------


def test_receipt_names_an_intent_that_verifies(make_api_gateway, api, tmp_path):
    gateway = make_api_gateway()
    with Client(gateway) as client:
        reply = client.get(PULL + "?page=2")
        denied = client.get("/" + "x" * 9000)
    action = reply.header("sworn-receipt")
    intent, outcome = intent_of(gateway, reply), outcome_of(gateway, reply)
    assert intent["verdict"] == "allow" and intent["principal"] == "ana" and outcome["status"] == "ok"
    assert outcome["code"] == "200" and "get_pull_request" in json.dumps(intent)
    assert denied.status == 414
    shown = gateway.run("audit", "show", action).stdout
    assert f"GET {PULL}?page=2" in shown
    receipt = tmp_path / "receipt.json"
    receipt.write_text(gateway.run("audit", "receipt", action).stdout)
    vkey = (gateway.folder / "evidence.vkey").read_text().strip()
    assert gateway.run("audit", "receipt", "--check", str(receipt), "--key", vkey).returncode == 0
    listed = gateway.actions()
    assert action in json.dumps(listed)
    gateway.stop()
    assert gateway.verify().returncode == 0


def test_assertions_of_the_client_are_recorded_as_such(client, both, server):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    reply = client.get(PULL, [("traceparent", trace), ("Sworn-Agent", "reviewer/1"), ("Sworn-Session", "s-1")])
    intent = intent_of(both[1], reply)
    sent = server.take()[0]
    assert sent.header("sworn-agent") is None and sent.header("sworn-session") is None
    if "asserted" not in intent:
        pytest.skip("intents of this sworn have no member `asserted`")
    assert trace in json.dumps(intent["asserted"]) and "reviewer/1" in json.dumps(intent["asserted"])


def test_error_of_the_api_is_relayed_and_recorded(client, both, server):
    for status, recorded in ((404, "error"), (422, "error"), (500, "error"), (302, "ok"), (201, "ok")):
        server.script = json_answer({"message": "x"}, status=status)
        reply = client.get()
        assert reply.status == status and json.loads(reply.body) == {"message": "x"}
        outcome = outcome_of(both[1], reply)
        assert (outcome["status"], outcome["code"]) == (recorded, str(status))


# ---- Connections ----------------------------------------------------------------------------------------------------


def test_reason_phrase_carries_nothing(make_api_gateway):
    def answer(connection, _):
        read_head(connection)
        connection.sendall(f"HTTP/1.1 200 to {EMAIL}\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok".encode())

    with RawServer(answer) as raw:
        gateway = make_api_gateway(port=raw.port, policies={"masks.cedar": DO_ALL})
        with Client(gateway) as client:
            reply = client.get()
    assert reply.status == 200 and reply.body == b"ok" and EMAIL.encode() not in reply.wire


@pytest.mark.parametrize("kind", ["application/json", "text/html", None, "image/png"])
@pytest.mark.parametrize("status, method", [(200, "HEAD"), (204, "DELETE"), (304, "GET"), (404, "HEAD")])
def test_answers_without_a_body(both, server, kind, status, method):
    for gateway in both[1:]:
        with Client(gateway) as client:
            server.script = text_answer("not to be sent", status=status, headers=[("X-Seen", "1")])
            server.script.headers = [("X-Seen", "1"), *([("Content-Type", kind)] if kind else [])]
            client.send(client.head_of(method, REVIEWS + "/1") + client.head_of("GET", PULL))
            first = client.read(is_head=True)
            server.script = json_answer({"next": True})
            assert first.status == status and first.header("x-seen") == "1"
            assert first.header("transfer-encoding") is None and first.header("content-length") in (None, "14")
            second = client.read()
            assert second.status in (200, status) and client.buffer == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_problem_has_a_body_unless_it_was_asked_not_to(client, server, method):
    server.script = text_answer("x", raw="nonsense")
    reply = client.ask(method, PULL)
    assert reply.status == 502 and (reply.body == b"") == (method == "HEAD")
    server.script = json_answer({})
    assert client.get().status == 200
    assert reply.header("content-type") == "application/problem+json"


def test_continue_is_told_before_the_body(client, server):
    body = b'{"body": "later"}'
    client.send(client.head_of("POST", "/repos/acme/web/issues/7/comments",
                               [("Content-Type", "application/json"), ("Content-Length", str(len(body))),
                                ("Expect", "100-continue")]))
    assert client.socket.recv(100).startswith(b"HTTP/1.1 100")
    client.send(body)
    assert client.read().status == 200
    assert server.take()[0].body == body


def test_continue_is_not_told_when_the_body_is_too_large_or_the_token_bad(both, server):
    for token, length, status in ((True, 1 << 32, 413), (False, 5, 401)):
        with Client(both[1], "ana" if token else None) as client:
            client.send(client.head_of("POST", REVIEWS, [("Content-Length", str(length)), ("Expect", "100-continue")]))
            reply = client.read()
            assert reply.status == status and b"100 Continue" not in reply.wire and reply.header("connection") == "close"
    assert server.take() == []


def chunked(data, size, extension=b""):
    parts = [data[at:at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + b"0\r\nX-Trailer: t\r\n\r\n"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_chunked_request_arrives_whole(masked, server, size):
    body = json.dumps({"body": f"mail {EMAIL} " * 50}).encode()
    masked.send(masked.head_of("POST", "/repos/acme/web/issues/7/comments", [
        ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]) + chunked(body, size, b";a=b"))
    assert masked.read().status == 200
    sent = server.take()[0]
    assert numbered(sent.json()["body"]) == "mail <EMAIL_1> " * 50
    assert sent.values("content-length") == [str(len(sent.body))] and sent.header("x-trailer") is None


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_chunked_answer_with_a_value_across_chunks(masked, client, server, size):
    text = f"start {EMAIL} end " * 30
    server.script = text_answer(text, framing="chunked", chunk=size, trailers=[["X-Owner", EMAIL]])
    reply = masked.get()
    assert EMAIL.encode() not in reply.wire and reply.body.count(b" end ") == 30
    assert client.get().body == text.encode()
    server.script = text_answer(json.dumps({"a": text}), "application/json", framing="chunked", chunk=size)
    assert EMAIL.encode() not in masked.get().wire


def test_pieces_of_a_stream_are_not_held_back(client, server):
    """Without anything to be masked, each piece arrives before the next is sent."""
    gate = threading.Semaphore(0)

    def pieces():
        for number in range(5):
            yield f"data: {number}\n\n".encode()
            assert gate.acquire(timeout=10)

    server.script = lambda request: stream_answer(pieces(), "text/event-stream")
    client.send(client.head_of("GET", PULL))
    for number in range(5):
        client.until(f"data: {number}\n\n".encode())
        gate.release()
    assert client.read().body == b"".join(f"data: {number}\n\n".encode() for number in range(5))


def compressed(name, data):
    if name == "gzip":
        return gzip.compress(data)
    if name == "deflate":
        return zlib.compress(data)
    if shutil.which({"br": "brotli"}.get(name, name)) is None:
        pytest.skip(f"there is no program for {name}")
    return subprocess.run([{"br": "brotli"}.get(name, name), "-c", "-q"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_encoded_messages_are_looked_into(masked, server, encoding):
    data = json.dumps({"body": f"mail {EMAIL}"}).encode()
    server.script = text_answer(compressed(encoding, data), "application/json", headers=[("Content-Encoding", encoding)])
    reply = masked.ask("POST", "/repos/acme/web/issues/7/comments", compressed(encoding, data),
                       [("Content-Type", "application/json"), ("Content-Encoding", encoding)])
    assert reply.status == 200 and EMAIL.encode() not in reply.body and b'"body"' in reply.body
    assert reply.header("content-encoding") is None
    sent = server.take()[0]
    assert numbered(sent.json()["body"]) == "mail <EMAIL_1>" and sent.header("content-encoding") is None


@pytest.mark.parametrize("encoding, data", [
    ("gzip", b"no gzip"), ("gzip", gzip.compress(b"{}")[:-3]), ("gzip", gzip.compress(b"{}") + b"more"),
    ("compress", b"{}"), ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))), ("x-secret", b"{}"), ("gzip", b"\x1f\x8b"),
    ("gzip", gzip.compress(b"[" + b" " * (64 << 20) + b"]"))],
    ids=["no gzip", "cut", "more behind", "unknown", "twice", "no coding", "head only", "bomb"])
def test_what_does_not_decode_is_refused(client, masked, server, encoding, data):
    for one in (client, masked):
        reply = one.ask("POST", REVIEWS, data, [("Content-Type", "application/json"), ("Content-Encoding", encoding)])
        assert reply.status in (400, 413, 415) and server.take() == [], reply.wire
        server.script = text_answer(data, "application/json", headers=[("Content-Encoding", encoding)])
        try:
            reply = one.get()
            assert reply.status == 502
        except Closed as cut:  # it had begun
            assert one is client and not cut.data.endswith(b"0\r\n\r\n")
        server.take()


def test_pipelined_requests_are_answered_in_order(client, server):
    server.script = lambda request: json_answer({"path": request.path}, head_delay_ms=20 if "1" in request.path else 0)
    client.send(b"".join(client.head_of("GET", f"/repos/acme/web/pulls/{number}") for number in range(30)))
    for number in range(30):
        assert json.loads(client.read().body)["path"] == f"/repos/acme/web/pulls/{number}"
    assert client.socket is not None


def test_upstream_connection_is_used_again(make_api_gateway, api):
    gateway = make_api_gateway()
    gateway.config.write_text(gateway.config.read_text() + "workers: 1\n")
    gateway.stop()
    gateway.start()
    for _ in range(5):
        with Client(gateway) as client:
            assert [client.get().status for _ in range(4)] == [200] * 4
    assert api.connections == 1
    api.script = json_answer({}, close=True)
    with Client(gateway) as client:
        assert [client.get().status for _ in range(4)] == [200] * 4
    assert api.connections == 4
    api.script = text_answer("x", framing="close")
    with Client(gateway) as client:
        assert [client.get().status for _ in range(2)] == [200] * 2
    gateway.stop()
    assert gateway.verify().returncode == 0


def test_upstream_that_closes_idle_connections(make_api_gateway, api):
    """The next request must not fail because a connection has ended that nobody used."""
    gateway = make_api_gateway()
    with Client(gateway) as client:
        for _ in range(10):
            assert client.get().status == 200
            for connection in list(api.open):
                connection.shutdown(socket.SHUT_RDWR)


def test_close_is_honoured(client, server):
    reply = client.get(PULL, [("Connection", "close")])
    assert reply.status == 200 and reply.header("connection") == "close"
    client.send(client.head_of("GET", PULL, [("Connection", "close")]) + client.head_of("GET", PULL))
    assert client.read().status == 200
    assert len(server.take()) == 2


def test_client_that_leaves_ends_the_request_upstream(both, server):
    gateway = both[1]
    for behaviour in ({"silent": True}, {"body_delay_ms": 20000}, {"head_delay_ms": 20000}):
        server.script = text_answer("never", **behaviour)
        leaver = Client(gateway)
        leaver.send(leaver.head_of("GET", PULL))
        request = server.wait(lambda requests: requests[-1] if requests else None)
        leaver.close()
        wait_until(lambda: request.is_aborted, 5, "the upstream's connection to be closed")
        server.take()
    wait_until(lambda: sum(event["status"] == "cancelled" for event in events(gateway, "outcome")) >= 3, 10, "outcomes")


def test_client_that_leaves_in_the_midst_of_a_stream(both, server):
    def endless():
        while True:
            yield b"data: more and more\n\n" * 100

    for gateway in both[1:]:
        server.script = lambda request: stream_answer(endless(), delay_ms=5)
        leaver = Client(gateway)
        leaver.send(leaver.head_of("GET", PULL))
        leaver.until(b"more and more")
        request = server.wait(lambda requests: requests[-1])
        leaver.close()
        wait_until(lambda: request.is_aborted, 5, "the upstream's connection to be closed")
        server.take()
        wait_until(lambda: [event for event in events(gateway, "outcome") if event["status"] == "cancelled"], 10, "outcome")


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
@pytest.mark.parametrize("behaviour", [{"cut": 20}, {"cut": 20, "framing": "chunked"}, {"cut": 0}, {"cut": 20, "reset": True},
                                       {"raw": b""}, {"raw": b"HTTP/1.1 200 OK\r\nContent-Le"}])
def test_upstream_that_breaks_off(both, server, kind, behaviour):
    for gateway in both[1:]:
        with Client(gateway) as client:
            server.script = text_answer('{"a": "' + "x" * 500 + '"}', kind, **behaviour)
            try:
                reply = client.get()
                assert reply.status == 502
                client.get()  # the connection is good
            except Closed as cut:
                assert cut.data.startswith(b"HTTP/1.1 200") and not cut.data.endswith(b"0\r\n\r\n")
                reply = Reply(cut.data[:cut.data.index(b"\r\n\r\n") + 4], b"", b"")
        assert outcome_of(gateway, reply)["status"] == "interrupted"


def test_upstream_that_is_not_there(make_api_gateway):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gateway = make_api_gateway(port=unused.getsockname()[1])
        with Client(gateway) as client:
            for _ in range(2):
                reply = client.get()
                assert reply.status == 502 and "Connection refused" in detail(reply)
        assert outcome_of(gateway, reply)["status"] == "error"
        gateway.stop()
    assert gateway.verify().returncode == 0


# ---- TLS and Unix sockets -------------------------------------------------------------------------------------------


def test_tls_towards_the_client(make_api_gateway, api, tmp_path):
    authority, certificate, key = make_certificate(tmp_path)
    gateway = make_api_gateway(listener=f"tls: {{certificate: {certificate}, key: {key}}}")
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Client(gateway) as client:
        client.connect()
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        assert client.socket.selected_alpn_protocol() == "http/1.1"
        assert [client.get().status for _ in range(3)] == [200] * 3
        client.token = gateway.token("bo")
        assert client.get().status == 200
    with Client(gateway) as plain:
        plain.send(plain.head_of("GET", PULL))
        assert b"200 OK" not in plain.rest()
    assert len(api.take()) == 4
    if shutil.which("curl"):
        told = subprocess.run(["curl", "-sS", "--cacert", authority, "-H", f"Authorization: Bearer {gateway.token('ana')}",
                               f"https://localhost:{gateway.port}{PULL}"], capture_output=True, check=False, timeout=20)
        assert told.stdout == b'{"ok": true}', told.stderr


class TlsApi(Api):
    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.set_alpn_protocols(["http/1.1"])
        super().__init__()

    def serve(self, connection, number):
        try:
            super().serve(self.context.wrap_socket(connection, server_side=True), number)
        except OSError:
            connection.close()


def test_tls_towards_the_upstream(make_api_gateway, tmp_path):
    authority, certificate, key = make_certificate(tmp_path)
    with TlsApi(certificate, key) as server:
        good = make_api_gateway(address=f"localhost:{server.port}", upstream=f"tls: {{mode: verify-full, ca: {authority}}}")
        with Client(good) as client:
            assert [client.get().status for _ in range(3)] == [200] * 3
        assert server.connections == 1
        bad = make_api_gateway(address=f"localhost:{server.port}", upstream="tls: {mode: verify-full}")
        with Client(bad) as client:
            reply = client.get()
            assert reply.status == 502 and "certificate" in detail(reply)
        assert len(server.take()) == 3


def test_unix_sockets_on_both_sides(make_api_gateway, tmp_path):
    upstream, listener = tmp_path / "up.sock", tmp_path / "down.sock"
    server = Api.__new__(Api)
    tcp = Api(json_answer({"ok": True}))
    relay = socket.socket(socket.AF_UNIX)
    relay.bind(str(upstream))
    relay.listen(8)
    tcp.listener.shutdown(socket.SHUT_RDWR)
    tcp.listener = relay
    threading.Thread(target=accept_unix, args=(tcp,), daemon=True).start()
    del server
    gateway = make_api_gateway(start=False, address=f"unix:{upstream}")
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace(f"address: 127.0.0.1:{gateway.port}", f"address: unix:{listener}"))
    gateway.start()
    with Client(gateway) as client:
        client.socket = socket.socket(socket.AF_UNIX)
        client.socket.settimeout(20)
        client.socket.connect(str(listener))
        assert client.get().status == 200 and client.get("/rate_limit").status == 200
    assert [request.header("host") for request in tcp.take()] == ["localhost"] * 2
    relay.close()


def accept_unix(server):
    while True:
        try:
            connection, _ = server.listener.accept()
        except OSError:
            return
        threading.Thread(target=server.serve, args=(connection, 1), daemon=True).start()


# ---- Stop and reload ------------------------------------------------------------------------------------------------


def test_stop_lets_an_answer_finish(make_api_gateway, api):
    gateway = make_api_gateway()
    idle = Client(gateway)
    assert idle.get().status == 200
    busy = Client(gateway)
    api.script = json_answer({"late": True}, head_delay_ms=1200)
    asked = Aside(busy, "GET", PULL)
    wait_until(lambda: json.loads(gateway.run("status").stdout)["in_flight"] == 1, 10, "the request in flight")
    gateway.process.terminate()
    idle.rest()
    assert json.loads(asked.finish().body) == {"late": True}
    gateway.stop()
    assert events(gateway)[-1]["type"] == "node_stop"
    assert {event["status"] for event in events(gateway, "outcome")} == {"ok"}
    assert gateway.verify().returncode == 0
    idle.close()
    busy.close()


def test_stop_ends_a_hold(make_api_gateway, api):
    gateway = make_api_gateway(policies=STORY)
    agent = Client(gateway, "copilot")
    merging = Aside(agent, "PUT", f"{PULL}/merge", {})
    wait_until(gateway.pending, 10, "the merge to be held")
    gateway.stop()
    reply = merging.finish()
    assert reply.status in (403, 503) and api.take() == []
    assert gateway.verify().returncode == 0
    agent.close()


def test_reload_applies_to_open_connections(make_api_gateway, api):
    gateway = make_api_gateway()
    with Client(gateway) as client, Api(json_answer({"second": True})) as second:
        assert client.get().status == 200
        kept = client.socket
        gateway.write_policies({"none.cedar": '@id("none") forbid (principal, action, resource);'})
        gateway.reload()
        assert client.get().status == 403
        gateway.write_policies({"all.cedar": ALL})
        text = gateway.config.read_text()
        gateway.config.write_text(text.replace(f"127.0.0.1:{api.port}", f"127.0.0.1:{second.port}"))
        gateway.reload()
        assert client.get().status == 200 and client.socket is kept
        with Client(gateway) as other:
            assert json.loads(other.get().body) == {"second": True}


def test_reload_changes_the_key(make_api_gateway, api):
    gateway = make_api_gateway(start=False)
    (gateway.folder / "key").write_text("first-key")
    (gateway.folder / "key").chmod(0o600)
    gateway.config.write_text(gateway.config.read_text().replace("env:API_KEY", "file:key"))
    gateway.start()
    for key in ("first-key", "second-key"):
        (gateway.folder / "key").write_text(key)
        gateway.reload()
        with Client(gateway) as client:
            assert client.get().status == 200
        assert api.take()[0].header("authorization") == f"Bearer {key}"
