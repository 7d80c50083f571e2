export { type Alert, type AlertChange, type AlertListener, type AlertState, isOn } from "./alert.js";
export { ALERTS_ERROR_CODES, AlertsError, type AlertsErrorCode } from "./errors.js";
export type {
  Evidence,
  EvidenceChange,
  EvidenceCollector,
  EvidenceShare,
  EvidenceValue,
  EvidenceWindow,
} from "./explain/evidence.js";
export { fingerprint } from "./fingerprint.js";
export { type AddressGuard, type AddressGuardOptions, createAddressGuard } from "./http/address-guard.js";
export {
  createHttpClient,
  type HttpClient,
  type HttpRequest,
  type HttpResponse,
  type TlsOptions,
} from "./http/client.js";
export {
  type Journal,
  type JournalCompaction,
  type JournalRecord,
  MemoryJournal,
  readPart,
} from "./journal.js";
export {
  defineNotifier,
  type Notification,
  type NotifiedAlert,
  type Notifier,
  type NotifierDefinition,
  type NotifierDeps,
  type NotifierMemory,
} from "./notify/notifier.js";
export {
  createMatcher,
  formatMatcher,
  formatMatchers,
  type Matcher,
  type MatchOperator,
  matchesAll,
  parseMatchers,
} from "./route/matcher.js";
export type { RuleSample, SampleSink } from "./rule/sample-sink.js";
export type { ActiveSample, AlertRule, AlertRuleSource, RuleOutcome, RuleResult } from "./rule/source.js";
export type { FiveLines, MessageTemplates } from "./template/message-templates.js";
