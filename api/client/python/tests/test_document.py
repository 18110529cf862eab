"""Holds the types and the parameters of the client against the OpenAPI document."""

import dataclasses
import inspect
import json
import pathlib
import typing
import unittest

import topics_client as t
from topics_client import types

DOCUMENT = json.loads((pathlib.Path(__file__).parents[3] / "openapi" / "openapi.json").read_text())
EVERYTHING = {"null", "boolean", "integer", "number", "string", "array", "object"}

# What each class is in the document: a schema, or the entries of a list or a
# dictionary of it.
ANSWERS = {
    t.Config: "Config",
    t.Configured: "Configured",
    t.QueueCounts: "QueueCounts",
    t.TopicState: "TopicState",
    t.ListedTopic: "TopicPage.topics",
    t.Caps: "TopicPage.topics.caps",
    t.TopicDeletion: "TopicDeleted",
    t.Written: "Written",
    t.Record: "Record",
    t.Tombstone: "TombstoneEvent",
    t.Batch: "Batch",
    t.RecordsDeletion: "RecordsDeleted",
    t.Preview: "Preview",
    t.Records: "RecordEvent",
    t.CaughtUp: "CaughtUpEvent",
    t.TopicDeleted: "TopicDeletedEvent",
    t.RouterPut: "RouterPut",
    t.RouterState: "RouterState",
    t.RouterDeletion: "RouterDeleted",
    t.Job: "Job",
    t.Claimed: "Claimed",
    t.Acked: "Acked",
    t.Nacked: "Nacked",
    t.Extended: "Extended",
    t.Released: "Released",
    t.Promoted: "Promoted",
    t.ListedJob: "JobPage.jobs",
    t.DeadLetter: "DeadLetterPage.dead_letters",
    t.DeadLettersDone: "DeadLettersDone",
    t.Identity: "Whoami",
    t.Alive: "Alive",
    t.HealthReport: "HealthReport",
    t.Check: "HealthReport.checks",
    t.Stats: "Stats",
    t.Rates: "Rates",
    t.Within: "Within",
    t.History: "History",
    t.Syncs: "History.fsync",
    t.RequestPage: "RequestPage",
    t.Request: "RequestPage.requests",
    t.RequestCancellation: "RequestCancelled",
    t.SessionPage: "SessionPage",
    t.Session: "SessionPage.sessions",
    t.SessionTopic: "SessionPage.sessions.topics",
    t.CheckpointReport: "CheckpointReport",
    t.VerifyState: "ScrubState",
    t.VerifyReport: "ScrubReport",
    t.ErasureState: "ErasureState",
    t.ErasureReceipt: "ErasureReceipt",
    t.ErasedElsewhere: "ErasureReceipt.elsewhere",
    t.Backups: "Backups",
    t.Backup: "Backups.backups",
    t.BackupVerified: "Verified",
    t.AuditTrail: "AuditTrail",
    t.AuditEntry: "AuditEntry",
}
REQUESTS = {
    types.ConfigRequest: "ConfigRequest",
    types.Entry: "WriteRequest.records",
    types.Write: "ThenWrite",
    types.Start: "Start",
    types.RouterRequest: "RouterRequest",
}
# What each method sends: a schema, or the query of an operation; and what its
# parameters stand for that have another name or none in it.
CALLS = {
    "append": ("WriteRequest", {"return_seqs"}),
    "read": ("ReadRequest", {"on_loss"}),
    "watch": ("WatchRequest", {"on_loss"}),
    "delete_records": ("DeleteRequest", {"dry_run"}),
    "preview_records": ("DeleteRequest", {"dry_run"}),
    "claim": ("ClaimRequest", set()),
    "ack": ("AckRequest", {"jobs"}),
    "nack": ("NackRequest", {"jobs"}),
    "extend": ("ExtendRequest", {"jobs"}),
    "promote": ("SeqsRequest", set()),
    "release": ("SeqsRequest", set()),
    "redrive": ("RedriveRequest", set()),
    "topics": ("get /v0/topics", {"class_"}),
    "topic": ("get /v0/topics/{topic}", set()),
    "delete_topic": ("delete /v0/topics/{topic}", {"dry_run"}),
    "routers": ("get /v0/routers", set()),
    "jobs": ("get /v0/topics/{topic}/jobs", set()),
    "in_flight": ("get /v0/topics/{topic}/inflight", set()),
    "dead_letters": ("get /v0/topics/{topic}/dead-letters", set()),
    "purge_dead_letters": ("delete /v0/topics/{topic}/dead-letters", set()),
    "stats": ("get /v0/admin/stats", set()),
    "history": ("get /v0/admin/history", set()),
    "requests": ("get /v0/admin/requests", set()),
    "sessions": ("get /v0/admin/sessions", set()),
    "backup_verified": ("VerifiedRequest", set()),
    "audit": ("get /v0/admin/audit", set()),
}
# What the client sets itself: leases of jobs, and pages of lists.
OWN = {"seqs", "lease_ids", "cursor", "page_size", "limit", "class"}


def resolve(schema):
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return {**resolve(DOCUMENT["components"]["schemas"][name]), **{k: v for k, v in schema.items() if k != "$ref"}}
    if "allOf" in schema:
        whole = {"type": "object", "properties": {}, "required": []}
        for part in map(resolve, schema["allOf"]):
            whole["properties"].update(part.get("properties", {}))
            whole["required"] += part.get("required", [])
        return whole
    return schema


def schema_of(place):
    name, *path = place.split(".")
    schema = resolve({"$ref": "x/" + name})
    for step in path:
        schema = resolve(schema["properties"][step])
        if "items" in schema or "properties" not in schema:
            schema = resolve(schema.get("items") or schema["additionalProperties"])
    return schema


def properties(schema):
    found = {name: resolve(s) for name, s in schema["properties"].items()}
    return {name.lstrip("$"): s for name, s in found.items() if name not in ("performance", "warnings")}


def query(place):
    """The names in the query of an operation."""
    method, path = place.split()
    names = set()
    for parameter in DOCUMENT["paths"][path][method].get("parameters", []):
        if "$ref" in parameter:
            parameter = DOCUMENT["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        if parameter["in"] == "query" and parameter["name"] != "strict":
            names.add(parameter["name"])
    return names


def json_types(schema):
    """The JSON types that a schema allows."""
    schema = resolve(schema)
    if "oneOf" in schema:
        here = {k: v for k, v in schema.items() if k == "type"}
        return set().union(*map(json_types, schema["oneOf"])) & json_types(here)
    if "const" in schema:
        return json_types({"enum": [schema["const"]]})
    if "type" not in schema and "enum" in schema:
        names = {str: "string", bool: "boolean", int: "integer", type(None): "null"}
        return {names[type(v)] for v in schema["enum"]}
    kinds = schema.get("type", sorted(EVERYTHING))
    return {kinds} if isinstance(kinds, str) else set(kinds)


def hint_types(hint):
    """The JSON types that a hint allows."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return EVERYTHING
    if origin is typing.Union:
        return set().union(*map(hint_types, args))
    if origin is typing.Literal:
        return {"string"}
    simple = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
    if hint in simple:
        return {simple[hint]}
    if origin is not None and issubclass(origin, typing.Sequence):
        return {"array"}
    return {"object"}


class TestDocument(unittest.TestCase):
    def test_answers(self):
        for kind, place in ANSWERS.items():
            schema = schema_of(place)
            wanted, hints = properties(schema), typing.get_type_hints(kind)
            required = {name.lstrip("$") for name in schema["required"]}
            fields = {f.name: f for f in dataclasses.fields(kind)}
            self.assertEqual(set(fields), set(wanted), place)
            for name, f in fields.items():
                with self.subTest(place=place, field=name):
                    some = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
                    self.assertEqual(some, name in required, "required")
                    is_, must = hint_types(hints[name]), json_types(wanted[name])
                    if not some and is_ != EVERYTHING and f.default is None:
                        is_.discard("null")
                    self.assertEqual(is_ - {"null"}, must - {"null"})
                    self.assertTrue(is_ >= must, f"{is_} is less than {must}")

    def test_requests(self):
        for kind, place in REQUESTS.items():
            wanted, hints = properties(schema_of(place)), typing.get_type_hints(kind)
            self.assertEqual(set(hints), set(wanted), place)
            for name, hint in hints.items():
                with self.subTest(place=place, field=name):
                    self.assertEqual(hint_types(hint), json_types(wanted[name]))
                    for choice in (hint, *typing.get_args(hint)):
                        if typing.get_origin(choice) is typing.Literal:
                            self.assertEqual(set(typing.get_args(choice)), set(wanted[name]["enum"]) - {None})

    def test_calls(self):
        for name, (place, own) in CALLS.items():
            wanted = query(place) if " " in place else properties(schema_of(place))
            method = getattr(t.Client, name)
            hints = typing.get_type_hints(method)
            has = set(inspect.signature(method).parameters) - {"self"} - ({"topic", "queue"} - set(wanted)) - own
            self.assertEqual(has - OWN, set(wanted) - OWN - own, name)
            for parameter in has:
                if " " in place:  # a query is text
                    continue
                with self.subTest(call=name, parameter=parameter):
                    self.assertEqual(hint_types(hints[parameter]) - {"null"}, json_types(wanted[parameter]) - {"null"})

    def test_every_class_is_compared(self):
        compared = {*ANSWERS, t.Router, t.Settled, t.Ended, t.WorkOptions}
        for name in t.__all__:
            if dataclasses.is_dataclass(getattr(t, name)):
                self.assertIn(getattr(t, name), compared)


if __name__ == "__main__":
    unittest.main()
