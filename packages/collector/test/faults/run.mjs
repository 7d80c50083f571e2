// Faults that a spool and a store must live through: `npm run faults`. See `--help`.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chance } from "./chance.mjs";
import { flippedBits, tornTail } from "./damage.mjs";
import { diskFull, readOnly } from "./disk.mjs";
import { engineKilled, storeStopped } from "./engine.mjs";
import { killed } from "./kill.mjs";

const FAULTS = {
  kill: { title: "kill -9 under load", run: killed },
  torn: { title: "a tail torn at every byte", run: tornTail },
  bits: { title: "flipped bits", run: flippedBits },
  disk: { title: "disk full and healed", run: diskFull },
  readonly: { title: "read-only directory and healed", run: readOnly },
  engine: { title: "engine and collector killed under load", run: engineKilled },
  slow: { title: "a store that stands still", run: storeStopped },
};

const HELP = `npm run faults [-- flags]

Does to spool and store what happens to them, and counts what is missing afterwards. Nothing is simulated but the fault.

${Object.entries(FAULTS)
  .map(([name, { title }]) => `  ${name.padEnd(10)} ${title}`)
  .join("\n")}

  --rounds N      kills of the collector (default 100); the other faults are scaled with it
  --only NAMES    some of these faults, with commas between them
  --seed N        of everything random (default 1)
  --help          this text

Talk on stderr; on stdout one line of JSON: lost and duplicated records in all, and each fault's own counts.
Exit codes: 0 nothing lost or duplicated, 1 something was, or a fault was not lived through, 2 wrong use.`;

const options = readOptions();
const dir = await mkdtemp(join(tmpdir(), "tocsin-faults-"));
const random = chance(options.seed);
const summary = { lost: 0, duplicated: 0, failed: [], skipped: [], faults: {} };
try {
  for (const name of options.only) await play(name);
} finally {
  await rm(dir, { recursive: true, force: true });
}
say(`lost ${summary.lost}, duplicated ${summary.duplicated}`);
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exitCode = summary.failed.length > 0 || summary.lost + summary.duplicated > 0 ? 1 : 0;

/**
 * Each fault answers with `lost` and `duplicated`, other `counts`, and in `problem` what else was not as it should be;
 * `skipped` says why it could not be tried here.
 */
async function play(name) {
  const { title, run } = FAULTS[name];
  const startedMs = performance.now();
  const {
    lost = 0,
    duplicated = 0,
    counts = {},
    problem,
    skipped,
  } = await run({
    dir: join(dir, name),
    rounds: options.rounds,
    random,
  });
  if (skipped) {
    summary.skipped.push(name);
    return say(`skipped  ${title}: ${skipped}`);
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  summary.lost += lost;
  summary.duplicated += duplicated;
  summary.faults[name] = { lost, duplicated, ...counts, seconds };
  const isGood = lost + duplicated === 0 && problem === undefined;
  if (!isGood) summary.failed.push(name);
  const numbers = Object.entries({ lost, duplicated, ...counts }).map(([what, count]) => `${count} ${what}`);
  say(`${isGood ? "ok" : "FAILED"}  ${title}: ${numbers.join(", ")}${problem ? `; ${problem}` : ""}`);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        rounds: { type: "string", default: "100" },
        only: { type: "string", default: Object.keys(FAULTS).join() },
        seed: { type: "string", default: "1" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(`${HELP}\n`);
      process.exit(0);
    }
    const only = values.only.split(",").map((name) => name.trim());
    const unknown = only.find((name) => !(name in FAULTS));
    if (unknown !== undefined) throw new Error(`There is no fault "${unknown}".`);
    const [rounds, seed] = [values.rounds, values.seed].map(Number);
    if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error("--rounds is a whole number above 0.");
    if (!Number.isInteger(seed)) throw new Error("--seed is a whole number.");
    return { rounds, seed, only };
  } catch (error) {
    say(`${error.message}\n\n${HELP}`);
    return process.exit(2);
  }
}
