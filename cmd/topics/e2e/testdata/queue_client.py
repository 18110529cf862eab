"""Works a queue to its end, with nothing but Python's standard library and what
the server's OpenAPI document says.

usage: queue_client.py URL QUEUE NODE

It prints the data of each job that was acked, one a line, and ends when the
queue has no jobs. While the server is away it waits.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = 60  # seconds without an answer


class Server:
    def __init__(self, url):
        self.url = url
        document = self.ask("GET", "/v0/openapi.json")
        self.operations = {
            operation["operationId"]: (method.upper(), path)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if isinstance(operation, dict) and "operationId" in operation
        }

    def call(self, operation, topic, body=None):
        """Calls an operation of the document on a topic until it is answered."""
        method, path = self.operations[operation]
        path = path.replace("{topic}", urllib.parse.quote(topic, safe=""))
        return self.ask(method, path, body)

    def ask(self, method, path, body=None):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.once(method, path, body)
            except urllib.error.HTTPError as error:
                # 503: it starts or stops. 429: it is busy. Anything else is a mistake.
                if error.code not in (429, 503) or time.monotonic() > deadline:
                    sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
                wait = float(error.headers.get("Retry-After", 1))
            except (OSError, urllib.error.URLError, ValueError) as error:
                if time.monotonic() > deadline:
                    sys.exit(f"{method} {path}: {error}")
                wait = 0.1
            time.sleep(min(wait, 0.2))

    def once(self, method, path, body):
        request = urllib.request.Request(self.url + path, method=method)
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, data, timeout=PATIENCE) as answer:
            return json.loads(answer.read())


def main(url, queue, node):
    server = Server(url)
    while True:
        claimed = server.call("claim", queue, {"node": node, "max": 5, "wait_ms": 200})["claimed"]
        if not claimed:
            if server.call("getTopic", queue)["count"] == 0:
                return
            continue
        first, rest = claimed[0], claimed[1:]
        if first["deliveries"] == 1 and first["$seq"] % 10 == 0:
            # Every tenth job fails the first time.
            back = server.call("nack", queue, holding(node, [first]))
            expect(back["nacked"] + len(back["skipped"]) == 1, back)
            claimed = rest
        server.call("extend", queue, {**holding(node, claimed), "lease_ms": 30000})
        time.sleep(0.005 * len(claimed))
        done = server.call("ack", queue, holding(node, claimed))
        expect(done["acked"] + len(done["skipped"]) == len(claimed), done)
        for job in claimed:
            # What was skipped will come again, or was acked by an attempt whose answer
            # was lost.
            if job["$seq"] not in done["skipped"] or done["reasons"][str(job["$seq"])] == "gone":
                print(json.dumps(job["data"]), flush=True)


def holding(node, jobs):
    return {"node": node, "seqs": [j["$seq"] for j in jobs], "lease_ids": [j["lease_id"] for j in jobs]}


def expect(holds, answer):
    if not holds:
        sys.exit(f"unexpected: {answer}")


if __name__ == "__main__":
    main(*sys.argv[1:])
