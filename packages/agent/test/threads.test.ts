import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FIXTURES, NODE, REGISTER, Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

let sink: Sink;
let dir: string;
beforeAll(async () => {
  sink = await Sink.open();
  dir = mkdtempSync(join(tmpdir(), "tocsin-agent-"));
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
});
afterAll(async () => {
  await sink.close();
  rmSync(dir, { recursive: true });
});

test.each([{ how: "cluster" }, { how: "fork" }, { how: "thread" }])(
  "a request served from a $how is seen, with an instance of its own",
  async ({ how }) => {
    const service = new Service("threads.mjs", sink.url, { args: [how], env: { OTEL_SERVICE_NAME: how } });
    try {
      await fetch(await service.listening());
      const span = await sink.until(() =>
        sink.spans.find(({ resource, kind }) => resource["service.name"] === how && kind === 2),
      );
      const isSameProcess = span.resource["process.pid"] === service.child.pid;
      expect(isSameProcess).toBe(how === "thread");
      expect(span.resource["service.instance.id"]).toMatch(/^[0-9a-f-]{36}$/);
    } finally {
      await service.stop();
    }
  },
);

test("a first import serves as well as --import, also for libraries imported after it", async () => {
  const file = join(dir, "first.mjs");
  writeFileSync(
    file,
    `import ${JSON.stringify(REGISTER)};
     import express from "express";
     const app = express();
     app.get("/first/:id", (_request, response) => response.end("x"));
     const server = app.listen(0, "127.0.0.1", () => process.send?.(server.address().port));
     process.on("disconnect", () => process.exit());`,
  );
  const service = new Service(file, sink.url, { nodeArgs: [] });
  try {
    await fetch(`${await service.listening()}/first/1`);
    await sink.span("GET /first/:id");
  } finally {
    await service.stop();
  }
});

test("a service bundled by esbuild works with the agent beside it, routes and all", async () => {
  const outfile = join(dir, "bundle.cjs");
  await build({
    entryPoints: [join(FIXTURES, "express-app.cjs")],
    bundle: true,
    platform: "node",
    outfile,
    external: ["pino"],
    logLevel: "silent",
  });
  const service = new Service(outfile, sink.url, { env: { OTEL_SERVICE_NAME: "bundled" } });
  try {
    await fetch(`${await service.listening()}/hello`);
    const span = await sink.until(() =>
      sink.spans.find(({ resource }) => resource["service.name"] === "bundled"),
    );
    expect(span).toMatchObject({ name: "GET /hello", attributes: { "http.response.status_code": 200 } });
  } finally {
    await service.stop();
  }
});

test("a vitest run in a process with the agent passes and ends", () => {
  writeFileSync(
    join(dir, "sum.test.mjs"),
    `import { expect, test } from "vitest"; test("adds", () => expect(1 + 1).toBe(2));`,
  );
  const run = spawnSync(
    NODE,
    [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--root", dir, "--pool=threads"],
    {
      cwd: dir,
      encoding: "utf8",
      env: { PATH: process.env.PATH, NODE_OPTIONS: `--import ${REGISTER}`, TOCSIN_URL: sink.url },
      timeout: 20_000,
    },
  );
  expect(run.stdout + run.stderr).toContain("1 passed");
  expect(run.status).toBe(0);
});
