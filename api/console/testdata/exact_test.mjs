// Tests of exact.js, run by node: numbers and payloads stay what they are.
import assert from "node:assert/strict";
import { Raw, check, parse, pretty, stringify, walk } from "./exact.mjs";

let seed = 42;
const random = (n) => { seed = (Math.imul(seed, 1103515245) + 12345) >>> 0; return (seed >>> 8) % n; };
const spaces = ["", "", "", " ", "\n", "\t\r ", "  "];
const space = () => spaces[random(spaces.length)];
const texts = ['""', '"a"', '"\\u0041\\n\\"\\\\\\/"', '"𝄞é"', '"data"', '"__proto__"', '"meta"', '"}{]["'];
const numbers = ["0", "-0", "1.0", "1e5", "-12.50E-3", "9007199254740993", "12345678901234567890", "3", "-9223372036854775808"];

function document(depth) {
  const kind = random(depth > 0 ? 6 : 4);
  if (kind === 0) return texts[random(texts.length)];
  if (kind === 1) return numbers[random(numbers.length)];
  if (kind < 4) return ["true", "false", "null"][random(3)];
  const n = random(4), parts = [];
  for (let i = 0; i < n; i++) parts.push(space() + (kind === 4 ? "" : texts[random(texts.length)] + space() + ":" + space()) + document(depth - 1) + space());
  return kind === 4 ? "[" + (parts.join(",") || space()) + "]" : "{" + (parts.join(",") || space()) + "}";
}

const plain = (v) => v instanceof Raw ? plain(parse(v.text, [])) : typeof v === "bigint" ? Number(v)
  : Array.isArray(v) ? v.map(plain) : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)])) : v;
const tokens = (text) => { const out = []; walk(text, 0, (t) => out.push(t)); return out; };

// What JSON.parse reads, parse reads alike, but for what JSON.parse loses.
for (let i = 0; i < (Number(process.argv[2]) || 20000); i++) {
  const text = space() + document(4) + space();
  const native = JSON.parse(text);
  assert.deepEqual(JSON.stringify(plain(parse(text, []))), JSON.stringify(plain(native)), text);
  check(text);
  assert.deepEqual(tokens(pretty(text)), tokens(text));
  assert.equal(JSON.stringify(JSON.parse(pretty(text))), JSON.stringify(native));
  // One character less or more is an error in the one if it is in the other.
  const at = random(text.length), broken = random(2) ? text.slice(0, at) + text.slice(at + 1) : text.slice(0, at) + "}],:\"x0-"[random(8)] + text.slice(at);
  let theirs = true, ours = true;
  try { JSON.parse(broken); } catch { theirs = false; }
  try { check(broken); } catch { ours = false; }
  assert.equal(ours, theirs, broken);
  try { parse(broken); assert(theirs, broken); } catch (e) { assert(e instanceof SyntaxError && !theirs, broken); }
}

// Integers stay exact.
assert.equal(parse("12345678901234567890"), 12345678901234567890n);
assert.equal(parse("9007199254740991"), 9007199254740991);
assert.equal(stringify({ seq: 9007199254740993n, none: undefined, list: [1, null] }), '{"seq":9007199254740993,"list":[1,null]}');

// Payloads stay text: duplicate keys, 1.0 and escapes survive a way through the page.
const payload = '{"a":1.0,"a":2,"\\u0041":12345678901234567890, "x":[ ]}';
const answer = parse(`{"records":[{"$seq":1,"data":${payload},"meta":{"b":1e2}}]}`);
assert.equal(answer.records[0].data.text, payload);
assert.equal(stringify(answer), `{"records":[{"$seq":1,"data":${payload},"meta":{"b":1e2}}]}`);
assert.equal(pretty(payload), '{\n  "a": 1.0,\n  "a": 2,\n  "\\u0041": 12345678901234567890,\n  "x": []\n}');

// A key of a prototype is a key like others.
assert.equal(Object.getPrototypeOf(parse('{"__proto__":{"x":1}}')), Object.prototype);

// Depth and length end nothing.
const deep = "[".repeat(100000) + "]".repeat(100000);
check(deep);
assert.equal(parse(`{"data":${deep}}`).data.text, deep);
const long = JSON.stringify("\\\"\n".repeat(400000));
check(long);
assert.equal(parse(long), JSON.parse(long));

// Errors have their place.
assert.throws(() => check('{\n  "a": 1,\n  }'), /line 3, column 3/);
assert.throws(() => check("1 2"), /line 1, column 3/);
assert.throws(() => check(""), /ends too early/);
