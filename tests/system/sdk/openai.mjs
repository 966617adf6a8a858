// node openai.mjs [PACKAGE]: another version of the SDK, installed under that name.
import { z } from 'zod';
import { describe, drive } from './drive.mjs';

const sdk = process.argv[2] ?? 'openai';
const { default: OpenAI } = await import(sdk);
const { zodResponseFormat, zodTextFormat } = await import(`${sdk}/helpers/zod`);

const Person = z.object({ name: z.string(), mail: z.string() });

// Tools as a program registers them; what each was called with is reported.
function tools(request, calls) {
    return request.tools.map(({ name, parameters, answer }) => ({
        type: 'function',
        function: {
            name, description: `Does ${name}.`, parameters: parameters ?? { type: 'object', properties: {} },
            parse: JSON.parse,
            function: async (args) => { calls.push({ name, args }); return answer; },
        },
    }));
}

await drive((options) => new OpenAI(options), {
    // The stream helper: its events, and what it puts together in the end.
    async chat_helper(call, request) {
        const seen = {};
        const stream = call(...request.args);
        const count = (name) => stream.on(name, () => { seen[name] = (seen[name] ?? 0) + 1; });
        ['connect', 'chunk', 'content', 'content.delta', 'content.done', 'refusal.delta', 'refusal.done',
            'tool_calls.function.arguments.delta', 'tool_calls.function.arguments.done', 'end', 'error'].forEach(count);
        const completion = await stream.finalChatCompletion();
        const content = await stream.finalContent();
        const usage = completion.usage ? await stream.totalUsage() : null;
        return { completion, content, usage, seen, call: await stream.finalFunctionToolCall() ?? null };
    },

    async chat_parse(call, request) {
        const [body, ...rest] = request.args;
        const completion = await call({ ...body, response_format: zodResponseFormat(Person, 'person') }, ...rest);
        return { parsed: completion.choices[0].message.parsed, refusal: completion.choices[0].message.refusal };
    },

    async chat_tools(call, request) {
        const calls = [];
        const [body, ...rest] = request.args;
        const runner = call({ ...body, tools: tools(request, calls) }, ...rest);
        const content = await runner.finalContent();
        return { content, calls, messages: runner.messages, usage: await runner.totalUsage() };
    },

    async response_helper(call, request) {
        const types = [];
        const stream = call(...request.args);
        for await (const event of stream) types.push(event.type);
        const response = await stream.finalResponse();
        const parts = response.output.flatMap((item) => (item.type === 'message' ? item.content : []));
        // older versions leave output_text out here
        return { response, types, text: response.output_text ?? parts.map((part) => part.text ?? '').join('') };
    },

    async response_parse(call, request) {
        const [body, ...rest] = request.args;
        const response = await call({ ...body, text: { format: zodTextFormat(Person, 'person') } }, ...rest);
        return { parsed: response.output_parsed, text: response.output_text };
    },

    async response_tools(call, request, client) {
        const calls = [];
        const { ResponsesToolRunner } = await import(`${sdk}/helpers/responses-tool-runner`);
        const runner = new ResponsesToolRunner({
            functions: request.tools.map(({ name, answer }) => ({
                tool: {
                    type: 'function', name, description: `Does ${name}.`, strict: false,
                    parameters: { type: 'object', properties: {}, additionalProperties: true },
                },
                execute: async (args) => { calls.push({ name, args }); return answer; },
            })),
        });
        const done = await runner.run(client, ...request.args);
        return { calls, text: (done.response ?? done).output_text };
    },

    // The helper's stream is left in the middle.
    async helper_abort(call, request) {
        const stream = call(...request.args);
        const event = request.event;
        let count = 0;
        stream.on(event, () => { count += 1; if (count === request.abort_after) stream.abort(); });
        try {
            await stream.done();
        } catch (error) {
            return { count, failed: describe(error), is_aborted: stream.aborted };
        }
        return { count, is_aborted: stream.aborted };
    },
});
