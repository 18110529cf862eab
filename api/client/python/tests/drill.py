"""Writes, watches and works while the server is killed, and prints what it knows.

usage: drill.py URL

Each line of the output is a JSON object with one of these: written (a topic, seqs
and data, acknowledged), seen (records of a watch), lost (a tombstone), begun, done
and back (jobs: given to a handler, acked, returned to the queue). When the first
line of the input comes, nothing more is written, and {"quiet": true} is printed.
When the input ends, the worker and the watch are stopped.
"""

import json
import sys
import threading

from topics_client import Client, Records, TopicsError, WorkOptions

LOG, QUEUE, WRITERS, BATCH = "drill-log", "drill-queue", 3, 5
LEASE_MS = 1000


class Drill:
    def __init__(self, url):
        self.client = Client(url, retry_for=60)
        self.quiet = threading.Event()
        self.mu = threading.Lock()

    def print(self, **line):
        with self.mu:
            print(json.dumps(line), flush=True)

    def write(self, topic, writer):
        """Appends batches, each with a key, one after the other."""
        number = 0
        while not self.quiet.wait(0.005):
            data = [f"{topic}-{writer}-{number + n}" for n in range(BATCH)]
            number += BATCH
            records = [{"data": d} for d in data]
            if topic == QUEUE:
                for n, record in enumerate(records):
                    record.update(group=f"group-{n}", priority=number % 3)
            written = self.client.append(topic, records, idempotency_key=data[0])
            self.print(written={"topic": topic, "seqs": written.seqs, "data": data})

    def watch(self, watch):
        for event in watch:
            if isinstance(event, Records):
                self.print(seen=[{"seq": r.seq, "data": r.data} for r in event.records])

    def handle(self, job, lease):
        self.print(begun={"seq": job.seq, "data": job.data, "lease": job.lease_id})
        lease.wait(LEASE_MS * 1.5 / 1000 if job.seq % 50 == 25 else 0.005)  # some take longer than a lease
        if job.seq % 10 == 0 and job.deliveries == 1:
            raise RuntimeError("every tenth job fails the first time")

    def ended(self, end):
        if end.unbegun:
            return
        name = "done" if end.error is None and not end.lost and not end.failure else "back"
        self.print(**{name: {"seq": end.job.seq, "data": end.job.data, "why": end.lost or str(end.failure or end.error or "")}})

    def run(self):
        def lost(tombstone):
            self.print(lost={"from": tombstone.gap_from, "to": tombstone.gap_to, "reason": tombstone.reason})

        watch = self.client.watch({LOG: {"from_seq": 0}}, on_loss=lost)
        worker = self.client.worker(
            QUEUE, self.handle, WorkOptions(parallel=6, ahead=2, lease_ms=LEASE_MS, ended=self.ended)
        )
        writers = [self.thread(self.write, LOG, n) for n in range(WRITERS)] + [self.thread(self.write, QUEUE, 0)]
        others = [self.thread(self.watch, watch), self.thread(worker.run)]
        sys.stdin.readline()
        self.quiet.set()
        for thread in writers:
            thread.join()
        self.print(quiet=True)
        sys.stdin.read()
        worker.stop()
        watch.close()
        for thread in others:
            thread.join()

    def thread(self, target, *args):
        def run():
            try:
                target(*args)
            except TopicsError as error:
                self.print(error=repr(error))
                raise

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread


if __name__ == "__main__":
    Drill(sys.argv[1]).run()
