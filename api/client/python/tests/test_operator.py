"""The calls of operators, with a real server at TOPICS_TEST_URL."""

import os
import threading
import time
import unittest
import urllib.request

from topics_client import ApiError, Client

URL = os.environ.get("TOPICS_TEST_URL", "")


@unittest.skipUnless(URL, "TOPICS_TEST_URL is not set")
class TestOperator(unittest.TestCase):
    def setUp(self):
        self.client = Client(URL, retry_for=20)
        self.addCleanup(self.client.close)
        self.client.wait_ready(20)
        self.name = "operator." + self.id().rsplit(".", 1)[1]

    def tearDown(self):
        self.client.delete_topic(self.name)

    def until(self, look):
        """Looks until there is something, and returns it."""
        while True:
            found = look()
            if found:
                return found
            time.sleep(0.01)

    def refused(self, code, call, *args, **kwargs):
        with self.assertRaises(ApiError) as raised:
            call(*args, **kwargs)
        self.assertEqual(raised.exception.code, code)

    def test_the_server(self):
        c = self.client
        me = c.whoami()
        self.assertEqual((me.key_id, me.prefixes, me.keys_required), ("anonymous", [], False))
        self.assertIn("admin-write", me.scopes)
        self.assertEqual(c.health().status, "ok")
        report = c.checks()
        self.assertEqual((report.phase, report.version), ("ready", c.health().version))
        self.assertIn(report.checks["log"].status, ("healthy", "degraded", "unhealthy"))
        c.append(self.name, [{"data": n} for n in range(3)])
        stats = c.stats(prefix=self.name)
        self.assertEqual((stats.phase, stats.within.prefixes), ("ready", [self.name]))
        self.assertEqual((set(stats.rates), c.stats().within), ({"1s", "60s"}, None))
        self.until(lambda: c.stats().topics["topics"] >= 1)  # it may be a second old
        self.assertEqual({type(v) for v in (*stats.queues.values(), *stats.connections.values(), *stats.memory.values())}, {int})
        history = c.history(span="1m", step="10s")
        self.assertEqual((history.step_ms, len(history.fsync.counts)), (10000, len(history.times)))
        self.assertLessEqual({len(values) for values in history.series.values()}, {len(history.times)})
        self.refused("invalid_request", c.history, step="1s")

    def test_requests(self):
        c, ends = self.client, []
        c.append(self.name, [{"data": 1}])

        def poll():
            try:
                c.read(self.name, 1, wait_ms=20000)
            except ApiError as error:
                ends.append(error)

        thread = threading.Thread(target=poll)
        thread.start()
        waits = self.until(lambda: [r for r in c.requests(limit=1000).requests if r.topic == self.name and r.waiting])[0]
        self.assertEqual((waits.method, waits.key_id, waits.you), ("POST", "anonymous", True))
        self.assertTrue(c.cancel_request(waits.id).cancelled)
        thread.join()
        self.assertEqual([e.code for e in ends], ["request_cancelled"])
        page = c.requests()
        (own,) = [r for r in page.requests if r.route.endswith("/v0/admin/requests")]
        self.assertEqual((own.topic, own.waiting, page.total >= 1), (None, False, True))
        self.assertEqual(c.requests(offset=1000).requests, [])
        self.refused("not_found", c.cancel_request, own.id)

    def test_sessions(self):
        c = self.client
        c.append(self.name, [{"data": 1}])
        with c.watch({self.name: {}}) as events:
            next(events)
            (session,) = c.sessions(topic=self.name).sessions
            self.assertEqual((session.kind, session.transport, session.key), ("watch", "sse", "anonymous"))
            self.assertEqual(([t.topic for t in session.topics], session.topics_total), ([self.name], 1))
            self.assertEqual(c.sessions(prefix=self.name, key="anonymous").total, 1)
            self.assertEqual(c.sessions(topic=self.name, key="other").sessions, [])
            c.close_session(session.id)
            self.refused("session_closed", list, events)
        self.until(lambda: c.sessions(topic=self.name).total == 0)
        self.refused("not_found", c.close_session, session.id)

    def test_maintenance(self):
        c = self.client
        c.append(self.name, [{"data": n} for n in range(3)])
        c.delete_records(self.name, before_seq=3)
        report = c.checkpoint()
        self.assertGreater(report.checkpoint, 0)
        self.assertGreaterEqual(c.checkpoint().start_lsn, report.start_lsn)
        self.assertIn(c.start_verify().state, ("running", "done"))
        state = self.until(lambda: (s := c.verify_state()).state != "running" and s)
        self.assertEqual((state.state, state.progress, state.error), ("done", 1.0, None))
        self.assertEqual((state.result.damages_total, state.result.damages), (0, []))
        self.assertIn(c.start_erasure().state, ("running", "done"))
        erasure = self.until(lambda: (s := c.erasure_state()).state != "running" and s)
        self.assertEqual((erasure.state, erasure.error), ("done", None))
        self.assertGreaterEqual(erasure.result.checkpoint, report.checkpoint)
        self.assertTrue(erasure.result.first_file and erasure.result.elsewhere.backups_begun_before)

    def test_backups(self):
        c = self.client
        with urllib.request.urlopen(urllib.request.Request(URL + "/v0/admin/backup", b"", {"X-Confirm": "true"})) as copy:
            self.assertTrue(copy.read())
        backup = self.until(lambda: c.backups().backups)[0]
        self.assertEqual((backup.outcome, backup.verified_at, c.backups().last_good_at), ("good", None, backup.finished_at))
        noted = c.backup_verified(backup.through_ts)
        self.assertEqual(noted.through_ts, backup.through_ts)
        self.assertEqual(c.backups().backups[0].verified_at, noted.verified_at)
        self.refused("not_found", c.backup_verified, 1)

    def test_audit(self):
        self.client.put_topic(self.name)
        (entry,) = [e for e in self.client.audit(limit=10).entries if e.target == self.name]
        self.assertEqual((entry.key, entry.route, entry.outcome), ("anonymous", "PUT /v0/topics/:topic", "ok"))


if __name__ == "__main__":
    unittest.main()
