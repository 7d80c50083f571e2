import type { Router } from "express";
import { createRulesView } from "../alerting/rules-view.js";
import { actionsRoutes } from "../api/actions.js";
import { alertmanagerRoutes } from "../api/alertmanager.js";
import { alertsRoutes } from "../api/alerts.js";
import { jaegerRoutes } from "../api/jaeger.js";
import { logsRoutes } from "../api/logs.js";
import { pageRoutes } from "../api/page.js";
import { headCatalogue, historyCatalogue, prometheusRoutes } from "../api/prometheus/index.js";
import { silencesRoutes } from "../api/silences.js";
import { slosRoutes } from "../api/slos.js";
import { tracesRoutes } from "../api/traces.js";
import type { ScrapeManager } from "../scrape/index.js";
import type { DeploymentMarks } from "../signals/deployment-marks.js";
import { VERSION } from "../version.js";
import type { Keep } from "./keep.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";
import type { Watch } from "./watch.js";

/** APIs that only a collector that watches has: PromQL, SLOs, alerts, actions, what is stored, and the page. */
export interface WatchApi {
  /** Where reported deployments are written down. */
  readonly marks: DeploymentMarks;
  /** Of `/api/v1`. */
  readonly tocsin: readonly Router[];
  readonly prometheus: Router;
  readonly alertmanager: Router;
  readonly jaeger: Router;
  readonly page: Router;
}

export interface WatchApiDeps {
  /** Undefined where nothing is kept: what asks for it is told so. */
  readonly keep: Keep | undefined;
  readonly memory: Memory;
  /** Undefined where nothing is scraped. */
  readonly scraping: ScrapeManager | undefined;
  readonly watch: Watch;
}

export function createWatchApi({ clock }: PartContext, deps: WatchApiDeps): WatchApi {
  const { keep, memory, scraping, watch } = deps;
  const { head, tracker } = memory;
  const stored = {
    get store() {
      return keep?.store();
    },
    get fault() {
      return keep?.fault();
    },
    clock,
  };
  return {
    marks: watch.marks,
    tocsin: [
      tracesRoutes(stored),
      logsRoutes(stored),
      slosRoutes({ tracker, corrections: watch.corrections, clock }),
      alertsRoutes(watch.alerting, watch.replay),
      silencesRoutes({ alerting: watch.alerting, clock }),
      actionsRoutes(watch.runner),
    ],
    prometheus: prometheusRoutes({
      queryable: memory.queryable,
      clock,
      maxQueryMs: 120_000,
      catalogue: headCatalogue(
        head,
        historyCatalogue(() => keep?.store()?.history, clock),
      ),
      storage: head,
      rules: createRulesView(watch.alerting, () => watch.ruleGroups()),
      targets: scraping?.view(),
      version: VERSION,
    }),
    alertmanager: alertmanagerRoutes({ alerting: watch.alerting, version: VERSION, clock }),
    jaeger: jaegerRoutes(stored),
    page: pageRoutes(),
  };
}
