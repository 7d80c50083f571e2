// A whole alerting over a journal on disk, with one rule that fires. It is killed at any moment by the rounds in
// alerts-run.mjs; a crash point ends it with SIGKILL right before (odd) or after (even) a write to the journal.

import { AlertingConfig, createAlerting } from "@tocsin/alerts";
import { systemClock } from "@tocsin/model";
import { FileJournal } from "../../dist/journal/index.js";

const [journalPath, hookUrl, otherUrl, crashAt] = process.argv.slice(2);
const journal = await FileJournal.open({ path: journalPath, clock: systemClock, logger: silent() });

let writes = 0;
const crashing = {
  read: () => journal.read(),
  addCompaction: (compaction) => journal.addCompaction(compaction),
  async append(record) {
    writes += 1;
    if (writes === Number(crashAt) * 2 - 1) process.kill(process.pid, "SIGKILL");
    await journal.append(record);
    if (writes * 2 === Number(crashAt)) process.kill(process.pid, "SIGKILL");
  },
};

const rule = {
  name: "Fires",
  id: "Fires",
  forMs: 0,
  keepFiringForMs: 0,
  onNoData: "ok",
  onError: "keep",
  labels: {},
  annotations: {},
  actions: [],
  condition: "always",
};
const alerting = createAlerting({
  config: AlertingConfig.parse({
    route: {
      receiver: "hook",
      group_by: ["alertname"],
      group_wait: "0",
      group_interval: "1s",
      repeat_interval: "1h",
      routes: [{ receiver: "other", matchers: ["to=other"] }],
    },
    receivers: [
      { name: "hook", webhook_configs: [{ url: hookUrl }] },
      { name: "other", webhook_configs: [{ url: otherUrl }] },
    ],
  }),
  ruleSources: [
    {
      name: "faults",
      intervalMs: 50,
      rules: () => [rule],
      evaluate: async () => [
        {
          rule,
          outcome: {
            kind: "samples",
            samples: [
              { labels: { to: "hook" }, annotations: {}, value: 1 },
              { labels: { to: "other" }, annotations: {}, value: 1 },
            ],
          },
        },
      ],
    },
  ],
  journal: crashing,
  externalUrl: "http://localhost:4319",
});
await alerting.start();
process.send?.("started");
process.on("SIGTERM", async () => {
  await alerting.close();
  await journal.close();
  process.exit(0);
});
setInterval(() => {}, 1_000);

function silent() {
  return { debug() {}, info() {}, warn() {}, error() {} };
}
