// Package config declares the TOPICS_* variables: their types, defaults, ranges
// and documentation. Loading, the output of `topics config` and
// docs/configuration.md are all based on these declarations.
package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6e95bb8/topics/api/auth"
	"github.com/e6e95bb8/topics/recovery/health/external"
)

// Config is the effective configuration. Sizes are in bytes. A string or a
// duration that may be unset is empty or 0 then.
type Config struct {
	Host               string // without the port; see Addr
	Port               int    // 0 means any free port
	OpsAddr            string // host:port of the listener for operators; may be empty
	PortFile           string // may be empty
	AllowInsecure      bool
	Keys               *auth.Keys // from the environment and the file
	APIKeysFile        string     // may be empty
	AllowedHosts       []string   // additional names that a Host header may have; see api.Options
	TLSCertFile        string     // set together with TLSKeyFile; cleartext if empty
	TLSKeyFile         string
	ProbeAuth          bool
	CORSOrigins        []string // in the form that browsers send; "*" allows all
	DataDir            string
	NodeID             string // defaults to the host's name
	LogLevel           string
	LogLevelFile       string // file with the level, which overrides LogLevel; may be empty
	LogFormat          string
	AuditFile          string // if empty, audit lines are in the log
	DiskSync           time.Duration
	WALFileBytes       int64
	WALQueueBytes      int64
	WALShards          int // ignored: there is one log
	CheckpointBytes    int64
	CheckpointInterval time.Duration // 0 disables checkpoints by time
	SegmentMaxBytes    int64
	SegmentMaxEvents   int
	SegmentMaxAge      time.Duration // 0 disables checkpoints by age
	ColdDir            string        // may be empty
	HotRetainSegments  int
	HotRetainBytes     int64  // 0 means no limit
	ArchiveDir         string // may be empty
	ArchiveMaxBytes    int64  // 0 means no limit
	MemoryBytes        int64  // memory limit of the process; never 0 after Load
	MemorySource       string // where the memory limit comes from
	CacheBytes         int64
	EphemeralBytes     int64
	IdempotencyBytes   int64
	StreamBytes        int64
	MaxTopics          int // 0 means no limit, as for all limits up to MaxTotalBytes
	MaxRouters         int
	MaxRouterWays      int
	MaxWatchSessions   int
	MaxConnections     int // 0 means as many as the descriptor limit allows
	MaxStreams         int
	MaxStreamsPerKey   int
	MaxInflightPerKey  int
	MaxAdminReads      int
	MaxTotalBytes      int64
	MaxWatchTopics     int
	MaxClaim           int
	SSEMaxAge          time.Duration // 0 means no limit
	MaxBatchRecords    int
	MaxDiskReads       int
	MaxRecordBytes     int64
	MaxBodyBytes       int64
	MaxInflightBytes   int64
	MaxMetaBytes       int64
	MaxTagBytes        int64
	MaxNodeBytes       int64
	MaxLimit           int
	MetricsMaxTopics   int
	DrainDelay         time.Duration
	DrainTimeout       time.Duration
	ExitOnRecoveryErr  bool
	RequireExisting    bool          // refuse a data directory without data
	KeysInterval       time.Duration // how often the key file is looked at; 0 disables it
	BackupMaxAge       time.Duration // 0 disables the check of backups

	HealthInterval           time.Duration
	HealthSyncDegraded       time.Duration
	HealthSyncUnhealthy      time.Duration
	HealthDiskDegraded       int64
	HealthDiskUnhealthy      int64
	HealthDiskPercent        int
	HealthMemoryPercent      int
	HealthDescriptorsPercent int
	HealthConnectionsPercent int
	HealthChecks             []external.Spec // the operator's own

	// Warnings are for the operator. They do not prevent the server from starting.
	Warnings []string

	given   map[string]bool // full names set in the environment
	portOf  string          // "PORT" if that variable has set the port; otherwise empty
	envKeys *auth.Keys      // keys of the environment only
}

// Problems are the reasons why an environment is refused, one line each.
type Problems []string

func (p Problems) Error() string { return strings.Join(p, "\n") }

// ExitCode returns the exit code for a refused configuration.
func (p Problems) ExitCode() int { return 2 }

// each returns one problem for each line of err.
func each(name string, err error) (problems Problems) {
	for line := range strings.Lines(err.Error()) {
		problems = append(problems, name+": "+strings.TrimSuffix(line, "\n"))
	}
	return problems
}

// Load reads the configuration from an environment in the form of os.Environ.
// The error is a Problems that lists everything that is wrong. A variable set
// to the empty string counts as not set. machine determines the memory limit if
// no variable does.
func Load(environ []string, machine Machine) (*Config, error) {
	c := &Config{given: map[string]bool{}}
	var problems Problems
	known := map[string]Variable{}
	for _, v := range c.variables() {
		known[v.Name] = v
		if err := v.parse(v.Default); err != nil {
			panic("default of " + v.Name + ": " + err.Error()) // a mistake in the table
		}
	}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) || text == "" || slices.Contains(clientNames, name) {
			continue
		}
		v, ok := known[name]
		switch {
		case isServiceLink(name, text):
			if name == prefix+"PORT" {
				c.warn("TOPICS_PORT=%s is a Kubernetes service link and is ignored; set enableServiceLinks: false in the pod to be rid of it", text)
			}
		case !ok:
			problems = append(problems, unknown(name, known))
		default:
			c.given[name] = true
			if err := v.parse(text); err != nil {
				problems = append(problems, each(name, err)...)
			}
		}
	}
	problems = append(problems, c.usePlatformPort(environ)...)
	slices.Sort(problems)
	// The rules between variables make no sense while one is malformed.
	if problems == nil {
		problems = append(c.planMemory(machine), c.check()...)
	}
	if problems != nil {
		return nil, problems
	}
	return c, nil
}

// check applies the rules between variables, and returns what violates them.
func (c *Config) check() (problems Problems) {
	host, port, err := splitHost(c.Host)
	if err != nil {
		return Problems{prefix + "HOST: " + err.Error()}
	}
	if port >= 0 {
		if c.given[prefix+"PORT"] && c.Port != port {
			c.warn("TOPICS_HOST=%s names a port itself; TOPICS_PORT=%d is ignored", c.Host, c.Port)
		}
		c.Port = port
	}
	c.Host = host
	problems = append(c.loadKeys(), c.checkReach()...)
	problems = append(problems, c.loadLogLevel()...)
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		problems = append(problems, prefix+"TLS_CERT_FILE: "+prefix+"TLS_KEY_FILE must be set with it, and the other way round")
	}
	if c.given[prefix+"WAL_SHARDS"] && c.WALShards != 1 {
		c.warn("TOPICS_WAL_SHARDS=%d has no effect: there is one log", c.WALShards)
	}
	below := func(small string, a int64, big string, b int64) {
		if a > b {
			problems = append(problems, prefix+small+": must not be above "+prefix+big)
		}
	}
	below("MAX_META_BYTES", c.MaxMetaBytes, "MAX_RECORD_BYTES", c.MaxRecordBytes)
	below("MAX_RECORD_BYTES", c.MaxRecordBytes, "MAX_BODY_BYTES", c.MaxBodyBytes)
	below("HEALTH_SYNC_DEGRADED_MS", int64(c.HealthSyncDegraded), "HEALTH_SYNC_UNHEALTHY_MS", int64(c.HealthSyncUnhealthy))
	below("HEALTH_DISK_UNHEALTHY_BYTES", c.HealthDiskUnhealthy, "HEALTH_DISK_DEGRADED_BYTES", c.HealthDiskDegraded)
	if c.MaxBodyBytes > c.MaxInflightBytes/8*3 {
		problems = append(problems, fmt.Sprintf("%sMAX_BODY_BYTES: %s must not be above three eighths of %sMAX_INFLIGHT_BYTES, which is %s: a body is copied once",
			prefix, formatSize(c.MaxBodyBytes), prefix, formatSize(c.MaxInflightBytes)))
	}
	for _, s := range c.shares() {
		if *s.bytes == 0 && s.name != prefix+"CACHE_BYTES" {
			c.warn("%s=0: what it bounds may take more than the memory limit", s.name)
		}
	}
	below("DRAIN_DELAY_MS", int64(c.DrainDelay), "DRAIN_TIMEOUT_MS", int64(c.DrainTimeout))
	return append(problems, c.checkDirs()...)
}

// checkReach refuses an address that other machines can reach unless there are
// keys or the operator has explicitly allowed it without.
func (c *Config) checkReach() (problems Problems) {
	listeners := []struct{ name, host string }{{"HOST", c.Host}}
	if c.OpsAddr != "" {
		host, port, err := splitHost(c.OpsAddr)
		if err == nil && port < 0 {
			err = fmt.Errorf("%q has no port", c.OpsAddr)
		}
		if err != nil {
			return Problems{prefix + "OPS_ADDR: " + err.Error()}
		}
		listeners = append(listeners, struct{ name, host string }{"OPS_ADDR", host})
	}
	if c.Keys.Len() > 0 {
		return nil
	}
	for _, l := range listeners {
		if !isLoopback(l.host) && !c.AllowInsecure {
			problems = append(problems, prefix+l.name+": "+strconv.Quote(l.host)+
				" can be reached from other machines and there are no API keys; set TOPICS_API_KEYS, or TOPICS_ALLOW_INSECURE_NO_AUTH=1 to serve anyone who can connect")
		}
	}
	if c.ProbeAuth {
		c.warn("TOPICS_PROBE_AUTH has no effect: there are no API keys that probes could need")
	}
	c.warn("no API keys: anyone who can reach %s may read, write and delete", c.Addr())
	return problems
}

// Addr returns the address to listen on, host and port joined.
func (c *Config) Addr() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// Settings returns every variable with its effective value, in the order of
// declaration.
func (c *Config) Settings() []Setting {
	var all []Setting
	for _, v := range c.variables() {
		s := Setting{Variable: v, Value: v.print(), Source: "default"}
		switch {
		case c.given[v.Name]:
			s.Source = "environment"
		case v.Name == prefix+"PORT" && c.portOf != "":
			s.Source = c.portOf
		case v.Name == prefix+"MEMORY_BYTES":
			s.Source = c.MemorySource
		case s.Value != v.Default && planned(v.Name):
			s.Source = "plan"
		}
		all = append(all, s)
	}
	return all
}

// Setting is a variable with its effective value.
type Setting struct {
	Variable
	Value  string
	Source string // default, environment, PORT, plan (of the memory), or the source of the memory limit
}
