import { join } from "node:path";
import {
  ActionRunner,
  type Alert,
  type Alerting,
  type AlertRuleSource,
  createAlerting,
  RuleGroupSource,
  type SampleSink,
  triggerOf,
} from "@tocsin/alerts";
import { parseDuration } from "@tocsin/model";
import { createEvidenceCollector, type Replay, replayEvidence } from "../alerting/evidence.js";
import { registerAlertingMetrics } from "../alerting/metrics.js";
import type { WatchSetup } from "../config/watch-setup.js";
import { FileJournal } from "../journal/index.js";
import { DeploymentMarks } from "../signals/deployment-marks.js";
import { SloAlertSource } from "../slo/alert-source.js";
import { CorrectionBook } from "../slo/correction-book.js";
import { createSliReader } from "../slo/sli-reader.js";
import type { Store } from "../store/index.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";

/** What watches the signals: rules, notifications and actions. */
export interface Watch {
  readonly alerting: Alerting;
  readonly runner: ActionRunner;
  /** Corrections of SLOs that people enter. */
  readonly corrections: CorrectionBook;
  /** Deployments that people and CI report. */
  readonly marks: DeploymentMarks;
  /** The rule groups as they are evaluated now. */
  ruleGroups(): readonly RuleGroupSource[];
  /** Evaluates again what made an alert fire, as of then; undefined when it has not fired. */
  replay(alert: Alert): Promise<Replay | undefined>;
  /** Brings back what was remembered, then begins to evaluate, notify and act. */
  start(): Promise<void>;
  /** Takes other rules, SLOs and routes; alerts that go on keep their state. */
  reload(setup: WatchSetup): Promise<void>;
}

/**
 * Builds alerting and the action runner over one journal, so that what was decided before a restart is known after it.
 *
 * @param store where failing traces are looked up; undefined while there is none
 * @param boundUrl where the page is bound, for links in messages unless the configuration says where people reach it
 */
export async function createWatch(
  context: PartContext,
  memory: Memory,
  store: () => Store | undefined,
  boundUrl: string,
): Promise<Watch> {
  const { config, clock, logger, closers } = context;
  const externalUrl = config.external_url ?? boundUrl;
  const journal = closers.add(
    "journal",
    await FileJournal.open({ path: join(context.dataDir, "journal.log"), clock, logger }),
  );
  const runner = closers.add(
    "actions",
    await ActionRunner.open({
      journal,
      actions: memory.setup.actions,
      sli: createSliReader(memory.tracker),
      clock,
      logger,
    }),
  );
  const marks = await DeploymentMarks.open({ signals: memory.signals, journal, clock });
  const corrections = await CorrectionBook.open({ tracker: memory.tracker, journal, clock });
  const appendSamples: SampleSink = (samples) => {
    memory.publish(samples.map(({ labels, tMs, value }) => ({ labels, timeMs: tMs, value })));
  };
  const slos = new SloAlertSource(memory.tracker);
  let groups: readonly RuleGroupSource[] = [];
  const ruleSources = (setup: WatchSetup): readonly AlertRuleSource[] => {
    groups = setup.ruleGroups.map(
      (group) =>
        new RuleGroupSource(group, {
          queryable: memory.queryable,
          appendSamples,
          externalUrl,
          externalLabels: setup.externalLabels,
          defaultIntervalMs: setup.evaluationIntervalMs,
          logger,
        }),
    );
    return [slos, ...groups];
  };
  const alertingOf = (setup: WatchSetup) => ({
    config: setup.alerting,
    ruleSources: ruleSources(setup),
    templateSources: setup.templateSources,
    externalLabels: setup.externalLabels,
  });
  const alerting = closers.add(
    "alerting",
    createAlerting({
      ...alertingOf(memory.setup),
      journal,
      externalUrl,
      appendSamples,
      evidence: createEvidenceCollector({
        signals: memory.signals,
        store,
        queryable: memory.queryable,
        clock,
      }),
      listeners: [
        { onAlertChange: (change) => runner.alertChanged(triggerOf(change), change.alert.actions) },
      ],
      clock,
      logger,
    }),
  );
  registerAlertingMetrics(alerting, clock, context.registry);
  return {
    alerting,
    runner,
    corrections,
    marks,
    ruleGroups: () => groups,
    async replay(alert) {
      if (!alert.evidence) return undefined;
      return replayEvidence(alert, alert.evidence, {
        sloWindow: ({ labels }, window, atMs) =>
          memory.tracker
            .tracked()
            .find(
              ({ spec, group }) =>
                spec.name === labels.slo &&
                Object.entries(group).every(([name, value]) => labels[name] === value),
            )
            ?.book.window(parseDuration(window), atMs),
        query: async (expression, atMs) => {
          const offsetMs = groups.find(({ name }) => name === alert.source)?.group.queryOffsetMs ?? 0;
          const result = await memory.queryable.instantQuery(expression, atMs - offsetMs);
          if (result.resultType === "scalar") return [{ labels: {}, value: result.value }];
          return result.resultType === "vector"
            ? result.samples.flatMap(({ labels, value }) => (value === undefined ? [] : [{ labels, value }]))
            : [];
        },
      });
    },
    async start() {
      await runner.start();
      await alerting.start();
    },
    async reload(next) {
      memory.tracker.reconfigure(next.slos);
      await runner.reconfigure(next.actions);
      await alerting.reload(alertingOf(next));
    },
  };
}
