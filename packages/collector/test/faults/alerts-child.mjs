// A whole alerting over a journal on disk, in a process that the drills kill, hang up on and set the clock of.
// Takes one argument, JSON: { journal, receivers: {name: url}, script, crashAt?, offsetMs?, count? }.
import { AlertingConfig, createAlerting } from "@tocsin/alerts";
import { silentLogger, systemClock } from "@tocsin/model";
import { FileJournal } from "../../dist/journal/index.js";

const options = JSON.parse(process.argv[2]);
let { offsetMs = 0 } = options;
let active = ["steady", "slow"];
const clock = { now: () => Date.now() + offsetMs, after: (ms, callback) => systemClock.after(ms, callback) };

process.on("message", (message) => {
  if (message.offsetMs !== undefined) offsetMs = message.offsetMs;
  if (message.active) active = message.active;
});

const journal = await FileJournal.open({ path: options.journal, clock, logger: silentLogger });
const names = Object.keys(options.receivers);
const alerting = createAlerting({
  config: AlertingConfig.parse({
    route: {
      receiver: names[0],
      group_by: ["..."],
      group_wait: "0",
      group_interval: "1s",
      routes: names.map((name) => ({ receiver: name, matchers: [`to=${name}`] })),
    },
    receivers: names.map((name) => ({
      name,
      // A receiver that hangs or drips is given up on soon, so that a round does not last forever.
      webhook_configs: [{ url: options.receivers[name], timeout: "500ms" }],
    })),
  }),
  ruleSources: [{ kill: always, stream, clock: named }[options.script]()],
  journal: crashing(journal, options.crashAt ?? 0),
  externalUrl: "http://localhost:4319",
  clock,
});
await alerting.start();
process.send?.("started");
process.on("SIGTERM", async () => {
  await alerting.close();
  await journal.close();
  process.exit(0);
});
setInterval(() => {}, 1_000);

/** Ends the process right before (odd) or right after (even) a write to the journal. */
function crashing(inner, crashAt) {
  let writes = 0;
  return {
    read: () => inner.read(),
    addCompaction: (compaction) => inner.addCompaction(compaction),
    async append(record) {
      writes += 1;
      if (writes === crashAt * 2 - 1) process.kill(process.pid, "SIGKILL");
      await inner.append(record);
      if (writes * 2 === crashAt) process.kill(process.pid, "SIGKILL");
    },
  };
}

/** One alert for every receiver, from the first evaluation on. */
function always() {
  return source(50, [rule("Fires")], () => [names.map((to) => sample({ to }))]);
}

/** One more alert for every receiver at each evaluation, up to `count`; its labels say when it began. */
function stream() {
  const begun = [];
  return source(50, [rule("Streams")], () => {
    if (begun.length < options.count) begun.push(String(Date.now()));
    return [begun.flatMap((at) => names.map((to) => sample({ to, at })))];
  });
}

/** Two rules that are told from outside whether their conditions hold; one of them must hold for three seconds. */
function named() {
  const rules = [rule("steady"), rule("slow", 3_000)];
  return source(200, rules, () => rules.map(({ name }) => (active.includes(name) ? [sample({})] : [])));
}

function source(intervalMs, rules, evaluate) {
  return {
    name: "faults",
    intervalMs,
    rules: () => rules,
    evaluate: async () =>
      evaluate().map((samples, index) => ({ rule: rules[index], outcome: { kind: "samples", samples } })),
  };
}

function rule(name, forMs = 0) {
  return {
    name,
    id: name,
    forMs,
    keepFiringForMs: 0,
    onNoData: "ok",
    onError: "keep",
    labels: {},
    annotations: {},
    actions: [],
    condition: "as it is told",
  };
}

function sample(labels) {
  return { labels, annotations: {}, value: 1 };
}
