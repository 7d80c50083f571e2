export {
  headCatalogue,
  historyCatalogue,
  type MetricsCatalogue,
  type Selectors,
  type SeriesCatalogue,
  type TimeRange,
} from "./catalogue.js";
export { type PrometheusDeps, prometheusRoutes } from "./prometheus-routes.js";
export type {
  ActiveTargetJson,
  AlertingRuleJson,
  AlertJson,
  RecordingRuleJson,
  RuleGroupJson,
  RulesView,
  TargetsView,
} from "./rules-view.js";
