// JSON that loses nothing: integers beyond 2^53 become BigInt, and payloads
// stay the text that the server sent. Pretty printing moves white space between
// tokens and changes no token, so that duplicate keys, 1.0 and \u0041 survive.

const space = /[ \t\n\r]*/y;
const string = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const word = /true|false|null/y;

// Raw is a value of which only the text is known.
export class Raw {
  constructor(text) { this.text = text; }
}

function fail(text, at) {
  const before = text.slice(0, at).split("\n");
  const what = at < text.length ? "unexpected " + JSON.stringify(text[at]) : "the text ends too early";
  throw new SyntaxError(`line ${before.length}, column ${before.at(-1).length + 1}: ${what}`);
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const skip = (text, at) => at + match(space, text, at)[0].length;

// scalar returns the end of the string, number or word at a position.
function scalar(text, at) {
  const m = match(string, text, at) ?? match(number, text, at) ?? match(word, text, at);
  return m ? at + m[0].length : fail(text, at);
}

// walk validates the value at a position and returns its end. It calls visit
// with each token and whether it is a key. It keeps no stack of calls, so that
// no depth is too much.
export function walk(text, at, visit) {
  const open = [];
  let wants = "value"; // or "first" of an array, "key", "first key", "end"
  for (;;) {
    at = skip(text, at);
    const c = text[at];
    if (wants === "first key" && c === "}" || wants === "first" && c === "]") {
      visit?.(c, false, true);
      open.pop();
      at++;
      wants = "end";
    } else if (wants.endsWith("key")) {
      if (c !== '"') fail(text, at);
      const end = scalar(text, at), colon = skip(text, end);
      if (text[colon] !== ":") fail(text, colon);
      visit?.(text.slice(at, end), true);
      at = colon + 1;
      wants = "value";
    } else if (wants === "end") {
      if (open.length === 0) return at;
      if (c === ",") {
        visit?.(c);
        wants = open.at(-1) === "{" ? "key" : "value";
      } else if (c === (open.at(-1) === "{" ? "}" : "]")) {
        visit?.(c);
        open.pop();
      } else fail(text, at);
      at++;
    } else if (c === "{" || c === "[") {
      visit?.(c);
      open.push(c);
      at++;
      wants = c === "{" ? "first key" : "first";
    } else {
      const end = scalar(text, at);
      visit?.(text.slice(at, end));
      at = end;
      wants = "end";
    }
    if (wants === "end" && open.length === 0) return at;
  }
}

// check throws a SyntaxError with line and column unless text is one JSON value.
export function check(text) {
  const end = skip(text, walk(text, 0));
  if (end < text.length) fail(text, end);
}

// pretty is text with the white space between its tokens put in order.
export function pretty(text) {
  const out = [];
  let depth = 0, last = "";
  const line = () => out.push("\n", "  ".repeat(depth));
  walk(text, 0, (token, key, empty) => {
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    if (closes ? !empty : last === "{" || last === "[" || last === ",") line();
    out.push(token);
    if (key) out.push(": ");
    if (token === "{" || token === "[") depth++;
    last = token;
  });
  return out.join("");
}

// parse reads an answer. The values of the keys in payloads, at any depth above
// a payload, become Raw.
export function parse(text, payloads = ["data", "meta"]) {
  let at = 0;
  function value() {
    at = skip(text, at);
    const c = text[at];
    if (c === "{") return object();
    if (c === "[") return array();
    const start = at;
    at = scalar(text, at);
    const token = text.slice(start, at);
    if (c === '"' || c === "t" || c === "f" || c === "n") return JSON.parse(token);
    const n = Number(token);
    return Number.isSafeInteger(n) || /[.eE]/.test(token) ? n : BigInt(token);
  }
  function object() {
    const out = {};
    at = skip(text, at + 1);
    if (text[at] === "}") { at++; return out; }
    for (;;) {
      at = skip(text, at);
      if (text[at] !== '"') fail(text, at);
      const end = scalar(text, at), key = JSON.parse(text.slice(at, end));
      at = skip(text, end);
      if (text[at] !== ":") fail(text, at);
      at = skip(text, at + 1);
      let v;
      if (payloads.includes(key)) {
        const start = at;
        at = walk(text, at);
        v = new Raw(text.slice(start, at));
      } else v = value();
      Object.defineProperty(out, key, { value: v, enumerable: true, configurable: true, writable: true });
      at = skip(text, at);
      if (text[at++] === "}") return out;
      if (text[at - 1] !== ",") fail(text, at - 1);
    }
  }
  function array() {
    const out = [];
    at = skip(text, at + 1);
    if (text[at] === "]") { at++; return out; }
    for (;;) {
      out.push(value());
      at = skip(text, at);
      if (text[at++] === "]") return out;
      if (text[at - 1] !== ",") fail(text, at - 1);
    }
  }
  const v = value();
  at = skip(text, at);
  if (at < text.length) fail(text, at);
  return v;
}

// stringify writes a request. A Raw is written as it is.
export function stringify(v) {
  if (v instanceof Raw) return v.text;
  if (typeof v === "bigint") return v.toString();
  if (Array.isArray(v)) return "[" + v.map(stringify).join(",") + "]";
  if (v && typeof v === "object") {
    const fields = Object.entries(v).filter(([, f]) => f !== undefined);
    return "{" + fields.map(([k, f]) => JSON.stringify(k) + ":" + stringify(f)).join(",") + "}";
  }
  return JSON.stringify(v);
}
