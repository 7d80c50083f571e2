// Faults that a spool must live through: `npm run faults [-- --rounds N]`. Ends with "lost 0, duplicated 0" and exit 0,
// or tells what went wrong and exits 1.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { otlpJsonToProtobuf } from "../../dist/otlp/index.js";
import { Spool } from "../../dist/spool/index.js";
import { engineKilled } from "./engine.mjs";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "100" }, seed: { type: "string", default: "1" } },
});
const CHILD = join(dirname(fileURLToPath(import.meta.url)), "spool-child.mjs");
const dir = await mkdtemp(join(tmpdir(), "tocsin-faults-"));
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const random = mulberry32(Number(values.seed));
let lost = 0;
let duplicated = 0;
let failed = false;

try {
  for (const durability of ["write", "fsync"]) {
    const rounds = Math.ceil(Number(values.rounds) / 2);
    report(`kill -9, ${rounds} rounds, durability ${durability}`, await killRounds(durability, rounds));
  }
  report("disk full and healed", await diskFull());
  const engine = await engineKilled(dir, Math.ceil(Number(values.rounds) / 5), random);
  lost += engine.lost;
  duplicated += engine.duplicated;
  report("engine and collector killed under load", engine);
} finally {
  agent.destroy();
  await rm(dir, { recursive: true, force: true });
}
console.log(`lost ${lost}, duplicated ${duplicated}`);
process.exitCode = failed || lost + duplicated > 0 ? 1 : 0;

function report(name, outcome) {
  console.log(`${outcome.skipped ? "skipped" : outcome.ok ? "ok" : "FAILED"}  ${name}: ${outcome.text}`);
  if (!outcome.ok && !outcome.skipped) failed = true;
}

/** Sends log records without pause, kills the collector at a random moment, starts it again on the same directory. */
async function killRounds(durability, rounds) {
  const home = join(dir, durability);
  await spawnSync("mkdir", ["-p", home]);
  const acknowledged = new Set();
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    const child = spawn(process.execPath, [CHILD, home, durability], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const port = await firstLine(child);
    let alive = true;
    const senders = Array.from({ length: 6 }, async () => {
      while (alive) {
        const names = Array.from({ length: 1 + Math.floor(random() * 20) }, () => `record ${sent++}`);
        if (await post(port, names)) for (const name of names) acknowledged.add(name);
        else if (alive) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * 150));
    child.kill("SIGKILL");
    alive = false;
    await once(child, "exit");
    await Promise.all(senders);
  }
  const child = spawn(process.execPath, [CHILD, home, durability], { stdio: ["ignore", "pipe", "inherit"] });
  const port = await firstLine(child);
  await post(port, ["the end"]);
  const seen = await untilStored(join(home, "store.log"), "the end");
  child.kill("SIGKILL");
  await once(child, "exit");
  const missing = [...acknowledged].filter((name) => !seen.has(name));
  const twice = [...seen].filter(([, count]) => count > 1);
  lost += missing.length;
  duplicated += twice.length;
  const ok = missing.length + twice.length === 0;
  return {
    ok,
    text: `${acknowledged.size} acknowledged, ${missing.length} lost, ${twice.length} duplicated`,
  };
}

/** Names in the store and how often; a batch that was stored under a token before counts once, as an insert would. */
async function untilStored(file, last) {
  for (;;) {
    const byToken = new Map();
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      const batch = parsed(line);
      if (batch) byToken.set(batch.token, batch.bodies);
    }
    const seen = new Map();
    for (const bodies of byToken.values())
      for (const name of bodies) seen.set(name, (seen.get(name) ?? 0) + 1);
    if (seen.has(last)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A line that was being written when the process died is not one; its batch was not committed. */
function parsed(line) {
  try {
    return line === "" ? undefined : JSON.parse(line);
  } catch {
    // The next process appends behind it, so a whole batch may stand at the end of the line.
    const start = line.lastIndexOf('{"token"');
    return start > 0 ? parsed(line.slice(start)) : undefined;
  }
}

/** Fills a small file system, sees the spool refuse, makes room, sees it take again; nothing acknowledged is lost. */
async function diskFull() {
  const mount = join(dir, "small");
  spawnSync("mkdir", ["-p", mount]);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mount]).status !== 0) {
    return { skipped: true, text: "a small file system cannot be mounted here" };
  }
  try {
    await writeFile(join(mount, "ballast"), Buffer.alloc(1_000_000));
    let spool = await Spool.open({
      dir: join(mount, "spool"),
      consumers: ["store"],
      segmentBytes: 256 * 1024,
    });
    const acknowledged = [];
    let refused;
    for (let index = 0; refused === undefined; index++) {
      await spool.append(bulky(index)).then(
        () => acknowledged.push(index),
        (error) => {
          refused = error;
        },
      );
    }
    for (let again = 0; again < 50; again++) await spool.append(bulky(-1)).catch(() => {});
    await unlink(join(mount, "ballast"));
    const healed = 1_000_000;
    await spool.append(bulky(healed));
    acknowledged.push(healed);
    await spool.close();
    spool = await Spool.open({ dir: join(mount, "spool"), consumers: ["store"] });
    const seen = [];
    for (;;) {
      const batch = await spool.consumer("store").read({ wait: false });
      if (!batch) break;
      for (const { body } of batch.records) seen.push(Number(body.toString("utf8", 0, 10)));
      await spool.consumer("store").commit(batch.position);
    }
    await spool.close();
    const wanted = new Set(acknowledged);
    const missing = acknowledged.filter((index) => !seen.includes(index)).length;
    const extra = seen.filter((index) => !wanted.has(index)).length + (seen.length - new Set(seen).size);
    lost += missing;
    duplicated += extra;
    const ok = missing + extra === 0 && refused.code === "SPOOL_WRITE_FAILED" && refused.retryable;
    return {
      ok,
      text: `${acknowledged.length} acknowledged, refused with ${refused.code}, ${missing} lost, ${extra} not acknowledged but there`,
    };
  } finally {
    spawnSync("umount", [mount]);
  }
}

function bulky(index) {
  const body = Buffer.alloc(20_000, " ");
  body.write(String(index).padStart(10));
  return { signal: "logs", body, receivedAtMs: 0 };
}

function post(port, names) {
  const logRecords = names.map((name) => ({ body: { stringValue: name } }));
  const body = otlpJsonToProtobuf(
    "logs",
    JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
  );
  return new Promise((resolve) => {
    const headers = { "content-type": "application/x-protobuf", "content-length": body.length };
    const request = http.request({
      port,
      host: "127.0.0.1",
      path: "/v1/logs",
      method: "POST",
      agent,
      headers,
    });
    request.on("response", (response) => {
      response.resume().on("error", () => {});
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
    request.end(body);
  });
}

async function firstLine(child) {
  for await (const line of createInterface({ input: child.stdout })) return Number(line);
  throw new Error("the collector ended before it listened");
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
