// Writes src/types.ts from the OpenAPI document. With --check it only compares.
//
// usage: node scripts/types.js [--check]

import { readFileSync, writeFileSync } from "node:fs";

const folder = new URL("../", import.meta.url);
const document = JSON.parse(readFileSync(new URL("../../openapi/openapi.json", folder), "utf8"));
const schemas = document.components.schemas;

// The exported types: schemas, parts of them, or the query of an operation. A part that
// is a list or a dictionary is the type of its entries.
const exported = {
  Match: "Match",
  Durability: "Durability",
  TopicType: "TopicType",
  JobState: "JobState",
  ConfigRequest: "ConfigRequest",
  Config: "Config",
  Configured: "Configured",
  QueueCounts: "QueueCounts",
  TopicState: "TopicState",
  TopicsQuery: "get /v0/topics",
  ListedTopic: "TopicPage.topics",
  TopicDeletion: "TopicDeleted",
  Entry: "WriteRequest.records",
  WriteRequest: "WriteRequest",
  Write: "ThenWrite",
  Written: "Written",
  ReadRequest: "ReadRequest",
  Record: "Record",
  Tombstone: "TombstoneEvent",
  Batch: "Batch",
  DeleteRequest: "DeleteRequest",
  RecordsDeletion: "RecordsDeleted",
  Preview: "Preview",
  Start: "Start",
  WatchRequest: "WatchRequest",
  WatchSession: "WatchSession",
  RecordEvent: "RecordEvent",
  CaughtUpEvent: "CaughtUpEvent",
  TopicDeletedEvent: "TopicDeletedEvent",
  ErrorEvent: "ErrorEvent",
  RouterRequest: "RouterRequest",
  RouterPut: "RouterPut",
  RoutersQuery: "get /v0/routers",
  RouterState: "RouterState",
  RouterDeletion: "RouterDeleted",
  Job: "Job",
  ClaimRequest: "ClaimRequest",
  Claimed: "Claimed",
  Acked: "Acked",
  NackRequest: "NackRequest",
  Nacked: "Nacked",
  ExtendRequest: "ExtendRequest",
  Extended: "Extended",
  Promoted: "Promoted",
  Released: "Released",
  LostEvent: "LostEvent",
  ListedJob: "JobPage.jobs",
  DeadLettersQuery: "get /v0/topics/{topic}/dead-letters",
  DeadLetter: "DeadLetterPage.dead_letters",
  PurgeQuery: "delete /v0/topics/{topic}/dead-letters",
  RedriveRequest: "RedriveRequest",
  DeadLettersDone: "DeadLettersDone",
  Identity: "Whoami",
  Alive: "Alive",
  Check: "HealthReport.checks",
  HealthReport: "HealthReport",
  Rates: "Rates",
  Within: "Within",
  Stats: "Stats",
  HistoryQuery: "get /v0/admin/history",
  History: "History",
  PageQuery: "get /v0/admin/requests",
  Request: "RequestPage.requests",
  RequestPage: "RequestPage",
  RequestCancellation: "RequestCancelled",
  SessionsQuery: "get /v0/admin/sessions",
  SessionTopic: "SessionPage.sessions.topics",
  Session: "SessionPage.sessions",
  SessionPage: "SessionPage",
  CheckpointReport: "CheckpointReport",
  VerifyReport: "ScrubReport",
  VerifyState: "ScrubState",
  ErasureReceipt: "ErasureReceipt",
  ErasureState: "ErasureState",
  Backup: "Backups.backups",
  Backups: "Backups",
  BackupVerified: "Verified",
  AuditEntry: "AuditEntry",
  AuditTrail: "AuditTrail",
};
// What the document describes in words.
const described = { VerifyReport: "ScrubState.result", ErasureReceipt: "ErasureState.result" };
// What the client keeps to itself.
const hidden = new Set(["performance", "warnings"]);
const hiddenOfQueries = new Set(["strict", "cursor", "page_size"]);

const names = new Map([...Object.entries(exported), ...Object.entries(described)].map(([name, place]) => [place, name]));

function resolve(schema) {
  if (!schema.$ref) return schema;
  const { $ref, ...more } = schema;
  return { ...resolve(schemas[$ref.split("/").at(-1)]), ...more };
}

function find(place) {
  if (place.includes(" ")) return query(place);
  const [name, ...path] = place.split(".");
  let schema = schemas[name];
  for (const step of path) {
    schema = resolve(schema.properties[step]);
    schema = resolve(entryOf(schema) ?? schema);
  }
  return schema;
}

// Returns what the entries of a list or a dictionary are.
function entryOf(schema) {
  if (schema.items) return schema.items;
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

function query(place) {
  const [method, path] = place.split(" ");
  const properties = {};
  for (const p of document.paths[path][method].parameters) {
    const { name, schema, description, in: where } = p.$ref ? document.components.parameters[p.$ref.split("/").at(-1)] : p;
    if (where === "query" && !hiddenOfQueries.has(name)) properties[name] = { ...schema, description };
  }
  return { type: "object", properties };
}

const simple = { string: "string", integer: "number", number: "number", boolean: "boolean", null: "null" };

// Returns a schema as a type. place is where it stands, or empty.
function typeOf(schema, place, indent) {
  if (names.has(place) && !entryOf(schema)) return names.get(place);
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    if (name === "Flag") return "boolean"; // true, false, 1 or 0 in a query
    return typeOf(resolve(schema), schema.type ? "" : name, indent);
  }
  if (schema.allOf) return schema.allOf.map((s) => typeOf(s, "", indent)).join(" & ");
  if (schema.oneOf && !schema.type) return union(schema.oneOf.map((s) => typeOf(s, "", indent)));
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return union(schema.enum.map((v) => JSON.stringify(v)));
  const types = [schema.type ?? []].flat().map((type) => {
    if (type === "array") return `${parenthesized(typeOf(schema.items, place, indent))}[]`;
    if (type !== "object") return simple[type];
    if (schema.properties) return objectOf(schema, place, indent);
    const of = entryOf(schema);
    return `{ [name: string]: ${of ? typeOf(of, place, indent) : "unknown"} }`;
  });
  return types.length ? union(types) : "unknown";
}

const union = (types) => [...new Set(types)].join(" | ");
const parenthesized = (type) => (/[|&]/.test(type) && !type.startsWith("{") ? `(${type})` : type);

function objectOf(schema, place, indent) {
  const inner = indent + "  ";
  const lines = Object.entries(schema.properties)
    .filter(([name]) => !hidden.has(name))
    .map(([name, property]) => {
      const optional = schema.required?.includes(name) ? "" : "?";
      const type = typeOf(property, place && `${place}.${name}`, inner);
      return `${comment(property.description, inner)}${inner}${/^\d/.test(name) ? JSON.stringify(name) : name}${optional}: ${type};\n`;
    });
  return `{\n${lines.join("")}${indent}}`;
}

function comment(text, indent) {
  if (!text) return "";
  return `${indent}/** ${text.trim().replace(/\s+/g, " ").replaceAll("*/", "* /")} */\n`;
}

let text = "// Written by scripts/types.js from the OpenAPI document. Do not edit.\n";
for (const [name, place] of Object.entries(exported)) {
  const schema = find(place);
  names.delete(place); // or it would be itself
  text += `\n${comment(schema.description, "")}`;
  text += schema.properties && !schema.allOf
    ? `export interface ${name} ${objectOf(schema, place, "")}\n`
    : `export type ${name} = ${typeOf(schema, place.includes(" ") ? "" : place, "")};\n`;
  names.set(place, name);
}

const target = new URL("src/types.ts", folder);
if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (readFileSync(target, "utf8") !== text) {
  console.error("src/types.ts is not what the OpenAPI document says: run npm run types");
  process.exit(1);
}
