import { TocsinError } from "@tocsin/model";

/** Every code that this package throws. `AlertsError.code` is one of these. */
export const ALERTS_ERROR_CODES = [
  /** A rule file or one of its rules is not valid. */
  "ALERTS_RULE_INVALID",
  /** The `alerting` part of the config, or an Alertmanager file, is not valid. */
  "ALERTS_CONFIG_INVALID",
  /** A rule's query failed, or its result could not become alerts. */
  "ALERTS_RULE_FAILED",
  /** A template does not parse, or failed while it ran. */
  "ALERTS_TEMPLATE_INVALID",
  /** A matcher, time interval or silence is not valid. */
  "ALERTS_MATCHER_INVALID",
  "ALERTS_SILENCE_INVALID",
  "ALERTS_SILENCE_UNKNOWN",
  /** An alert id that is not, or no longer, known. */
  "ALERTS_ALERT_UNKNOWN",
  /** An alert sent to us by another program is not valid. */
  "ALERTS_ALERT_INVALID",
  /** A notification id that is not, or no longer, known. */
  "ALERTS_NOTIFICATION_UNKNOWN",
  /** The destination answered that it does not want this notification. */
  "ALERTS_NOTIFY_REJECTED",
  /** The destination asks for a pause (429), see `retryAfterMs`. */
  "ALERTS_NOTIFY_THROTTLED",
  /** The destination could not be reached, or did not answer in time. */
  "ALERTS_NOTIFY_UNREACHABLE",
  /** The address of the destination is one we do not connect to. */
  "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
  /** The journal holds something that cannot be read back. */
  "ALERTS_JOURNAL_INVALID",
  /** A rule unit-test file is not valid. */
  "ALERTS_TEST_INVALID",
] as const;

export type AlertsErrorCode = (typeof ALERTS_ERROR_CODES)[number];

/** The one error class of this package; `retryable` says whether the same input may succeed later. */
export class AlertsError extends TocsinError {
  declare readonly code: AlertsErrorCode;
  /** How long the destination asked us to wait, in milliseconds; only with ALERTS_NOTIFY_THROTTLED or a 503. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: AlertsErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; retryAfterMs?: number | undefined } = {},
  ) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}
