import { join } from "node:path";
import { ActionRunner, type Alerting, createAlerting, triggerOf } from "@tocsin/alerts";
import { FileJournal } from "../journal/index.js";
import { SloAlertSource } from "../slo/alert-source.js";
import { createSliReader } from "../slo/sli-reader.js";
import type { Memory } from "./memory.js";
import type { PartContext } from "./parts.js";

/** What watches the signals: rules, notifications and actions. */
export interface Watch {
  readonly alerting: Alerting;
  readonly runner: ActionRunner;
  /** Brings back what was remembered, then begins to evaluate, notify and act. */
  start(): Promise<void>;
}

/**
 * Builds alerting and the action runner over one journal, so that what was decided before a restart is known after it.
 *
 * @param externalUrl base URL of the page, for links in messages
 */
export async function createWatch(context: PartContext, memory: Memory, externalUrl: string): Promise<Watch> {
  const { config, clock, logger, closers } = context;
  const journal = closers.add(
    "journal",
    await FileJournal.open({ path: join(context.dataDir, "journal.log"), clock, logger }),
  );
  const runner = closers.add(
    "actions",
    await ActionRunner.open({
      journal,
      actions: config.actions,
      sli: createSliReader(memory.tracker),
      clock,
      logger,
    }),
  );
  const alerting = closers.add(
    "alerting",
    createAlerting({
      config: config.alerting,
      ruleSources: [new SloAlertSource(memory.tracker)],
      journal,
      externalUrl,
      appendSamples(samples) {
        memory.head.appendSamples(samples.map(({ labels, tMs, value }) => ({ labels, timeMs: tMs, value })));
      },
      listeners: [
        { onAlertChange: (change) => runner.alertChanged(triggerOf(change), change.alert.actions) },
      ],
      clock,
      logger,
    }),
  );
  return {
    alerting,
    runner,
    async start() {
      await runner.start();
      await alerting.start();
    },
  };
}
