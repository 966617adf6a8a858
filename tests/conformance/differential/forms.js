// forms.js MODULE SEED COUNT KIND: writes random cases of one kind to stdout, one JSON object a line, with the answers
// of the oracle (MODULE: the folder of @cedar-policy/cedar-wasm). Each case has its own seed, which a failure names.
//   schema-text, schema-json: is the schema accepted, and what are its JSON form and its text;
//   validation: 10 policies and templates against a schema, strictly, with the messages;
//   entities, requests: 10 of each against a schema;
//   policy-mutants, entities-mutants: JSON that was changed; of an accepted policy its text too.
'use strict';
const [modulePath, seedText, countText, kind] = process.argv.slice(2);
const oracle = require('./oracle.js')(modulePath, ['checkParseSchema', 'schemaToJson', 'schemaToText', 'validate',
    'policyToJson', 'templateToJson', 'policyToText', 'templateToText', 'checkParsePolicySet', 'checkParseEntities',
    'isAuthorized']);
const generate = require('./generate.js');
const {random, pick, times} = generate;
const {makeModel, writeModel, schemaText} = require('./schema.js');
const {Author, entities, request} = require('./typed.js');
const {mutate, write} = require('./mutate.js');

const quote = JSON.stringify;
const isAccepted = answer => answer.type === 'success';
const why = answer => isAccepted(answer) ? undefined : answer.errors[0].message;
// "broken" where the oracle has no answer.
const verdict = answer => ({accepted: answer.type === 'broken' ? 'broken' : isAccepted(answer), why: why(answer)});

function schemaCase(form, input) {
    const written = form === 'text' ? quote(input) : input, answer = oracle.checkParseSchema(written);
    const out = {kind: 'schema', form, input, ...verdict(answer)};
    if (out.accepted !== true) return out;
    const json = oracle.schemaToJson(written), text = oracle.schemaToText(written);
    return {...out, json: isAccepted(json) ? json.json : undefined, text: isAccepted(text) ? text.text : undefined};
}
const schemaWords = {
    keys: ['entityTypes', 'actions', 'commonTypes', 'annotations', 'type', 'name', 'element', 'attributes', 'required',
        'shape', 'tags', 'memberOfTypes', 'memberOf', 'appliesTo', 'principalTypes', 'resourceTypes', 'context',
        'enum', 'additionalAttributes', 'id', 'A', 'T', 'x', 'in', 'Bool', 'Set', '__cedar', 'N::A', 'é', 'Action', '',
        'N', 'read'],
    values: [{type: 'Long'}, {type: 'Boolean'}, {type: 'Bool'}, {type: 'A'}, {type: 'Entity', name: 'A'},
    {type: 'Entity'},
        {type: 'Entity', name: 'Nope'}, {type: 'EntityOrCommon', name: 'A'}, {type: 'EntityOrCommon', name: 'Long'},
        {type: 'Nope'}, {type: 'EntityOrCommon', name: '__cedar::Long'}, {type: '__cedar::Long'}, {type: 'Set'},
        {type: 'Set', element: {type: 'Long'}}, {type: 'Extension', name: 'ipaddr'}, {type: 'Extension', name: 'nope'},
        {type: 'Extension', name: '__cedar::ipaddr'}, {type: 'Record'}, {type: 'Record', attributes: {}},
        {type: 'Record', attributes: {a: {type: 'Long', required: false}}}, {type: 'Record', attributes: {},
        additionalAttributes: true}, {type: 'Record', attributes: {}, additionalAttributes: false}, {type: 'Long',
        required: false}, {type: 'Long', annotations: {a: 'b'}}, {type: 'Long', element: {type: 'Long'}}, {type: 'Set',
        element: {type: 'Long'}, attributes: {}}, {type: 'String', name: 'A'}, {enum: ['a']}, {enum: []}, {enum: 'a'},
        {memberOf: [{id: 'x'}]}, [{id: 'x'}], [{id: 'x', type: 'Action'}], [{id: 'x', type: 'N::Action'}], [{id: 'x',
        type: 'A'}], {principalTypes: ['A'], resourceTypes: ['A']}, {principalTypes: [], resourceTypes: []},
        {principalTypes: ['A']}, ['A'], ['Nope'], ['A', 'A'], 'A', 'T', 'Long', 'Boolean', 'Entity', 'EntityOrCommon',
        'Extension', 'N::A', 'A B', 'N :: A', '__cedar::Long', 'Action', 'Set', 'Record', 'in', {a: 'b'}, {a: null},
        {if: 'b'}, {'a b': 'c'}, {entityTypes: {}, actions: {}}],
    wraps: [type => ({type: 'Set', element: type}), type => ({type: 'Record', attributes: {a: type}})],
};
function schemaJson() {
    for (;;) {
        const answer = oracle.schemaToJson(quote(random(4) ? writeModel(makeModel()) : schemaText()));
        if (isAccepted(answer)) return random(9) ? mutate(answer.json, schemaWords) : write(answer.json);
    }
}

function validSchema() {
    for (;;) {
        const model = makeModel(), text = writeModel(model);
        if (isAccepted(oracle.checkParseSchema(quote(text)))) return {model, text};
    }
}
function validationCase() {
    const {model, text} = validSchema(), policies = {staticPolicies: {}, templates: {}, templateLinks: []};
    for (let i = 0; i < 10; i++) {
        const policy = new Author(model).policy(), part = policy.includes('?') ? 'templates' : 'staticPolicies';
        policies[part][`p${i}`] = policy;
        if (part !== 'templates' || random(2)) continue;
        const values = {};
        if (policy.includes('?principal')) values['?principal'] = {type: pick(model.types).name, id: 'x'};
        if (policy.includes('?resource')) values['?resource'] = {type: pick(model.types).name, id: 'x'};
        policies.templateLinks.push({templateId: `p${i}`, newId: `l${i}`, values});
    }
    const answer = oracle.validate(quote({validationSettings: {mode: 'strict'}, schema: text, policies}));
    if (!isAccepted(answer)) return {kind: 'validation', schema: text, policies, refused: why(answer)};
    const findings = {};
    for (const id of [...Object.keys({...policies.staticPolicies, ...policies.templates}),
        ...policies.templateLinks.map(each => each.newId)]) {
        const of = list => list.filter(each => each.policyId === id).map(each => each.error.message);
        findings[id] = {errors: of(answer.validationErrors), warnings: of(answer.validationWarnings)};
    }
    return {kind: 'validation', schema: text, policies, findings};
}
function entitiesCase() {
    const {model, text} = validSchema();
    return {kind: 'entities', schema: text, cases: times(10, () => {
        const input = write(entities(model)),
            answer = oracle.checkParseEntities(`{"entities":${input},"schema":${quote(text)}}`);
        return {input, ...verdict(answer)};
    })};
}
function requestsCase() {
    const {model, text} = validSchema();
    return {kind: 'requests', schema: text, cases: times(10, () => {
        const input = write(request(model)), answer = oracle.isAuthorized(
            `{${input.slice(1, -1)},"schema":${quote(text)},"validateRequest":true,"policies":{},"entities":[]}`);
        return {input, ...verdict(answer)};
    })};
}

const binary = ['==', '!=', 'in', '<', '<=', '>', '>=', '&&', '||', '+', '-', '*', 'contains', 'containsAll',
    'containsAny', 'getTag', 'hasTag'];
const one = {Value: 1}, user = {Value: {__entity: {type: 'User', id: 'a'}}};
const policyWords = {
    keys: ['effect', 'principal', 'action', 'resource', 'conditions', 'annotations', 'op', 'entity', 'entities',
        'slot', 'entity_type', 'in', 'kind', 'body', 'Value', 'Var', 'Slot', 'Unknown', '!', 'neg', 'isEmpty', '.',
        'has', 'like', 'is', 'if-then-else', 'Set', 'Record', 'left', 'right', 'arg', 'attr', 'pattern', 'if', 'then',
        'else', 'ip', 'lessThan', 'isIpv4', 'nope', '__entity', '__extn', 'a', '', ...binary],
    values: [one, user, {Var: 'principal'}, {Var: 'nope'}, {Slot: '?principal'}, {Slot: '?nope'}, {Set: []},
    {Set: [one]}, {Record: {}},
        {Record: {a: one}}, {'!': {arg: one}}, {neg: {arg: one}}, {'!': one}, {'==': {left: one, right: one}},
        {'==': {left: one}}, {'.': {left: user, attr: 'a'}}, {'.': {left: user, attr: ''}}, {has: {left: user,
        attr: 'a'}}, {has: {left: user, attr: ['a', 'b']}}, {has: {left: user, attr: []}}, {has: {left: user,
        attr: ['a b']}}, {like: {left: one, pattern: ['Wildcard', {Literal: 'a'}]}}, {like: {left: one,
        pattern: [{Literal: 'ab*'}, {Literal: ''}]}}, {like: {left: one, pattern: 'a*'}}, {like: {left: one,
        pattern: []}}, {like: {left: one, pattern: ['wildcard']}}, {is: {left: user, entity_type: 'User'}},
        {is: {left: user, entity_type: 'A B'}}, {is: {left: user, entity_type: 'User', in: user}}, {is: {left: user,
        entity_type: ''}}, {is: {left: user}}, {'if-then-else': {if: one, then: one, else: one}},
        {'if-then-else': {if: one, then: one}}, {ip: [{Value: '::1'}]}, {ip: []}, {ip: [one, one]}, {ip: one},
        {decimal: [{Value: '1.0'}]}, {lessThan: [one, one]}, {lessThan: [one]}, {isIpv4: [one]}, {nope: [one]},
        {contains: {left: one, right: one}}, {contains: [one, one]}, {isEmpty: {arg: one}}, {Unknown: {name: 'x'}},
        {Unknown: [one]}, {op: 'All'}, {op: 'all'}, {op: '==', entity: {type: 'User', id: 'a'}}, {op: '==',
        slot: '?principal'}, {op: '==', slot: '?resource'}, {op: '==', slot: '?nope'}, {op: 'in',
        entity: {type: 'User', id: 'a'}}, {op: 'in', entities: []}, {op: 'in', slot: '?principal'}, {op: 'in',
        entities: [{type: 'Action', id: 'read'}]}, {op: 'in', entities: [{type: 'User', id: 'a'}]}, {op: 'is',
        entity_type: 'User'}, {op: '==', entity: {__entity: {type: 'Action', id: 'read'}}}, {op: 'is',
        entity_type: 'User', in: {slot: '?principal'}}, {op: '=='}, {op: 'is', entity_type: 'User',
        in: {entity: {type: 'User', id: 'a'}}}, {op: 'is', entity_type: 'in'}, {op: 'All', entity: null}, {op: '==',
        entity: {type: 'User', id: 'a'}, slot: '?principal'}, {kind: 'when', body: one}, {kind: 'While', body: one},
        {kind: 'when'}, [{kind: 'unless', body: {Value: true}}], 'permit', 'forbid', 'Permit', 'All', '==', 'in', 'is',
        'when', 'unless', 'principal', 'action', 'context', '?principal', '?resource', '?action', 'Wildcard', {a: 'b'},
        {a: null}, {'a b': 'c'}, {if: ''}, 'ip'],
    wraps: [body => ({'!': {arg: body}}), body => ({neg: {arg: body}}), body => ({Set: [body]}), body =>
    ({Record: {a: body}}),
        body => ({'&&': {left: body, right: one}}), body => ({'.': {left: body, attr: 'a'}}), body => [body], body =>
        ({a: body})],
};
function policyMutant() {
    for (;;) {
        const slots = random(3) ? 0 : 1 + random(3), text = generate.policy(slots);
        const form = oracle[slots ? 'templateToJson' : 'policyToJson'](quote(text));
        if (!isAccepted(form)) continue;
        const input = random(20) ? mutate(form.json, policyWords) : write(form.json), set = slots ? 'templates'
            : 'staticPolicies';
        const answer = oracle.checkParsePolicySet(`{"${set}":{"p":${input}}}`);
        const out = {kind: 'policy', set, input, ...verdict(answer)};
        if (out.accepted !== true) return out;
        const written = oracle[slots ? 'templateToText' : 'policyToText'](input);
        if (!isAccepted(written)) return {...out, unwritten: why(written)};
        const again = oracle.checkParsePolicySet(`{"${set}":{"p":${quote(written.text)}}}`);
        return isAccepted(again) ? {...out, text: written.text} : {...out, unwritten: why(again)};
    }
}
const entitiesWords = {
    keys: ['uid', 'attrs', 'parents', 'tags', 'type', 'id', '__entity', '__extn', '__expr', 'fn', 'arg', 'args', 'a',
        'n', ''],
    values: [[{uid: {type: 'User', id: 'a'}, attrs: {}, parents: []}], {uid: {type: 'User', id: 'a'}, attrs: {},
    parents: []},
        {uid: {type: 'User', id: 'a'}, attrs: {}}, {uid: {type: 'User', id: 'a'}, parents: []}, {attrs: {},
        parents: []}, [{type: 'User', id: 'a'}], [{__entity: {type: 'User', id: 'a'}}], [{type: 'Group', id: 'a'},
        {type: 'Group', id: 'a'}], 'User', 'Action', 'Action::X', 'a', {fn: 'ip', arg: '::1'}, {a: 1}, {a: {b: [1,
        'x']}}, [1, 'x', true], {__extn: {fn: 'ip', arg: '10.0.0.0/8'}}],
    wraps: [each => [each], each => ({a: each}), each => ({__entity: each}), each => ({__extn: {fn: 'ip', arg: each}})],
};
function entitiesMutant() {
    const uids = ['User', 'Group', 'N::File', 'Action'].map(type => ({type, id: pick(['a', pick(generate.ids)])}));
    const form = times(1 + random(3), (_, i) => ({uid: uids[i], attrs: generate.fields(2),
        parents: uids.slice(0, i).filter(() => random(2)), tags: random(2) ? generate.fields(1) : {}}));
    form.forEach((each, i) => each.uid = random(2) ? uids[i] : {__entity: uids[i]});
    const input = random(20) ? mutate(form, entitiesWords) : write(form),
        answer = oracle.checkParseEntities(`{"entities":${input}}`);
    return {kind: 'entities', cases: [{input, ...verdict(answer)}]};
}

const kinds = {'schema-text': () => schemaCase('text', schemaText()), 'schema-json': () => schemaCase('json',
    schemaJson()), validation: validationCase, entities: entitiesCase, requests: requestsCase,
    'policy-mutants': policyMutant, 'entities-mutants': entitiesMutant};
for (let left = Number(countText), seed = Number(seedText); left > 0; seed++) {
    generate.seed(seed);
    const made = kinds[kind]();
    left -= made.cases ? made.cases.length : made.policies ? 10 : 1;
    process.stdout.write(`${quote({seed, ...made})}\n`);
}
