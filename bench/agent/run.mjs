// What an agent costs: CPU added per request by Tocsin's, by stock OpenTelemetry and by dd-trace, in one run; start, memory, disk.
//
//   node bench/agent/run.mjs [--rounds 15] [--seconds 1] [--variants none,tocsin,otel,datadog] [--starts 5] [--node PATH]
//
// `--rounds 0` leaves out the requests, `--starts 0` leaves out start, memory and disk.
//
// All variants live at once and take the load in short turns, so that whatever else the machine does falls on all alike.
// CPU is counted in all threads from the start of one turn of a variant to the start of its next, so that what is put off
// until the service is idle counts too. "Quiet" is the 20th percentile over turns. Prints one line of JSON.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { footprint, installed } from "./footprint.mjs";
import { ask, helper, installPeers, load, median, quiet, round, startService, VARIANTS } from "./harness.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    seconds: { type: "string", default: "1" },
    variants: { type: "string", default: "none,tocsin,otel,datadog" },
    connections: { type: "string", default: "16" },
    starts: { type: "string", default: "5" },
    node: { type: "string", default: process.execPath },
  },
});
installPeers();
const names = values.variants.split(",").filter((name) => name in VARIANTS);
const connections = Number(values.connections);
const figures = Number(values.rounds) > 0 ? await perRequest() : {};
const starts = Number(values.starts) > 0 ? await starting() : undefined;
const ratio = (peer) => {
  const own = figures.tocsin?.addedCpuUs;
  const other = figures[peer]?.addedCpuUs;
  return own === undefined || other === undefined ? null : round(own / other, 3);
};
process.stdout.write(
  `${JSON.stringify({
    bench: "agent",
    node: spawnSync(values.node, ["--version"]).stdout.toString().trim(),
    rounds: Number(values.rounds),
    figures,
    addedToOpenTelemetry: ratio("otel"),
    addedToDatadog: ratio("datadog"),
    ...(starts === undefined ? {} : { starts, installed: installed() }),
    targets: { addedToOpenTelemetry: 0.25, addedStartCpuMs: 150, addedMegabytes: 25, installedMegabytes: 30 },
  })}\n`,
);

/** Start and memory of each variant, and what it adds to the service without one. */
async function starting() {
  const seen = await footprint(names, {
    rounds: Number(values.starts),
    node: values.node,
    loadMs: 10_000,
    connections,
  });
  for (const name of names) {
    if (name === "none" || seen.none === undefined) continue;
    seen[name].added = Object.fromEntries(
      Object.keys(seen.none).map((key) => [key, round(seen[name][key] - seen.none[key])]),
    );
  }
  return seen;
}

/** Requests to all variants at once, in turns. */
async function perRequest() {
  const downstream = await helper("downstream.mjs");
  const live = [];
  for (const name of names) {
    const sink = await helper("sink.mjs");
    live.push({
      name,
      sink,
      ...(await startService(name, sink, downstream, values.node)),
      turns: [],
      sent: { requests: 0, spans: 0 },
    });
  }
  for (let turn = -2; turn <= Number(values.rounds); turn++)
    for (const variant of live) {
      const before = await ask(variant.child);
      const last = variant.turns.at(-1);
      if (last !== undefined) last.cpuUs = before.cpuUs - last.fromUs;
      if (turn === Number(values.rounds)) continue;
      const ms = turn < 0 ? 2000 : Number(values.seconds) * 1000;
      const startedMs = performance.now();
      const done = await load(variant.port, ms, connections);
      variant.sent.requests += done.requests;
      variant.sent.spans += done.spans;
      if (turn < 0) continue;
      const perSecond = done.requests / ((performance.now() - startedMs) / 1000);
      variant.turns.push({ fromUs: before.cpuUs, cpuUs: Number.NaN, requests: done.requests, perSecond });
    }
  const figures = {};
  for (const variant of live) {
    const { rssBytes } = await ask(variant.child);
    const ended = once(variant.child, "exit");
    const stoppedMs = performance.now();
    variant.child.kill("SIGTERM");
    await ended;
    const stopMs = performance.now() - stoppedMs;
    const { spans, bytes } = await ask(variant.sink.child);
    variant.sink.child.disconnect();
    const perRequest = variant.turns.map(({ cpuUs, requests }) => cpuUs / requests);
    figures[variant.name] = {
      cpuUsPerRequest: round(quiet(perRequest)),
      cpuUsPerRequestMedian: round(median(perRequest)),
      requestsPerSecond: round(median(variant.turns.map(({ perSecond }) => perSecond)), 0),
      rssMegabytes: round(rssBytes / 2 ** 20),
      startMs: round(variant.startMs, 0),
      stopMs: round(stopMs, 0),
      bytesPerRequest: round(bytes / variant.sent.requests, 0),
      ...(variant.name === "tocsin" ? { deliveredRatio: round(spans / variant.sent.spans, 4) } : {}),
    };
  }
  downstream.child.disconnect();
  const base = figures.none;
  for (const [name, figure] of Object.entries(figures)) {
    if (base === undefined || name === "none") continue;
    figure.addedCpuUs = round(figure.cpuUsPerRequest - base.cpuUsPerRequest);
    figure.addedRssMegabytes = round(figure.rssMegabytes - base.rssMegabytes);
    figure.throughputRatio = round(figure.requestsPerSecond / base.requestsPerSecond, 2);
  }
  return figures;
}
