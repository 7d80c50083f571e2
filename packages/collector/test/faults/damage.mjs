// Files of a spool that are not as they were written.
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Spool } from "../../dist/spool/index.js";

const { Registry } = createRequire(import.meta.url)("prom-client");

const FRAME_HEADER_BYTES = 24;

/** Cuts the last segment at each of its bytes: everything before the cut is there, whole, and the spool goes on. */
export async function tornTail({ dir }) {
  const bodies = Array.from({ length: 14 }, (_, index) => `record ${index} ${"y".repeat((index * 37) % 90)}`);
  const original = join(dir, "original");
  // Two segments: only the last one can be torn, and the one before must stay.
  await write(original, bodies, { segmentBytes: 700 });
  const files = await segmentsOf(original);
  const last = files.at(-1);
  const length = (await readFile(join(original, last))).length;
  const before = await countIn(original, files.slice(0, -1));
  let lost = 0;
  let duplicated = 0;
  let problem;
  for (let cut = 0; cut <= length; cut++) {
    const copy = join(dir, "copy");
    await cp(original, copy, { recursive: true });
    await truncate(join(copy, last), cut);
    const { found, metrics } = await reopen(copy, "after");
    const whole = bodies.slice(before).filter((_, index) => endOf(bodies, before, index) <= cut);
    const wanted = [...bodies.slice(0, before), ...whole, "after"];
    lost += wanted.filter((body) => !found.includes(body)).length;
    duplicated += found.length - new Set(found).size;
    const torn = cut < HEAD_BYTES ? 0 : cut - endOf(bodies, before, whole.length - 1);
    if (found.length > wanted.length) problem ??= `cut at ${cut}: a record that is no whole one came back`;
    if (metrics.torn !== torn) problem ??= `cut at ${cut}: ${metrics.torn} torn bytes counted, not ${torn}`;
    await rm(copy, { recursive: true });
  }
  return { lost, duplicated, counts: { offsets: length + 1 }, problem };
}

/** Flips bits at random: each record comes back exactly as it was or not at all, and what does not is counted to the byte. */
export async function flippedBits({ dir, rounds, random }) {
  const trials = Math.max(60, rounds * 5);
  const bodies = Array.from(
    { length: 120 },
    (_, index) => `record ${index} ${"z".repeat((index * 53) % 200)}`,
  );
  const original = join(dir, "original");
  await write(original, bodies, { segmentBytes: 8_000 });
  const files = await segmentsOf(original);
  let uncounted = 0;
  let duplicated = 0;
  let rejected = 0;
  let altered = 0;
  for (let trial = 0; trial < trials; trial++) {
    const copy = join(dir, "copy");
    await cp(original, copy, { recursive: true });
    const flips = 1 + Math.floor(random() * 8);
    for (let flip = 0; flip < flips; flip++) {
      const file = join(copy, files[Math.floor(random() * files.length)]);
      const bytes = await readFile(file);
      bytes[Math.floor(random() * bytes.length)] ^= 1 << Math.floor(random() * 8);
      await writeFile(file, bytes);
    }
    const { found, metrics } = await reopen(copy, "after");
    const missing = bodies.filter((body) => !found.includes(body));
    const missingBytes = missing.reduce((sum, body) => sum + FRAME_HEADER_BYTES + body.length, 0);
    rejected += missing.length;
    altered += found.filter((body) => body !== "after" && !bodies.includes(body)).length;
    duplicated += found.length - new Set(found).size;
    // A file whose head is gone in both copies is counted as a whole.
    if (metrics.segments === 0 && missingBytes !== metrics.damaged + metrics.torn)
      uncounted += missing.length;
    await rm(copy, { recursive: true });
  }
  return {
    // Lost is what is missing without being counted.
    lost: uncounted,
    duplicated,
    counts: { trials, records: trials * bodies.length, rejectedAndCounted: rejected, altered },
    problem: altered > 0 ? `${altered} records came back other than they were` : undefined,
  };
}

/** Two copies of 24 bytes begin a segment. */
const HEAD_BYTES = 48;

/** Where a record of the last segment ends, given how many lie in the segments before. */
function endOf(bodies, before, index) {
  return bodies
    .slice(before, before + index + 1)
    .reduce((end, body) => end + FRAME_HEADER_BYTES + body.length, HEAD_BYTES);
}

async function write(dir, bodies, options) {
  await mkdir(dir, { recursive: true });
  const spool = await Spool.open({ dir, consumers: ["store"], maxBytes: 1 << 20, ...options });
  for (const body of bodies) await spool.append(record(body));
  await spool.close();
}

/** Opens a damaged spool, appends one more record, and reads everything. */
async function reopen(dir, more) {
  const registry = new Registry();
  const spool = await Spool.open({ dir, consumers: ["store"], registry, tailBytes: 0 });
  await spool.append(record(more));
  const found = [];
  for (;;) {
    const batch = await spool.consumer("store").read({ wait: false });
    if (!batch) break;
    found.push(...batch.records.map(({ body }) => body.toString()));
    await spool.consumer("store").commit(batch.position);
  }
  await spool.close();
  const value = async (name) =>
    (await registry.getSingleMetric(`tocsin_spool_${name}`).get()).values.reduce(
      (sum, each) => sum + each.value,
      0,
    );
  return {
    found,
    metrics: {
      torn: await value("torn_bytes_total"),
      damaged: await value("damaged_bytes_total"),
      segments: await value("damaged_segments_total"),
    },
  };
}

async function countIn(dir, files) {
  let count = 0;
  for (const file of files) {
    const text = (await readFile(join(dir, file))).toString("latin1");
    count += text.split("record ").length - 1;
  }
  return count;
}

async function segmentsOf(dir) {
  return (await readdir(dir)).filter((name) => name.endsWith(".spool")).sort();
}

function record(text) {
  return { signal: "logs", body: Buffer.from(text), receivedAtMs: 1_790_000_000_000 };
}
