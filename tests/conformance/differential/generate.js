// What the scripts beside this one draw from: a seeded generator of numbers, and of Cedar policies, values and entities
// that are well-formed but easy to get wrong.
'use strict';

let state = 0;
function seed(number) {
    state = number >>> 0;
}
function random(limit) { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 4294967296 * limit);
}
const pick = list => list[random(list.length)];
const times = (count, make) => Array.from({length: count}, make);

// Text that is easy to get wrong: combining and zero-width marks, surrogate pairs, direction marks, look-alikes,
// U+0000, line separators, case pairs that fold, the last code point.
const odd = ['', 'a', 'ab', 'A', 'é', 'e\u0301', '\u{1F600}x', '\u200b', '\u202eabc', 'а', '\u0000', '\u2028', 'ß', 'İ',
    '\u{10ffff}', '\ufeff', '漢字', '"', '\\', '*', 'a*b', '\u00a0', '\ud7ff', '\ue000', "'", '\n', '\t', '\r', '\u007f'];
const types = ['User', 'Group', 'N::File', 'Action'];
const ids = [...new Set(['a', 'b', 'c', ...odd])];
const attributes = ['n', 's', 'e', 'set', 'r', 'b', 'd', 'dt'];

function quote(text, isPattern) {
    let out = '"';
    for (const c of text) {
        const point = c.codePointAt(0);
        if (c === '"' || c === '\\') out += '\\' + c;
        else if (c === '*' && isPattern) out += '\\*';
        else if (c === '\r' || point < 0x20 || random(9) === 0) out += `\\u{${point.toString(16)}}`;
        else out += c;
    }
    return out + '"';
}
const entity = (list = types) => {
    const type = pick(list);
    return {type, id: type === 'Action' ? pick(['read', 'write', 'sql']) : pick(random(3) ? ['a', 'b', 'c'] : ids)};
};
const write = uid => `${uid.type}::${quote(uid.id)}`;
const space = () => pick([' ', ' ', ' ', '\n', '\u00a0', '\u2003', ' // ' + pick(['c', '"', '漢', '\u202e']) + '\n']);

const numbers = ['0', '1', '2', '-1', '7', '9223372036854775807', '-9223372036854775808', '4611686018427387904'];
const extensions = ['decimal("1.5")', 'decimal("-2.0")', 'decimal("x")', 'decimal("922337203685477.5807")',
    'ip("10.0.0.1")', 'ip("10.0.0.0/8")', 'ip("::1")', 'ip("ff00::/8")', 'ip("1.2.3.4/33")', 'datetime("2024-01-01")',
    'datetime("1969-12-31T23:59:59.999Z")', 'datetime("2024-02-30")', 'datetime("2024-01-01T00:00:00+1400")',
    'duration("1h")', 'duration("-1d")', 'duration("1d2h3m4s5ms")', 'duration("1s1h")'];
const variables = ['principal', 'action', 'resource', 'context'];

function literal() {
    switch (random(10)) {
    case 0: case 1: return pick(numbers);
    case 2: return quote(pick(odd));
    case 3: return pick(['true', 'false']);
    case 4: case 5: return write(entity());
    case 6: case 7: return pick(extensions);
    default: return pick(variables);
    }
}
const receiver = depth => {
    const text = expression(depth - 1);
    return /^[-\d]/.test(text) ? `(${text})` : text;
};
function record(depth) {
    const keys = ['a', 'b', quote('c d'), 'n', quote(pick(odd) + '!')].filter(() => random(2));
    return `{${keys.map(key => `${key}: ${expression(depth)}`).join(', ')}${keys.length && random(4) === 0 ? ','
        : ''}}`;
}
const makers = [
    (d, e) => `(${e()} && ${e()}${space()}&& ${e()})`, (d, e) => `(${e()} || ${e()})`,
    (d, e) => `(!${receiver(d)})`, (d, e) => `(-${receiver(d)})`, (d, e) => `(!!${receiver(d)})`,
    (d, e) => `(${e()} ${pick(['==', '!=', '<', '<=', '>', '>=', 'in', '=='])}${space()}${e()})`,
    (d, e) => `(${e()} ${pick(['+', '-', '*'])} ${e()} ${pick(['+', '-'])} ${e()})`,
    (d, e) => `(if ${e()} then ${e()} else ${e()})`, (d, e) => `[${times(random(4), e).join(', ')}]`, d =>
    record(d - 1), d => `${receiver(d)}.${pick(attributes)}`, d => `${receiver(d)}.${pick(attributes)}`,
    d => `${receiver(d)}[${quote(random(3) ? pick(attributes) : pick(odd))}]`,
    d => `(${receiver(d)} has ${pick([...attributes, 'r.n', 'e.n', 'e.r.b', quote(pick(odd))])})`,
    (d, e) => `(${e()} like ${pick(['"*"', '"a*"', '"*b"', '"a\\*b"', '"**"', quote(pick(odd), true),
        quote(pick(odd), true).slice(0, -1) + '*"', '"*' + quote(pick(odd), true).slice(1)])})`,
    (d, e) => `(${e()} is ${pick(types)})`, (d, e) => `(${e()} is ${pick(types)} in ${e()})`,
    (d, e) => `${receiver(d)}.${pick(['contains', 'containsAll', 'containsAny'])}(${e()})`,
    d => `${receiver(d)}.isEmpty()`, (d, e) => `${receiver(d)}.${pick(['hasTag', 'getTag'])}(${e()})`,
    (d, e) => `${receiver(d)}.${pick(['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual', 'isInRange',
        'offset', 'durationSince'])}(${e()})`,
    d => `${receiver(d)}.${pick(['toDate', 'toTime', 'toDays', 'toHours', 'toMinutes', 'toSeconds', 'isIpv4', 'isIpv6',
        'isLoopback', 'isMulticast', 'toMilliseconds'])}()`,
    (d, e) => `(context.${pick(attributes)} ${pick(['==', '<'])} ${e()})`,
];
function expression(depth) {
    return depth <= 0 ? literal() : pick(makers)(depth, () => expression(depth - 1 - random(2)));
}
function condition(depth) {
    switch (random(6)) {
    case 0: return `context.n ${pick(['<', '==', '>='])} ${random(9)}`;
    case 1: return `principal has n && principal.n > ${random(5)}`;
    case 2: return `principal in ${write(entity())}`;
    case 3: return `[${literal()}, ${literal()}].contains(${literal()})`;
    case 4: return `context has ${pick(attributes)} || ${expression(depth)}`;
    default: return `${literal()} == ${expression(depth)}`;
    }
}
function scope(variable, slot) {
    const target = () => slot ? `?${variable}` : write(entity(['User', 'Group', 'N::File']));
    switch (slot ? random(3) : random(7)) {
    case 0: return `${variable} == ${target()}`;
    case 1: return `${variable} in${space()}${target()}`;
    case 2: return `${variable} is ${pick(types)} in ${target()}`;
    case 3: return `${variable} is ${pick(types)}`;
    default: return variable;
    }
}
function actionScope() {
    const action = () => `Action::"${pick(['read', 'write', 'sql'])}"`;
    return pick(['action', 'action', 'action == ' + action(), 'action in ' + action(), `action in [${action()}]`,
        `action in [${action()}, ${action()},]`, random(4) ? 'action' : 'action in []']);
}
function policy(slots) {
    const annotations = random(5) ? '' : `@${pick(['a', 'if', 'id'])}${random(2) ? `(${quote(pick(odd))})` : ''} `;
    const conditions = times(random(3), () => `${space()}${pick(['when', 'when', 'unless'])} { ${random(3)
        ? condition(3) : expression(3)} }`);
    return `${annotations}${pick(['permit', 'permit', 'forbid'])}(${scope('principal',
        slots & 1)}, ${actionScope()}, ` +
        `${scope('resource', slots & 2)})${conditions.join('')};`;
}
function value(depth) {
    switch (random(depth > 0 ? 11 : 8)) {
    case 0: return random(10);
    case 1: return pick(odd);
    case 2: return !!random(2);
    case 3: return {__entity: entity()};
    case 4: return {__extn: {fn: 'decimal', arg: pick(['1.5', '-0.0001'])}};
    case 5: return {__extn: {fn: 'ip', arg: pick(['10.0.0.1', '::1', '10.0.0.0/8'])}};
    case 6: return {__extn: {fn: 'datetime', arg: '2024-01-01'}};
    case 7: return {__extn: {fn: 'duration', arg: '-1d1ms'}};
    case 8: return times(random(4), () => value(depth - 1));
    default: return fields(depth - 1);
    }
}
function fields(depth) {
    const out = {};
    for (const name of attributes) {
        if (random(2)) out[name] = name === 'n' ? random(9) : name === 'e' ? {__entity: entity()} : value(depth);
    }
    if (random(4) === 0) out[pick(odd) + '!'] = value(depth);
    return out;
}
function entities() {
    const all = [];
    for (const type of ['Group', 'User', 'N::File']) for (const id of ids) if (random(4)) all.push({type, id});
    const made = all.map((uid, i) => ({uid, attrs: fields(2), tags: random(2) ? fields(1) : {},
        parents: all.slice(0, i).filter(() => random(9) === 0).concat(random(6) ? [] : [{type: 'Ghost', id: 'g'}])}));
    made.push({uid: {type: 'Action', id: 'read'}, attrs: {}, parents: [{type: 'Action', id: 'sql'}]},
        {uid: {type: 'Action', id: 'sql'}, attrs: {}, parents: []});
    return made;
}
function policies() {
    const set = {staticPolicies: {}, templates: {}, templateLinks: []};
    const count = 5 + random(46);
    for (let i = 0; i < count; i++) {
        if (random(5)) {
            set.staticPolicies[pick(['p', 'é', 'P', '10']) + i] = policy(0);
            continue;
        }
        const slots = 1 + random(3), id = `t${i}`;
        set.templates[id] = policy(slots);
        for (let link = random(3); link > 0; link--) {
            const values = {};
            if (slots & 1) values['?principal'] = entity(['User', 'Group']);
            if (slots & 2) values['?resource'] = entity(['N::File', 'Group']);
            set.templateLinks.push({templateId: id, newId: `l${i}.${link}`, values});
        }
    }
    return set;
}

module.exports = {seed, random, pick, times, odd, ids, attributes, quote, entity, write, expression, policy, policies,
    value, fields, entities};
