export { type AppendOptions, Client } from "./client.js";
export {
  ApiError,
  LeaseLost,
  NoAnswer,
  RecordsLost,
  Reject,
  Retry,
  Stopped,
  TopicsError,
  UnexpectedAnswer,
  Unstarted,
} from "./errors.js";
export { type CaughtUp, type Event, type FollowOptions, type Records, Subscription, type TopicDeleted } from "./follow.js";
export type { ClientOptions } from "./transport.js";
export type * from "./types.js";
export type { Ended, Handler, WorkOptions } from "./worker.js";
