// 1,000 rules over 10,000 series in one tick, the whole way: queries, states of alerts, journal, recorded series and ALERTS. A real
// collector and, where it is installed, a real Prometheus get the same rules and the same samples by remote write in one run;
// what is compared is the CPU that each process spends on an evaluation, above what it spends without rules.
// Prints one line of JSON. Usage: node bench/rules.mjs [--rules 1000] [--series 10000] [--ticks 8]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  prometheusVersion,
  remoteWrite,
  startPrometheus,
} from "../packages/promql/test/differential/prometheus.mjs";
import { cpuSeconds, startCollector } from "./lib/collector.mjs";

const { values: flags } = parseArgs({
  options: {
    rules: { type: "string", default: "1000" },
    series: { type: "string", default: "10000" },
    ticks: { type: "string", default: "8" },
  },
});
const [RULES, SERIES, TICKS] = [Number(flags.rules), Number(flags.series), Number(flags.ticks)];
const INTERVAL_SECONDS = 3;
const TARGET_MS = 1_000;
const dir = mkdtempSync(join(tmpdir(), "tocsin-bench-rules-"));
const closing = [() => rmSync(dir, { recursive: true, force: true })];

try {
  const series = samples();
  const tocsin = await measure(await tocsinPeer(), series);
  const version = prometheusVersion();
  if (version === undefined)
    console.error("There is no `prometheus` here (Debian: apt-get install prometheus): measured alone.");
  const prometheus = version && (await measure(await prometheusPeer(), series));
  console.log(
    JSON.stringify({
      bench: "rules",
      rules: RULES,
      series: SERIES,
      unit: "ms of CPU per tick",
      ...tocsin,
      target: TARGET_MS,
      met: tocsin.cpuMs <= TARGET_MS,
      prometheus: prometheus && { version, ...prometheus },
      ratio: prometheus && Math.round((tocsin.cpuMs / prometheus.cpuMs) * 100) / 100,
    }),
  );
  process.exitCode = tocsin.cpuMs <= TARGET_MS ? 0 : 1;
} finally {
  for (const close of closing.reverse()) await close();
}

/** Five minutes of every series, a sample every 15 s; series N of a metric grows N + 1 a second. */
function samples() {
  const endMs = Date.now() - 1_000;
  const perMetric = SERIES / RULES;
  return Array.from({ length: SERIES }, (_, index) => ({
    labels: {
      __name__: `metric_${index % RULES}`,
      instance: `i${Math.floor(index / RULES)}`,
      job: "bench",
      zone: `z${index % 3}`,
    },
    samples: Array.from({ length: 21 }, (_, step) => [
      endMs - (20 - step) * 15_000,
      step * 15 * (1 + (Math.floor(index / RULES) % perMetric)),
    ]),
  }));
}

/** Nine in ten rules look at ten series and find nothing; the tenth has an alert for each of them, and one in ten is recorded. */
function ruleFile() {
  const rules = Array.from({ length: RULES }, (_, index) => {
    const rate = `rate(metric_${index}[5m])`;
    if (index % 10 === 1)
      return `      - { record: "job:metric_${index}:rate5m", expr: "sum by (job) (${rate})" }`;
    const expr = index % 10 === 0 ? `${rate} > 0.1` : `sum by (job) (${rate}) > 1000`;
    const rest = `labels: { severity: page }, annotations: { summary: "{{ $labels.job }} {{ $value | humanize }}" }`;
    return `      - { alert: R${index}, expr: "${expr}", for: 5s, ${rest} }`;
  });
  return `groups:\n  - name: g\n    interval: ${INTERVAL_SECONDS}s\n    rules:\n${rules.join("\n")}\n`;
}

async function measure(peer, series) {
  await remoteWrite(peer.write, series);
  await sleep(2_000);
  const idleMsPerSecond = await cpuOver(peer.pid, 5_000);
  writeFileSync(peer.ruleFile, ruleFile());
  process.kill(peer.pid, "SIGHUP");
  // Not measured: reading the rules, the first evaluations, and the tick in which everything begins to fire.
  await ticks(peer, 4);
  const [startedMs, cpuBefore] = [performance.now(), cpuSeconds(peer.pid)];
  await ticks(peer, TICKS);
  const cpuMs = (cpuSeconds(peer.pid) - cpuBefore) * 1_000;
  const seconds = (performance.now() - startedMs) / 1_000;
  const { data } = await (
    await fetch(`${peer.api}/api/v1/query?query=count(ALERTS{alertstate="firing"})`)
  ).json();
  const alerts = Number(data.result[0]?.value[1] ?? 0);
  if (alerts !== SERIES / 10) throw new Error(`${peer.api}: ${alerts} alerts fire, ${SERIES / 10} should`);
  return { cpuMs: Math.round((cpuMs - idleMsPerSecond * seconds) / TICKS), alerts };
}

async function cpuOver(pid, ms) {
  const before = cpuSeconds(pid);
  await sleep(ms);
  return ((cpuSeconds(pid) - before) * 1_000) / (ms / 1_000);
}

/** Waits for so many evaluations, counted by what the last rule of the group says of its last one. */
async function ticks(peer, count) {
  const last = async () => {
    const { data } = await (await fetch(`${peer.api}/api/v1/rules?rule_name[]=R${RULES - 1}`)).json();
    const rule = data.groups[0]?.rules.find(({ name }) => name === `R${RULES - 1}`);
    return rule?.lastEvaluation;
  };
  let seen = await last();
  for (let done = 0; done < count; ) {
    // Right after an evaluation the next one is an interval away, so asking seldom costs nobody anything.
    await sleep(500);
    const now = await last();
    if (now !== seen) done++;
    seen = now;
  }
}

async function tocsinPeer() {
  const rules = join(dir, "rules.yml");
  writeFileSync(rules, "groups: []\n");
  const config = join(dir, "tocsin.yaml");
  writeFileSync(
    config,
    "store: none\nrule_files: [rules.yml]\nalerting: { route: { receiver: none }, receivers: [{ name: none }] }\n",
  );
  const collector = await startCollector(["--config", config]);
  closing.push(() => collector.stop());
  const api = `${collector.url}/prometheus`;
  return { api, write: api, pid: collector.pid, ruleFile: rules };
}

async function prometheusPeer() {
  const rules = join(dir, "prometheus-rules.yml");
  writeFileSync(rules, "groups: []\n");
  const { url, pid, close } = await startPrometheus({ config: `rule_files: [${rules}]\n` });
  closing.push(close);
  return { api: url, write: url, pid, ruleFile: rules };
}
