package config

// prefix is the prefix of every variable's name.
const prefix = "TOPICS_"

// Variable is the declaration of one variable.
type Variable struct {
	Name    string // full name
	Group   string
	Default string // in the form of an environment value; may be empty
	Doc     string // one or two sentences
	kind           // type, range, and the field that holds the value
}

// Units of sizes.
const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
	tib = 1 << 40
)

// variables returns all declarations, bound to the fields of c.
func (c *Config) variables() []Variable {
	var all []Variable
	var group string
	add := func(name string, k kind, def, doc string) {
		all = append(all, Variable{Name: prefix + name, Group: group, Default: def, Doc: doc, kind: k})
	}

	group = "Network"
	add("HOST", text(&c.Host), "127.0.0.1",
		"Address to listen on: a host or a full host:port; an IPv6 address may be in brackets. An address that other machines can reach requires API keys or TOPICS_ALLOW_INSECURE_NO_AUTH.")
	add("PORT", integer(&c.Port, 0, 65535), "4000",
		"Port to listen on; 0 takes any free one. A tcp:// URL, as Kubernetes sets it, is ignored with a warning. If not set, the variable PORT has it, as on Cloud Run.")
	add("PORT_FILE", text(&c.PortFile), "",
		"File to which the port in use is written. It is replaced atomically.")
	add("ALLOW_INSECURE_NO_AUTH", boolean(&c.AllowInsecure), "false",
		"Allow an address that other machines can reach without API keys.")
	add("OPS_ADDR", text(&c.OpsAddr), "",
		"host:port of a second listener for operators, which has all routes; the main listener then has no metrics, no admin routes and no console. If empty, the main listener has them all.")
	add("TLS_CERT_FILE", text(&c.TLSCertFile), "",
		"File with the certificate chain in PEM. With it and TOPICS_TLS_KEY_FILE every listener serves TLS, with HTTP/2 by ALPN. Both files are read at the start and on SIGHUP.")
	add("TLS_KEY_FILE", text(&c.TLSKeyFile), "",
		"File with the certificate's private key in PEM.")
	add("DRAIN_DELAY_MS", millis(&c.DrainDelay, 0, 600_000), "0",
		"How long the server keeps serving after a stop signal while readiness answers 503, so that load balancers stop sending requests first.")
	add("DRAIN_TIMEOUT_MS", millis(&c.DrainTimeout, 1, 3_600_000), "10000",
		"Limit for the whole drain, including the delay.")

	group = "Access"
	add("API_KEYS", keys(&c.Keys), "",
		"Keys that clients send as `Authorization: Bearer`, separated by commas. Each is a secret, optionally followed by a colon and scopes joined by `+` (read, write, delete, admin, admin-read, admin-write; r, w, d, a, ar, aw, rw; default: all), and by a colon and prefixes of names joined by a bar (default: all names). If there are no keys, every client may do everything.")
	add("API_KEYS_FILE", text(&c.APIKeysFile), "",
		"File with more such keys, one per line; lines that begin with # are comments. It is read at the start, on SIGHUP, and when it has changed.")
	add("API_KEYS_INTERVAL_MS", millis(&c.KeysInterval, 0, 3_600_000), "1000",
		"How often TOPICS_API_KEYS_FILE is looked at. What has changed is read once it has stayed the same for one interval. 0 means that it is read on SIGHUP only.")
	add("PROBE_AUTH", boolean(&c.ProbeAuth), "false",
		"Require a key for probes too; any key is accepted.")
	add("ALLOWED_HOSTS", hosts(&c.AllowedHosts), "",
		"Names, separated by commas, that the Host header of a request may have if there are no API keys, in addition to IP addresses, localhost and the name in TOPICS_HOST; requests with other names get 421.")
	add("CORS_ORIGINS", origins(&c.CORSOrigins), "",
		"Origins whose web pages may use the API, separated by commas; * allows all. If empty, pages of other origins may not.")

	group = "Storage"
	add("DATA_DIR", text(&c.DataDir), "./topics-data",
		"Directory of the log, checkpoints and segments. Only one process may use it at a time.")
	add("DISK_SYNC_MS", millis(&c.DiskSync, 1, 60_000), "10",
		"How long an acknowledged write of class disk may wait for its sync in the background. A power cut can lose the writes of that time.")
	add("WAL_FILE_BYTES", size(&c.WALFileBytes, mib, 4*gib), "64MiB",
		"Size of one log file.")
	add("WAL_QUEUE_BYTES", size(&c.WALQueueBytes, 64*kib, 16*gib), "64MiB",
		"Bytes that may wait for the log; beyond that writers wait, and then get 429.")
	add("WAL_SHARDS", integer(&c.WALShards, 1, 1024), "1",
		"Accepted for compatibility, but has no effect: there is one log.")
	add("CHECKPOINT_BYTES", size(&c.CheckpointBytes, mib, tib), "256MiB",
		"Bytes of log after which a checkpoint moves records from the log into segments. They bound how much log a restart has to read.")
	add("CHECKPOINT_INTERVAL_MS", millis(&c.CheckpointInterval, 0, 86_400_000), "60000",
		"Time after which a checkpoint is taken even so, if anything was written since the last one. 0 disables it.")
	add("SEGMENT_MAX_BYTES", size(&c.SegmentMaxBytes, mib, 4*gib), "64MiB",
		"Maximum bytes of data in one segment.")
	add("SEGMENT_MAX_EVENTS", integer(&c.SegmentMaxEvents, 1000, 100_000_000), "1000000",
		"Maximum records in one segment.")
	add("SEGMENT_MAX_AGE_MS", millis(&c.SegmentMaxAge, 0, 2_592_000_000), "0",
		"How long a record may be only in the log before a checkpoint moves it into a segment. 0 means no limit.")
	add("COLD_DIR", text(&c.ColdDir), "",
		"Directory on slower, cheaper storage to which the data of old segments is moved; their indexes stay in the data directory. If empty, segments are not moved.")
	add("HOT_RETAIN_SEGMENTS", integer(&c.HotRetainSegments, 0, 1_000_000), "8",
		"Number of the newest segments that stay in the data directory; older ones are moved to TOPICS_COLD_DIR, if it is set.")
	add("HOT_RETAIN_BYTES", size(&c.HotRetainBytes, 0, 1024*tib), "0",
		"Bytes of data that the segments in the data directory may have; beyond that the oldest are moved to TOPICS_COLD_DIR too. 0 means no limit.")
	add("ARCHIVE_DIR", text(&c.ArchiveDir), "",
		"Directory to which finished log files are copied before they are reused. If empty, they are not archived.")
	add("ARCHIVE_MAX_BYTES", size(&c.ArchiveMaxBytes, 0, 1024*tib), "16GiB",
		"Bytes of finished log files that may wait in the data directory to be archived; beyond that writers wait, and then get 429. The minimum is two log files. 0 means no limit but the disk's.")
	add("EXIT_ON_RECOVERY_FAILURE", boolean(&c.ExitOnRecoveryErr), "false",
		"Exit with code 3 if recovery refuses the data, instead of answering probes with the reason.")
	add("REQUIRE_EXISTING", boolean(&c.RequireExisting), "false",
		"Refuse a data directory that has no data instead of beginning a new log there. With it, a disk that is not mounted is an error and not an empty server; set it after the first start.")
	add("BACKUP_MAX_AGE_MS", millis(&c.BackupMaxAge, 0, 31_622_400_000), "0",
		"The check backups is degraded if the last good backup is older, or if there has been none for so long. 0 disables the check.")

	group = "Memory"
	add("MEMORY_BYTES", size(&c.MemoryBytes, 0, 1024*tib), "0",
		"Memory limit of the process. 0 means the lower one of the cgroup's limit and GOMEMLIMIT, or else 75 % of the machine's memory. A quarter is reserved for the process itself; the rest is divided among the settings that bound memory: CACHE, MAX_INFLIGHT, EPHEMERAL, WAL_QUEUE, IDEMPOTENCY and STREAM_BYTES. Each that is not set gets its part, but at most its default. The server does not start if the sum exceeds the limit.")
	add("CACHE_BYTES", size(&c.CacheBytes, 0, tib), "256MiB",
		"Memory for caches: half for recent bytes of the log, half for blocks of segments.")
	add("EPHEMERAL_BYTES", size(&c.EphemeralBytes, 0, tib), "1GiB",
		"Payload bytes of ephemeral records, which are only in memory; a write beyond that gets 429. 0 means no limit.")
	add("IDEMPOTENCY_BYTES", size(&c.IdempotencyBytes, 0, tib), "64MiB",
		"Memory for the idempotency keys of all topics, about 50 bytes each, or up to 130 in topics that have few; beyond that a write with a key gets 429. 0 means no limit.")
	add("STREAM_BYTES", size(&c.StreamBytes, mib, tib), "1GiB",
		"Memory for open streams and WebSockets, and for the records that are being sent over them.")

	group = "Limits"
	add("MAX_TOPICS", integer(&c.MaxTopics, 0, 100_000_000), "100000",
		"Maximum number of topics; creating one more gets 429. 0 means no limit.")
	add("MAX_ROUTERS", integer(&c.MaxRouters, 0, 100_000_000), "10000",
		"Maximum number of routers; creating one more gets 429. 0 means no limit.")
	add("MAX_ROUTER_WAYS", integer(&c.MaxRouterWays, 0, 1_000_000), "1024",
		"Maximum number of paths that a record of one topic takes through routers; a router that adds more gets 409. 0 means no limit.")
	add("MAX_WATCH_SESSIONS", integer(&c.MaxWatchSessions, 0, 100_000_000), "10000",
		"Maximum number of watch sessions; creating one more gets 429. 0 means no limit.")
	add("MAX_CONNECTIONS", integer(&c.MaxConnections, 0, 100_000_000), "0",
		"Maximum number of open connections. At the limit, connections that wait for their client are closed to admit new ones; if requests are in progress on all of them, requests other than probes get 429. 0 means as many as the descriptor limit allows besides log and segments, which is the limit in any case.")
	add("MAX_SSE_CONNECTIONS", integer(&c.MaxStreams, 0, 100_000_000), "10000",
		"Maximum number of open streams and WebSockets; one more gets 429. 0 means no limit.")
	add("MAX_SSE_CONNECTIONS_PER_KEY", integer(&c.MaxStreamsPerKey, 0, 100_000_000), "1000",
		"Maximum number of open streams and WebSockets of one key; it has no effect without keys. 0 means no limit.")
	add("MAX_ADMIN_READS_PER_SECOND", integer(&c.MaxAdminReads, 0, 1_000_000), "100",
		"Maximum number of scrapes and admin reads per second with one key, or without keys in all; in bursts of twice as many. More get 429. 0 means no limit.")
	add("MAX_INFLIGHT_PER_KEY", integer(&c.MaxInflightPerKey, 0, 100_000_000), "1000",
		"Maximum number of concurrent requests of one key, except probes and streams; one more gets 429. It has no effect without keys. 0 means no limit.")
	add("MAX_TOTAL_BYTES", size(&c.MaxTotalBytes, 0, 1024*tib), "0",
		"Maximum payload bytes of live records in all topics; a write beyond that gets 429 until records are deleted. 0 means no limit.")
	add("MAX_WATCH_TOPICS", integer(&c.MaxWatchTopics, 1, 1_000_000), "256",
		"Maximum number of topics that one watch session or WebSocket follows.")
	add("SSE_MAX_AGE_MS", millis(&c.SSEMaxAge, 0, 604_800_000), "0",
		"How long a stream may last, give or take a tenth, before the server ends it and the client has to reconnect. 0 means no limit.")
	add("MAX_BATCH_RECORDS", integer(&c.MaxBatchRecords, 1, 1_000_000), "10000",
		"Maximum records in one write.")
	add("MAX_CLAIM", integer(&c.MaxClaim, 1, 10_000), "1000",
		"Maximum number of jobs that one claim or stream of jobs takes, and of seqs in one ack, nack, extend, release or promote.")
	add("MAX_DISK_READS", integer(&c.MaxDiskReads, 1, 4096), "64",
		"Maximum number of concurrent reads in each of the data, cold and archive directories; others wait in order. A read that blocks on the disk occupies a thread.")
	add("MAX_RECORD_BYTES", size(&c.MaxRecordBytes, 1, gib), "1MiB",
		"Maximum bytes of data and meta of one record.")
	add("MAX_BODY_BYTES", size(&c.MaxBodyBytes, kib, gib), "64MiB",
		"Maximum bytes of a request's body after decompression. If not set, at most an eighth of TOPICS_MAX_INFLIGHT_BYTES.")
	add("MAX_INFLIGHT_BYTES", size(&c.MaxInflightBytes, kib, tib), "512MiB",
		"Maximum bytes of the bodies and answers of all concurrent requests; a request beyond that gets 429.")
	add("MAX_META_BYTES", size(&c.MaxMetaBytes, 2, gib), "16KiB",
		"Maximum bytes of one record's meta.")
	add("MAX_TAG_BYTES", size(&c.MaxTagBytes, 1, 64*kib-1), "256",
		"Maximum bytes of one record's tag.")
	add("MAX_NODE_BYTES", size(&c.MaxNodeBytes, 1, 64*kib-1), "128",
		"Maximum bytes of one record's node.")
	add("MAX_LIMIT", integer(&c.MaxLimit, 1, 1_000_000), "1000",
		"Maximum records in one read; larger limits in requests are reduced to it.")

	group = "Health"
	add("HEALTH_INTERVAL_MS", millis(&c.HealthInterval, 100, 60_000), "1000",
		"How often each health check runs.")
	add("HEALTH_SYNC_DEGRADED_MS", millis(&c.HealthSyncDegraded, 1, 3_600_000), "1000",
		"The check log is degraded if a write or sync of the log takes longer, including one in progress.")
	add("HEALTH_SYNC_UNHEALTHY_MS", millis(&c.HealthSyncUnhealthy, 1, 3_600_000), "10000",
		"The check log is unhealthy if one has been in progress for longer and writers are waiting.")
	add("HEALTH_DISK_DEGRADED_BYTES", size(&c.HealthDiskDegraded, 0, 1024*tib), "1GiB",
		"The check disk_space is degraded below this many free bytes.")
	add("HEALTH_DISK_DEGRADED_PERCENT", integer(&c.HealthDiskPercent, 0, 100), "10",
		"The check disk_space is also degraded below this percentage of free space.")
	add("HEALTH_DISK_UNHEALTHY_BYTES", size(&c.HealthDiskUnhealthy, 0, 1024*tib), "64MiB",
		"The check disk_space is unhealthy below this many free bytes; cold_dir and archive_dir are degraded.")
	add("HEALTH_MEMORY_DEGRADED_PERCENT", integer(&c.HealthMemoryPercent, 1, 100), "90",
		"The check memory is degraded from this percentage of the memory limit on.")
	add("HEALTH_DESCRIPTORS_DEGRADED_PERCENT", integer(&c.HealthDescriptorsPercent, 1, 100), "80",
		"The check descriptors is degraded from this percentage of the descriptor limit on.")
	add("HEALTH_CONNECTIONS_DEGRADED_PERCENT", integer(&c.HealthConnectionsPercent, 1, 100), "90",
		"The check connections is degraded from this percentage of the maximum number of connections on.")
	add("HEALTH_CHECKS", checks(&c.HealthChecks), "",
		"Further checks, of what lies outside, separated by spaces: each a name and a target, `name=http://host/path`, `name=tcp://host:port` or `name=file:/path`, then, if needed, `;interval=10s,timeout=2s,affects=health`. An answer of 2xx, a connection or the file is healthy. affects is health, readiness (traffic is sent elsewhere while it is unhealthy) or liveness (a restart is asked for).")

	group = "Observation"
	add("LOG_LEVEL", oneOf(&c.LogLevel, levels...), "info",
		"Lowest level that is logged.")
	add("LOG_LEVEL_FILE", text(&c.LogLevelFile), "",
		"File with a level that overrides TOPICS_LOG_LEVEL. It is read at the start and on SIGHUP.")
	add("LOG_FORMAT", oneOf(&c.LogFormat, "auto", "json", "console"), "auto",
		"Format of the log; auto is console on a terminal and json otherwise.")
	add("AUDIT_FILE", text(&c.AuditFile), "",
		"File to which audit lines are appended. It is reopened on SIGHUP. If empty, audit lines are in the log, whatever its level.")
	add("METRICS_MAX_TOPICS", integer(&c.MetricsMaxTopics, 1, 1_000_000), "1000",
		"Maximum number of topics with their own metrics: the busiest ones.")
	add("NODE_ID", text(&c.NodeID), "",
		"Name of this server in /health. If empty, the host's name.")
	return all
}
