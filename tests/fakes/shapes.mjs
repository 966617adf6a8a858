// Writes shapes.txt: what the APIs' requests, answers and events consist of, read off the type declarations of the
// official SDKs with the TypeScript compiler. Run again when the SDKs are raised to a new version:
//
//     npm install --prefix FOLDER typescript@5.9 openai@... @anthropic-ai/sdk@...
//     node shapes.mjs FOLDER/node_modules > shapes.txt
//
// One line a type: `name: member=kind; member?=kind`. A kind is string, number, boolean, json (anything), 'a|b'
// (these strings), null, [kind] (a list), {kind} (an object of any keys), @name (a type), (kind / kind) (one of).
import path from 'node:path';

const modules = path.resolve(process.argv[2]);
const ts = (await import(path.join(modules, 'typescript/lib/typescript.js'))).default;
const ROOTS = {
    'openai/resources/chat/completions/completions.d.ts':
        ['', ['ChatCompletionCreateParamsBase', 'ChatCompletion', 'ChatCompletionChunk']],
    'openai/resources/responses/responses.d.ts': ['', ['ResponseCreateParamsBase', 'Response', 'ResponseStreamEvent']],
    'openai/resources/embeddings.d.ts': ['', ['EmbeddingCreateParams', 'CreateEmbeddingResponse']],
    'openai/resources/models.d.ts': ['', ['Model']],
    '@anthropic-ai/sdk/resources/messages/messages.d.ts':
        ['a:', ['MessageCreateParamsBase', 'MessageCountTokensParams', 'Message', 'RawMessageStreamEvent',
            'MessageTokensCount']],
    '@anthropic-ai/sdk/resources/beta/messages/messages.d.ts':
        ['b:', ['MessageCreateParamsBase', 'BetaMessage', 'BetaRawMessageStreamEvent']],
    '@anthropic-ai/sdk/resources/models.d.ts': ['a:', ['ModelInfo']],
};

const files = Object.keys(ROOTS).map((name) => path.join(modules, name));
const program = ts.createProgram(files, {
    strict: true, skipLibCheck: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
});
const checker = program.getTypeChecker();
const types = {}, names = new Map();

function nameOf(type) {
    const parts = [];
    for (let symbol = type.aliasSymbol ?? type.symbol; symbol?.declarations?.[0] &&
        !ts.isSourceFile(symbol.declarations[0]); symbol = symbol.parent) parts.unshift(symbol.name);
    return parts.join('.') || 'anonymous';
}

function reference(type, prefix) {
    if (names.has(type)) return names.get(type);
    const base = prefix + nameOf(type);
    let name = base;
    for (let number = 2; name in types; number += 1) name = `${base}#${number}`;
    names.set(type, name);
    types[name] = [];
    for (const property of checker.getPropertiesOfType(type)) {
        const kind = kindOf(checker.getTypeOfSymbol(property), prefix);
        if (kind) types[name].push(`${property.name}${property.flags & ts.SymbolFlags.Optional ? '?' : ''}=${kind}`);
    }
    return name;
}

function unionOf(type, prefix) {
    const members = type.types.filter((member) => !(member.flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)));
    const literals = members.filter((member) => member.isStringLiteral()).map((member) => member.value);
    const others = members.filter((member) => !member.isStringLiteral()).map((member) => kindOf(member, prefix));
    const known = others.includes('string') ? [] : literals.length ? [`'${literals.join('|')}'`] : [];
    const nothing = type.types.some((member) => member.flags & ts.TypeFlags.Null) ? ['null'] : [];
    const kinds = [...new Set([...nothing, ...known, ...others.filter(Boolean)])];
    return kinds.length > 1 ? `(${kinds.join(' / ')})` : kinds[0];
}

function kindOf(type, prefix) {
    if (type.isUnion()) return unionOf(type, prefix);
    if (type.isStringLiteral()) return `'${type.value}'`;
    if (type.flags & ts.TypeFlags.StringLike) return 'string';
    if (type.flags & ts.TypeFlags.NumberLike) return 'number';
    if (type.flags & ts.TypeFlags.BooleanLike) return 'boolean';
    if (type.flags & (ts.TypeFlags.Null | ts.TypeFlags.Undefined | ts.TypeFlags.Never)) return undefined;
    if (checker.isArrayType(type)) return `[${kindOf(checker.getTypeArguments(type)[0], prefix)}]`;
    if (type.isIntersection() && type.types.some((part) => part.flags & ts.TypeFlags.String)) return 'string';
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return 'json';
    if (type.getCallSignatures().length) return undefined;
    const index = checker.getIndexTypeOfType(type, ts.IndexKind.String);
    if (index && checker.getPropertiesOfType(type).length === 0) return `{${kindOf(index, prefix)}}`;
    return `@${reference(type, prefix)}`;
}

for (const [file, [prefix, wanted]] of Object.entries(ROOTS)) {
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path.join(modules, file))));
    for (const name of wanted) {
        const symbol = exported.find((candidate) => candidate.name === name);
        const kind = kindOf(checker.getDeclaredTypeOfSymbol(symbol), prefix);
        if (!kind.startsWith('@')) types[prefix + name] = [`=${kind}`];
    }
}
for (const [name, members] of Object.entries(types)) console.log(`${name}: ${members.join('; ')}`);
