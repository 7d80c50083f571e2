export {
  type ActionCall,
  type ActionDefinition,
  type ActionDeps,
  ActionPlan,
  type ActionResult,
  type ActionSpec,
  type ActionTarget,
  type BoundAction,
  defineAction,
} from "./act/action.js";
export { type ActionConfig, actionsSchema, unknownActionNames } from "./act/config.js";
export { ActionError, type ActionErrorCode } from "./act/errors.js";
export { actionDefinitions } from "./act/index.js";
export type { ActionMode, ActionRun, ActionState, GuardResult, Person, Verdict } from "./act/run.js";
export { ActionRunner, type ActionRunnerDeps, type CataloguedAction } from "./act/runner.js";
export type { SliReader, SliReading } from "./act/sli-reader.js";
export { ActionTrigger, triggerOf } from "./act/trigger.js";
export { type Alert, type AlertChange, type AlertListener, type AlertState, isOn } from "./alert.js";
export {
  Alerting,
  type AlertingOptions,
  type AlertingReload,
  createAlerting,
  type RoutedAlertView,
  type RuleGroupStatus,
  type SilencePreview,
} from "./alerting.js";
export { AlertingConfig, HeartbeatConfig } from "./config/alerting-config.js";
export { type ReadAlerting, readAlertmanagerFile } from "./config/alertmanager-file.js";
export { printAlertmanagerConfig } from "./config/print.js";
export type { ReceiverConfig, ReceiverEntry } from "./config/receiver.js";
export type { RouteConfig } from "./config/route.js";
export { alertingWarnings } from "./config/unused.js";
export type { DeliveryFault, DeliveryTotal } from "./deliver/delivery-totals.js";
export type { DeliveryRecord } from "./deliver/outbox.js";
export type { Acknowledgement } from "./dispatch/acknowledgements.js";
export { isResolved, type RoutedAlert } from "./dispatch/alert-registry.js";
export type { GroupView, MuteStatus } from "./dispatch/dispatcher.js";
export type { PostedAlert } from "./dispatch/posted-alert.js";
export { ALERTS_ERROR_CODES, AlertsError, type AlertsErrorCode } from "./errors.js";
export type {
  Evidence,
  EvidenceChange,
  EvidenceCollector,
  EvidenceHistory,
  EvidenceShare,
  EvidenceValue,
  EvidenceWindow,
  ExplainableAlert,
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
export { type WebhookMessage, webhookMessage } from "./notify/webhook-message.js";
export { createHttpQueryable, type HttpQueryableOptions } from "./query/http-queryable.js";
export {
  createMatcher,
  formatMatcher,
  formatMatchers,
  type Matcher,
  type MatchOperator,
  matchesAll,
  parseMatchers,
} from "./route/matcher.js";
export { buildRouteTree, matchRoutes, type Route } from "./route/route-tree.js";
export type { RuleStatus } from "./rule/evaluator.js";
export {
  type LoadedGroup,
  type LoadedRule,
  Rule,
  RuleFile,
  RuleGroup,
  readRuleFile,
} from "./rule/rule-file.js";
export { type RecordingStatus, type RuleGroupDeps, RuleGroupSource } from "./rule/rule-group.js";
export type { RuleSample, SampleSink } from "./rule/sample-sink.js";
export type { ActiveSample, AlertRule, AlertRuleSource, RuleOutcome, RuleResult } from "./rule/source.js";
export { WATCHDOG } from "./rule/watchdog.js";
export { type ReplayedAlert, type ReplayOptions, replayRules } from "./rule-test/replay.js";
export { type RuleTestResult, runRuleTests } from "./rule-test/run-tests.js";
export { parseSeries, parseValues } from "./rule-test/series-notation.js";
export { type ReadTestFile, RuleTestFile, readRuleTestFile } from "./rule-test/test-file.js";
export { isSilenceEnding } from "./silence/ending-source.js";
export { formatRecurrence, parseRecurrence, type WrittenInterval } from "./silence/recurrence.js";
export {
  type Silence,
  type SilenceDraft,
  type SilenceState,
  Silences,
  silenceState,
} from "./silence/silences.js";
export type { SimilarSilence } from "./silence/similar.js";
export type { FiveLines, MessageTemplates } from "./template/message-templates.js";
export { createMessageTemplates } from "./template/message-templates.js";
export { templateFileProblems } from "./template/template-file.js";
