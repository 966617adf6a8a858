// cases.js MODULE SEED REQUESTS: writes random Cedar cases to stdout, one JSON object a line, with the answers of the
// oracle (MODULE: the folder of @cedar-policy/cedar-wasm). Each case has its own seed, which a failure names; 5 to 50
// policies, of them some templates with links; about 20 requests. "forms" holds the oracle's JSON form of the policies,
// and "formatted" its formatter's output.
'use strict';
const [modulePath, seedText, requestText] = process.argv.slice(2);
const oracle = require(`${modulePath}/nodejs`);
const {seed: start, random, pick, entity, policies, fields, entities} = require('./generate.js');

function makeCase(seed) {
    start(seed);
    const set = policies(), store = entities(), requests = [];
    const parsed = oracle.preparsePolicySet('set', set);
    if (parsed.type !== 'success') return {seed, refused: parsed.errors[0].message, policies: set};
    for (let i = 0; i < 20; i++) {
        const request = {principal: entity(['User', 'User', 'Group']), action: {type: 'Action', id: pick(['read',
            'write', 'sql'])}, resource: entity(['N::File']), context: fields(2)};
        const answer = oracle.statefulIsAuthorized({...request, entities: store, preparsedPolicySetId: 'set'});
        if (answer.type !== 'success') {
            requests.push({...request, refused: answer.errors[0].message});
            continue;
        }
        const {decision, diagnostics} = answer.response;
        requests.push({...request, decision, reasons: diagnostics.reason,
            errors: diagnostics.errors.map(error => error.policyId)});
    }
    const forms = {}, all = Object.values(set.staticPolicies).join('\n');
    for (const [id, text] of Object.entries(set.staticPolicies)) {
        // JavaScript's numbers would round the largest integers.
        if (!/\d{16}/.test(text)) forms[id] = oracle.policyToJson(text).json;
    }
    const formatted = oracle.formatPolicies({policyText: all, lineWidth: 80, indentWidth: 2});
    return {seed, policies: set, entities: store, requests, forms, text: all, formatted: formatted.formatted_policy};
}

let left = Number(requestText), seed = Number(seedText);
while (left > 0) {
    const made = makeCase(seed++);
    left -= made.requests ? made.requests.length : 1;
    process.stdout.write(JSON.stringify(made) + '\n');
}
