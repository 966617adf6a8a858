// What both SDK programs share: one JSON request a line on stdin, one JSON answer a line on stdout, in order.
//
// request: {call: "a.dotted.method", args: [...], mode: "value" | ..., client: {options of the client}, ...}
// answer:  {result: ...} or {error: {class, status, message, code, type, request_id, cause}}
import readline from 'node:readline';

export function describe(error) {
    return {
        class: error?.constructor?.name, status: error?.status, message: String(error?.message), code: error?.code,
        type: error?.type, param: error?.param, request_id: error?.requestID, body: error?.error,
        cause: error?.cause?.code ?? error?.cause?.message,
        headers: error?.headers ? Object.fromEntries(error.headers) : undefined,
    };
}

// The method that a dotted name means, bound to what it belongs to.
export function method(client, name) {
    const steps = name.split('.');
    const owner = steps.slice(0, -1).reduce((object, step) => object[step], client);
    return owner[steps.at(-1)].bind(owner);
}

// Modes that do not depend on the provider.
export const modes = {
    async value(call, request) {
        const value = await call(...request.args);
        return { value, request_id: value?._request_id };
    },

    async response(call, request) {
        const { data, response, request_id } = await call(...request.args).withResponse();
        return { value: data, status: response.status, headers: Object.fromEntries(response.headers), request_id };
    },

    async raw(call, request) {
        const response = await call(...request.args).asResponse();
        return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
    },

    async list(call, request) {
        const values = [];
        for await (const value of call(...request.args)) values.push(value);
        return { values };
    },

    // stop_after: leaves the loop behind so many events; abort_after: by the controller's abort().
    async events(call, request) {
        const events = [], times = [], started = Date.now();
        const stream = await call(...request.args);
        try {
            for await (const event of stream) {
                events.push(event);
                times.push(Date.now() - started);
                if (events.length === request.stop_after) break;
                if (events.length === request.abort_after) stream.controller.abort();
            }
        } catch (error) {
            return { events, times, failed: describe(error) };
        }
        return { events, times, is_aborted: stream.controller.signal.aborted };
    },

    // The caller's own signal, after so many milliseconds.
    async signal(call, request) {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), request.abort_after_ms);
        const value = await call(request.args[0], { ...request.args[1], signal: controller.signal });
        if (!value?.[Symbol.asyncIterator]) return { value };
        const events = [];
        for await (const event of value) events.push(event);
        return { events };
    },
};

export async function drive(makeClient, own) {
    const all = { ...modes, ...own };
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const request = JSON.parse(line);
        let answer;
        try {
            const client = makeClient(request.client);
            const call = request.call ? method(client, request.call) : undefined;
            answer = { result: await all[request.mode ?? 'value'](call, request, client) };
        } catch (error) {
            answer = { error: describe(error) };
        }
        process.stdout.write(JSON.stringify(answer) + '\n');
    }
}
