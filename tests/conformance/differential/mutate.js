// Changes JSON: members dropped, added, retyped, doubled, moved and nested, by the words of the form that it has.
'use strict';
const {random, pick, odd} = require('./generate.js');

// A member that stands twice: an object cannot say so, its text can.
class Twice {
    constructor(key, value) {
        this.key = key;
        this.value = value;
    }
}

function write(value) {
    if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
    if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? `${value}`
        : JSON.stringify(value);
    return `{${Object.entries(value).map(([key, each]) => each instanceof Twice
        ? `${JSON.stringify(key)}:${write(each.value)},${JSON.stringify(key)}:${write(each.value)}`
        : `${JSON.stringify(key)}:${write(each)}`).join(',')}}`;
}

const values = [null, true, false, 0, 1, -1, 1.5, 1e3, 9223372036854775807n, 9223372036854775808n,
    -9223372036854775809n, '', 'x', 'User', 'N::File', 'User::"a"', '*', [], {}, ['a'], ['User', 'a'], [[]],
    {type: 'User', id: 'a'}, {__entity: {type: 'User', id: 'a'}}, {__entity: {type: 'User'}}, {__entity: {id: 'a'}},
    {__entity: 'User::"a"'}, {__entity: []}, {__entity: {type: 'User', id: 1}}, {__entity: {type: 'User', id: 'a',
    x: 1}}, {__entity: {type: 'User', id: 'a'}, x: 1}, {__entity: {type: '', id: ''}}, {__entity: {type: 'in',
    id: 'a'}}, {__entity: {type: 'A B', id: 'a'}}, {__entity: {type: 'N :: F', id: 'a'}},
    {__entity: {type: '__cedar::F', id: 'a'}}, {__extn: {fn: 'ip', arg: '10.0.0.1'}}, {__extn: {fn: 'ip', arg: 'x'}},
    {__extn: {fn: 'nope', arg: 'x'}}, {__extn: {fn: 'ip'}}, {__extn: {arg: '10.0.0.1'}}, {__extn: {fn: 'ip', arg: 1}},
    {__extn: {fn: 'decimal', args: ['1.0']}}, {__extn: {fn: 'decimal', arg: '1.0', args: ['1.0']}},
    {__extn: {fn: 'offset',
        args: [{__extn: {fn: 'datetime', arg: '2024-01-01'}}, {__extn: {fn: 'duration', arg: '1h'}}]}},
        {__extn: {fn: 'ip', args: []}},
    {__extn: {fn: 'lessThan', args: [1, 2]}}, {__extn: {fn: 'ip', arg: '10.0.0.1', x: 1}}, {__extn: {fn: 'ip',
    arg: '10.0.0.1'}, x: 1}, {__extn: {fn: '', arg: ''}}, {__extn: {fn: 'ip', arg: {__extn: {fn: 'ip', arg: '::1'}}}},
    {__expr: '1 + 1'}, {__expr: 'User::"a"'}, {__extn: []}, {__extn: 'ip'}, {__extn: null}, {__entity: null}];

const any = list => structuredClone(pick(list));
function places(value, found = []) {
    if (value === null || typeof value !== 'object' || value instanceof Twice) return found;
    for (const key of Object.keys(value)) {
        found.push([value, key]);
        places(value[key], found);
    }
    return found;
}
function nest(value, wrap) {
    for (let depth = pick([1, 2, 10, 30]); depth > 0; depth--) value = wrap(value);
    return value;
}

// One change to what is below root[key]; words: {keys, values, wraps} of the form.
function mutateOnce(root, words) {
    const found = places(root);
    if (!found.length) return;
    const [owner, key] = pick(found), isObject = !Array.isArray(owner), value = owner[key];
    switch (random(11)) {
    case 0: case 1:
        if (isObject) delete owner[key];
        else owner.splice(Number(key), 1);
        break;
    case 2:
        if (isObject) owner[pick(words.keys)] = any([...values, ...words.values]);
        else owner.push(any(values));
        break;
    case 3: case 4: owner[key] = any(values); break;
    case 5: case 6: owner[key] = any(words.values); break;
    case 7:
        if (isObject && owner !== root) owner[key] = new Twice(key, value);
        break;
    case 8:
        if (isObject) {
            delete owner[key];
            owner[pick(words.keys)] = value;
        }
        break;
    case 9: owner[key] = typeof value === 'string' ? pick([...odd, value + ' ', value.toUpperCase(), ` ${value}`])
        : Array.isArray(value) && value.length ? [...value, value[0]] : any(values); break;
    default: owner[key] = nest(value, pick(words.wraps));
    }
}
const copy = value => JSON.parse(JSON.stringify(value));

// The text of a copy with one to three changes.
function mutate(form, words) {
    const holder = {root: copy(form)};
    for (let left = 1 + random(3); left > 0; left--) mutateOnce(holder, words);
    return 'root' in holder ? write(holder.root instanceof Twice ? holder.root.value : holder.root) : 'null';
}

module.exports = {mutate, write};
