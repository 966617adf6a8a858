// An agent's call through the official SDK: node agent.mjs BASE_URL REQUEST.json, its token in OPENAI_API_KEY. It knows
// nothing of sworn but the base URL. Prints what the SDK hands over.
import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';

const [baseURL, file] = process.argv.slice(2);
let pings = 0;

// The SDK skips comments of a stream: they are counted beneath it.
async function countPings(url, init) {
    const answer = await fetch(url, init);
    const seen = new TransformStream({
        transform(piece, controller) {
            pings += Buffer.from(piece).toString('latin1').split(': ping\n').length - 1;
            controller.enqueue(piece);
        },
    });
    return new Response(answer.body?.pipeThrough(seen), { status: answer.status, headers: answer.headers });
}

const client = new OpenAI({ baseURL, maxRetries: 0, timeout: 60000, fetch: countPings });
const calls = [];
let finish;
for await (const { choices: [choice] } of await client.chat.completions.create(JSON.parse(await readFile(file)))) {
    process.stdout.write(choice?.delta?.content ?? '');
    for (const call of choice?.delta?.tool_calls ?? []) {
        calls[call.index] ??= { name: call.function.name, arguments: '' };
        calls[call.index].arguments += call.function.arguments ?? '';
    }
    finish = choice?.finish_reason ?? finish;
}
process.stdout.write('\n');
for (const call of calls.filter(Boolean)) console.log(`tool call: ${call.name} ${call.arguments}`);
console.log(`finish_reason: ${finish}${pings > 0 ? `, kept alive by pings: ${pings}` : ''}`);
