"""Sends events with the SDK of CloudEvents to a server, and reads them back.

python3 sdk.py URL
"""

import json
import sys
import urllib.request
from datetime import datetime, timezone

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
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


sent = [
    event("1", "application/json", {"item": 7731}),
    event("2", "text/plain", "a line"),
    event("3", "application/json", [1, 2]),
]
send(to_binary_event(sent[0]))
send(to_binary_event(sent[1]))
send(to_structured_event(sent[2]))
send(to_structured_event(sent[0]))  # it is there already

request = urllib.request.Request(url + "/diff", headers={"Accept": "application/cloudevents-batch+json"})
with urllib.request.urlopen(request) as answer:
    batch = json.load(answer)
got = [JSONFormat().read(CloudEvent, json.dumps(e)) for e in batch]
assert len(got) == len(sent), batch
for g, s in zip(got, sent):
    assert g.get_id() == s.get_id() and g.get_source() == s.get_source() and g.get_type() == s.get_type(), g
    assert g.get_time() == s.get_time(), (g.get_time(), s.get_time())
    assert g.get_extension("traced") == s.get_extension("traced"), g.get_extension("traced")
    data = g.get_data()
    if isinstance(data, bytes):
        data = data.decode()
    assert data == s.get_data(), (data, s.get_data())
