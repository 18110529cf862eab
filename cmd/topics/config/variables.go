package config

// prefix starts every variable's name.
const prefix = "TOPICS_"

// Variable is one declared variable.
type Variable struct {
	Name    string // in full
	Group   string
	Default string // in the form of an environment value; may be empty
	Doc     string // one sentence or two
	kind           // type, range, and where the value goes
}

// Units of sizes.
const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

// variables declares everything, bound to the fields of c.
func (c *Config) variables() []Variable {
	var all []Variable
	var group string
	add := func(name string, k kind, def, doc string) {
		all = append(all, Variable{Name: prefix + name, Group: group, Default: def, Doc: doc, kind: k})
	}

	group = "Network"
	add("HOST", text(&c.Host), "127.0.0.1",
		"Address to listen on: a host or a full host:port; an IPv6 address may stand in brackets. Other machines are let in only with API keys or TOPICS_ALLOW_INSECURE_NO_AUTH.")
	add("PORT", integer(&c.Port, 0, 65535), "4000",
		"Port to listen on; 0 takes any free one. A tcp:// URL, as Kubernetes sets it, is ignored with a warning.")
	add("PORT_FILE", text(&c.PortFile), "",
		"File that the bound port is written to, replaced in one step.")
	add("ALLOW_INSECURE_NO_AUTH", boolean(&c.AllowInsecure), "false",
		"Allow an address that other machines can reach although there are no API keys.")
	add("OPS_ADDR", text(&c.OpsAddr), "",
		"host:port of a second listener for operators, with the probes, metrics and admin routes; the main one keeps only the probes of these. If empty, the main one has them all.")
	add("TLS_CERT_FILE", text(&c.TLSCertFile), "",
		"File with the certificate chain in PEM. With it and TOPICS_TLS_KEY_FILE every listener serves TLS, HTTP/2 by ALPN. Both files are read at the start and again on SIGHUP.")
	add("TLS_KEY_FILE", text(&c.TLSKeyFile), "",
		"File with the certificate's private key in PEM.")
	add("DRAIN_DELAY_MS", millis(&c.DrainDelay, 0, 600_000), "0",
		"How long the server goes on serving after a stop signal, while readiness already answers 503, so that load balancers look away first.")
	add("DRAIN_TIMEOUT_MS", millis(&c.DrainTimeout, 1, 3_600_000), "10000",
		"How long a drain may take as a whole, the delay included.")

	group = "Access"
	add("API_KEYS", keys(&c.Keys), "",
		"Keys that clients send as `Authorization: Bearer`, separated by commas: each a secret, then scopes joined by `+` (read, write, delete, admin, admin-read, admin-write; r, w, d, a, ar, aw, rw; none: all), then prefixes of names joined by a bar (none: all names). Without any key everybody may do everything.")
	add("API_KEYS_FILE", text(&c.APIKeysFile), "",
		"File with more such keys, one on each line; lines that begin with # are comments. It is read at the start and again on SIGHUP.")
	add("PROBE_AUTH", boolean(&c.ProbeAuth), "false",
		"Probes need a key, too; any will do.")
	add("ALLOWED_HOSTS", hosts(&c.AllowedHosts), "",
		"Further names, separated by commas, that clients may call the server by in the Host header where there are no API keys. IP addresses, localhost and the name in TOPICS_HOST always may; other names get 421.")
	add("CORS_ORIGINS", origins(&c.CORSOrigins), "",
		"Origins whose web pages may use the API, separated by commas; * is all of them. If empty, no page of another origin may.")

	group = "Storage"
	add("DATA_DIR", text(&c.DataDir), "./topics-data",
		"Directory of the log, its checkpoints and segments. Only one process may use it at a time.")
	add("DISK_SYNC_MS", millis(&c.DiskSync, 1, 60_000), "10",
		"How long an acknowledged write of class disk may wait for its sync in the background: what a power cut can take.")
	add("WAL_FILE_BYTES", size(&c.WALFileBytes, mib, 4*gib), "64MiB",
		"Size of one log file.")
	add("WAL_QUEUE_BYTES", size(&c.WALQueueBytes, 64*kib, 16*gib), "64MiB",
		"Bytes that may wait for the log; when they are reached, writers wait, then get 429.")
	add("WAL_SHARDS", integer(&c.WALShards, 1, 1024), "1",
		"Accepted for compatibility and without effect: there is one log.")
	add("CHECKPOINT_BYTES", size(&c.CheckpointBytes, mib, tib), "256MiB",
		"A checkpoint, which moves records from the log into segments, is taken after so many bytes of log: what a restart has to read.")
	add("CHECKPOINT_INTERVAL_MS", millis(&c.CheckpointInterval, 0, 86_400_000), "60000",
		"A checkpoint is also taken after this time, if anything was written since the last one. 0 is off.")
	add("SEGMENT_MAX_BYTES", size(&c.SegmentMaxBytes, mib, 4*gib), "64MiB",
		"Bytes of data in one segment.")
	add("SEGMENT_MAX_EVENTS", integer(&c.SegmentMaxEvents, 1000, 100_000_000), "1000000",
		"Records in one segment.")
	add("SEGMENT_MAX_AGE_MS", millis(&c.SegmentMaxAge, 0, 2_592_000_000), "0",
		"How long a record may stay in the log only, before a checkpoint puts it into a segment. 0 is off.")
	add("COLD_DIR", text(&c.ColdDir), "",
		"Directory, on slower and cheaper storage, that takes the data of old segments; their indexes stay in the data directory. If empty, all segments stay there.")
	add("HOT_RETAIN_SEGMENTS", integer(&c.HotRetainSegments, 0, 1_000_000), "8",
		"The newest segments, which stay in the data directory; older ones go to TOPICS_COLD_DIR, if there is one.")
	add("HOT_RETAIN_BYTES", size(&c.HotRetainBytes, 0, 1024*tib), "0",
		"Bytes of data that the segments in the data directory may hold; beyond it the older ones go to TOPICS_COLD_DIR, too. 0 is not counted.")
	add("ARCHIVE_DIR", text(&c.ArchiveDir), "",
		"Directory that finished log files are copied to before they are used again. If empty, they are not kept.")
	add("ARCHIVE_MAX_BYTES", size(&c.ArchiveMaxBytes, 0, 1024*tib), "16GiB",
		"Bytes of finished log files that may wait for TOPICS_ARCHIVE_DIR, which stay in the data directory meanwhile; beyond it writers wait, then get 429. It counts as two log files at least. 0 is no limit but the disk.")
	add("EXIT_ON_RECOVERY_FAILURE", boolean(&c.ExitOnRecoveryErr), "false",
		"Exit with 1 when recovery refuses the data, instead of staying up to tell probes why.")

	group = "Memory"
	add("MEMORY_BYTES", size(&c.MemoryBytes, 0, 1024*tib), "0",
		"Memory that the process may take. 0 is the limit of the cgroup or GOMEMLIMIT, whichever is lower, else 75 % of the machine's memory. A quarter is the process's own; the rest is divided among the settings that bound memory: CACHE, MAX_INFLIGHT, EPHEMERAL, WAL_QUEUE, IDEMPOTENCY and STREAM_BYTES. Those that are not set have their part of it, and their default at most; a sum beyond the limit refuses to start.")
	add("CACHE_BYTES", size(&c.CacheBytes, 0, tib), "256MiB",
		"Memory for what is read: half for recent bytes of the log, half for blocks of segments.")
	add("EPHEMERAL_BYTES", size(&c.EphemeralBytes, 0, tib), "1GiB",
		"Payloads of ephemeral records, which live in memory only; a write beyond it gets 507. 0 is no limit.")
	add("IDEMPOTENCY_BYTES", size(&c.IdempotencyBytes, 0, tib), "64MiB",
		"Memory for the idempotency keys of all topics, about 50 bytes each, in topics with few of them up to 130; a write with one more gets 429. 0 is no limit.")
	add("STREAM_BYTES", size(&c.StreamBytes, mib, tib), "1GiB",
		"Memory for streams and WebSockets: for each that is open, and for records that are on their way to those who watch.")

	group = "Limits"
	add("MAX_TOPICS", integer(&c.MaxTopics, 0, 100_000_000), "100000",
		"Topics that may exist; creating one more gets 429. 0 is no cap.")
	add("MAX_ROUTERS", integer(&c.MaxRouters, 0, 100_000_000), "10000",
		"Routers that may exist; creating one more gets 429. 0 is no cap.")
	add("MAX_ROUTER_WAYS", integer(&c.MaxRouterWays, 0, 1_000_000), "1024",
		"Ways that a record of one topic may take through routers; a router that makes more gets 409. 0 is no cap.")
	add("MAX_WATCH_SESSIONS", integer(&c.MaxWatchSessions, 0, 100_000_000), "10000",
		"Watch sessions that may exist; one more gets 429. 0 is no cap.")
	add("MAX_CONNECTIONS", integer(&c.MaxConnections, 0, 100_000_000), "0",
		"Connections that may be open; at the bound those that wait for their client give way to new ones, and when all are at work, what is not a probe gets 429. 0 is as many as the descriptor limit leaves beside log and segments, which holds in any case.")
	add("MAX_SSE_CONNECTIONS", integer(&c.MaxStreams, 0, 100_000_000), "10000",
		"Streams and WebSockets that may be open; one more gets 429. 0 is no cap.")
	add("MAX_SSE_CONNECTIONS_PER_KEY", integer(&c.MaxStreamsPerKey, 0, 100_000_000), "1000",
		"Streams and WebSockets that may be open with one key; without keys it does not count. 0 is no cap.")
	add("MAX_INFLIGHT_PER_KEY", integer(&c.MaxInflightPerKey, 0, 100_000_000), "1000",
		"Requests that may be under way with one key, probes and streams not counted; one more gets 429. Without keys it does not count. 0 is no cap.")
	add("MAX_TOTAL_BYTES", size(&c.MaxTotalBytes, 0, 1024*tib), "0",
		"Payload bytes of live records in all topics; a write beyond it gets 429, deletes make room. 0 is no cap.")
	add("MAX_WATCH_TOPICS", integer(&c.MaxWatchTopics, 1, 1_000_000), "256",
		"Topics that one watch session or WebSocket may follow.")
	add("SSE_MAX_AGE_MS", millis(&c.SSEMaxAge, 0, 604_800_000), "0",
		"How long a stream may go on before the server ends it and the client connects again, give or take a tenth. 0 is for ever.")
	add("MAX_BATCH_RECORDS", integer(&c.MaxBatchRecords, 1, 1_000_000), "10000",
		"Records in one write.")
	add("MAX_DISK_READS", integer(&c.MaxDiskReads, 1, 4096), "64",
		"Reads that may be under way at a time in each of the data, cold and archive directories; others wait in order. A read that the disk holds up takes a thread.")
	add("MAX_RECORD_BYTES", size(&c.MaxRecordBytes, 1, gib), "1MiB",
		"Bytes of data and meta of one record.")
	add("MAX_BODY_BYTES", size(&c.MaxBodyBytes, kib, gib), "64MiB",
		"Bytes of a request's body after decompression. If not set, at most an eighth of TOPICS_MAX_INFLIGHT_BYTES.")
	add("MAX_INFLIGHT_BYTES", size(&c.MaxInflightBytes, kib, tib), "512MiB",
		"Bytes that the bodies and answers of all requests under way may hold; one more gets 429.")
	add("MAX_META_BYTES", size(&c.MaxMetaBytes, 2, gib), "16KiB",
		"Bytes of one record's meta.")
	add("MAX_TAG_BYTES", size(&c.MaxTagBytes, 1, 64*kib-1), "256",
		"Bytes of one record's tag.")
	add("MAX_NODE_BYTES", size(&c.MaxNodeBytes, 1, 64*kib-1), "128",
		"Bytes of one record's node.")
	add("MAX_LIMIT", integer(&c.MaxLimit, 1, 1_000_000), "1000",
		"Records in one read; a larger limit is lowered to it.")

	group = "Health"
	add("HEALTH_INTERVAL_MS", millis(&c.HealthInterval, 100, 60_000), "1000",
		"How often each health check runs.")
	add("HEALTH_SYNC_DEGRADED_MS", millis(&c.HealthSyncDegraded, 1, 3_600_000), "1000",
		"log is degraded when a write or sync of the log takes longer, the one under way included.")
	add("HEALTH_SYNC_UNHEALTHY_MS", millis(&c.HealthSyncUnhealthy, 1, 3_600_000), "10000",
		"log is unhealthy when one has been under way for longer and writers wait.")
	add("HEALTH_DISK_DEGRADED_BYTES", size(&c.HealthDiskDegraded, 0, 1024*tib), "1GiB",
		"disk_space is degraded below so many free bytes.")
	add("HEALTH_DISK_DEGRADED_PERCENT", integer(&c.HealthDiskPercent, 0, 100), "10",
		"disk_space is degraded below so many percent of free space, too.")
	add("HEALTH_DISK_UNHEALTHY_BYTES", size(&c.HealthDiskUnhealthy, 0, 1024*tib), "64MiB",
		"disk_space is unhealthy below so many free bytes; cold_dir and archive_dir are degraded.")
	add("HEALTH_MEMORY_DEGRADED_PERCENT", integer(&c.HealthMemoryPercent, 1, 100), "90",
		"memory is degraded from so many percent of the memory limit on.")
	add("HEALTH_DESCRIPTORS_DEGRADED_PERCENT", integer(&c.HealthDescriptorsPercent, 1, 100), "80",
		"descriptors is degraded from so many percent of the descriptor limit on.")
	add("HEALTH_CONNECTIONS_DEGRADED_PERCENT", integer(&c.HealthConnectionsPercent, 1, 100), "90",
		"connections is degraded from so many percent of the connections that there may be.")

	group = "Observation"
	add("LOG_LEVEL", oneOf(&c.LogLevel, levels...), "info",
		"Least severe lines that are logged.")
	add("LOG_LEVEL_FILE", text(&c.LogLevelFile), "",
		"File with such a level, which comes before TOPICS_LOG_LEVEL. It is read at the start and again on SIGHUP.")
	add("LOG_FORMAT", oneOf(&c.LogFormat, "auto", "json", "console"), "auto",
		"Form of the log lines; auto is console on a terminal and json elsewhere.")
	add("AUDIT_FILE", text(&c.AuditFile), "",
		"File that the audit lines are appended to, opened again on SIGHUP. If empty, they are in the log, whatever its level.")
	add("METRICS_MAX_TOPICS", integer(&c.MetricsMaxTopics, 1, 1_000_000), "1000",
		"Topics with metrics of their own: the busiest ones.")
	add("NODE_ID", text(&c.NodeID), "",
		"Name of this server in /health; the host's name if empty.")
	return all
}

// later are the variables of the documented interface whose feature this
// version does not have. They are refused, because a setting that silently
// does nothing is worse than one that stops the server.
var later = []string{"MAX_CLAIM"}
