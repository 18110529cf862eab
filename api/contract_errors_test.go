package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/recovery"
	"github.com/e6e95bb8/topics/topics/record"
	"github.com/e6e95bb8/topics/wal/vfs/crashfs"
)

// Section 0, every error that a request can cause, with its code and detail.
func TestContractErrors(t *testing.T) {
	overBoth(t, func(o *Options) {
		o.Limits.MaxBatchRecords, o.Limits.MaxRecordBytes, o.Limits.MaxBodyBytes = 3, 100, 4000
		o.Limits.MaxWatchSessions = 1
	}, func(t *testing.T, s *contractServer) {
		x := strings.Repeat("x", 100)
		s.walk(
			step{"PUT /v0/topics/t", `{"cap_records":2,"discard":"reject"}`, 201, ``},
			step{"POST /v0/topics/t", `{"records":[{},{}]}`, 200, ``},
			step{"PUT /v0/routers/r", `{"source":"t","dest":"d"}`, 201, ``},

			step{"PUT /v0/topics/t", `{"ttl_ms":-1}`, 400, refusal("invalid_request")},
			step{"POST /v0/topics/t", `{"records":[{},{},{},{}]}`, 400, `{"error":{"code":"batch_too_large","detail":{"max":3}}}`},
			step{"POST /v0/topics/d", `{"records":[{},{"data":"` + x + `"}]}`, 400, `{"error":{"code":"record_too_large","detail":{"record":1,"bytes":102,"max":100}}}`},
			step{"POST /v0/topics/t", `{"records":[{},{},{}]}`, 400, `{"error":{"code":"record_too_large","detail":{"cap_records":2}}}`},
			step{"GET /v0/topics/orders", ``, 404, `{"error":{"code":"topic_not_found","message":"topic \"orders\" does not exist","detail":{"topic":"orders"}}}`},
			step{"PATCH /v0/topics/none", `{}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"POST /v0/topics/none", `{"records":[{}],"create":false}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"GET /v0/topics/none/diff", ``, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"POST /v0/topics/none/delete", `{"before_seq":1}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"POST /v0/watch", `{"topics":{"none":{}}}`, 404, `{"error":{"code":"topic_not_found","detail":{"topic":"none"}}}`},
			step{"GET /v0/routers/none", ``, 404, `{"error":{"code":"router_not_found","detail":{"router":"none"}}}`},
			step{"GET /v0/watch/wid_AAAAAAAAAAAAAAAAAAAAAA", ``, 404, refusal("not_found")},
			step{"GET /v0/nothing", ``, 404, refusal("not_found")},
			step{"GET /v0/topics/t/nothing", ``, 404, refusal("not_found")},
			step{"PUT /v0/nothing", `{`, 404, refusal("not_found")},
			step{"PATCH /v0/routers/r", `{}`, 405, refusal("method_not_allowed")},
			step{"DELETE /v0/watch", ``, 405, refusal("method_not_allowed")},
			step{"TRACE /v0/topics?page_size=1&strict=true", ``, 405, refusal("method_not_allowed")},
			step{"TRACE /health?strict=", ``, 405, refusal("method_not_allowed")},
			step{"GET /v0/nothing?cursor=1&strict=true", ``, 404, refusal("not_found")},
			step{"POST /v0/topics/d", `{"records":[{"data":"` + strings.Repeat(x, 50) + `"}]}`, 413, refusal("payload_too_large")},
			step{"PUT /v0/routers/back", `{"source":"d","dest":"t"}`, 409, refusal("router_cycle")},
			step{"PUT /v0/topics/t", `{"type":"queue"}`, 409, `{"error":{"code":"topic_exists_incompatible"}}`},
			step{"PATCH /v0/topics/t", `{"type":"queue"}`, 409, `{"error":{"code":"topic_exists_incompatible"}}`},
			step{"DELETE /v0/topics/t?if_empty=1", ``, 409, `{"error":{"code":"topic_not_empty"}}`},
			step{"POST /v0/topics/t", `{"records":[{}],"expected_head_seq":41}`, 409, `{"error":{"code":"seq_mismatch","detail":{"expected":41,"head_seq":2}}}`},
			step{"POST /v0/topics/t", `{"records":[{}]}`, 422, `{"error":{"code":"topic_full","detail":{"cap_records":2,"cap_bytes":0,"head_seq":2,"earliest_seq":1}}}`},
			step{"POST /v0/watch", `{"topics":{"t":{}}}`, 200, ``},
			step{"POST /v0/watch", `{"topics":{"t":{}}}`, 429, `{"error":{"code":"throttled","detail":{"limit":"max_watch_sessions","max":1}}}`},
		)
		// What was refused has changed nothing.
		s.walk(step{"GET /v0/topics?page_size=9", ``, 200, ``}, step{"GET /v0/topics/t", ``, 200, `{"head_seq":2,"type":"log"}`},
			step{"GET /v0/routers/back", ``, 404, ``}, step{"GET /v0/topics/none", ``, 404, ``})
	})
}

// Section 0, what a key is told.
func TestContractKeyErrors(t *testing.T) {
	keys, err := auth.Parse("reader:r:in")
	if err != nil {
		t.Fatal(err)
	}
	overBoth(t, func(o *Options) { o.Keys = keys }, func(t *testing.T, s *contractServer) {
		for _, tc := range []struct {
			ask, key string
			status   int
			code     string
		}{
			{"GET /v0/topics/in", "", 401, "unauthorized"}, {"GET /v0/topics/in", "Bearer wrong", 401, "unauthorized"}, {"GET /v0/nowhere", "", 401, "unauthorized"},
			{"GET /v0/topics/in", "Bearer reader", 404, "topic_not_found"}, {"GET /v0/topics/out", "Bearer reader", 403, "forbidden"},
			{"DELETE /v0/topics/in", "Bearer reader", 403, "forbidden"}, {"GET /v0/topics/in?token=reader", "", 401, "unauthorized"},
		} {
			if a := s.send(tc.ask, "", "Authorization", tc.key); a.status != tc.status || a.differs(refusal(tc.code)) != "" {
				t.Errorf("%s with %q: %d %s", tc.ask, tc.key, a.status, a.body)
			}
		}
	})
}

// onADisk is a change to a server that gives it a disk; that of the latest
// server is in the variable.
func onADisk(disk **crashfs.FS) func(*recovery.Options) {
	return func(o *recovery.Options) {
		*disk = crashfs.New()
		o.FS = *disk
	}
}

// Section 0, 507: the disk is full. Nothing is appended, reads go on, and so do
// writes once there is room.
func TestContractFullDisk(t *testing.T) {
	var disk *crashfs.FS
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1}],"config":{"durability":"fsync"}}`, 201, ``})
		disk.SetCapacity(1)
		head := 1
		for {
			a := s.send("POST /v0/topics/t", `{"records":[{"data":"`+strings.Repeat("x", 1<<20-100)+`"}]}`)
			if a.status != 200 { // what was set aside beforehand is used up
				if d := a.differs(refusal("insufficient_storage")); a.status != 507 || d != "" {
					t.Fatalf("a full disk: %d %s", a.status, a.body)
				}
				break
			}
			head++
		}
		s.walk(step{"GET /v0/topics/t/diff?max_batch_bytes=1", ``, 200, fmt.Sprintf(`{"head_seq":%d,"next_from_seq":1}`, head)})
		disk.SetCapacity(0)
		waitFor(t, func() bool { return s.send("POST /v0/topics/t", `{"records":[{"data":2}]}`).status == 200 })
		s.walk(step{"GET /v0/topics/t", ``, 200, fmt.Sprintf(`{"head_seq":%d}`, head+1)})
	}, onADisk(&disk))
}

// Section 0, 503: the log has failed and is read-only.
func TestContractReadOnly(t *testing.T) {
	var disk *crashfs.FS
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{"data":1}],"config":{"durability":"fsync"}}`, 201, ``})
		disk.FailSync("0000000000000001.wal", 1) // the one that is written to
		s.spoilt = true
		s.walk(
			step{"POST /v0/topics/t", `{"records":[{"data":2}]}`, 503, refusal("storage_unavailable")},
			step{"POST /v0/topics/t", `{"records":[{"data":3}]}`, 503, refusal("storage_unavailable")},
			step{"PUT /v0/topics/t", `{"ttl_ms":9}`, 503, refusal("storage_unavailable")},
			step{"PUT /v0/topics/u", `{}`, 503, refusal("storage_unavailable")},
			step{"DELETE /v0/topics/t", ``, 503, refusal("storage_unavailable")},
			step{"POST /v0/topics/t/delete", `{"before_seq":2}`, 503, refusal("storage_unavailable")},
			step{"PUT /v0/routers/r", `{"source":"t","dest":"u"}`, 503, refusal("storage_unavailable")},
			step{"GET /v0/topics/t/diff", ``, 200, `{"head_seq":1,"next_from_seq":1,"tombstone":null}`},
			step{"GET /v0/topics", ``, 200, ``},
			step{"GET /v0/ready", ``, 200, ``},
		)
	}, onADisk(&disk))
}

// Section 0, listings.
func TestContractListing(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		for i := range 1003 {
			if _, err := s.registry.Put(t.Context(), fmt.Sprintf("t%04d", i), new(record.ConfigPatch)); err != nil {
				t.Fatal(err)
			}
		}
		names := func(a *answer) (names []string) {
			for _, part := range strings.Split(string(a.body), `{"topic":"`)[1:] {
				name, _, _ := strings.Cut(part, `"`)
				names = append(names, name)
			}
			return names
		}
		for query, want := range map[string]int{
			"": 100, "?page_size=1": 1, "?page_size=7": 7, "?page_size=1000": 1000, "?page_size=1001": 1000, "?page_size=9223372036854775807": 1000,
			"?prefix=t000": 10, "?prefix=t0005&page_size=1": 1, "?prefix=T": 0, "?prefix=t0005": 1, "?prefix=a%2Fb": 0,
		} {
			a := s.send("GET /v0/topics"+query, "")
			if got := names(a); len(got) != want || !slices.IsSorted(got) {
				t.Errorf("%s: %d names", query, len(got))
			}
			if more := a.text("next_cursor") != ""; more != (want >= 7 && want != 10 && !strings.Contains(query, "prefix") || query == "" || query == "?page_size=1") {
				t.Errorf("%s: another page %v", query, more)
			}
		}
		var all []string
		for cursor := ""; ; {
			a := s.send("GET /v0/topics?page_size=250"+cursor, "")
			all = append(all, names(a)...)
			next := a.text("next_cursor")
			if next == "" {
				break
			}
			// Pages go on behind what is deleted, and show what is made behind them.
			if len(all) == 250 {
				s.walk(step{"DELETE /v0/topics/t0249", ``, 200, ``}, step{"PUT /v0/topics/t0500x", `{}`, 201, ``}, step{"PUT /v0/topics/a", `{}`, 201, ``})
			}
			cursor = "&cursor=" + next
		}
		if len(all) != 1004 || !slices.IsSorted(all) || !slices.Contains(all, "t0500x") {
			t.Errorf("%d names", len(all))
		}
		good := s.send("GET /v0/topics?page_size=1", "").text("next_cursor")
		for _, query := range []string{
			"page_size=0", "page_size=-1", "page_size=1.0", "page_size=1e2", "page_size=", "page_size=x", "page_size=18446744073709551616",
			"cursor=", "cursor=x", "cursor=" + good + "A", "cursor=" + good[1:], "cursor=%00", "cursor=" + strings.ToUpper(good) + "_", "prefix=t&cursor=" + good,
		} {
			s.walk(step{"GET /v0/topics?" + query, ``, 400, refusal("invalid_request")}, step{"GET /v0/routers?" + query, ``, 400, refusal("invalid_request")})
		}
	})
}

// Section 0, booleans in queries.
func TestContractQueryBooleans(t *testing.T) {
	overBoth(t, nil, func(t *testing.T, s *contractServer) {
		s.walk(step{"POST /v0/topics/t", `{"records":[{}]}`, 201, ``})
		for _, v := range []string{"true", "false", "1", "0"} {
			for _, ask := range []string{"GET /v0/topics/t?touch=", "GET /v0/topics/t/diff?include_tags=", "GET /v0/topics/t/diff?include_meta="} {
				s.walk(step{ask + v, ``, 200, ``})
			}
			s.walk(step{"POST /v0/topics/t?return_seqs=" + v, `{"records":[{}]}`, 200, ``}, step{"POST /v0/watch?lenient=" + v, `{"topics":{"t":{}}}`, 200, ``})
		}
		for _, v := range []string{"", "yes", "TRUE", "True", "2", "t", "null", "01"} {
			for name, ask := range map[string]string{
				"touch": "GET /v0/topics/t?", "include_tags": "GET /v0/topics/t/diff?", "include_meta": "GET /v0/topics/t/diff?", "if_empty": "DELETE /v0/topics/t?",
			} {
				s.walk(step{ask + name + "=" + v, ``, 400, badField(name)})
			}
			s.walk(step{"POST /v0/topics/t?return_seqs=" + v, `{"records":[{}]}`, 400, badField("return_seqs")},
				step{"POST /v0/watch?lenient=" + v, `{"topics":{"t":{}}}`, 400, badField("lenient")})
		}
		s.walk(step{"GET /v0/topics/t", ``, 200, `{"head_seq":5}`})
	})
}
