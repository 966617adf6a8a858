// The oracle, asked with JSON texts: its glue turns what it gets into JSON with JSON.stringify, and a text that stands
// for itself there can hold what no object of JavaScript can, such as duplicate keys and integers of 64 bits.
'use strict';
class Text {
    constructor(text) {
        this.text = text;
    }
}
const stringify = JSON.stringify;
JSON.stringify = (value, ...more) => value instanceof Text ? value.text : stringify(value, ...more);

// What the oracle's glue throws for JSON that it cannot read at all is a refusal too. A trap (a stack that is too small)
// is no answer, and leaves an instance that must not be asked again.
module.exports = (modulePath, names) => {
    const path = require.resolve(`${modulePath}/nodejs`), out = {};
    const ask = (name, text) => {
        try {
            return require(path)[name](new Text(text));
        } catch (error) {
            if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) {
                return {type: 'failure', errors: [{message: `${error.message}`}]};
            }
            delete require.cache[path];
            return {type: 'broken', errors: [{message: `the oracle breaks down: ${error.message}`}]};
        }
    };
    for (const name of names) out[name] = text => ask(name, text);
    return out;
};
