import { TocsinError } from "@tocsin/model";

/** Every error code of the actions. */
export type ActionErrorCode =
  /** The target answered that it does not want this call, and will answer the same again. */
  | "ACTION_REJECTED"
  /** The target is not as it was when the plan was made (a changed `resourceVersion`, HTTP 409 or 412). */
  | "ACTION_TARGET_CHANGED"
  /** The target asks for a pause (429 or 503), see `retryAfterMs`. */
  | "ACTION_THROTTLED"
  /** The target failed (5xx): whether it did anything is not known. */
  | "ACTION_TARGET_FAILED"
  /** No connection: nothing was done. */
  | "ACTION_UNREACHABLE"
  /** No answer in time: whether anything was done is not known. */
  | "ACTION_TIMEOUT"
  /** The caller gave up (shutdown): whether anything was done is not known. */
  | "ACTION_ABORTED"
  /** The target's answer cannot be understood. */
  | "ACTION_ANSWER_INVALID"
  /** No run with this id. */
  | "ACTION_UNKNOWN"
  /** The run is not waiting for an answer, or the plan is no longer what was shown. */
  | "ACTION_NOT_WAITING"
  | "ACTION_PLAN_CHANGED"
  /** Guards forbid it; the message names them. */
  | "ACTION_GUARDED"
  /** Acting needs a named person. */
  | "ACTION_PERSON_REQUIRED";

/** Why an action could not be done, and what may be concluded about the world from that. */
export class ActionError extends TocsinError {
  declare readonly code: ActionErrorCode;
  /** `none`: surely nothing was changed. `unknown`: it may have been done, so it must not be repeated blindly. */
  readonly effect: "none" | "unknown";
  /** How long the target asked us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ActionErrorCode,
    message: string,
    options: {
      cause?: unknown;
      retryable?: boolean;
      effect?: "none" | "unknown";
      retryAfterMs?: number | undefined;
    } = {},
  ) {
    super(code, message, options);
    this.effect = options.effect ?? "none";
    this.retryAfterMs = options.retryAfterMs;
  }
}
