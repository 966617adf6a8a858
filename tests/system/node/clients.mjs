// node's pg against the gateway; connection by PG* variables. The last line says what failed.
import assert from "node:assert/strict";
import pg from "pg";
import Cursor from "pg-cursor";

const tests = {
  async simple(client) {
    const result = await client.query("SELECT id, email FROM customers ORDER BY id LIMIT 1");
    assert.deepEqual(result.rows, [{ id: 1, email: "maria.keller@example.org" }]);
    const several = await client.query("SELECT 1 AS a; SELECT 2 AS b");
    assert.deepEqual(several.map((each) => each.rows[0]), [{ a: 1 }, { b: 2 }]);
  },
  async extended(client) {
    const result = await client.query("SELECT $1::int + 1 AS n, $2::text AS t, $3::jsonb AS j, $4::bytea AS b", [
      41, "ü", { a: [1] }, Buffer.from([0, 255])]);
    assert.deepEqual(result.rows[0], { n: 42, t: "ü", j: { a: [1] }, b: Buffer.from([0, 255]) });
  },
  async named(client) {
    for (let i = 0; i < 20; i++) {
      const result = await client.query({ name: "twice", text: "SELECT $1::int * 2 AS n", values: [i] });
      assert.equal(result.rows[0].n, i * 2);
    }
  },
  async rowsAsArrays(client) {
    const result = await client.query({ text: "SELECT 1, 'x', NULL", rowMode: "array" });
    assert.deepEqual(result.rows, [[1, "x", null]]);
  },
  async cursor(client) {
    const cursor = client.query(new Cursor("SELECT i FROM generate_series(1, $1::int) i", [1000]));
    let sum = 0;
    for (let rows = await cursor.read(70); rows.length > 0; rows = await cursor.read(70)) {
      for (const row of rows) sum += row.i;
    }
    await cursor.close();
    assert.equal(sum, 500500);
  },
  async cursorClosedEarly(client) {
    const cursor = client.query(new Cursor("SELECT i FROM generate_series(1, 100000) i"));
    assert.equal((await cursor.read(3)).length, 3);
    await cursor.close();
    assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
  },
  async errors(client) {
    await assert.rejects(client.query("SELECT 1/0"), { code: "22012" });
    await assert.rejects(client.query("SELECT $1::int", ["x"]), { code: "22P02" });
    await assert.rejects(client.query({ name: "broken", text: "SELEC" }), { code: "42601" });
    assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
  },
  async transaction(client) {
    await client.query("BEGIN");
    await client.query("CREATE TEMP TABLE t (i int) ON COMMIT DROP");
    await client.query("INSERT INTO t VALUES ($1), ($2)", [1, 2]);
    assert.equal((await client.query("SELECT count(*)::int AS n FROM t")).rows[0].n, 2);
    await client.query("ROLLBACK");
  },
  async queued(client) {
    const results = await Promise.all(Array.from({ length: 100 }, (_, i) => client.query("SELECT $1::int AS n", [i])));
    assert.deepEqual(results.map((result) => result.rows[0].n), Array.from({ length: 100 }, (_, i) => i));
  },
  async notices(client) {
    const seen = new Promise((resolve) => client.once("notice", resolve));
    await client.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
    assert.equal((await seen).message, "hello");
  },
  async notifications(client) {
    const heard = new Promise((resolve) => client.once("notification", resolve));
    await client.query("LISTEN node");
    await client.query("SELECT pg_notify('node', 'payload')");
    assert.equal((await heard).payload, "payload");
  },
  async large(client) {
    const text = "x".repeat(2_000_000);
    assert.equal((await client.query("SELECT $1::text AS t", [text])).rows[0].t, text);
    assert.equal((await client.query("SELECT generate_series(1, 20000)")).rowCount, 20000);
  },
};

async function withDeadline(promise, name) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${name}: too late`)), 8000); });
  try { return await Promise.race([promise, late]); } finally { clearTimeout(timer); }
}

const failed = [];
for (const [name, test] of Object.entries(tests)) {
  const client = new pg.Client();
  try {
    await client.connect();
    await withDeadline(test(client), name);
  } catch (error) {
    failed.push(name);
    console.log(`${name}: ${error.stack}`);
  }
  client.end().catch(() => {});
}

const pool = new pg.Pool({ max: 10 });
try {
  const answers = await withDeadline(Promise.all(Array.from({ length: 60 }, (_, i) => pool.query("SELECT $1::int AS n", [i]))),
    "pool");
  assert.deepEqual(answers.map((answer) => answer.rows[0].n), Array.from({ length: 60 }, (_, i) => i));
} catch (error) {
  failed.push("pool");
  console.log(error.stack);
}
console.log(JSON.stringify({ failed }));
process.exit(failed.length === 0 ? 0 : 1);
