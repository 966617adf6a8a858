// Random schemas: models (which stay at hand, so that policies and entities can be made for them), and texts that a
// schema should not be.
'use strict';
const {random, pick, times, quote} = require('./generate.js');

const primitives = ['String', 'Long', 'Bool', 'ipaddr', 'decimal', 'datetime', 'duration'];
const attributes = ['a', 'b', 'c', 'd', 'e', 'é\u0301', 'if', 'c d', '', '\u{1F600}"'];
const isWord = text => /^[A-Za-z_]\w*$/.test(text) && !['if', 'in', 'is', 'has', 'like', 'then', 'else', 'true',
    'false', '__cedar'].includes(text);
const name = text => isWord(text) ? text : quote(text);
const full = (space, word) => space ? `${space}::${word}` : word;

// ---- Models: {types, commons, actions}, whose names are full ------------------------------------------------------

function makeType(model, depth) {
    switch (random(depth > 0 ? 13 : 9)) {
    case 0: case 1: return {is: 'Long'};
    case 2: return {is: 'String'};
    case 3: return {is: 'Bool'};
    case 4: return {is: pick(primitives)};
    case 5: case 6: case 7: return {is: 'Entity', name: pick(model.types).name};
    case 8: return model.commons.length ? {is: 'Common', common: pick(model.commons)} : {is: 'Long'};
    case 9: case 10: return {is: 'Set', element: makeType(model, depth - 1)};
    default: return makeRecord(model, depth - 1);
    }
}
function makeRecord(model, depth) {
    const out = {is: 'Record', attributes: new Map()};
    for (const key of attributes) {
        if (random(key.length === 1 ? 2 : 9) === 0) {
            out.attributes.set(key, {type: makeType(model, depth), isOptional: random(3) === 0});
        }
    }
    return out;
}
const some = (list, most) => [...new Set(times(random(most + 1), () => pick(list)))];

function makeModel() {
    const model = {types: [], commons: [], actions: [], spaces: ['', ...['N', 'N::M'].filter(() => random(2))]};
    const left = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];
    for (const word of left) {
        const space = pick(model.spaces), type = {space, name: full(space, word), word, parents: [],
            attributes: new Map()};
        if (random(5) === 0) type.ids = ['x', ...['y', 'é', ''].filter(() => random(2))];
        model.types.push(type);
    }
    for (const word of ['T', 'U', 'V'].filter(() => random(2))) {
        const space = pick(model.spaces);
        model.commons.push({space, name: full(space, word), word, type: makeType(model, 2)});
    }
    for (const type of model.types.filter(each => !each.ids)) {
        type.parents = some(model.types, 2).map(each => each.name);
        type.attributes = makeRecord(model, 2).attributes;
        if (random(3) === 0) type.tags = makeType(model, 1);
    }
    for (const word of ['read', 'write', 'a b', 'all', 'é']) {
        const space = pick(model.spaces), action = {space, word, type: full(space, 'Action'), context: new Map()};
        action.groups = some(model.actions.length ? model.actions : [null], 2).filter(each => each);
        if (random(5)) {
            action.principals = [...new Set([pick(model.types).name, ...some(model.types, 1).map(each => each.name)])];
            action.resources = [...new Set([pick(model.types).name, ...some(model.types, 1).map(each => each.name)])];
            action.context = makeRecord(model, 2).attributes;
        }
        model.actions.push(action);
    }
    return model;
}

const annotate = () => pick(['', '', '', '', '', '@doc("x") ', '@a ', '@if("é") @b ']);
function writeType(type, space) {
    const own = full(space, '');
    const short = text => space && text.startsWith(own) && !text.slice(own.length).includes('::') && random(2)
        ? text.slice(own.length) : text;
    switch (type.is) {
    case 'Entity': return short(type.name);
    case 'Common': return short(type.common.name);
    case 'Set': return `Set<${writeType(type.element, space)}>`;
    case 'Record': return writeRecord(type.attributes, space);
    default: return random(9) ? type.is : `__cedar::${type.is}`;
    }
}
function writeRecord(all, space) {
    return `{${[...all].map(([key, {type, isOptional}]) =>
        `${annotate()}${name(key)}${isOptional ? '?' : ''}: ${writeType(type, space)}`).join(', ')}}`;
}
function writeModel(model) {
    return model.spaces.map(space => {
        const here = list => list.filter(each => each.space === space), out = [];
        for (const each of here(model.commons)) out.push(`type ${each.word} = ${writeType(each.type, space)};`);
        for (const each of here(model.types)) {
            out.push(`entity ${each.word}` + (each.ids ? ` enum [${each.ids.map(id => quote(id)).join(', ')}]`
                : (each.parents.length ? ` in [${each.parents.join(', ')}]` : '') + pick(['', ' =', ' ']) +
                (each.attributes.size || random(2) ? ` ${writeRecord(each.attributes, space)}` : '')
                    .replace(/^$/, '') + (each.tags ? ` tags ${writeType(each.tags, space)}` : '')) + ';');
        }
        for (const each of here(model.actions)) {
            const groups = each.groups.map(group => `${group.type}::${quote(group.word)}`).join(', ');
            out.push(`action ${name(each.word)}` + (groups ? ` in [${groups}]` : '') + (each.principals
                ? ` appliesTo {` +
                `principal: [${each.principals.join(', ')}], resource: [${each.resources.join(', ')}]` +
                (each.context.size ? `, context: ${writeRecord(each.context, space)}` : '') + '}' : '') + ';');
        }
        const body = out.sort(() => random(3) - 1).map(line => annotate() + line).join('\n');
        return space ? `${annotate()}namespace ${space} {\n${body}\n}` : body;
    }).join('\n').replace(/ = ?(;| tags)/g, '$1');
}

// ---- Texts that break a rule, or may ------------------------------------------------------------------------------

const faults = ['entity A;', 'entity A, A2;', 'entity Q, Q;', 'type P = P;', 'type P = R; type R = Set<P>;',
    'type P = {a: R}; type R = {b?: P};', 'type T = Long;', 'type A = Long;', 'type P = Nope;', 'type P = X::A;',
    'type P = Set<Nope>;', 'action p in [p];', 'action p in [q]; action q in [p];', 'action p; action p;',
    'action p, "p";', 'action p in [nope];', 'action p in N::Action::"nope";', 'action p in A::"x";',
    'action p in [read, read];', 'entity Bool;', 'entity Set;', 'entity Record;', 'entity Long {a: Long};',
    'entity in;', 'entity __cedar;', 'entity Action;', 'entity Entity;', 'entity Extension;', 'entity ipaddr;',
    'type Bool = Long;', 'type Long = String;', 'type Set = Long;', 'type Record = Long;', 'type Entity = Long;',
    'type Extension = Long;', 'type Boolean = Long;', 'type EntityOrCommon = Long;', 'type ipaddr = Long;',
    'type decimal = String;', 'type __cedar = Long;', 'type if = Long;', 'namespace __cedar { entity Q; }',
    'namespace N::__cedar { entity Q; }', 'namespace if { entity Q; }', 'namespace W { entity A; }',
    'namespace W { type A = Long; }', 'namespace W { type T = Long; }', 'namespace W { entity T; }',
    'namespace W { action read; }', 'namespace W { entity Q; } namespace W { entity R; }', 'namespace W {}',
    'namespace Action { entity Q; }', 'namespace W::Action { entity Q; }', 'namespace A { entity Q; }',
    'action v appliesTo {principal: [Nope], resource: [A]};', 'action v appliesTo {principal: [], resource: A};',
    'action v appliesTo {principal: A};', 'action v appliesTo {resource: A};', 'action v appliesTo {};',
    'action v appliesTo {principal: A, resource: A, context: Long};',
    'action v appliesTo {principal: A, principal: A, resource: A};',
    'action v appliesTo {principal: A, resource: A, context: T};', 'action v appliesTo {principal: T, resource: A};',
    'action v appliesTo {principal: A, resource: A, context: A};',
    'action v appliesTo {context: {}, resource: A, principal: [A]};',
    'action v appliesTo {principal: Action, resource: A};', 'action v appliesTo {principal: [A,], resource: [A, A],};',
    'action v appliesTo {principal: Set<A>, resource: A};', 'action v appliesTo {principal: Long, resource: A};',
    'action v attributes {};', 'action v in [] appliesTo {principal: A, resource: A};', 'action v in read, w;',
    'entity Z enum [];', 'entity Z enum ["a", "a"];', 'entity Z enum ["a"] tags Long;', 'entity Z enum ["a"] in [A];',
    'entity Z enum ["a"] {a: Long};', 'entity Z enum ["a",];', 'entity Z enum [a];', 'entity Z enum "a";',
    'entity enum;', 'entity Z enum ["a"]; entity Y in [Z];', 'entity Y, Z enum ["a"];', 'entity tags;',
    'entity Y tags tags;', 'entity Y tags Nope;', 'entity Y tags Set<{a?: Long}>;', 'entity Y {} tags Long;',
    'entity Y tags Long {};', 'entity Y tags Long tags Long;', 'entity Y in Y;', 'entity Y in [Nope];',
    'entity Y in [T];', 'entity Y in [Action];', 'entity Y in [A, A];', 'entity Y in [];', 'entity Y = T;',
    'entity Y = A;', 'entity Y = Long;', 'entity Y {a: Long, a: Long};', 'entity Y {a: Long, "a"?: String};',
    'entity Y {"\\u{61}": Long, a: Long};', 'entity Y {if: Long};', 'entity Y {a?: Long,};', 'entity Y {,};',
    'entity Y {a: Set};', 'entity Y {a: Set<>};', 'entity Y {a: Set<Long, Long>};', 'entity Y {a: Record};',
    'entity Y {a: Entity};', 'entity Y {a: Action};', 'entity Y {a: __cedar::Nope};',
    'entity Y {a: __cedar::Set<Long>};', 'entity Y {a: __cedar::Boolean};', 'entity Y {a: Boolean};',
    'entity Y {a: N::Long};', 'entity Y {a: N::Action};', 'entity Y {a: ::A};', 'entity Y {a: A::};',
    'entity Y {a: N :: A};', 'entity Y {"\\x41": Long};', 'entity Y {"\\q": Long};', "entity Y {'a': Long};",
    'entity "Y";', 'entity N::Y;', 'type N::Y = Long;', 'type Y: Long;', 'type Y Long;', 'type Y, X = Long;',
    '@a @a entity Y;', '@a("x") @a entity Y;', '@if entity Y;', '@a() entity Y;', '@a(x) entity Y;',
    '@a entity Y {@b @b a: Long};', '@a entity Y {@b("é") a: Long};', '@a', '@a @b', 'entity Y {a: @a Long};',
    'action "a::b"; action ""; action "\\u{0}";', 'action if;', 'action N::x;', 'action in in read;', 'action x,;',
    ';', ';;', '// c', '/* c */', 'entity Y', 'entity é;', 'action é;', 'type é = Long;', 'entity Y {é: Long};',
    '\u00a0entity Y;', '\ufeff', 'entity Y\u200b;', 'permit(principal, action, resource);',
    'entity Principal {principal: Long, resource: Long}; action principal; action appliesTo; action context;',
    'action attributes; entity principal;',
    'entity type; type type2 = type; entity namespace; entity entity; entity action; type set = Long; type enum = Long;'];
const tokens = ['{', '}', ';', ':', '::', '"', '@', '<', '>', '?', ',', '=', '[', ']', 'x', ' in ', 'é', '//', '\0',
    ' enum ', 'Long', 'A', ' tags ', '\\', '(', ')', '\u2028', 'if '];

function damage(text) {
    const points = [...text], at = random(points.length + 1), cut = at + random(5);
    const from = start => points.slice(start).join(''), to = end => points.slice(0, end).join('');
    switch (random(4)) {
    case 0: return to(at) + from(cut);
    case 1: return to(at) + pick(tokens) + from(at);
    case 2: return to(cut) + from(at);
    default: return to(at) + pick(tokens) + from(cut);
    }
}
// One or two declarations more, outside of the namespaces or in one.
function spoil(text) {
    for (let left = 1 + random(2); left > 0; left--) {
        const fault = pick(faults);
        text = random(3) || !/\{\n/.test(text) ? pick([`${text}\n${fault}`, `${fault}\n${text}`])
            : text.replace(/\{\n/, () => `{\n${fault}\n`);
    }
    return text;
}

// Declarations of few names, so that they meet: most such texts break a rule.
const words = ['A', 'B', 'T', 'U', 'x'];
const word = () => random(15) ? pick(words) : pick(['String', 'Long', 'Bool', 'ipaddr', 'Action', 'Set', 'in',
    '__cedar']);
const path = () => random(4) ? word() : pick(['N::', 'M::', 'N::M::', '__cedar::', 'M::N::', 'A::']) + word();
const list = make => random(3) ? make() : `[${times(random(4), make).join(', ')}]`;
const looseType = depth => {
    const r = random(depth > 0 ? 9 : 6);
    if (r < 2) return pick(primitives);
    if (r < 6) return path();
    return r < 8 ? `Set<${looseType(depth - 1)}>` : looseRecord(depth - 1);
};
const looseRecord = depth =>
    `{${times(random(4), () => `${annotate()}${name(pick([...attributes, 'a']))}${pick(['', '?'])}: ` +
    looseType(depth)).join(', ')}}`;
const group = () => pick([() => name(word()), () => name(word()), () =>
    `${pick(['', 'N::', 'M::'])}Action::"${word()}"`,
    () => `${path()}::"x"`])();
function declaration() {
    switch (random(7)) {
    case 0: case 1: return `entity ${times(1 + !random(5), word).join(', ')}${pick(['', '', ` in ${list(path)}`])}` +
        `${pick(['', ` ${looseRecord(2)}`, ` = ${looseRecord(1)}`])}${random(6) ? '' : ` tags ${looseType(1)}`};`;
    case 2: return `entity ${word()} enum [${times(random(5) ? 1 : random(3), () => pick(['"a"',
        '"b"'])).join(', ')}];`;
    case 3: case 4: return `type ${word()} = ${looseType(2)};`;
    default: return `action ${times(1 + !random(4), () => name(word())).join(', ')}${random(2) ? '' : ` in ${random(2)
        ? group()
        : `[${times(1 + random(2), group).join(', ')}]`}`}${random(3) === 0 ? ''
            : ` appliesTo {principal: ${list(path)}, ` +
        `resource: ${list(path)}${random(2) ? '' : `, context: ${random(2) ? looseRecord(1) : path()}`}}`};`;
    }
}
function loose() {
    return times(1 + random(3), () => {
        const space = pick(['', '', 'N', 'M', 'N::M']), body = times(random(5), () => annotate() +
            declaration()).join('\n');
        return space ? `${annotate()}namespace ${space} {\n${body}\n}` : body;
    }).join('\n');
}
function schemaText() {
    const text = random(3) ? writeModel(makeModel()) : loose();
    switch (random(6)) {
    case 0: case 1: return text;
    case 2: return damage(text);
    case 3: return damage(spoil(text));
    default: return spoil(text);
    }
}

module.exports = {makeModel, writeModel, schemaText, attributes, full, name};
