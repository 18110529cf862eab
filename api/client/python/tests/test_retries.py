"""What is retried, with a server that answers by a script."""

import json
import select
import socket
import threading
import time
import unittest

from topics_client import ApiError, CaughtUp, Client, NoAnswer, Records, UnexpectedAnswer

WRITTEN = {
    "topic": "a", "first_seq": 1, "last_seq": 1, "seqs": [1], "head_seq": 1, "count": 1, "created": False, "deduped": False,
}  # fmt: skip
CLOSE = "Connection: close"


def answer(status, body, *headers):
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(text.encode())}", CLOSE, *headers, "", text]
    return "\r\n".join(lines).encode()


def problem(status, code, *headers):
    return answer(status, {"error": {"code": code, "message": "m"}}, *headers)


def stream(*messages):
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + "".join(messages).encode()


def event(name, data, last_id):
    return f"event: {name}\r\nid: {last_id}\r\ndata: {json.dumps(data)}\r\n\r\n"


BROKEN = b""  # the connection is closed without an answer


class Script(threading.Thread):
    """A server that gives each request the next answer, on a connection of its own.
    Requests are kept in requests."""

    def __init__(self, *answers):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.answers, self.requests = list(answers), []
        self.start()

    def run(self):
        with self.listener:
            while self.answers:
                connection, _ = self.listener.accept()
                with connection:
                    self.requests.append(self.read(connection))
                    connection.sendall(self.answers.pop(0))

    @staticmethod
    def read(connection):
        text = b""
        while b"\r\n\r\n" not in text:
            text += connection.recv(1 << 16)
        head, _, body = text.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += connection.recv(1 << 16)
        return head.decode(), body


class TestRetries(unittest.TestCase):
    def client(self, script, **options):
        client = Client(script.url, **{"retry_for": 20, **options})
        self.addCleanup(client.close)
        return client

    def append(self, key, *answers, **options):
        """Appends with these answers, and returns how many requests that took."""
        script = Script(*answers)
        try:
            self.client(script, **options).append("a", [{"data": 1}], idempotency_key=key)
        finally:
            self.took = len(script.requests)
        return self.took

    def test_refusals_are_retried(self):
        for refusal in (problem(429, "throttled"), problem(503, "not_ready"), problem(503, "shutting_down")):
            self.assertEqual(self.append(None, refusal, answer(200, WRITTEN)), 2)

    def test_unknown_outcomes_need_a_key(self):
        for unknown, error in (
            (BROKEN, NoAnswer),
            (answer(200, "{", "X: y")[:-1], NoAnswer),
            (problem(503, "storage_unavailable"), ApiError),
            (answer(502, "bad gateway"), ApiError),
            (answer(504, "late"), ApiError),
        ):
            with self.assertRaises(error):
                self.append(None, unknown, answer(200, WRITTEN))
            self.assertEqual(self.took, 1)
            self.assertEqual(self.append("k", unknown, unknown, answer(200, WRITTEN)), 3)

    def test_others_are_not(self):
        for final in (problem(400, "invalid_request"), problem(500, "internal"), problem(507, "insufficient_storage")):
            with self.assertRaises(ApiError):
                self.append("k", final, answer(200, WRITTEN))
            self.assertEqual(self.took, 1)

    def test_another_program_is_no_success(self):
        for foreign in ("welcome", "[]", "{}", '{"topic": 1}'):
            with self.assertRaises(UnexpectedAnswer):
                self.append("k", answer(200, foreign))

    def test_an_unhealthy_report_is_no_refusal(self):
        report = {
            "status": "unhealthy", "timestamp": "t", "version": "v", "node_id": "n", "uptime_seconds": 1, "phase": "ready",
            "checks": {"log": {"status": "unhealthy", "reason": "why"}}, "total_shards": 0, "active_shards": 0, "shards": [],
        }  # fmt: skip
        checks = self.client(Script(answer(503, report))).checks().checks
        self.assertEqual((checks["log"].status, checks["log"].reason), ("unhealthy", "why"))
        for refusal in (problem(503, "shutting_down"), answer(503, "of a proxy"), answer(500, report)):
            with self.assertRaises(ApiError):
                self.client(Script(refusal)).checks()
        with self.assertRaises(ApiError):  # what has a report may still be a call that has none
            self.client(Script(answer(503, report)), retry_for=0).stats()

    def test_redirects_are_not_followed(self):
        with self.assertRaisesRegex(ApiError, "307.*to /elsewhere"):
            self.append("k", answer(307, "", "Location: /elsewhere"))

    def test_retry_after_and_the_end(self):
        seen = []
        began = time.monotonic()
        self.append(None, problem(429, "throttled", "Retry-After: 1"), answer(200, WRITTEN), retrying=seen.append)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.assertEqual(seen[0].retry_after, 1)
        with self.assertRaises(ApiError):  # the last pause ends with retry_for
            self.append(None, *[problem(429, "throttled", "Retry-After: 60")] * 2, retry_for=0.1)
        self.assertEqual(self.took, 2)
        with self.assertRaises(ApiError):
            self.append(None, problem(429, "throttled"), retry_for=0)

    def test_no_server(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = "http://127.0.0.1:%d" % free.getsockname()[1]
        with self.assertRaises(NoAnswer):
            Client(url, retry_for=0.2).topic("a")

    def test_a_closed_connection_is_not_used_again(self):
        unsaid = answer(200, WRITTEN).replace(CLOSE.encode() + b"\r\n", b"")  # it closes without saying so
        client = self.client(Script(unsaid, unsaid))
        client.append("a", [{"data": 1}])
        (idle,) = client._transport._idle
        select.select([idle.sock], [], [])  # until its end is here
        client.append("a", [{"data": 1}])  # would fail if it were used: there is no key

    def test_addresses(self):
        for url in ("127.0.0.1:4000", "ftp://x", "http://x/?q", "http://"):
            with self.assertRaises(ValueError):
                Client(url)
        with self.assertRaises(ValueError):
            Client("http://x", key="a b")

    def test_watch_resumes(self):
        def session(wid, seq):
            at = {"a": {"from_seq": seq, "head_seq": 9, "earliest_seq": 1}}
            return answer(201, {"wid": wid, "stream_url": "/", "session_ttl_ms": 1, "topics": at, "last_event_id": "i0"})

        def records(*seqs):
            return event(
                "record",
                {"topic": "a", "records": [{"$seq": s, "$ts": 1, "data": s} for s in seqs],
                 "from_seq": seqs[0] - 1, "to_seq": seqs[-1], "head_seq": 9},
                f"i{seqs[-1]}",
            )  # fmt: skip

        script = Script(
            session("w1", 0),
            stream(": hb 1\r\n", records(1, 2), records(3)[:-9]),  # cut in the middle of an event
            problem(503, "shutting_down"),
            stream(records(2, 3), event("error", {"code": 503, "error": "shutting_down", "message": "m"}, "i3")),
            problem(404, "not_found"),  # a restart has forgotten the session
            session("w2", 3),
            stream(records(3, 4), event("caught-up", {"topic": "a", "head_seq": 4}, "i4"), event("later", {}, "i4")),
            problem(403, "forbidden"),
        )
        events = self.client(script).watch({"a": {"from_seq": 0}})
        got = []
        with self.assertRaises(ApiError) as raised:
            for e in events:
                got.append(e)
        self.assertEqual(raised.exception.code, "forbidden")
        self.assertEqual([r.seq for e in got if isinstance(e, Records) for r in e.records], [1, 2, 3, 4])
        self.assertIsInstance(got[-1], CaughtUp)
        heads = [head for head, _ in script.requests]
        self.assertEqual(["Last-Event-ID: i2" in head for head in heads[2:5]], [True, True, False])
        self.assertIn("Last-Event-ID: i3", heads[4])
        self.assertEqual(json.loads(script.requests[5][1])["topics"], {"a": {"from_seq": 3}})

    def test_a_silent_server_is_no_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            client = Client("http://127.0.0.1:%d" % silent.getsockname()[1], timeout=0.1)
            with self.assertRaises(NoAnswer):
                client.topic("a")


if __name__ == "__main__":
    unittest.main()
