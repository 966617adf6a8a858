"""`sworn audit verify` checks what a log tells, not only its tree: each forgery here is signed by the log's own key, its
tree is whole, and it is found all the same."""
import copy
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT, SWORN, Gateway
from forge import count_anew, number_anew, read_entries, sha256_hex, write_log
from promise import Held
from verify_story import MEMBERS

POLICIES = {"base.cedar": """
@id("work")
permit (principal, action in [Sworn::Action::"sql:read", Sworn::Action::"sql:write"], resource in Sworn::Environment::"prod");
@id("see") permit (principal, action == Sworn::Action::"reveal", resource);
@id("agents-no-email")
forbid (principal in Sworn::Group::"agents", action == Sworn::Action::"reveal", resource == Sworn::DataClass::"email");
@id("delete-two")
@remedy("approve:sre:2")
forbid (principal, action == Sworn::Action::"sql:write", resource in Sworn::Environment::"prod")
when { context has statement && context.statement == "delete" }
unless { context.applied.contains("approve:sre:2") };
"""}
ORIGIN = "sworn.example/test"
DELETE = "DELETE FROM orders WHERE id = 999999"


@pytest.fixture(scope="module")
def log(cluster, tmp_path_factory):
    """A stopped gateway in whose log an action was approved by two, one was denied, and one was given up."""
    gateway = Gateway(tmp_path_factory.mktemp("gw"), cluster, policies=POLICIES).start()
    try:
        with gateway.connect("ana") as connection:
            for number in range(4):
                connection.execute(f"SELECT {number}")
        gateway.psql("-c", "SELECT email, full_name FROM customers", user="copilot")
        approved = Held(gateway, DELETE)
        gateway.approve(approved.id, "bo")
        gateway.approve(approved.id, "cleo")
        approved.finish().close()
        assert approved.error is None
        denied = Held(gateway, DELETE, user="bo")
        assert gateway.approve(denied.id, "bo", check=False).returncode == 1  # the own action: refused
        gateway.run("deny", denied.id, token="cleo")
        denied.finish().close()
        assert denied.error is not None
        half = Held(gateway, DELETE)
        gateway.approve(half.id, "bo")
        half.connection.cancel()
        half.finish().close()
    finally:
        gateway.stop()
    gateway.vkey = (gateway.folder / "evidence.vkey").read_text().strip()
    gateway.entry_list = read_entries(gateway.evidence, gateway.vkey)
    gateway.approved, gateway.denied, gateway.half = approved.action, denied.action, half.action
    return gateway


class Story:
    """A copy of the log's entries that a test changes."""

    def __init__(self, log):
        self.log = log
        self.entries = copy.deepcopy(log.entry_list)

    def find(self, kind, action=None, **members):
        """The events of a type, of an action, with these members."""
        return [entry["event"] for entry in self.entries
                if entry["event"]["type"] == kind and action in (None, entry["event"].get("action"))
                and all(entry["event"].get(name) == value for name, value in members.items())]

    def drop(self, *events):
        self.entries = [entry for entry in self.entries if not any(entry["event"] is event for event in events)]

    def place(self, event):
        return next(i for i, entry in enumerate(self.entries) if entry["event"] is event)

    def swap(self, one, other):
        """The two events change places, times stay."""
        i, j = self.place(one), self.place(other)
        self.entries[i]["event"], self.entries[j]["event"] = other, one

    def add_after(self, event, added):
        place = self.place(event)
        self.entries.insert(place + 1, {**self.entries[place], "event": added})

    def start_of(self, action):
        return next(entry["event"] for entry in self.entries
                    if entry["event"]["type"] == "session_start" and entry["session"] == action.split("-")[0])

    def end_of(self, action):
        return next(entry["event"] for entry in self.entries
                    if entry["event"]["type"] == "session_end" and entry["session"] == action.split("-")[0])

    def write(self, folder, counts=True):
        number_anew(self.entries)
        if counts:
            count_anew(self.entries)
        write_log(folder, self.entries, ORIGIN, self.log.folder / "evidence.key")


def verify(folder, key):
    return subprocess.run([str(SWORN), "audit", "verify", str(folder), "--key", key], text=True, capture_output=True,
                          timeout=60, check=False, env={"PATH": os.environ["PATH"]})


def verify_independently(folder, key):
    return subprocess.run([sys.executable, str(ROOT / "tests" / "system" / "verify_independent.py"), str(folder), key],
                          text=True, capture_output=True, timeout=60, check=False)


def replay(folder):
    return subprocess.run([str(SWORN), "policy", "replay", "--evidence", str(folder)], text=True, capture_output=True,
                          timeout=60, check=False, env={"PATH": os.environ["PATH"]})


def test_format_page_has_every_member_that_verify_knows():
    """What an outsider writes a verifier from is the table that ours has, sorted as its reader needs it."""
    table = (ROOT / "ledger" / "event_members.def").read_text()
    known = {}
    for kind, member in re.findall(r"^EVENT_MEMBER\((\w+), (\w+),", table, re.M):
        assert member > max(known.get(kind, [""])), f"{kind}.{member} is out of its order"
        known.setdefault(kind, []).append(member)
    for kind, members in known.items():
        assert set(members) <= MEMBERS.get(kind, set()), f"{kind}: {set(members) - MEMBERS.get(kind, set())}"


# ---- Forgeries: each changes the story, and gives the words by which it is found ------------------------------------


def approvals_removed(story):
    story.drop(*story.find("approval", story.log.approved))
    return "the votes do not give \"approve:sre:2\""


def one_of_two_votes_removed(story):
    story.drop(story.find("approval", story.log.approved)[1])
    return "the votes do not give \"approve:sre:2\""


def vote_of_the_requester(story):
    story.find("approval", story.log.approved)[0]["approver"] = "copilot"
    return "copilot votes on an action of the own chain"


def vote_of_the_person_behind(story):
    story.find("approval", story.log.approved)[0]["approver"] = "ana"
    return "ana votes on an action of the own chain"


def vote_for_another_digest(story):
    story.find("approval", story.log.approved)[0]["digest"] = "ab" * 32
    return "the vote is for another digest"


def vote_of_another_group(story):
    story.find("approval", story.log.approved)[0]["approver"] = "owner"
    return "owner is no person of group sre"


def vote_of_a_service(story):
    story.find("approval", story.log.approved)[0]["approver"] = "nightly"
    return "nightly is no person of group sre"


def vote_for_a_group_that_nobody_asked_for(story):
    story.find("approval", story.log.approved)[1]["group"] = "security"
    return "the vote is for no group that a remedy asks for"


def vote_twice(story):
    votes = story.find("approval", story.log.approved)
    votes[1]["approver"] = votes[0]["approver"]
    return "bo votes a second time"


def vote_after_the_end(story):
    end = story.find("hold_ended", story.log.approved)[0]
    story.swap(story.find("approval", story.log.approved)[1], end)
    return "the votes do not give"


def approval_of_another_view(story):
    story.find("approval", story.log.approved)[0]["view_digest"] = "ab" * 32
    return "the approval is for another view"


def approval_of_no_view(story):
    del story.find("approval", story.log.approved)[0]["view_digest"]
    return "the approval is for another view"


def refused_vote_counts(story):
    vote = story.find("approval", story.log.denied, decision="refused")[0]
    vote["decision"] = "approve"
    vote["group"] = "sre"
    vote["view_digest"] = story.find("hold_requested", story.log.denied)[0]["view_digest"]
    del vote["rule"]
    return "bo votes on an action of the own chain"


def hold_denied_and_intent_allowed(story):
    story.find("hold_ended", story.log.approved)[0]["how"] = "denied"
    return "nobody voted to deny it"


def hold_denied_by_vote_and_intent_allowed(story):
    story.find("approval", story.log.approved)[1]["decision"] = "deny"
    story.find("hold_ended", story.log.approved)[0]["how"] = "denied"
    return "it is allowed, but its hold was not approved"


def denied_hold_is_said_to_be_approved(story):
    story.find("hold_ended", story.log.denied)[0]["how"] = "approved"
    return "is said to be approved"


def denied_hold_is_said_to_have_expired(story):
    story.find("hold_ended", story.log.denied)[0]["how"] = "expired"
    return "but a vote denied it"


def half_a_quorum_is_enough(story):
    story.find("hold_ended", story.log.half)[0]["how"] = "approved"
    return "is said to be approved"


def end_of_the_hold_removed(story):
    story.drop(story.find("hold_ended", story.log.approved)[0])
    return "its hold has not ended"


def intent_before_the_votes(story):
    story.swap(story.find("intent", story.log.approved)[0], story.find("hold_ended", story.log.approved)[0])
    return "its hold has not ended"


def whole_hold_removed(story):
    for kind in ("hold_requested", "approval", "hold_ended"):
        story.drop(*story.find(kind, story.log.approved))
    return "2 rounds of decision do not fit 0 holds"


def approval_claimed_by_an_action_that_was_never_held(story):
    intent = story.find("intent", verdict="allow")[0]
    intent["applied"] = ["approve:sre:2"]
    return "which no vote proves"


def another_approver_in_the_intent(story):
    story.find("intent", story.log.approved)[0]["approvers"] = ["bo", "owner"]
    return "claims the approver \"owner\", which no vote proves"


def approver_left_out(story):
    story.find("intent", story.log.approved)[0]["approvers"] = ["bo"]
    return "it leaves out an approver"


def another_digest_in_the_intent(story):
    story.find("intent", story.log.approved)[0]["digest"] = "cd" * 32
    return "the digest is not that of its hold"


def another_principal_in_the_intent(story):
    intent = story.find("intent", story.log.approved)[0]
    intent.update(principal="ana", principal_type="User")
    intent.pop("on_behalf_of")
    return "principal \"ana\" is not that of its session, \"copilot\""


def nobody_behind_the_agent(story):
    del story.find("intent", story.log.approved)[0]["on_behalf_of"]
    return "is not that of its session"


def another_principal_throughout(story):
    """Session and intents agree, and the entities that decided know better."""
    start = story.start_of(story.log.approved)
    start["principal_type"] = "Service"
    story.find("intent", story.log.approved)[0]["principal_type"] = "Service"
    return "principal \"copilot\" is not as the entities in force have it"


def another_upstream(story):
    story.find("intent", story.log.approved)[0]["upstream"] = "other"
    return "upstream \"other\" is not that of its session"


def group_given_afterwards(story):
    for event in story.find("entities_activated"):
        for row in event["rows"]:
            if row.get("principal") == "owner":
                row["groups"] = ["owners", "sre"]
    story.find("approval", story.log.approved)[0]["approver"] = "owner"
    return "the rows do not give the hash of entities"


def policy_changed_afterwards(story):
    event = story.find("bundle_activated")[0]
    event["text"] = event["text"].replace("sre:2", "sre:1")
    return "does not have the hash that it is recorded with"


def policy_and_its_hash_changed(story):
    event = story.find("bundle_activated")[0]
    event["text"] = event["text"].replace("sre:2", "sre:1")
    event["sha256"] = sha256_hex(event["text"])
    return "the files do not give the hash of the bundle"


def decided_by_a_bundle_of_nowhere(story):
    story.find("intent", story.log.approved)[0]["bundle"] = "12" * 32
    return "its bundle is not in the log before it"


def decided_by_entities_of_nowhere(story):
    story.find("intent", story.log.approved)[0]["entities"] = "12" * 32
    return "its entities are not in the log before it"


def denial_turned_into_an_allow(story):
    intent = story.find("intent", story.log.denied)[0]
    intent["verdict"] = "allow"
    outcome = copy.deepcopy(story.find("outcome", story.log.approved)[0])
    outcome["action"] = story.log.denied
    story.add_after(intent, outcome)
    return "it is allowed, but its hold was not approved"


def allowed_against_cedar(story):
    story.find("intent", verdict="allow")[0]["cedar"] = "deny"
    return "it is allowed, but Cedar said \"deny\""


def masked_is_said_to_be_revealed(story):
    outcome = [event for event in story.find("outcome") if "email" in event.get("masked", {})][0]
    outcome["revealed"] = {"email": outcome.pop("masked")["email"]}
    return "it revealed \"email\", which its intent does not"


def reveal_added_to_the_intent(story):
    outcome = [event for event in story.find("outcome") if "email" in event.get("masked", {})][0]
    intent = story.find("intent", outcome["action"])[0]
    intent["reveal"] = sorted([*intent.get("reveal", []), "email"])
    return "it masked \"email\", which its intent reveals"


def outcome_of_another_bundle(story):
    story.find("outcome", story.log.approved)[0]["bundle"] = "12" * 32
    return "its bundle is not that of its intent"


def unknown_member(story):
    story.find("intent", story.log.approved)[0]["blessed"] = "yes"
    return "this version knows no member \"blessed\""


def unknown_type(story):
    intent = story.find("intent", story.log.approved)[0]
    story.add_after(intent, {"action": story.log.approved, "type": "absolution"})
    return "this version knows no event of type \"absolution\""


def member_left_out(story):
    del story.find("intent", story.log.approved)[0]["text"]
    return "it has no \"text\""


def member_of_another_kind(story):
    story.find("outcome", story.log.approved)[0]["rows"] = "none"
    return "its \"rows\" is not what"


def node_event_in_a_client_session(story):
    start = story.start_of(story.log.approved)
    story.add_after(start, copy.deepcopy(story.find("bundle_activated")[0]))
    return "an event \"bundle_activated\" in a client's session"


def action_removed_and_session_closed_by_hand(story):
    """As if the run had died: but it went on."""
    story.drop(story.find("intent", story.log.approved)[0], story.find("outcome", story.log.approved)[0])
    end = story.end_of(story.log.approved)
    end.clear()
    end.update(type="session_end", interrupted=True)
    return "while an interrupted run is being closed"


def action_in_the_middle_removed(story):
    """Totals are made to fit; the numbers of the actions are not."""
    intents = [event for event in story.find("intent") if event["action"].endswith("-2")]
    story.drop(intents[0], story.find("outcome", intents[0]["action"])[0])
    return "1 numbers of the session's actions are missing, and 0 are declared"


FORGERIES = [approvals_removed, one_of_two_votes_removed, vote_of_the_requester, vote_of_the_person_behind,
             vote_for_another_digest, vote_of_another_group, vote_of_a_service, vote_for_a_group_that_nobody_asked_for,
             vote_twice, vote_after_the_end, refused_vote_counts, hold_denied_and_intent_allowed,
             hold_denied_by_vote_and_intent_allowed, denied_hold_is_said_to_be_approved,
             denied_hold_is_said_to_have_expired, half_a_quorum_is_enough, end_of_the_hold_removed, intent_before_the_votes,
             whole_hold_removed, approval_of_another_view, approval_of_no_view,
             approval_claimed_by_an_action_that_was_never_held, another_approver_in_the_intent,
             approver_left_out, another_digest_in_the_intent, another_principal_in_the_intent, nobody_behind_the_agent,
             another_principal_throughout, another_upstream, group_given_afterwards, policy_changed_afterwards,
             policy_and_its_hash_changed, decided_by_a_bundle_of_nowhere, decided_by_entities_of_nowhere,
             denial_turned_into_an_allow, allowed_against_cedar, masked_is_said_to_be_revealed, reveal_added_to_the_intent,
             outcome_of_another_bundle, unknown_member, unknown_type, member_left_out, member_of_another_kind,
             node_event_in_a_client_session, action_removed_and_session_closed_by_hand, action_in_the_middle_removed]


def test_unchanged_story_signed_anew_is_good(log, tmp_path):
    """The forger's tools make a good log of a good story: what is found below is the story."""
    Story(log).write(tmp_path / "copy")
    good = verify(tmp_path / "copy", log.vkey)
    assert good.returncode == 0, good.stdout
    theirs = verify_independently(tmp_path / "copy", log.vkey)
    assert theirs.returncode == 0, theirs.stdout


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.__name__)
def test_forged_story_is_found(log, tmp_path, forgery):
    story = Story(log)
    words = forgery(story)
    story.write(tmp_path / "copy")
    found = verify(tmp_path / "copy", log.vkey)
    assert found.returncode == 1 and words in found.stdout, found.stdout
    theirs = verify_independently(tmp_path / "copy", log.vkey)
    assert theirs.returncode == 1 and "entry " in theirs.stdout, "the verifier that is not ours lets it pass"


def test_removed_actions_are_missed_by_the_totals(log, tmp_path):
    """An intent and its outcome are gone, the session's end is as it was."""
    story = Story(log)
    intents = story.find("intent", verdict="allow")
    story.drop(intents[-1], story.find("outcome", intents[-1]["action"])[0])
    story.write(tmp_path / "copy", counts=False)
    found = verify(tmp_path / "copy", log.vkey)
    assert found.returncode == 1 and "the session counts" in found.stdout


def test_denial_removed_from_the_totals(log, tmp_path):
    story = Story(log)
    story.write(tmp_path / "copy")
    story.end_of(log.denied)["denials"] = 0
    story.write(tmp_path / "copy", counts=False)
    assert "the session counts 0 denials, but the log has 1" in verify(tmp_path / "copy", log.vkey).stdout


# ---- Replay believes what votes prove ---------------------------------------------------------------------------------

REPLAYED = [approvals_removed, one_of_two_votes_removed, vote_of_the_requester, vote_of_the_person_behind,
            vote_for_another_digest, vote_of_another_group, hold_denied_and_intent_allowed, whole_hold_removed,
            approval_claimed_by_an_action_that_was_never_held, another_principal_in_the_intent]


def test_replay_of_the_unchanged_story_agrees(log, tmp_path):
    Story(log).write(tmp_path / "copy")
    same = replay(tmp_path / "copy")
    assert same.returncode == 0 and "all the same" in same.stdout, same.stdout + same.stderr


@pytest.mark.parametrize("forgery", REPLAYED,
                         ids=lambda forgery: forgery.__name__)
def test_replay_believes_only_what_votes_prove(log, tmp_path, forgery):
    story = Story(log)
    forgery(story)
    story.write(tmp_path / "copy")
    differing = replay(tmp_path / "copy")
    assert differing.returncode == 1 and " differ" in differing.stdout, differing.stdout + differing.stderr


def test_replay_finds_an_approved_action_that_is_said_to_need_no_approval(log, tmp_path):
    """Every trace of the hold is gone, from the intent too: the story is whole, and policy would have held it."""
    story = Story(log)
    for kind in ("hold_requested", "approval", "hold_ended"):
        story.drop(*story.find(kind, log.approved))
    intent = story.find("intent", log.approved)[0]
    intent["rounds"] = 1
    del intent["applied"], intent["approvers"]
    story.write(tmp_path / "copy")
    assert verify(tmp_path / "copy", log.vkey).returncode == 0
    differing = replay(tmp_path / "copy")
    assert differing.returncode == 1 and "1 differ" in differing.stdout, differing.stdout


def test_list_shows_no_approval_that_was_denied(log):
    """The denier is not in the column of those who approved."""
    listed = log.run("audit", "list", "--json").stdout
    row = [line for line in listed.splitlines() if log.denied in line][0]
    assert '"approved_by"' not in row and '"held":"denied"' in row
