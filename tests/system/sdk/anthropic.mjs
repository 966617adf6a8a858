// node anthropic.mjs [PACKAGE]: another version of the SDK, installed under that name.
import { z } from 'zod';
import { describe, drive } from './drive.mjs';

const sdk = process.argv[2] ?? '@anthropic-ai/sdk';
const { default: Anthropic } = await import(sdk);
const { zodOutputFormat } = await import(`${sdk}/helpers/zod`);
const { betaTool } = await import(`${sdk}/helpers/beta/json-schema`);

const Person = z.object({ name: z.string(), mail: z.string() });

await drive((options) => new Anthropic(options), {
    // The stream helper: its events, and what it puts together in the end.
    async helper(call, request) {
        const seen = {}, order = [];
        const stream = call(...request.args);
        ['connect', 'streamEvent', 'text', 'citation', 'inputJson', 'thinking', 'signature', 'contentBlock', 'message',
            'finalMessage', 'end', 'error', 'abort'].forEach((name) => stream.on(name, (value) => {
            seen[name] = (seen[name] ?? 0) + 1;
            if (name === 'streamEvent') order.push(value.type);
        }));
        const message = await stream.finalMessage();
        const text = message.content.some((block) => block.type === 'text') ? await stream.finalText() : null;
        return { message, text, seen, order, request_id: stream.request_id };
    },

    async parse(call, request) {
        const [body, ...rest] = request.args;
        const message = await call({ ...body, output_config: { format: zodOutputFormat(Person) } }, ...rest);
        return { parsed: message.parsed_output };
    },

    async tools(call, request) {
        const calls = [];
        const [body, ...rest] = request.args;
        const registered = request.tools.map(({ name, answer }) => betaTool({
            name, description: `Does ${name}.`, inputSchema: { type: 'object', properties: {} },
            run: async (args) => { calls.push({ name, args }); return answer; },
        }));
        const runner = call({ ...body, tools: registered }, ...rest);
        const message = await runner.runUntilDone();
        return { message, calls, messages: runner.params.messages };
    },

    // Turns of a conversation that the provider keeps.
    async thread(call, request) {
        const thread = call(...request.args);
        const said = [];
        for (const turn of request.turns) said.push(await thread.send({ role: 'user', content: turn }));
        return { said };
    },

    async helper_abort(call, request) {
        const stream = call(...request.args);
        let count = 0;
        stream.on(request.event, () => { count += 1; if (count === request.abort_after) stream.abort(); });
        try {
            await stream.done();
        } catch (error) {
            return { count, failed: describe(error), is_aborted: stream.aborted };
        }
        return { count, is_aborted: stream.aborted };
    },
});
