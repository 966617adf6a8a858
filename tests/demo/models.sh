# shellcheck shell=sh disable=SC2154,SC2034
# The second act of the demo, sourced by run: an agent and a model. The model is a stand-in that says what model.json has;
# everything else is as it would be with a provider.

provider_key=sk-proj-demoProvider0Key0That0No0Agent0Holds

start_provider() {
    /usr/bin/python3 tests/fakes/providers.py openai 0 --key "$provider_key" --record "$demo/upstream.jsonl" \
        --play tests/demo/model.json >"$work/provider.out" &
    provider_pid=$!
    tries=0
    until provider_port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/provider.out") && [ -n "$provider_port" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "the stand-in for the model provider did not start"
        sleep 0.05
    done
}

# The official SDK, where npm can install it; sets client.
choose_client() {
    client=curl
    sdk=$demo-sdk
    if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
        note "npm is not here: the agent calls with curl instead of the official SDK"
        return 0
    fi
    mkdir -p "$sdk"
    if ! cmp -s tests/demo/package.json "$sdk/package.json" || [ ! -d "$sdk/node_modules/openai" ]; then
        cp tests/demo/package.json "$sdk/package.json"
        (cd "$sdk" && timeout 60 npm install --no-audit --no-fund --ignore-scripts --no-package-lock --loglevel=error \
            --fetch-retries=1 --fetch-timeout=10000) >"$work/npm.out" 2>&1 || true
    fi
    cp tests/demo/agent.mjs "$sdk/agent.mjs"
    if (cd "$sdk" && node --input-type=module -e "await import('openai')") >>"$work/npm.out" 2>&1; then
        client=sdk
        note "the agent uses the npm package openai $(sed -n 's/.*"openai": "\(.*\)".*/\1/p' tests/demo/package.json)"
    else
        note "npm could not install the official SDK: the agent calls with curl instead"
    fi
}

# What an agent does: a streamed chat completion, with its sworn token as the API key.
ask_model() { # request.json
    if [ "$client" = sdk ]; then
        OPENAI_API_KEY=$(cat "$demo/copilot.token") NO_PROXY='*' node "$sdk/agent.mjs" "$model_url" "$root/tests/demo/$1"
    else
        curl -sN --noproxy '*' --max-time 60 "$model_url/chat/completions" -H 'Content-Type: application/json' \
            -H "Authorization: Bearer $(cat "$demo/copilot.token")" -d "@tests/demo/$1" >"$work/answer.sse"
        /usr/bin/python3 tests/demo/show.py answer "$work/answer.sse"
    fi
}

show() { /usr/bin/python3 tests/demo/show.py "$@"; }

# No value of the transcript may be in what the upstream received.
expect_masked() {
    for value in maria.keller@ jonas.weber@ '901820' '4111' AKIAQ3; do
        if grep -q -i -F -- "$value" "$demo/upstream.jsonl"; then fail "the provider got \"$value\""; fi
    done
}

act_models() {
    title "(f) copilot sends a chat with personal data to a model, through sworn: only base URL and API key are other"
    choose_client
    show request tests/demo/summary.json | sed 's/^/   /'
    ask_model summary.json >"$work/answer.out" || fail "the model was not reached: $(cat "$work/answer.out")"
    note "----- what the model's provider received, under a key that copilot does not have:"
    show prompt "$demo/upstream.jsonl" 1 | sed 's/^/   /'
    expect_masked
    note "----- what copilot got back as a stream: its own values again, but for the secret"
    sed 's/^/   /' "$work/answer.out"

    title "(g) the model asks for two tools: one that policy blocks, one that a person must approve"
    ask_model actions.json >"$work/answer.out" 2>&1 &
    agent_pid=$!
    await_hold
    "$sworn" pending
    note "the stream is open; every 10 seconds a ping keeps it alive. Then bo, who is in finance, approves:"
    sleep 11
    export SWORN_TOKEN
    SWORN_TOKEN=$(cat "$demo/bo.token")
    "$sworn" pending "$id"
    "$sworn" approve "$id" --view "$(seen "$id")" --reason "charged twice, ticket 4712"
    wait "$agent_pid" || fail "the approved tool call did not arrive: $(cat "$work/answer.out")"
    expect_masked
    note "----- what copilot got: the first call became words, the second is there with its values"
    sed 's/^/   /' "$work/answer.out"

    title "(h) the same values had the same names in the second request, with the history sent again"
    show prompt "$demo/upstream.jsonl" 2 | sed 's/^/   /'

    title "(i) the trail of it"
    sleep 0.6
    "$sworn" audit list --resource prod/openai
}
