// Policies, entities and requests for a model of schema.js: mostly as it says, with a fault here and there.
'use strict';
const {random, pick, times, odd, quote} = require('./generate.js');
const {attributes, name, full} = require('./schema.js');

const isOdd = rate => random(rate) === 0;
const find = (model, typeName) => model.types.find(each => each.name === typeName);
const expand = type => type.is === 'Common' ? expand(type.common.type) : type;
const uidOf = (model, typeName) => {
    const type = find(model, typeName);
    return {type: typeName, id: type && type.ids && random(9) ? pick(type.ids) : pick(['x', 'y', 'z', pick(odd)])};
};
const actionUid = action => ({type: action.type, id: action.word});
const anyUid = model => isOdd(12) ? {type: pick(['Nope', 'N::Nope', 'Action', 'N::Action']), id: pick(['x', 'read'])}
    : isOdd(9) ? actionUid(pick(model.actions)) : uidOf(model, pick(model.types).name);
const write = uid => `${uid.type}::${quote(uid.id)}`;

// ---- Policies -----------------------------------------------------------------------------------------------------

class Author {
    constructor(model) {
        this.model = model;
        this.action = pick(model.actions);
        const {principals = [], resources = []} = this.action;
        this.roots = [['principal', this.typed(principals)], ['resource', this.typed(resources)],
            ['context', {is: 'Record', attributes: this.action.context}], ['action', {is: 'Entity',
            name: this.action.type}]];
    }

    typed(names) {
        return {is: 'Entity', name: names.length ? pick(names) : pick(this.model.types).name};
    }

    fields(type) {
        const all = type.is === 'Entity' ? (find(this.model, type.name) || {}).attributes : type.attributes;
        return all ? [...all] : [];
    }

    // A way through attributes, and its type; guards are the `has` that it needs.
    path(depth) {
        let [text, type] = pick(this.roots);
        const guards = [];
        for (let left = random(depth + 2); left > 0; left--) {
            const found = this.fields(expand(type)), tags = (find(this.model, type.name) || {}).tags;
            if (tags && random(3) === 0) {
                const key = quote(pick(['k', 'l', 'é']));
                guards.push(`${text}.hasTag(${key})`);
                [text, type] = [`${text}.getTag(${key})`, expand(tags)];
            } else if (found.length) {
                const [key, field] = pick(found);
                if (field.isOptional) guards.push(`${text} has ${name(key)}`);
                [text, type] = [this.access(text, key), expand(field.type)];
            }
        }
        return {text, type, guards};
    }

    access(text, key) {
        return name(key) === key && random(4) ? `${text}.${key}` : `${text}[${quote(key)}]`;
    }

    literal(type) {
        switch (type.is) {
        case 'Long': return pick(['0', '1', '-1', '9223372036854775807']);
        case 'Bool': return pick(['true', 'false', 'true']);
        case 'String': return quote(pick(['a', 'k', '', 'é']));
        case 'ipaddr': return `ip(${pick(['"10.0.0.1"', '"::1"', '"10.0.0.0/8"', isOdd(5) ? '"x"' : '"1.1.1.1"'])})`;
        case 'decimal': return `decimal(${pick(['"1.0"', '"-2.5"', isOdd(5) ? '"1"' : '"0.1234"'])})`;
        case 'datetime': return `datetime(${pick(['"2024-01-01"', isOdd(5) ? '"2024-13-01"'
            : '"2024-01-01T00:00:00Z"'])})`;
        case 'duration': return `duration(${pick(['"1d"', isOdd(5) ? '"1x"' : '"-1h2m"'])})`;
        case 'Entity': return write(isOdd(9) ? anyUid(this.model) : type.name.endsWith('Action')
            ? actionUid(pick(this.model.actions)) : uidOf(this.model, type.name));
        case 'Set': return `[${times(isOdd(7) ? 0 : 1 + random(2), () => this.make(expand(type.element),
            0)).join(', ')}]`;
        case 'Record': return `{${[...type.attributes].filter(([, field]) => !field.isOptional || random(2)).map(([key,
            field]) =>
            `${name(key)}: ${this.make(expand(field.type), 0)}`).join(', ')}}`;
        default: return '1';
        }
    }

    anyType() {
        return random(2) ? this.path(2).type : {is: pick(['Long', 'Bool', 'String', 'ipaddr', 'decimal', 'datetime',
            'duration'])};
    }

    make(type, depth) {
        if (isOdd(40)) type = this.anyType();
        for (let tries = 0; tries < 6 && random(4); tries++) {
            const found = this.path(2);
            if (found.type.is === type.is && (random(3) || found.type.name === type.name)) {
                return found.guards.length && depth > 0 && random(5)
                    ? `(if ${found.guards.join(' && ')} then ${found.text} else ${this.literal(type)})` : found.text;
            }
        }
        if (depth <= 0) return this.literal(type);
        if (type.is === 'Bool') return `(${this.condition(depth - 1)})`;
        if (type.is === 'Long' && random(3)) {
            return random(4) ? `(${this.make(type, depth - 1)} ${pick(['+', '-', '*'])} ${this.make(type, depth - 1)})`
                : pick([`(-(${this.make(type, depth - 1)}))`, `${this.make({is: 'duration'}, depth - 1)}.toDays()`]);
        }
        if (type.is === 'datetime' && random(3) === 0) {
            return `${this.make(type, depth - 1)}.${pick(['toDate()', `offset(${this.make({is: 'duration'}, 0)})`])}`;
        }
        if (type.is === 'duration' && random(3) === 0) {
            const date = () => this.make({is: 'datetime'}, depth - 1);
            return pick([`${date()}.toTime()`, `${date()}.durationSince(${date()})`]);
        }
        return random(4) ? this.literal(type)
            : `(if ${this.condition(depth - 1)} then ${this.make(type, depth - 1)} else ${this.make(type, depth - 1)})`;
    }

    // Reads what its guards allow, most times.
    guarded(depth) {
        const found = this.path(3);
        const guards = found.guards.filter(() => !isOdd(9));
        const use = found.type.is === 'Bool' ? found.text
            : `${found.text} ${isOdd(9) ? '!=' : '=='} ${this.make(found.type, depth)}`;
        return `(${[...guards, use].join(' && ')})`;
    }

    compare(depth) {
        const make = is => this.make({is}, depth);
        return pick([() => `${make('Long')} ${pick(['<', '<=', '>', '>='])} ${make('Long')}`,
            () => `${make('datetime')} < ${make('datetime')}`, () => `${make('duration')} >= ${make('duration')}`,
            () => `${make('decimal')}.${pick(['lessThan', 'greaterThanOrEqual'])}(${make('decimal')})`,
            () => `${make('ipaddr')}.${pick(['isIpv4()', 'isLoopback()', `isInRange(${make('ipaddr')})`])}`,
            () => `${make('String')} like ${pick(['"a*"', '"*"', '"\\*é"'])}`,
            () => isOdd(5) ? `ip(${make('String')}).isIpv6()` : `${make('Long')} == ${make('Long')}`])();
    }

    relate(depth) {
        const entity = () => this.make(this.typed([]), depth);
        const left = () => pick(['principal', 'resource', 'action', entity()]);
        const type = () => isOdd(15) ? 'Nope' : isOdd(9) ? pick(['Action', 'N::Action']) : pick(this.model.types).name;
        return pick([() => `${left()} in ${entity()}`, () => `${left()} in [${entity()}, ${entity()}]`, () =>
            `${left()} is ${type()}`,
            () => `${left()} is ${type()} in ${entity()}`, () => `${left()} == ${entity()}`,
            () => `${left()}.hasTag(${quote(pick(['k', 'l']))})`, () =>
            `action == ${write(actionUid(pick(this.model.actions)))}`,
            () => `action in ${write(actionUid(pick(this.model.actions)))}`])();
    }

    contain(depth) {
        const element = this.anyType(), set = {is: 'Set', element};
        return pick([() => `${this.make(set, depth)}.contains(${this.make(element, depth)})`,
            () => `${this.make(set, depth)}.${pick(['containsAll', 'containsAny'])}(${this.make(set, depth)})`,
            () => `${this.make(set, depth)}.isEmpty()`])();
    }

    ask() {
        const {text, type} = this.path(2), found = this.fields(type).map(([key]) => key);
        return `${text} has ${name(pick(found.length && random(6) ? found : attributes))}`;
    }

    condition(depth) {
        if (depth <= 0) return pick([() => this.guarded(0), () => this.ask(), () => this.literal({is: 'Bool'}), () =>
            this.compare(0)])();
        switch (random(14)) {
        case 0: case 1: return `${this.condition(depth - 1)} && (${this.condition(depth - 1)})`;
        case 2: return `(${this.condition(depth - 1)}) || (${this.condition(depth - 1)})`;
        case 3: return `!(${this.condition(depth - 1)})`;
        case 4: return `(if ${this.condition(depth - 1)} then ${this.condition(depth - 1)} ` +
            `else ${this.condition(depth - 1)})`;
        case 5: case 6: return this.relate(depth - 1);
        case 7: return this.compare(depth - 1);
        case 8: return this.contain(depth - 1);
        case 9: return this.ask();
        case 10: {
            const type = this.anyType();
            return `${this.make(type, depth - 1)} ${pick(['==', '!='])} ${this.make(isOdd(5) ? this.anyType() : type,
                depth - 1)}`;
        }
        default: return this.guarded(depth - 1);
        }
    }

    scope(variable, type) {
        const uid = () => isOdd(6) ? `?${variable}` : write(isOdd(5) ? anyUid(this.model) : uidOf(this.model,
            type.name));
        const word = () => isOdd(20) ? 'Nope' : isOdd(6) ? pick(this.model.types).name : type.name;
        return pick([() => variable, () => variable, () => variable, () => `${variable} == ${uid()}`, () =>
            `${variable} in ${uid()}`,
            () => `${variable} is ${word()}`, () => `${variable} is ${word()}`, () =>
            `${variable} is ${word()} in ${uid()}`])();
    }

    actionScope() {
        const action = () => write(isOdd(25) ? {type: 'Action', id: 'nope'} : isOdd(4)
            ? actionUid(pick(this.model.actions))
            : actionUid(this.action));
        return pick([() => `action == ${action()}`, () => `action == ${action()}`, () => `action == ${action()}`,
            () => `action in ${action()}`, () => `action in [${times(random(3), action).join(', ')}]`, () =>
            'action'])();
    }

    policy() {
        return `${pick(['permit', 'forbid'])}(${this.scope('principal', this.roots[0][1])}, ${this.actionScope()}, ` +
            `${this.scope('resource', this.roots[1][1])})` +
            times(random(3), () => ` ${pick(['when', 'when', 'unless'])} { ${this.condition(3)} }`).join('') + ';';
    }
}

// ---- Entities and requests ----------------------------------------------------------------------------------------

const extensions = {ipaddr: ['ip', '10.0.0.1'], decimal: ['decimal', '1.0'], datetime: ['datetime', '2024-01-01'],
    duration: ['duration', '1h']};
function writeUid(uid) {
    return random(3) ? uid : {__entity: uid};
}
function value(model, type, depth = 3) {
    if (isOdd(70)) return pick([1, 'x', true, [], {}, null, {__entity: {type: 'A', id: 'x'}}, {a: 1}, ['a'], '1.0']);
    type = expand(type);
    switch (type.is) {
    case 'Long': return random(9) - 2;
    case 'Bool': return !!random(2);
    case 'String': return pick(odd);
    case 'Entity': return writeUid(uidOf(model, isOdd(40) ? pick(model.types).name : type.name));
    case 'Set': return times(random(3), () => value(model, type.element, depth - 1));
    case 'Record': return record(model, type.attributes, depth - 1);
    default: {
        const [fn, arg] = extensions[isOdd(60) ? pick(Object.keys(extensions)) : type.is];
        const text = isOdd(40) ? 'x' : arg;
        return pick([text, {fn, arg: text}, {__extn: {fn, arg: text}}, {__extn: {fn, arg: text}}]);
    }
    }
}
function record(model, all, depth) {
    const out = {};
    for (const [key, {type, isOptional}] of all) if (!(isOptional ? random(2) : isOdd(60))) out[key] = value(model,
        type, depth);
    if (isOdd(40)) out[pick(attributes)] = pick([1, 'x', true]);
    return out;
}
function entity(model) {
    const type = pick(model.types), out = {uid: writeUid(isOdd(30) ? anyUid(model) : uidOf(model, type.name)),
        attrs: {}, parents: []};
    out.attrs = record(model, type.attributes, 3);
    out.parents = times(random(3), () => {
        const word = type.parents.length && !isOdd(15) ? pick(type.parents) : pick(model.types).name;
        return type.parents.length || isOdd(15) ? writeUid(isOdd(40) ? anyUid(model) : uidOf(model, word)) : null;
    }).filter(uid => uid);
    if (type.tags ? random(2) : isOdd(30)) {
        out.tags = {};
        for (const key of ['k', 'é', ''].filter(() => random(2))) out.tags[key] = value(model, type.tags ||
            {is: 'Long'}, 2);
    }
    return out;
}
function actionEntity(model) {
    const action = pick(model.actions), groups = new Set();
    const walk = each => each.groups.forEach(group => groups.has(group) || (groups.add(group), walk(group)));
    walk(action);
    const parents = [...(random(2) ? groups : action.groups)].map(actionUid);
    return {uid: actionUid(action), attrs: isOdd(9) ? {a: 1} : {}, parents: isOdd(5) ? [...parents,
        actionUid(pick(model.actions))] : parents};
}
function entities(model) {
    return times(1 + random(4), () => isOdd(6) ? actionEntity(model) : entity(model));
}
function request(model) {
    const applied = model.actions.filter(each => each.principals), action = pick(applied.length && random(9) ? applied
        : model.actions);
    const one = list => isOdd(12) ? anyUid(model) : uidOf(model, list && list.length ? pick(list)
        : pick(model.types).name);
    return {principal: one(action.principals), action: isOdd(25) ? {type: full(action.space, 'Action'), id: 'nope'}
        : actionUid(action), resource: one(action.resources), context: isOdd(60) ? pick([[], 1, {x: 1}])
            : record(model, action.context, 3)};
}

module.exports = {Author, entities, request};
