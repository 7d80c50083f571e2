// Faults that a page must live through; see HELP. Every part tells what went wrong in sentences; the last line is JSON.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clockDrill } from "./alerts-clocks.mjs";
import { delayDrill } from "./alerts-delays.mjs";
import { killDrill } from "./alerts-kills.mjs";
import { restartDrill } from "./alerts-restarts.mjs";

const HELP = `npm run faults:alerts [-- OPTIONS]

Receivers that answer 500 or 429, hang, drip, or die after they took a message; kill -9; a clock that is set.

  kills     kill -9 at every step between fire and sent, beside such a receiver: everybody is told, under one id
  delays    a receiver's median delay beside each of them, against a healthy one at the same time: at most a tenth more
  restarts  kill -9 of a collector during \`for\`: fires when it was due, within one interval
  clocks    the clock set by two hours, forward and back, running and over a restart: the same alerts

  --rounds N   rounds of kills (200); the other parts grow with it
  --only PART  one part; may be repeated
  --help
Exit code 0 when nothing was lost, late, or told that is not so.`;

const PARTS = ["kills", "delays", "restarts", "clocks"];
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    only: { type: "string", multiple: true, default: PARTS },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
if (!Number.isInteger(rounds) || rounds < 1 || values.only.some((part) => !PARTS.includes(part))) {
  console.error(HELP);
  process.exit(2);
}

const dir = await mkdtemp(join(tmpdir(), "tocsin-faults-alerts-"));
const result = { faults: 0 };
try {
  await part("kills", () => killDrill(dir, rounds));
  await part("delays", () => delayDrill(dir, Math.min(300, 20 + rounds * 2)));
  // Both mostly wait.
  await Promise.all([
    part("restarts", () => restartDrill(dir, Math.ceil(rounds / 20))),
    part("clocks", () => clockDrill(dir)),
  ]);
} finally {
  await rm(dir, { recursive: true, force: true });
}
console.log(JSON.stringify({ drill: "faults:alerts", rounds, ...result }));
process.exitCode = result.faults === 0 ? 0 : 1;

async function part(name, run) {
  if (!values.only.includes(name)) return;
  const startedMs = performance.now();
  const { faults, ...figures } = await run();
  for (const fault of faults) console.log(`FAILED  ${name}: ${fault}`);
  if (faults.length === 0) console.log(`ok      ${name}: ${JSON.stringify(figures)}`);
  result.faults += faults.length;
  result[name] = {
    ...figures,
    faults: faults.length,
    seconds: Math.round((performance.now() - startedMs) / 1_000),
  };
}
