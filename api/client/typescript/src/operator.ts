import { QueueClient } from "./queues.js";
import type {
  Alive,
  AuditTrail,
  Backups,
  BackupVerified,
  CheckpointReport,
  ErasureState,
  HealthReport,
  History,
  HistoryQuery,
  Identity,
  PageQuery,
  RequestCancellation,
  RequestPage,
  SessionPage,
  SessionsQuery,
  Stats,
  VerifyState,
} from "./types.js";

// How much longer than others a checkpoint may take, in ms.
const checkpointWait = 600_000;

/**
 * Calls of operators. They need the scope admin-read, those that change something
 * admin-write; whoami is for any key, and health and checks need none.
 */
export class OperatorClient extends QueueClient {
  /** Returns what the client's key may do. */
  whoami(): Promise<Identity> {
    return this.ask({ method: "GET", path: "/v0/whoami" }, "key_id");
  }

  /** Returns that the process serves requests, which it does during recovery too. It is not retried. */
  health(): Promise<Alive> {
    return this.transport.once({ method: "GET", path: "/v0/health" }, "status");
  }

  /** Returns what the checks of the server's health found, whatever that is. It is not retried. */
  checks(): Promise<HealthReport> {
    return this.transport.once({ method: "GET", path: "/health", report: true }, "checks");
  }

  /** Returns an overview of the server, in every phase. With a prefix, within has the totals of the topics whose names begin so. */
  stats(query: { prefix?: string } = {}): Promise<Stats> {
    return this.ask({ method: "GET", path: "/v0/admin/stats", query }, "rates");
  }

  /** Returns the last span in steps, such as "1h" and "5s". */
  history(query: HistoryQuery = {}): Promise<History> {
    return this.ask({ method: "GET", path: "/v0/admin/history", query }, "series");
  }

  /** Returns the requests in progress, the oldest first: 100, or limit, which may be up to 1000. */
  requests(query: PageQuery = {}): Promise<RequestPage> {
    return this.ask({ method: "GET", path: "/v0/admin/requests", query }, "requests");
  }

  /** Cancels a request that waits. Any other is carried out, and the answer has the reason. */
  cancelRequest(id: string): Promise<RequestCancellation> {
    const path = `/v0/admin/requests/${encodeURIComponent(id)}/cancel`;
    return this.ask({ method: "POST", path, repeatable: false, confirm: true }, "cancelled");
  }

  /** Returns the watch sessions, streams of jobs and WebSockets, the oldest first: 100, or limit, which may be up to 1000. key is the id of one. */
  sessions(query: SessionsQuery = {}): Promise<SessionPage> {
    return this.ask({ method: "GET", path: "/v0/admin/sessions", query }, "sessions");
  }

  /** Ends a session, stream or WebSocket. Its client gets the error session_closed. */
  async closeSession(id: string): Promise<void> {
    const path = `/v0/admin/sessions/${encodeURIComponent(id)}/close`;
    await this.ask({ method: "POST", path, repeatable: false, confirm: true }, "closed");
  }

  /** Writes a checkpoint, and returns when it is durable. */
  checkpoint(): Promise<CheckpointReport> {
    return this.ask({ method: "POST", path: "/v0/admin/checkpoint", wait: checkpointWait, confirm: true }, "checkpoint");
  }

  /** Begins a check of everything that is stored, unless one is in progress, and returns how that one is doing. */
  startVerify(): Promise<VerifyState> {
    return this.ask({ method: "POST", path: "/v0/admin/verify", query: { wait: false }, confirm: true }, "state");
  }

  /** Returns how the check in progress is doing, or how the last one ended. */
  verifyState(): Promise<VerifyState> {
    return this.ask({ method: "GET", path: "/v0/admin/verify" }, "state");
  }

  /**
   * Begins to erase from the disk what was deleted, evicted or has expired, and returns
   * how that is doing. While there is an erasure it is an ApiError with the code
   * throttled, which is retried: its receipt would not hold for what was deleted since.
   */
  startErasure(): Promise<ErasureState> {
    const query = { wait: false };
    return this.ask({ method: "POST", path: "/v0/admin/compact", query, repeatable: false, confirm: true }, "state");
  }

  /** Returns how the erasure in progress is doing, or how the last one ended. */
  erasureState(): Promise<ErasureState> {
    return this.ask({ method: "GET", path: "/v0/admin/compact" }, "state");
  }

  /** Returns the last backups, at most 20, the newest first. */
  backups(): Promise<Backups> {
    return this.ask({ method: "GET", path: "/v0/admin/backups" }, "backups");
  }

  /** Notes that a copy of the backup that has all of what was acknowledged before a time was checked and has no fault. */
  backupVerified(through_ts: number): Promise<BackupVerified> {
    return this.ask({ method: "POST", path: "/v0/admin/backups/verified", body: { through_ts }, confirm: true }, "verified_at");
  }

  /** Returns the last calls of administrators, and those that changed something or tried to, the newest first: 100, or limit, which may be up to 1000. reads: false leaves out reads. */
  audit(query: { limit?: number; reads?: boolean } = {}): Promise<AuditTrail> {
    return this.ask({ method: "GET", path: "/v0/admin/audit", query }, "entries");
  }
}
