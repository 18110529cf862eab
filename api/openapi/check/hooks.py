"""What the OpenAPI document says in words only, said to schemathesis.

Requests that the schemas of the document allow and its text does not are changed into
such that both allow, or left out. So every refusal of a valid request is a finding.
"""

import schemathesis

# What only records of queues have; to a log these are unknown names, whatever their values.
OF_JOBS = {"delay_ms", "not_before", "group", "unique_key", "priority"}

# A strict call refuses unknown names, which the schemas allow; a cursor is one that a
# listing has given; the durations are multiples of five seconds.
UNSAID = {"strict", "X-Strict", "cursor", "span", "step"}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Removes parameters whose values no schema can describe."""
    common = raw_schema["components"]["parameters"]

    def said(parameter):
        if "$ref" in parameter:
            parameter = common[parameter["$ref"].rsplit("/", 1)[1]]
        return parameter["name"] not in UNSAID

    for item in raw_schema["paths"].values():
        for operation in [item, *item.values()]:
            if isinstance(operation, dict) and "parameters" in operation:
                operation["parameters"] = [p for p in operation["parameters"] if said(p)]


@schemathesis.hook
def filter_case(context, case):
    """Leaves out reads with two positions, routers from a topic to itself, several writes to
    a topic beside an ack, records of queues, and events in binary mode."""
    if {"from_seq", "from_ts"} <= set(case.query or {}):
        return False
    body = case.body if isinstance(case.body, dict) else {}
    if "dest" in body and body["dest"] == body.get("source"):
        return False
    then = body.get("then")
    if isinstance(then, list) and len({str(w.get("topic")) for w in then if isinstance(w, dict)}) < len(then):
        return False
    records = body.get("records") if case.operation.path == "/v0/topics/{topic}" else None
    if isinstance(records, list) and any(OF_JOBS & set(r) for r in records if isinstance(r, dict)):
        return False
    return not case.operation.path.endswith("/events") or is_structured(case)


@schemathesis.hook
def map_case(context, case):
    """Writes 1.0 as 1, which JSON Schema takes for the same, and as many lease ids as seqs;
    has no read wait for long."""
    case.body = whole(case.body)
    if isinstance(case.body, dict):
        wait = case.body.get("wait_ms")
        if isinstance(wait, int) and wait > 0:
            case.body["wait_ms"] = wait % 100
        seqs, ids = case.body.get("seqs"), case.body.get("lease_ids")
        if isinstance(seqs, list) and isinstance(ids, list):
            case.body["lease_ids"] = (ids + ["lease"] * len(seqs))[: len(seqs)]
    return case


def is_structured(case):
    """Reports whether the request has events in structured form alone: a body of their media
    type, and none of the headers of binary mode."""
    named = any(name.lower().startswith("ce-") for name in case.headers or {})
    return (case.media_type or "").startswith("application/cloudevents") and not named


def whole(value):
    """Returns the JSON value with integers for numbers that have no fraction."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(v) for name, v in value.items()}
    if isinstance(value, list):
        return [whole(v) for v in value]
    return value
