"""Sends events with the SDK of CloudEvents to a server, and reads them back.

python3 sdk.py URL
"""

import json
import sys
import urllib.request
from datetime import datetime, timezone

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

url = sys.argv[1] + "/v0/topics/python"


def event(id, content_type, data):
    return CloudEvent(
        {
            "specversion": "1.0",
            "id": id,
            "source": "/shops/1",
            "type": "com.example.ordered",
            "time": datetime(2026, 1, 31, 12, 30, tzinfo=timezone.utc),
            "datacontenttype": content_type,
            "traced": '50 % of "ü"',
        },
        data,
    )


def send(message):
    request = urllib.request.Request(url + "/events", data=message.body, headers=message.headers, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 202, answer.status


def content(e):
    """Returns the data of an event. The SDK keeps text as text only where it is JSON."""
    data = e.get_data()
    return data.encode() if isinstance(data, str) else data


def same(got, want):
    assert len(got) == len(want), got
    for g, w in zip(got, want):
        assert g.get_id() == w.get_id() and g.get_source() == w.get_source() and g.get_type() == w.get_type(), g
        assert g.get_time() == w.get_time(), (g.get_time(), w.get_time())
        assert g.get_datacontenttype() == w.get_datacontenttype(), g.get_datacontenttype()
        assert g.get_extension("traced") == w.get_extension("traced"), g.get_extension("traced")
        assert content(g) == content(w), (g.get_data(), w.get_data())


sent = [
    event("1", "application/json", {"item": 7731}),
    event("2", "text/plain", "a line"),
    event("3", "application/json", [1, 2]),
    event("4", "application/octet-stream", b"\x00\x01\xff"),
    event("5", "application/json", {"name": "ü 😀"}),
]
send(to_binary_event(sent[0]))
send(to_binary_event(sent[1]))
send(to_structured_event(sent[2]))
send(to_binary_event(sent[3]))
send(to_structured_event(sent[0]))  # it is there already
# The SDK knows no batches: it makes each event, and a batch is an array of them.
batch = b"[" + b",".join(to_structured_event(e).body for e in sent) + b"]"
send(HTTPMessage({"content-type": "application/cloudevents-batch+json"}, batch))

request = urllib.request.Request(url + "/diff", headers={"Accept": "application/cloudevents-batch+json"})
with urllib.request.urlopen(request) as answer:
    batch = json.load(answer)
got = [from_http_event(HTTPMessage({"content-type": "application/cloudevents+json"}, json.dumps(e).encode())) for e in batch]
same(got, sent)
# They are passed on in binary mode.
same([from_http_event(to_binary_event(e)) for e in got], sent)
