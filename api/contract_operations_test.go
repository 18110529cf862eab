package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/api/metrics"
	"github.com/e6e95bb8/topics/api/wire"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/wal"
)

// beating is a server whose watchdog has just been heard of.
func beating(o *Options) { o.Now = o.Health.LastBeat }

// Section 0 and section 2 of the operations: HEAD wherever GET, OPTIONS with
// Allow, 405 with Allow, on every route there is.
func TestContractMethods(t *testing.T) {
	overBoth(t, beating, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/x", `{"records":[{}]}`, 201, ``}, step{"PUT /v0/routers/x", `{"source":"x","dest":"y"}`, 201, ``})
		allowed := map[string][]string{}
		for _, rt := range s.routes() {
			path := target(rt.Pattern, "x")
			allowed[path] = append(allowed[path], rt.Method)
			if rt.Method == "GET" {
				allowed[path] = append(allowed[path], "HEAD")
			}
		}
		for path, methods := range allowed {
			a := s.send("OPTIONS "+path, "")
			if a.status != 204 {
				t.Errorf("OPTIONS %s: %d", path, a.status)
			}
			allow := a.header.Get("Allow")
			for _, method := range []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "TRACE", "BREW"} {
				takes := fmt.Sprintf(" %s,", method)
				if there := strings.Contains(" "+allow+",", takes); there != strings.Contains(" "+strings.Join(methods, ", ")+",", takes) {
					t.Errorf("%s: Allow %q", path, allow)
				} else if !there {
					if a := s.send(method+" "+path, ""); a.status != 405 || a.header.Get("Allow") != allow {
						t.Errorf("%s %s: %d, Allow %q, want %q", method, path, a.status, a.header.Get("Allow"), allow)
					}
				}
			}
			if strings.Contains(allow, "GET") && path != "/v0/ws" && !strings.HasSuffix(path, "api.json") { // those have no performance
				get, head := s.send("GET "+path, ""), s.send("HEAD "+path, "")
				if get.status != head.status || get.header.Get("Content-Type") != head.header.Get("Content-Type") {
					t.Errorf("%s: GET %d %v, HEAD %d %v", path, get.status, get.header, head.status, head.header)
				}
			}
		}
	})
}

// Operations, section 2: the probes of a ready server. Every phase is proven
// without a listener.
func TestContractProbes(t *testing.T) {
	overBoth(t, beating, func(t *testing.T, s *contractServer) {
		s.walk(step{"PUT /v0/topics/t", ``, 201, ``})
		const health, ready = `{"status":"ok","version":"test","uptime_ms":"(any)"}`, `{"status":"ready","wal_replay_complete":true,"topics":1,"checks":{}}`
		const full = `{"status":"healthy","timestamp":"(any)","version":"test","node_id":"(any)","uptime_seconds":"(any)","phase":"ready","checks":{},"total_shards":1,"active_shards":1,"shards":"(any)"}`
		s.walk(
			step{"GET /v0/health", ``, 200, health}, step{"GET /healthz", ``, 200, health},
			step{"GET /v0/ready", ``, 200, ready}, step{"GET /readyz", ``, 200, ready},
			step{"GET /startupz", ``, 200, `{"status":"started","startup_time_seconds":"(any)"}`},
			step{"GET /live", ``, 200, full}, step{"GET /ready", ``, 200, full}, step{"GET /health", ``, 200, full},
			step{"GET /actuator/health/liveness", ``, 200, `{"status":"UP","components":{"livenessProbe":{"status":"UP","details":{}}}}`},
			step{"GET /actuator/health/readiness", ``, 200, `{"status":"UP","components":{"readinessProbe":{"status":"UP","details":{}}}}`},
			step{"GET /actuator/info", ``, 200, `{"app":{"name":"topics","version":"test"},"build":{},"config":{}}`},
		)
		if a := s.send("GET /health/quick", ""); a.status != 200 || string(a.body) != "OK" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
	})
}

// Section 0 and section 1 of the operations: while the log is replayed, and
// when the server stops, every route but the probes is 503, by its phase.
func TestContractNotReady(t *testing.T) {
	for proto, client := range clients(t) {
		t.Run(proto, func(t *testing.T) {
			world := newWorld()
			world.progress = replaying
			server := New(Options{Version: "test", Hosts: testHosts, Gate: world, Health: world, Log: zerolog.Nop(), Now: world.LastBeat})
			addr, _ := serve(t, server)
			defer client.CloseIdleConnections()
			s := &contractServer{&realServer{Server: server, addr: addr}, t, client, nil}
			const progress = `"replay_progress":0.62,"phase":"replaying","bytes_done":62,"bytes_total":100,"records":5,"elapsed_ms":2000,"eta_ms":1500`
			s.walk(step{"GET /v0/ready", ``, 503, `{"error":{"code":"not_ready","message":"WAL replay in progress","detail":{` + progress + `}}}`},
				step{"GET /v0/health", ``, 200, `{"status":"ok"}`}, step{"GET /healthz", ``, 200, ``}, step{"GET /v0/metrics", ``, 200, ``}, step{"GET /v0/nothing", ``, 404, ``},
				step{"GET /v0/recovery", ``, 503, refusal("not_ready")})
			everyRoute := func(want string) {
				t.Helper()
				for _, rt := range server.routes() {
					if !rt.Kind.Gated() {
						continue
					}
					if a := s.send(rt.Method+" "+target(rt.Pattern, "x"), ""); a.status != 503 || a.differs(want) != "" {
						t.Errorf("%s %s: %d %s", rt.Method, rt.Pattern, a.status, a.body)
					}
				}
			}
			everyRoute(`{"error":{"code":"not_ready","detail":{` + progress + `}}}`)
			server.StopServing()
			everyRoute(refusal("shutting_down"))
		})
	}
}

// Operations, section 3: every family and every JSON field that is named there,
// and who gets which form.
func TestContractMetrics(t *testing.T) {
	overBoth(t, func(o *Options) {
		o.WAL = func() wal.Stats { return wal.Stats{} }
		o.Disk = func() (uint64, uint64) { return 1, 2 }
		o.Storage = workingStorage()
	}, func(t *testing.T, s *contractServer) {
		s.ObserveGroup(wal.Group{})
		s.walk(step{"POST /v0/topics/t", `{"records":[{}]}`, 201, ``}, step{"PUT /v0/routers/r", `{"source":"t","dest":"u"}`, 201, ``})
		text := string(s.send("GET /v0/metrics", "").body)
		e := parseExposition(t, text)
		for _, family := range strings.Fields(`topics_topics topics_topics_by_class topics_routers topics_records_live topics_bytes_live topics_queue_topics
			topics_queue_leases_in_flight topics_sse_connections topics_ws_connections topics_watch_sessions topics_ready topics_recovery_progress topics_uptime_ms
			topics_pressure topics_build_info topics_topic_head_seq topics_topic_earliest_seq topics_topic_records_live topics_topic_bytes_live
			topics_topic_metrics_truncated topics_wal_frames_total topics_wal_batches_total topics_wal_fsyncs_total topics_wal_bytes_written_total
			topics_wal_rotations_total topics_wal_queue_depth topics_wal_queue_depth_peak topics_wal_submit_full_total topics_wal_read_only
			topics_wal_fsync_latency_us topics_http_requests_total topics_http_request_duration_seconds topics_appended_records_total topics_appended_bytes_total
			topics_delivered_records_total topics_delivered_bytes_total topics_evicted_records_total go_goroutines process_start_time_seconds`) {
			if _, ok := e.kinds[family]; !ok || !strings.Contains(text, "# HELP "+family+" ") {
				t.Errorf("no %s", family)
			}
		}
		for series, want := range map[string]float64{
			`topics_topics`: 2, `topics_routers`: 1, `topics_ready`: 1, `topics_topic_head_seq{topic="t"}`: 1, `topics_topics_by_class{class="disk"}`: 2,
			`topics_http_requests_total{route="/v0/topics/:topic",method="POST",code="201"}`: 1,
		} {
			if got := e.values[series]; got != want {
				t.Errorf("%s is %v, want %v", series, got, want)
			}
		}
		for _, le := range []string{"50", "500", "1e+07", "+Inf"} {
			if _, ok := e.values[`topics_wal_fsync_latency_us_bucket{le="`+le+`"}`]; !ok {
				t.Errorf("no bucket %s", le)
			}
		}
		a := s.send("GET /metrics", "", "Accept", "application/json")
		for _, name := range strings.Fields(`topics topics_ephemeral topics_memory topics_disk topics_fsync routers records_live bytes_live queue_topics queue_leases_in_flight
			sse_connections ws_connections watch_sessions ready replay_progress uptime_ms wal`) {
			if a.raw(name) == "" {
				t.Errorf("no %s in the JSON", name)
			}
		}
		w := answer{body: []byte(a.raw("wal"))}
		for _, name := range strings.Fields(`fsyncs frames batches bytes_written rotations queue_depth queue_depth_peak submit_full_total read_only fsync_count
			fsync_micros_total fsync_p50_us fsync_p99_us`) {
			if w.raw(name) == "" {
				t.Errorf("no wal.%s in the JSON", name)
			}
		}
		if w.raw("read_only") != "0" || a.raw("ready") != "true" {
			t.Errorf("%s", a.body)
		}
		for accept, media := range map[string]string{
			"": metrics.MediaText, "*/*": metrics.MediaText, "application/json": wire.MediaJSON, "application/json;q=0.1, text/plain;q=0.9": metrics.MediaText, "text/plain;q=0.3, application/json;q=0.4": wire.MediaJSON,
			"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2": metrics.MediaText,
		} {
			if got := s.send("GET /v0/metrics", "", "Accept", accept).header.Get("Content-Type"); got != media {
				t.Errorf("%q gets %s", accept, got)
			}
		}
	})
}

// Operations, section 4: who may do what, names in bodies included.
func TestContractScopes(t *testing.T) {
	keys, err := auth.Parse("root,r1:read,w1:w,d1:delete,a1:a,rw1:rw,mix:r+d:in|on,pre::in")
	if err != nil {
		t.Fatal(err)
	}
	overBoth(t, func(o *Options) { o.Keys = keys }, func(t *testing.T, s *contractServer) {
		as := func(key, ask, body string) *answer { return s.send(ask, body, "Authorization", "Bearer "+key) }
		as("root", "PUT /v0/topics/in", "")
		as("root", "PUT /v0/topics/out", "")
		for _, tc := range []struct{ ask, body, may string }{
			{"GET /v0/topics/in", ``, "root r1 rw1 mix pre"}, {"GET /v0/topics", ``, "root r1 rw1 mix pre"}, {"POST /v0/topics/in/diff", `{}`, "root r1 rw1 mix pre"},
			{"GET /v0/topics/out", ``, "root r1 rw1"}, {"POST /v0/topics/in", `{"records":[{}]}`, "root w1 rw1 pre"}, {"POST /v0/topics/out", `{"records":[{}]}`, "root w1 rw1"},
			{"POST /v0/topics/in", `{"records":[{}],"config":{}}`, "root pre"}, {"PUT /v0/topics/in", `{}`, "root a1 pre"}, {"PATCH /v0/topics/in", `{}`, "root a1 pre"},
			{"PUT /v0/topics/in", `{"dead_letter":"out"}`, "root a1"}, {"POST /v0/topics/in/delete", `{"before_seq":0}`, "root d1 mix pre"},
			{"DELETE /v0/topics/in9", ``, "root d1 mix pre"}, {"DELETE /v0/topics/out9", ``, "root d1"}, {"DELETE /v0/routers/in9", ``, "root d1 mix pre"},
			{"PUT /v0/routers/in", `{"source":"in","dest":"in2"}`, "root a1 pre"}, {"PUT /v0/routers/in3", `{"source":"in","dest":"out"}`, "root a1"},
			{"POST /v0/watch", `{"topics":{"in":{}}}`, "root r1 rw1 mix pre"}, {"POST /v0/watch", `{"topics":{"in":{},"out":{}}}`, "root r1 rw1"},
			{"POST /v0/watch", `{"prefixes":{"out":{}}}`, "root r1 rw1"}, {"GET /v0/metrics", ``, "root r1 a1 rw1 mix pre"}, {"GET /v0/admin/stats", ``, "root a1 pre"},
			{"GET /v0/health", ``, "root r1 w1 d1 a1 rw1 mix pre"},
		} {
			for _, key := range []string{"root", "r1", "w1", "d1", "a1", "rw1", "mix", "pre"} {
				a := as(key, tc.ask, tc.body)
				if may := strings.Contains(" "+tc.may+" ", " "+key+" "); may != (a.status != 403) || a.status >= 404 {
					t.Errorf("%s %s with %s: %d %s", tc.ask, tc.body, key, a.status, a.body)
				}
			}
			if a := s.send(tc.ask, tc.body); (a.status == 401) != (tc.ask != "GET /v0/health") {
				t.Errorf("%s without a key: %d", tc.ask, a.status)
			}
		}
		if a := as("pre", "GET /v0/topics", ""); strings.Contains(string(a.body), `"out`) || !strings.Contains(string(a.body), `"in"`) {
			t.Errorf("listed %s", a.body)
		}
		wid := as("r1", "POST /v0/watch", `{"topics":{"in":{}}}`).text("stream_url")
		if a := as("root", "HEAD "+wid, ""); a.status != 404 {
			t.Errorf("another key's stream: %d", a.status)
		}
		for ask, status := range map[string]int{"HEAD " + wid + "?token=r1": 200, "HEAD " + wid + "?token=rx": 401, "GET /v0/topics?token=r1": 401} {
			if a := s.send(ask, ""); a.status != status {
				t.Errorf("%s: %d", ask, a.status)
			}
		}
	})
}

// Operations, section 4, caps: updates pass, and what is refused leaves nothing.
func TestContractCaps(t *testing.T) {
	overBoth(t, func(o *Options) { o.Limits.MaxTotalBytes = 40 }, func(t *testing.T, s *contractServer) {
		capped := func(limit string, max int) string {
			return fmt.Sprintf(`{"error":{"code":"throttled","detail":{"limit":%q,"max":%d,"retry_after_ms":"(absent)"}}}`, limit, max)
		}
		s.walk(
			step{"PUT /v0/topics/a", ``, 201, ``}, step{"PUT /v0/routers/r", `{"source":"a","dest":"b"}`, 201, ``},
			step{"PUT /v0/routers/r2", `{"source":"a","dest":"b"}`, 429, capped("max_routers", 1)}, step{"PUT /v0/routers/r", `{"source":"a","dest":"b","filter":"x"}`, 200, ``},
			step{"PUT /v0/topics/c", ``, 201, ``},
			step{"PUT /v0/topics/d", ``, 429, capped("max_topics", 3)}, step{"POST /v0/topics/d", `{"records":[{}]}`, 429, capped("max_topics", 3)},
			step{"GET /v0/topics/d", ``, 404, ``}, step{"PUT /v0/topics/c", `{"ttl_ms":1000000}`, 200, ``}, step{"POST /v0/topics/c", `{"records":[{}]}`, 200, ``},
			step{"PUT /v0/routers/r", `{"source":"x","dest":"y"}`, 429, capped("max_topics", 3)}, step{"GET /v0/topics/x", ``, 404, ``}, step{"GET /v0/routers/r", ``, 200, `{"source":"a"}`},
			step{"DELETE /v0/topics/b", ``, 200, `{"routers_removed":["r"]}`}, step{"PUT /v0/routers/r2", `{"source":"a","dest":"c"}`, 201, ``}, step{"PUT /v0/topics/d", ``, 201, ``},
			step{"POST /v0/topics/d", `{"records":[{"data":"` + strings.Repeat("x", 40) + `"}]}`, 429, capped("max_total_bytes", 40)}, step{"GET /v0/topics/d", ``, 200, `{"head_seq":0}`},
			step{"POST /v0/topics/d", `{"records":[{"data":"` + strings.Repeat("x", 20) + `"}]}`, 200, ``},
		)
	}, func(o *recovery.Options) { o.Topics.MaxTopics, o.Topics.MaxRouters = 3, 1 })
}

// Operations, section 4: the memory of idempotency keys is capped like the rest.
func TestContractKeyBudget(t *testing.T) {
	overBoth(t, func(*Options) {}, func(t *testing.T, s *contractServer) {
		const full = `{"error":{"code":"throttled","detail":{"limit":"idempotency_bytes","max":1,"retry_after_ms":"(absent)"}}}`
		keyed := func(key string) string { return `{"records":[{"data":1}],"idempotency_key":"` + key + `"}` }
		s.walk(
			step{"POST /v0/topics/a", keyed("k"), 201, `{"first_seq":1}`},
			step{"POST /v0/topics/a", keyed("l"), 429, full}, step{"POST /v0/topics/b", keyed("k"), 429, full}, step{"GET /v0/topics/b", ``, 404, ``},
			step{"GET /v0/topics/a", ``, 200, `{"head_seq":1}`},
			step{"POST /v0/topics/a", keyed("k"), 200, `{"first_seq":1,"deduped":true}`}, step{"POST /v0/topics/a", `{"records":[{"data":2}]}`, 200, `{"first_seq":2}`},
			step{"DELETE /v0/topics/a", ``, 200, ``}, step{"POST /v0/topics/b", keyed("k"), 201, `{"first_seq":1}`},
		)
	}, func(o *recovery.Options) { o.Topics.IdempotencyBytes = 1 })
}

// The memory of ephemeral records is a share, too: beyond it writes are throttled, and
// nothing is appended until records go.
func TestContractEphemeralBudget(t *testing.T) {
	overBoth(t, func(*Options) {}, func(t *testing.T, s *contractServer) {
		const full = `{"error":{"code":"throttled","detail":{"limit":"ephemeral_bytes","max":100,"retry_after_ms":"(absent)"}}}`
		write := `{"records":[{"data":"` + strings.Repeat("x", 60) + `"}],"config":{"durability":"ephemeral"}}`
		s.walk(
			step{"POST /v0/topics/a", write, 201, `{"first_seq":1}`},
			step{"POST /v0/topics/a", write, 429, full}, step{"POST /v0/topics/b", write, 429, full}, step{"GET /v0/topics/b", ``, 404, ``},
			step{"POST /v0/topics/c", `{"records":[{"data":1}]}`, 201, `{"first_seq":1}`}, step{"GET /v0/topics/a", ``, 200, `{"head_seq":1}`},
			step{"POST /v0/topics/a/delete", `{"before_seq":2}`, 200, `{"deleted":1}`}, step{"POST /v0/topics/b", write, 201, `{"first_seq":1}`},
		)
	}, func(o *recovery.Options) { o.Topics.EphemeralBytes = 100 })
}
