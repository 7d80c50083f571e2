import { type Matcher, matchesAll } from "@tocsin/promql";
import type { Router } from "express";
import { type Answer, answering, invalidParameter } from "./answer.js";
import type { Selectors } from "./catalogue.js";
import { Params } from "./params.js";
import type { RuleGroupJson, RulesView, TargetsView } from "./rules-view.js";
import { readSelectors } from "./selector.js";

/** `rules`, `alerts` and `targets`. */
export function rulesRoutes(router: Router, rules: RulesView, targets: TargetsView): void {
  router.get(
    "/rules",
    answering((request) => listRules(new Params(request), rules)),
  );
  router.get(
    "/alerts",
    answering(() => ({ data: { alerts: rules.alerts() } })),
  );
  router.get(
    "/targets",
    answering((request) => listTargets(new Params(request), targets)),
  );
}

function listRules(params: Params, rules: RulesView): Answer {
  const type = params.text("type").toLowerCase();
  if (type !== "" && type !== "alert" && type !== "record") {
    throw invalidParameter("type", `not supported value ${JSON.stringify(type)}`);
  }
  const names = new Set(params.all("rule_name[]"));
  const groupNames = new Set(params.all("rule_group[]"));
  const files = new Set(params.all("file[]"));
  const selectors = readSelectors(params.all("match[]"));
  const hidesAlerts = params.text("exclude_alerts") === "true";
  const groups: RuleGroupJson[] = [];
  for (const group of rules.groups()) {
    if (groupNames.size > 0 && !groupNames.has(group.name)) continue;
    if (files.size > 0 && !files.has(group.file)) continue;
    const chosen = group.rules.filter(
      (rule) =>
        (type === "" || (type === "alert") === (rule.type === "alerting")) &&
        (names.size === 0 || names.has(rule.name)) &&
        fulfilsAny(selectors, rule.labels ?? {}),
    );
    const filtered = type !== "" || names.size > 0 || selectors.length > 0;
    if (chosen.length === 0 && filtered) continue;
    const shown = chosen.map((rule) =>
      rule.type === "alerting" && hidesAlerts ? { ...rule, alerts: [] } : rule,
    );
    groups.push({ ...group, rules: shown });
  }
  return { data: { groups } };
}

function fulfilsAny(selectors: Selectors, labels: Readonly<Record<string, string>>): boolean {
  return (
    selectors.length === 0 || selectors.some((matchers: readonly Matcher[]) => matchesAll(matchers, labels))
  );
}

function listTargets(params: Params, targets: TargetsView): Answer {
  const state = params.text("state").toLowerCase();
  const pool = params.text("scrapePool");
  const isWanted = ({ scrapePool }: { readonly scrapePool: string }) => pool === "" || scrapePool === pool;
  const showsActive = state === "" || state === "any" || state === "active";
  const showsDropped = state === "" || state === "any" || state === "dropped";
  const dropped = targets.dropped().filter(isWanted);
  const droppedTargetCounts: Record<string, number> = {};
  for (const { scrapePool } of dropped) {
    droppedTargetCounts[scrapePool] = (droppedTargetCounts[scrapePool] ?? 0) + 1;
  }
  return {
    data: {
      activeTargets: showsActive ? targets.active().filter(isWanted) : [],
      droppedTargets: showsDropped ? dropped : [],
      droppedTargetCounts: showsDropped ? droppedTargetCounts : null,
    },
  };
}
