"""Checks what the entries of a log tell, with nothing of sworn: written from doc/evidence-format.md. Streaming: what is open
at a point of the log, and who is who. The first thing that does not hang together raises Lie."""
import hashlib
import json
import pathlib
import re

HASH = re.compile("[0-9a-f]{64}")
ENTRY = {"event", "seq", "session", "time"}
NODE_TYPES = {"node_start", "node_stop", "node_reload", "heartbeat", "heartbeat_gap", "bundle_activated", "entities_activated"}


FORMAT = pathlib.Path(__file__).parents[2] / "doc" / "evidence-format.md"
HASHES = {"digest", "view_digest", "bundle", "entities", "binary", "config", "detector"}
NUMBERS = {"actions", "denials", "entries", "rounds", "bytes", "duration_us", "number", "files", "in_flight", "gap_ms",
           "heartbeat_ms", "tokens_1h", "tokens_1d", "unrecorded", "by_uid"}


class Lie(Exception):
    pass


def read_members():
    """Which members each type of event has, from the table of the format page."""
    members, kind = {}, None
    section = FORMAT.read_text().split("## The members of events")[1].split("\n* ")[0]
    for row in re.findall(r"^\|(.*?)\|(.*)\|$", section, re.M):
        kinds = re.findall("`([a-z_]+)`", row[0])
        if row[0].strip() and not kinds:
            continue  # the heading
        kind = kinds or kind
        for name in kind:
            members.setdefault(name, set()).update(re.findall("`([a-z0-9_]+)`", row[1]))
    return members


MEMBERS = read_members()


def check_members(event):
    """No member that the page does not know; hashes are hashes, numbers numbers, commitments commitments."""
    kind = event["type"]
    hold_true(kind in MEMBERS, "an event of unknown type", kind)
    for name, value in event.items():
        hold_true(name == "type" or name in MEMBERS[kind], "an unknown member", name, "of", kind)
        if name in HASHES:
            hold_true(isinstance(value, str) and HASH.fullmatch(value), name, "is no hash")
        if name in NUMBERS or (name == "rows" and kind == "outcome"):
            hold_true(type(value) is int and value >= 0, name, "is no number")
    if kind in ("intent", "hold_requested"):
        hold_true(set(event["text"]) == {"ciphertext", "length", "plaintext", "reference"}, "no commitment to a text")


def hold_true(condition, *words):
    if not condition:
        raise Lie(" ".join(str(word) for word in words))


def parse_entry(text):
    hold_true(len(text) <= 65535, "an entry is too long")
    entry = json.loads(text)
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    hold_true(canonical == text and set(entry) == ENTRY and "type" in entry["event"], "an entry is not canonical")
    hold_true(re.fullmatch("[0-9a-f]{16}", entry["session"]) and type(entry["seq"]) is int, "an entry's envelope")
    hold_true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", entry["time"]), "an entry's time")
    return entry


def sha(data):
    return hashlib.sha256(data).hexdigest()


class World:
    """What is in force in a run: bundles, and principals by the hash of all entities."""

    def __init__(self):
        self.bundles, self.people, self.rows, self.files = {sha(b"")}, {}, [], []

    def bundle_activated(self, event):
        self.files = self.files if event["number"] > 1 else []
        self.files.append((event["file"], bytes.fromhex(event["sha256"])))
        hold_true(event["number"] == len(self.files), "bundle files are missing")
        if isinstance(event["text"], str):
            hold_true(sha(event["text"].encode()) == event["sha256"], "a policy's text is not what its hash says")
        if event["number"] == event["files"]:
            joined = b"".join(name.encode() + b"\0" + digest for name, digest in sorted(self.files))
            hold_true(sha(joined) == event["bundle"], "a bundle is not what its hash says")
            self.bundles.add(event["bundle"])

    def entities_activated(self, event):
        self.rows = self.rows if event["number"] > 1 else []
        self.rows += event["rows"]
        if "to_be_continued" not in event:
            text = "".join(json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
                           for row in self.rows)
            hold_true(sha(text.encode()) == event["entities"], "entities are not what their hash says")
            self.people[event["entities"]] = {row["principal"]: row for row in self.rows if "principal" in row}

    def is_in(self, name, group):
        return any(people.get(name, {}).get("type") == "User" and group in people[name].get("groups", [])
                   for people in self.people.values())


class Session:
    def __init__(self, start):
        self.start, self.seq, self.intents, self.denials, self.highest = start, 0, 0, 0, 0
        self.open, self.holds, self.used = {}, {}, set()


class Story:
    def __init__(self):
        self.world, self.sessions, self.time, self.is_closing = World(), {}, "", False

    def note(self, entry):
        event, key, kind = entry["event"], entry["session"], entry["event"]["type"]
        check_members(event)
        is_interrupted = "interrupted" in (event.get("status"), event.get("how")) or "interrupted" in event
        hold_true(is_interrupted or not self.is_closing, "a run goes on that was interrupted")
        hold_true(entry["time"] >= self.time, "time goes back")
        self.time = entry["time"]
        if kind == "node_start":
            hold_true(not self.sessions, "a run begins while sessions are open")
            self.world = World()
        if kind in ("node_start", "session_start"):
            hold_true(key not in self.sessions and entry["seq"] == 0, "session", key, "starts wrongly")
            self.sessions[key] = Session(event)
        hold_true(key in self.sessions, "session", key, "has not started")
        session = self.sessions[key]
        hold_true(session.seq == entry["seq"], "session", key, "has a gap")
        session.seq += 1
        hold_true((kind in NODE_TYPES) == (session.start["type"] == "node_start"), kind, "in a session of another kind")
        getattr(self, "on_" + kind, self.unknown)(session, event, key)

    def unknown(self, session, event, key):
        raise Lie("an event of unknown type: %s" % event["type"])

    def on_node_start(self, session, event, key):
        pass

    on_heartbeat = on_heartbeat_gap = on_node_reload = on_node_start

    def on_bundle_activated(self, session, event, key):
        self.world.bundle_activated(event)

    def on_entities_activated(self, session, event, key):
        self.world.entities_activated(event)

    def on_node_stop(self, session, event, key):
        del self.sessions[key]
        self.is_closing = False
        hold_true(not self.sessions, "the run ends while sessions are open")

    def on_session_start(self, session, event, key):
        hold_true(("principal" in event) != ("refused" in event), "a session of nobody, or of two minds")
        if "principal" in event:
            wanted = {"type": event["principal_type"], "groups": event.get("groups", []),
                      "on_behalf_of": event.get("on_behalf_of")}
            rows = [people.get(event["principal"], {}) for people in self.world.people.values()]
            hold_true(any({"type": row.get("type"), "groups": row.get("groups", []), "on_behalf_of": row.get("on_behalf_of")}
                          == wanted for row in rows), "a principal is not as the entities have it")

    def on_hold_requested(self, session, event, key):
        old = session.holds.get(event["action"], {"how": "approved", "proven": [], "approvers": [], "count": 0})
        hold_true(old["how"] == "approved" and event["action"] not in session.used, "a hold in the wrong place")
        session.holds[event["action"]] = {**old, "how": None, "votes": [], "digest": event["digest"], "view": event["view_digest"],
                                          "remedies": event["remedies"], "count": old["count"] + 1}

    def on_approval(self, session, event, key):
        hold = session.holds.get(event["action"])
        hold_true(hold and hold["how"] is None, "a vote on what is not held")
        hold_true(hold["digest"] == event["digest"], "a vote for another digest")
        if event["decision"] == "refused":
            return
        chain = {session.start.get("principal"), session.start.get("on_behalf_of")}
        name = event["approver"]
        hold_true("rule" not in event and name not in chain, "a vote of the own chain")
        hold_true(name not in [vote for vote, _ in hold["votes"]], "a second vote of one person")
        hold_true(event["group"] in [remedy.split(":")[1] for remedy in hold["remedies"]] and
                  self.world.is_in(name, event["group"]), "a vote of nobody who was asked")
        hold_true(event["decision"] == "deny" or event.get("view_digest") == hold["view"], "an approval of another view")
        hold["votes"].append((name, event["decision"] == "approve"))

    def on_hold_ended(self, session, event, key):
        hold = session.holds.get(event["action"])
        hold_true(hold and hold["how"] is None, "the end of no hold")
        hold["how"] = event["how"]
        is_denied = any(not approves for _, approves in hold["votes"])
        hold_true(is_denied == (event["how"] == "denied"), "a hold's end is not what was voted")
        if event["how"] != "approved":
            return
        for remedy in hold["remedies"]:
            group, count = (remedy.split(":") + ["1"])[1:3]
            hold_true(sum(self.world.is_in(name, group) for name, _ in hold["votes"]) >= int(count), "no quorum")
        hold["proven"] = hold["proven"] + hold["remedies"]
        hold["approvers"] = sorted(set(hold["approvers"]) | {name for name, _ in hold["votes"]})

    def on_intent(self, session, event, key):
        action, is_allowed = event["action"], event["verdict"] == "allow"
        session.intents += 1
        session.denials += not is_allowed
        hold_true(re.fullmatch(key + "-[1-9][0-9]*", action) and action not in session.used, "an action's id")
        session.used.add(action)
        session.highest = max(session.highest, int(action[17:]))
        for name in ("principal", "principal_type", "on_behalf_of"):
            hold_true(event.get(name) == session.start.get(name), "an action of another principal")
        hold_true(event["upstream"] == session.start.get("upstream"), "an action of another upstream")
        hold_true(event["bundle"] in self.world.bundles, "an unknown bundle")
        hold_true(not event["rounds"] or event["entities"] in self.world.people, "unknown entities")
        hold = session.holds.pop(action, {"how": "approved", "proven": [], "approvers": [], "count": 0,
                                          "digest": event["digest"]})
        hold_true(hold["how"] is not None and hold["digest"] == event["digest"], "an action is not what was held")
        applied, approvers = event.get("applied", []), event.get("approvers", [])
        hold_true(set(applied) <= set(hold["proven"]) and set(approvers) <= set(hold["approvers"]), "an approval of nowhere")
        if is_allowed:
            hold_true(hold["how"] == "approved" and event["cedar"] == "allow" and event["rounds"] == hold["count"] + 1 and
                      set(applied) == set(hold["proven"]) and approvers == hold["approvers"], "allowed without approval")
            session.open[action] = event

    def on_outcome(self, session, event, key):
        intent = session.open.pop(event["action"], None)
        hold_true(intent is not None, "an outcome without intent")
        hold_true(event.get("bundle", intent["bundle"]) == intent["bundle"], "an outcome of another bundle")
        for suffix in ("", "_request"):
            revealed = intent.get("reveal" + suffix, [])
            is_all = revealed == ["*"]
            hold_true(not (set(event.get("masked" + suffix, {})) & set(revealed)) and
                      not (is_all and event.get("masked" + suffix)), "masked what is revealed")
            hold_true(is_all or set(event.get("revealed" + suffix, {})) <= set(revealed), "revealed what is masked")

    def on_session_end(self, session, event, key):
        hold_true(not session.open and all(hold["how"] for hold in session.holds.values()), "something is left open")
        self.is_closing |= "interrupted" in event
        if "interrupted" not in event:
            totals = {"actions": session.intents, "denials": session.denials, "entries": session.seq}
            hold_true({name: event[name] for name in totals} == totals, "a session's totals")
            hold_true(event.get("unrecorded", 0) == session.highest - session.intents, "numbers of actions are missing")
        del self.sessions[key]


def check_story(entries):
    story = Story()
    for index, entry in enumerate(entries):
        try:
            story.note(entry)
        except (Lie, KeyError, TypeError, AttributeError) as problem:
            raise Lie("entry %d: %s" % (index, problem)) from problem
