"""`sworn audit list` and `verify --sealed`: what is shown is what the log has, and asked for in words that exist."""
import json
import shutil
import sqlite3

import pytest

from conftest import Gateway
from promise import Held

POLICIES = {"all.cedar": """
@id("work")
permit (principal, action in [Sworn::Action::"sql:read", Sworn::Action::"sql:write", Sworn::Action::"sql:ddl"], resource);
@id("see") permit (principal, action == Sworn::Action::"reveal", resource);
@id("contractors-no-email")
forbid (principal in Sworn::Group::"agents", action == Sworn::Action::"reveal", resource == Sworn::DataClass::"email");
@id("deletes-wait") @remedy("approve:sre") forbid (principal, action == Sworn::Action::"sql:write", resource)
when { context has statement && context.statement == "delete" } unless { context.applied.contains("approve:sre") };
@id("no-updates") forbid (principal, action == Sworn::Action::"sql:write", resource)
when { context has statement && context.statement == "update" };"""}
DELETE = "DELETE FROM orders WHERE id = 999999"


def fill(gateway):
    gateway.psql("-c", "create table if not exists pay(id int)", "-c", "create table if not exists pay2(id int)", check=False)
    gateway.psql("-c", "select count(*) from pay2, pay")
    gateway.psql("-c", "select email from customers", user="copilot")
    gateway.psql("-c", "select card_number from customers", user="ana")
    gateway.psql("-c", "update orders set id = id", check=False)
    gateway.actions = {}
    for how in ("approved", "denied"):
        held = Held(gateway, DELETE)
        if how == "approved":
            gateway.approve(held.id, "bo")
        else:
            gateway.run("deny", held.id, token="bo")
        held.finish().close()
        gateway.actions[how] = held.action
    held = Held(gateway, DELETE)
    gateway.actions["expired"] = held.finish().action
    held.close()
    held = Held(gateway, DELETE)
    held.connection.cancel()
    gateway.actions["cancelled"] = held.finish().action
    held.close()
    gateway.await_publication()


@pytest.fixture(scope="module")
def log(cluster, tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gw"), cluster, policies=POLICIES,
                      config="\napproval: {timeout: 2s}\n").start()
    try:
        fill(gateway)
        yield gateway
    finally:
        gateway.stop()


def rows(gateway, *arguments):
    return [json.loads(line) for line in gateway.run("audit", "list", "--json", *arguments).stdout.splitlines()]


def row_of(gateway, how):
    return [row for row in rows(gateway) if row["action"] == gateway.actions[how]][0]


# ---- The index ----------------------------------------------------------------------------------------------------------

EDITS = {
    "rows deleted": "delete from actions where statement = 'delete'",
    "verdicts changed": "update actions set verdict = 'deny', principal = 'ana'",
    "an entry's place changed": "update entries set action = 'x-1'",
    "its size set back": "update meta set value = 3 where key = 'size'",
    "its size set ahead": "update meta set value = 999999 where key = 'size'",
    "a row made up": "insert into actions (action, time, principal, verdict) values ('x-1', '2026', 'mallory', 'allow')",
    "a session renamed": "update sessions set principal = 'mallory'",
}


@pytest.mark.parametrize("edit", EDITS)
def test_index_that_somebody_edited_is_built_anew(log, edit):
    before = rows(log)
    with sqlite3.connect(log.folder / "evidence.index") as index:
        index.execute(EDITS[edit])
    assert rows(log) == before


def test_bond_that_somebody_made_is_not_believed(log):
    """Size, root and hash are right, as anybody can make them; the key is not."""
    import hashlib
    before = rows(log)
    path = log.folder / "evidence.index"
    with sqlite3.connect(path) as index:
        index.execute("delete from actions")
    bond = log.folder / "evidence.index.bond"
    size, root, _, mac = bond.read_text().split()
    bond.write_text(f"{size} {root} {hashlib.sha256(path.read_bytes()).hexdigest()} {mac}\n")
    assert rows(log) == before
    bond.unlink()
    assert rows(log) == before


def test_index_of_another_log_is_built_anew(log, make_gateway):
    other = make_gateway()
    other.psql("-c", "select 1")
    other.await_publication()
    before = rows(other)
    for name in ("evidence.index", "evidence.index.bond"):
        shutil.copy(log.folder / name, other.folder / name)
    assert rows(other) == before


def test_resource_whose_name_is_within_another_is_listed(log):
    """`pay` beside `pay2`, in either order."""
    row = [row for row in rows(log) if "pay2" in row.get("resources", "") and row["what"] == "select"][0]
    assert sorted(row["resources"].split(", ")) == ["prod/shop/public.pay", "prod/shop/public.pay2"]


# ---- What the rows say ----------------------------------------------------------------------------------------------------


def test_ends_of_holds_are_different_words(log):
    assert row_of(log, "denied")["decision"] == "denied" and row_of(log, "denied")["denied_by"] == "bo"
    assert row_of(log, "expired")["decision"] == "expired" and "denied_by" not in row_of(log, "expired")
    assert row_of(log, "cancelled")["decision"] == "cancelled"
    update = [row for row in rows(log) if row["what"] == "update"][0]
    assert update["decision"] == "deny" and update["policies"] == "no-updates"
    for how in ("denied", "expired", "cancelled", "approved"):
        assert [row["action"] for row in rows(log, "--decision", how)] == [log.actions[how]], how
    assert [row["action"] for row in rows(log, "--decision", "deny")] == [update["action"]]


def test_approved_action_shows_the_policy_that_held_it(log):
    row = row_of(log, "approved")
    assert row["held_by"] == "deletes-wait" and row["approved_by"] == "bo" and row["decision"] == "allow (approved)"
    assert "held by deletes-wait" in log.run("audit", "list").stdout


def test_pending_hold_says_who_and_what(log):
    held = Held(log, DELETE)
    log.await_publication()
    row = [row for row in rows(log) if row["action"] == held.action][0]
    assert row["decision"] == "hold" and row["held"] == "pending"
    assert row["principal"] == "copilot" and row["on_behalf_of"] == "ana" and row["what"] == "delete"
    assert "orders" in row["resources"] and row["upstream"] == "shop"
    held.connection.cancel()
    held.finish().close()


# ---- What is asked ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--decision", "denyed"), ("--class", "e-mail"), ("--principal", "nobody"),
                                       ("--since", "yesterday"), ("--until", "7x"), ("--limit", "many")])
def test_unknown_words_exit_with_2(log, arguments):
    done = log.run("audit", "list", *arguments, check=False)
    assert done.returncode == 2 and arguments[1] in done.stderr and done.stdout == ""


def test_days_and_durations(log):
    def actions(*arguments):
        return [row["action"] for row in rows(log, *arguments)]

    everything = actions()
    day = rows(log)[-1]["time"][:10]
    assert actions("--until", day) == everything, "the day is included"
    assert actions("--since", day) == everything
    for ago in ("7d", "1h", "90m", "1w"):
        assert actions("--since", ago) == everything, ago
    assert rows(log, "--until", "1d") == []
    assert rows(log, "--principal", "owner") == []  # nothing of that principal, whom the configuration has


def test_cut_list_says_so(log):
    everything = rows(log)
    cut = log.run("audit", "list", "--limit", "2")
    assert f"newest 2 of {len(everything)}" in cut.stderr
    assert log.run("audit", "list", "--limit", str(len(everything))).stderr == ""
    assert "newest" in log.run("audit", "list", "--json", "--limit", "1").stderr


def test_who_may_see_everything_is_not_left_out(log):
    """Ana may see all classes: nobody counted what she saw, and the list says that."""
    seen = [row for row in rows(log, "--class", "card_number") if row["principal"] == "ana"]
    assert any(row["revealed"] == "not counted" or "card_number" in row["revealed"] for row in seen)


# ---- Sealed texts -------------------------------------------------------------------------------------------------------------


def change(path, at, data):
    content = bytearray(path.read_bytes())
    content[at:at + len(data)] = data
    path.write_bytes(bytes(content))


def test_sealed_texts_that_are_gone_or_changed_are_found(log, tmp_path):
    log.await_publication()
    sealed = tmp_path / "sealed"
    shutil.copytree(log.folder / "sealed", sealed)
    good = log.run("audit", "verify", "--sealed", str(sealed))
    assert good.returncode == 0 and "0 missing or changed" in good.stdout
    payloads = max(sealed.glob("*.payloads"), key=lambda path: path.stat().st_size)
    whole = payloads.read_bytes()
    change(payloads, 60, bytes([whole[60] ^ 1]))
    assert "is not the one that was recorded" in log.run("audit", "verify", "--sealed", str(sealed), check=False).stdout
    payloads.write_bytes(whole[:len(whole) // 2])
    assert "is missing" in log.run("audit", "verify", "--sealed", str(sealed), check=False).stdout
    payloads.write_bytes(bytes(48) + whole[48:])
    erased = log.run("audit", "verify", "--sealed", str(sealed), check=False)
    assert erased.returncode == 0 and "was erased" in erased.stdout
    payloads.unlink()
    gone = log.run("audit", "verify", "--sealed", str(sealed), check=False)
    assert gone.returncode == 1 and "BAD" in gone.stdout
    shutil.rmtree(sealed)
    assert log.run("audit", "verify", "--sealed", str(sealed), check=False).returncode == 1
