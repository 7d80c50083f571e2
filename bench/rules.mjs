// 1,000 alerting rules over 10,000 series in one tick, on one core. Prints one line of JSON.
import { RuleGroupSource, readRuleFile } from "../packages/alerts/dist/index.js";
import { Engine, MemoryStorage } from "../packages/promql/dist/index.js";

const RULES = 1_000;
const SERIES = 10_000;
const storage = new MemoryStorage();
for (let series = 0; series < SERIES; series++) {
  const labels = {
    __name__: `metric_${series % RULES}`,
    instance: `i${Math.floor(series / RULES)}`,
    job: "bench",
  };
  for (let tMs = 0; tMs <= 300_000; tMs += 15_000) storage.append(labels, tMs, tMs / 1_000);
}
const rules = Array.from(
  { length: RULES },
  (_, index) =>
    `      - { alert: R${index}, expr: "sum by (job) (rate(metric_${index}[5m])) > ${index % 10 === 0 ? 1 : 100}", labels: { severity: page }, annotations: { summary: "{{ $labels.job }} {{ $value | humanize }}" } }`,
);
const { groups, problems } = readRuleFile({
  file: "bench.yml",
  text: `groups:\n  - name: g\n    rules:\n${rules.join("\n")}\n`,
});
if (problems.length > 0) throw new Error(problems[0].message);
const engine = new Engine();
const queryable = {
  instantQuery: (query, tMs) => engine.instantQuery(storage, query, tMs),
  rangeQuery: (query, startMs, endMs, stepMs) => engine.rangeQuery(storage, query, startMs, endMs, stepMs),
};
const source = new RuleGroupSource(groups[0], { queryable, externalUrl: "http://x" });
const AT_MS = 300_000;
const timesMs = [];
for (let round = 0; round < 5; round++) {
  const startedMs = performance.now();
  let count = 0;
  for await (const { outcome } of source.evaluate(AT_MS))
    count += outcome.kind === "samples" ? outcome.samples.length : 0;
  timesMs.push(Math.round(performance.now() - startedMs));
  if (count !== RULES / 10) throw new Error(`${count} alerts, ${RULES / 10} expected`);
}
console.log(
  JSON.stringify({
    bench: "rules",
    rules: RULES,
    series: SERIES,
    unit: "ms per tick",
    best: Math.min(...timesMs),
    median: timesMs.sort((a, b) => a - b)[2],
    target: 1_000,
  }),
);
