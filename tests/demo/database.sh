# shellcheck shell=sh disable=SC2154
# The first act of the demo, sourced by run: people, an agent and a database.

as() { # principal, psql arguments...
    who=$1
    shift
    PGPASSWORD=$(cat "$demo/$who.token") psql -X -h 127.0.0.1 -p "$port" -U "$who" -d shop "$@"
}

act_database() {
    title "(a) ana, in group support, sees emails and phones but no card numbers"
    as ana -c 'SELECT full_name, email, phone, card_number, iban, ssn FROM customers ORDER BY id'

    title "(b) copilot, an agent acting on behalf of ana: every class is masked, in JSON and free text too"
    as copilot -x -c 'SELECT full_name, email, card_number, profile, note FROM customers WHERE id = 1'
    masked=$(as copilot -At -c 'SELECT email, card_number, iban, ssn, profile, note FROM customers')
    case "$masked" in *example*|*4111*|*AKIAQ3*|*536-90*) fail "personal data leaked to the agent" ;; esac

    title "(c) what the agent may not do is blocked, by a policy with a name"
    expect_refusal agents-never-drop as copilot -v VERBOSITY=verbose -c 'DROP TABLE orders'
    expect_refusal no-change-without-where as copilot -v VERBOSITY=verbose -c 'DELETE FROM orders'

    title "(d) a schema change is held until somebody else approves it"
    as copilot -c 'ALTER TABLE orders ADD COLUMN refunded boolean' >"$work/alter.out" 2>&1 &
    alter_pid=$!
    await_hold
    "$sworn" pending
    note "ana, for whom the agent acts, tries to approve it herself:"
    export SWORN_TOKEN
    SWORN_TOKEN=$(cat "$demo/ana.token")
    expect_refusal "acts for" "$sworn" approve "$id" --view "$(seen "$id")" --reason "my own agent, looks fine"
    note "bo approves:"
    SWORN_TOKEN=$(cat "$demo/bo.token")
    "$sworn" pending "$id"
    "$sworn" approve "$id" --view "$(seen "$id")" --reason "reviewed, change ticket 4711"
    wait "$alter_pid" || fail "the approved ALTER TABLE failed: $(cat "$work/alter.out")"
    sed 's/^/   /' "$work/alter.out"

    title "(e) the trail: who, on whose behalf, what, decided how, masked what, approved by whom"
    sleep 0.6
    "$sworn" audit list
}
