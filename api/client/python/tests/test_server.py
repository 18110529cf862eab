"""Every method, with a real server at TOPICS_TEST_URL."""

import os
import threading
import time
import unittest

from topics_client import (
    ApiError,
    CaughtUp,
    Client,
    LeaseLost,
    Records,
    RecordsLost,
    Reject,
    Retry,
    Stopped,
    TopicDeleted,
    Unstarted,
    WorkOptions,
)

URL = os.environ.get("TOPICS_TEST_URL", "")


@unittest.skipUnless(URL, "TOPICS_TEST_URL is not set")
class TestServer(unittest.TestCase):
    def setUp(self):
        self.client = Client(URL, retry_for=20)
        self.addCleanup(self.client.close)
        self.client.wait_ready(20)
        self.name = self.id().rsplit(".", 1)[1]

    def tearDown(self):
        for topic in list(self.client.topics(prefix=self.name)):
            self.client.delete_topic(topic.topic)

    def queue(self, **config):
        self.client.put_topic(self.name, {"type": "queue", **config})
        return self.name

    def assert_code(self, code, call, *args, **kwargs):
        with self.assertRaises(ApiError) as raised:
            call(*args, **kwargs)
        self.assertEqual(raised.exception.code, code)
        return raised.exception

    def test_topics(self):
        c, a = self.client, self.name + ".a"
        made = c.put_topic(a, {"durability": "fsync", "priority": 7, "cap_records": 10})
        self.assertTrue(made.created)
        self.assertEqual((made.config.durability, made.config.priority, made.config.type), ("fsync", 7, "log"))
        changed = c.patch_topic(a, {"priority": None, "ttl_ms": 60000})
        self.assertEqual((changed.config.priority, changed.config.ttl_ms, changed.config.cap_records), (None, 60000, 10))
        c.put_topic(self.name + ".b")
        self.assertEqual([t.topic for t in c.topics(prefix=self.name)], [a, self.name + ".b"])
        self.assertEqual([t.topic for t in c.topics(prefix=self.name, class_="fsync")], [a])
        c.append(a, [{"data": 1}])
        self.assertEqual((c.topic(a).head_seq, c.topic(a).queue), (1, None))
        self.assert_code("topic_not_empty", c.delete_topic, a, if_empty=True)
        self.assertTrue(c.delete_topic(a).deleted)
        self.assertFalse(c.delete_topic(a).deleted)
        self.assertEqual(self.assert_code("topic_not_found", c.topic, a).detail["topic"], a)
        self.assert_code("invalid_request", c.put_topic, "not a name")
        self.assert_code("invalid_request", c.put_topic, a, {"tttl_ms": 1})  # no unknown name is ignored

    def test_append_and_read(self):
        c, a = self.client, self.name
        records = [{"data": {"n": 1, "s": "ä\n"}, "tag": "x", "node": "n1", "meta": {"k": "v"}}, {"data": None}]
        written = c.append(a, records, idempotency_key="k", config={"durability": "fsync"})
        self.assertEqual((written.seqs, written.created, written.deduped), ([1, 2], True, False))
        again = c.append(a, records, idempotency_key="k")
        self.assertEqual((again.seqs, again.deduped), ([1, 2], True))
        self.assertEqual(c.append(a, [{"data": 3}], expected_head_seq=2, return_seqs=False).seqs, [])
        self.assertEqual(self.assert_code("seq_mismatch", c.append, a, [{"data": 4}], expected_head_seq=2).status, 409)
        self.assert_code("topic_not_found", c.append, a + ".none", [{"data": 1}], create=False)
        with self.assertRaises(ValueError):
            c.append(a, [{"data": float("nan")}])
        batch = c.read(a, include_tags=True, limit=2)
        first = batch.records[0]
        self.assertEqual((first.seq, first.data, first.tag, first.node), (1, {"n": 1, "s": "ä\n"}, "x", "n1"))
        self.assertEqual((first.meta, batch.records[1].data, batch.caught_up), ({"k": "v"}, None, False))
        batch = c.read(a, batch.next_from_seq)
        self.assertEqual(([r.data for r in batch.records], batch.caught_up), ([3], True))
        self.assertEqual([r.seq for r in c.read(a, match="x").records], [1])
        self.assertEqual([r.seq for r in c.read(a, node=["n1"]).records], [2, 3])
        self.assertEqual(c.read(a, from_ts=first.ts).from_seq, 0)
        threading.Timer(0.2, c.append, (a, [{"data": "late"}])).start()
        self.assertEqual([r.data for r in c.read(a, 3, wait_ms=20000).records], ["late"])
        self.assertEqual((c.preview_records(a, match="x").count, c.preview_topic(a).count), (1, 4))
        self.assertEqual(c.delete_records(a, match="x").deleted, 1)
        self.assertEqual(c.delete_records(a, before_seq=4).deleted, 2)

    def lossy(self):
        """A topic whose records 1 to 3 are evicted."""
        self.client.put_topic(self.name, {"cap_records": 2})
        for n in range(5):
            self.client.append(self.name, [{"data": n}])
        return self.name

    def test_losses_cannot_be_overlooked(self):
        c, a, lost = self.client, self.lossy(), []
        with self.assertRaises(RecordsLost) as raised:
            c.read(a)
        gap = raised.exception.tombstone
        self.assertEqual((gap.topic, gap.gap_from, gap.gap_to, gap.reason), (a, 1, 3, "cap"))
        self.assertEqual([r.seq for r in c.read(a, gap.gap_to).records], [4, 5])
        self.assertEqual([r.seq for r in c.read(a, on_loss=lost.append).records], [4, 5])
        for events in (c.watch({a: {"from_seq": 0}}), c.follow(a)):
            with events:
                with self.assertRaises(RecordsLost):
                    next(events)
                self.assertEqual([r.seq for r in next(events).records], [4, 5])
                self.assertIsInstance(next(events), CaughtUp)
        for events in (c.watch({a: {"from_seq": 0}}, on_loss=lost.append), c.follow(a, on_loss=lost.append)):
            with events:
                self.assertIsInstance(next(events), Records)
        self.assertEqual([(g.gap_from, g.gap_to) for g in lost], [(1, 3)] * 3)

    def test_watch(self):
        c, a = self.client, self.name + ".a"
        c.append(a, [{"data": n, "tag": "x"} for n in range(3)])
        with c.watch({a: {"from_seq": 1}}, prefixes={self.name: {}}, include_tags=True) as events:
            got = next(events)
            self.assertEqual(([r.seq for r in got.records], got.records[0].tag), ([2, 3], "x"))
            self.assertIsInstance(next(events), CaughtUp)
            c.append(self.name + ".b", [{"data": "of the prefix"}])
            got = next(e for e in events if isinstance(e, Records))
            self.assertEqual((got.topic, got.records[0].data), (self.name + ".b", "of the prefix"))
            c.delete_topic(a)
            self.assertEqual(next(e for e in events if isinstance(e, TopicDeleted)).topic, a)
        self.assertEqual(list(events), [])
        self.assert_code("topic_not_found", next, c.watch({self.name + ".none": {}}))
        waiting = c.watch(prefixes={self.name: {"tail": True}})
        threading.Timer(0.2, waiting.close).start()
        self.assertFalse([e for e in waiting if isinstance(e, Records)])

    def test_routers(self):
        c, r = self.client, self.name
        made = c.put_router(r, {"source": r + ".a", "dest": r + ".b", "filter": "x*"})
        self.assertTrue(made.created)
        self.assertEqual(made.filter, ["tag", "Glob", "x*"])
        c.append(r + ".a", [{"data": 1, "tag": "x1"}, {"data": 2}])
        self.assertEqual([x.data for x in c.read(r + ".b", wait_ms=20000).records], [1])
        self.assertEqual([x.router for x in c.routers(prefix=r)], [r])
        self.assertEqual((c.router(r).state, c.router(r).source), ("ok", r + ".a"))
        self.assert_code("router_cycle", c.put_router, r + "2", {"source": r + ".b", "dest": r + ".a"})
        self.assertTrue(c.delete_router(r).deleted)
        self.assert_code("router_not_found", c.router, r)

    def test_jobs(self):
        c, q = self.client, self.queue(dead_letter=self.name + ".dead")
        c.append(q, [{"data": n, "group": f"g{n}", "priority": n % 2} for n in range(4)])
        twins = c.append(q, [{"data": "u", "unique_key": "u"}, {"data": "u", "unique_key": "u", "delay_ms": 60000}])
        self.assertEqual((twins.seqs, twins.deduped_seqs), ([5, 5], [5]))
        claimed = c.claim(q, "w", max=4, lease_ms=60000)
        jobs = claimed.claimed
        self.assertEqual(([j.data for j in jobs], claimed.ready), ([1, 3, 0, 2], 1))
        self.assertEqual((jobs[0].group, jobs[0].priority, jobs[0].deliveries), ("g1", 1, 1))
        self.assertEqual(set(c.extend(q, "w", jobs, lease_ms=70000).deadlines), {1, 2, 3, 4})
        done = c.ack(q, "w", jobs[:1], then=[{"topic": q + ".then", "records": [{"data": "next"}]}])
        self.assertEqual((done.acked, done.then[0].seqs), (1, [1]))
        again = c.ack(q, "w", jobs[:1])
        self.assertEqual((again.acked, again.skipped, again.reasons), (0, [2], {2: "gone"}))
        write = {"topic": q + ".then", "records": [{"data": "none"}]}
        self.assert_code("nothing_acked", c.ack, q, "w", jobs[:1], then=[write])
        self.assertEqual(c.nack(q, "w", jobs[1:2], delay_ms=60000).nacked, 1)
        self.assertEqual([j.seq for j in c.jobs(q, "delayed")], [4])
        self.assertEqual(c.promote(q, [4]).promoted, 1)
        self.assertEqual([j.lease_id for j in c.in_flight(q)], [jobs[2].lease_id, jobs[3].lease_id])
        self.assertEqual(c.release(q, [1]).released, 1)
        self.assertEqual(c.nack(q, "w", jobs[3:], dead=True, reason="no").nacked, 1)
        self.assertEqual(c.topic(q).queue.dead_lettered, 1)
        self.assert_code("not_a_queue", c.claim, q + ".then", "w")

    def test_dead_letters(self):
        c, q = self.client, self.queue(dead_letter=self.name + ".dead")
        c.append(q, [{"data": n, "tag": f"t{n}"} for n in range(4)])
        c.nack(q, "w", c.claim(q, "w", max=4).claimed, dead=True, reason="no")
        dead = list(c.dead_letters(q))
        self.assertEqual([(d.data, d.source_seq, d.reason, d.deliveries) for d in dead], [(n, n + 1, "no", 1) for n in range(4)])
        self.assertEqual([d.data for d in c.dead_letters(q, match=["tag", "Eq", "t2"])], [2])
        back = c.redrive(q, seqs=[dead[0].seq])
        self.assertEqual((back.count, back.left), (1, 3))
        self.assertEqual(c.delete_dead_letter(q, dead[1].seq).count, 1)
        self.assertEqual((c.purge_dead_letters(q, dry_run=True).count, c.redrive(q, dry_run=True).count), (2, 2))
        self.assertEqual(c.purge_dead_letters(q, reason="no", limit=1).count, 1)
        self.assertEqual(c.redrive(q).count, 1)
        self.assertEqual(sorted(j.data for j in c.claim(q, "w", max=9).claimed), [0, 3])

    def work(self, handler, until, **options):
        """Works until so many jobs have ended, and returns how."""
        ended = []

        def note(end):
            ended.append(end)
            if len(ended) == until:
                worker.stop()

        worker = self.client.worker(self.name, handler, WorkOptions(ended=note, **options))
        worker.run()
        return ended

    def wait_for_extension(self, job, lease):
        """Waits until the lease of a job ends later than when it was delivered."""
        while True:
            (held,) = [j for j in self.client.in_flight(self.name) if j.seq == job.seq]
            if held.deadline > job.deadline:
                return
            lease.wait(0.05)

    def test_worker(self):
        c, q = self.client, self.queue(lease_ms=300, dead_letter=self.name + ".dead")
        c.append(q, [{"data": d} for d in ("long", "retry", "reject", "unstarted", "fail", "ok")])
        attempts = {}

        def handle(job, lease):
            attempts[job.data] = attempts.get(job.data, 0) + 1
            if job.data == "long":
                self.wait_for_extension(job, lease)
            elif job.data == "reject":
                raise Reject("never " + "ä" * 1000)
            elif job.data != "ok" and attempts[job.data] == 1:
                raise {"retry": Retry(50), "unstarted": Unstarted(), "fail": KeyError("x")}[job.data]

        ended = self.work(handle, 9, parallel=2, lease_ms=6000)
        self.assertEqual(attempts, {"long": 1, "retry": 2, "reject": 1, "unstarted": 2, "fail": 2, "ok": 1})
        self.assertFalse([e for e in ended if e.lost or e.failure or e.unbegun], ended)
        self.assertEqual({e.job.data: e.job.deliveries for e in ended if e.error is None}["unstarted"], 1)
        self.assertEqual(c.topic(q).count, 0)
        (dead,) = c.dead_letters(q)
        self.assertTrue(dead.reason.startswith("never ää") and len(dead.reason.encode()) <= 1024)

    def test_worker_loses_a_lease(self):
        c, q = self.client, self.queue(lease_ms=60000)
        c.append(q, [{"data": 1}])
        raised = []

        def handle(job, lease):
            if not raised:
                c.release(q, [job.seq])
                try:
                    lease.wait(30)
                except LeaseLost as error:
                    raised.append(error)
                    raise

        ended = self.work(handle, 2, parallel=1)
        self.assertEqual(raised[0].reason, "released")
        self.assertEqual([e.lost for e in ended], ["released", ""])
        self.assertEqual(c.topic(q).count, 0)

    def test_worker_stops(self):
        c, q = self.client, self.queue()
        c.append(q, [{"data": n} for n in range(3)])
        begun = threading.Event()

        def handle(job, lease):
            begun.set()
            lease.wait(60)

        ended = []
        worker = c.worker(q, handle, WorkOptions(parallel=1, ahead=1, stop_after=0.1, ended=ended.append))
        thread = threading.Thread(target=worker.run)
        thread.start()
        self.assertTrue(begun.wait(20))
        while c.topic(q).queue.in_flight != 2:
            time.sleep(0.01)
        worker.stop()
        thread.join(20)
        self.assertFalse(thread.is_alive())
        # The one ahead may be on its way here, and goes back without having come.
        self.assertEqual([type(e.error) for e in ended if not e.unbegun], [Stopped])
        counts = c.topic(q).queue
        self.assertEqual((counts.ready, counts.in_flight), (3, 0))
        self.assertEqual([j.deliveries for j in c.claim(q, "w", max=3).claimed], [1, 1, 1])  # nothing counted

    def test_worker_of_a_queue_that_goes(self):
        q = self.queue()
        worker = self.client.worker(q, lambda job, lease: None)
        threading.Timer(0.3, self.client.delete_topic, (q,)).start()
        self.assert_code("topic_not_found", worker.run)


if __name__ == "__main__":
    unittest.main()
