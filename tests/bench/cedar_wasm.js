// cedar_wasm.js MODULE FOLDER SECONDS: the pre-parsed call of @cedar-policy/cedar-wasm (MODULE: its folder) on a set
// that cedar_sets.py wrote. Prints one JSON object: the time of the first parse in this process (which compiles
// WebAssembly, too) and of later ones, the time of a call with all entities, with those the request can reach, and with
// none, in nanoseconds, and what was decided.
//
// A call takes principal, action, resource, context and entities as JavaScript objects, which it reads anew each time;
// there is no way to keep entities. Without entities the verdicts are other ones: that is the floor of the call.
'use strict';
const fs = require('fs');
const [modulePath, folder, secondsText] = process.argv.slice(2);
const cedar = require(`${modulePath}/nodejs`);
const seconds = Number(secondsText);

const lines = name => fs.readFileSync(`${folder}/${name}`, 'utf8').split('\n').filter(Boolean).map(JSON.parse);
const now = () => Number(process.hrtime.bigint());

function authorize(request, entities) {
    const answer = cedar.statefulIsAuthorized({...request, entities, preparsedPolicySetId: 'set'});
    if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors));
    return answer.response;
}

function describe(response) {
    const ids = list => list.slice().sort().join(',');
    const errors = response.diagnostics.errors.map(error => error.policyId);
    return `${response.decision} ${ids(response.diagnostics.reason)} ${ids(errors)}`;
}

// The median over passes of the mean of a pass: through all requests, or where calls are slow through the first few.
function measure(requests, entitiesOf) {
    const start = now();
    authorize(requests[0], entitiesOf(0));
    const count = Math.min(requests.length, Math.max(4, Math.floor(seconds * 1e9 / (now() - start))));
    const passes = [];
    do {
        const passStart = now();
        for (let i = 0; i < count; i++) authorize(requests[i], entitiesOf(i));
        passes.push((now() - passStart) / count);
    } while (now() - start < seconds * 1e9);
    return median(passes);
}

const median = samples => samples.sort((a, b) => a - b)[samples.length >> 1];

function parse() {
    const start = now();
    const answer = cedar.preparsePolicySet('set', {staticPolicies: policies});
    if (answer.type !== 'success') throw new Error(JSON.stringify(answer.errors));
    return now() - start;
}

const policies = fs.readFileSync(`${folder}/policies.cedar`, 'utf8');
const cold = parse();
const again = median([parse(), parse(), parse()]);
const store = JSON.parse(fs.readFileSync(`${folder}/entities.json`, 'utf8'));
const requests = lines('requests.jsonl');
const slices = lines('slices.jsonl');
const verdicts = requests.map((request, i) => describe(authorize(request, slices[i])));
process.stdout.write(JSON.stringify({
    cold,
    again,
    reachable: measure(requests, i => slices[i]),
    none: measure(requests, () => []),
    all: measure(requests, () => store),
    verdicts,
}) + '\n');
