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

// Clusters are in the slow suite.
test.concurrent.each([{ how: "fork" }, { how: "thread" }])(
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

test.concurrent("an error that ends a worker thread is recorded, and its parent told as without the agent", async ({
  expect,
}) => {
  const service = new Service("failing-thread.mjs", sink.url, { env: { OTEL_SERVICE_NAME: "failing" } });
  await sink.span("begun");
  service.child.send("fail");
  expect(await service.message()).toBe("in a thread");
  await service.stop();
  const log = sink.logs.find(({ resource }) => resource["service.name"] === "failing");
  expect(log).toMatchObject({
    body: "uncaught exception",
    attributes: { "exception.type": "RangeError" },
    resource: { "thread.name": "worker" },
  });
});

/** Node 22 takes no ES module that imports others by `-r` where a loader is given, the agent's or not. */
const isLoaderTaken = !/^v22\./.test(spawnSync(NODE, ["--version"]).stdout.toString());

test.runIf(isLoaderTaken)("the thread in which Node runs module loaders has no agent", async () => {
  const loader = `data:text/javascript,process._rawDebug("has it: " + (Symbol.for("tocsin.agent") in globalThis))`;
  const nodeArgs = ["-r", fileURLToPath(REGISTER), "--experimental-loader", loader];
  const service = new Service("ends.mjs", sink.url, { nodeArgs, args: ["idle"] });
  expect((await service.ended).code).toBe(0);
  expect(service.stderr).toContain("has it: false");
});

test.concurrent("options for an agent that runs already are told to have no effect", async ({ expect }) => {
  const file = join(dir, "twice.mjs");
  writeFileSync(
    file,
    `import { start } from "@tocsin/agent";
     if (start() !== start({ serviceName: "other", sampling: undefined })) throw new Error("two agents");`,
  );
  const service = new Service(file, sink.url);
  expect((await service.ended).code).toBe(0);
  expect(service.stderr.match(/.*no effect.*/g)).toEqual([
    "tocsin: start() has no effect on an agent that runs already, as by --import: serviceName. Start it by code alone, or say it by environment variables.",
  ]);
});

test.concurrent("a first import serves as well as --import, also for libraries imported after it", async () => {
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

test.concurrent("a service bundled by esbuild works with the agent beside it: routes, and errors by recordErrors()", async () => {
  const outfile = join(dir, "bundle.cjs");
  await build({
    entryPoints: [join(FIXTURES, "bundled.cjs")],
    bundle: true,
    platform: "node",
    outfile,
    external: ["@tocsin/agent"],
    logLevel: "silent",
  });
  const service = new Service(outfile, sink.url, { env: { OTEL_SERVICE_NAME: "bundled" } });
  const spanOf = (name: string) =>
    sink.until(() =>
      sink.spans.find((span) => span.resource["service.name"] === "bundled" && span.name === name),
    );
  try {
    const url = await service.listening();
    await fetch(`${url}/hello`);
    expect(await spanOf("GET /hello")).toMatchObject({ attributes: { "http.response.status_code": 200 } });
    // Handed on unchanged: the service's own error handler answers.
    expect(await (await fetch(`${url}/fail`)).text()).toBe("out of stock");
    const failed = await spanOf("GET /fail");
    expect(failed).toMatchObject({
      status: { code: 2 },
      events: [
        {
          name: "exception",
          attributes: { "exception.type": "RangeError", "exception.message": "out of stock" },
        },
      ],
    });
  } finally {
    await service.stop();
  }
});

test.concurrent("a bundle that has taken the agent in says so, and the service is served without it", async ({
  expect,
}) => {
  const [entry, outfile] = [join(dir, "taken-in.mjs"), join(dir, "taken-in.cjs")];
  writeFileSync(entry, `import "@tocsin/agent/register";\nprocess.stdout.write("served");`);
  await build({ entryPoints: [entry], bundle: true, platform: "node", outfile, logLevel: "silent" });
  const service = new Service(outfile, sink.url, { nodeArgs: [] });
  expect(await service.ended).toMatchObject({ code: 0 });
  expect(service.stdout).toBe("served");
  expect(service.stderr).toBe(
    "tocsin: could not start, the service runs without it: @tocsin/agent was bundled into the service, where it cannot work; leave it out and installed (esbuild: --external:@tocsin/agent; webpack: externals; Next.js: serverExternalPackages).\n",
  );
  const watched = new Service(outfile, sink.url, { env: { TOCSIN_LOG: "warn" } });
  expect(await watched.ended).toMatchObject({ code: 0 });
  expect(watched.stderr).toBe("");
});
