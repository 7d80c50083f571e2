import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installed } from "./support/installed.js";
import { NODE, REGISTER, Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const REGISTER_PATH = fileURLToPath(REGISTER);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Where Jest and loaders of TypeScript are installed, if they could be. */
const RUNNERS =
  installed("runners", {
    express: "5.3.0",
    jest: "29.7.0",
    "ts-node": "10.9.2",
    tsx: "4.20.6",
    typescript: "5.9.3",
  }) ?? "";

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

describe.skipIf(RUNNERS === "")("with packages that this repository has no use for itself", () => {
  test("a Jest run in processes with the agent passes and ends, and its requests are seen", async () => {
    writeFileSync(
      join(RUNNERS, "serves.test.js"),
      `const http = require("node:http");
       test("serves", async () => {
         const server = http.createServer((_request, response) => response.end("x")).listen(0);
         const answer = await fetch("http://127.0.0.1:" + server.address().port + "/in-jest");
         expect(await answer.text()).toBe("x");
         await new Promise((resolve) => server.close(resolve));
       });`,
    );
    const child = spawn(NODE, [join(RUNNERS, "node_modules/jest/bin/jest.js")], {
      cwd: RUNNERS,
      env: { PATH: process.env.PATH, NODE_OPTIONS: `--import ${REGISTER}`, TOCSIN_URL: sink.url },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 60_000,
    });
    let said = "";
    child.stderr.on("data", (part) => {
      said += part;
    });
    const [code] = await once(child, "close");
    expect(said).toContain("1 passed");
    expect(code).toBe(0);
    await sink.until(() => sink.spans.find(({ attributes }) => attributes["url.path"] === "/in-jest"));
  });

  test.each([
    { loader: "tsx", nodeArgs: ["--import", REGISTER, "--import", inRunners("tsx/dist/loader.mjs").href] },
    {
      loader: "tsx, required",
      nodeArgs: ["--require", inRunners("tsx/dist/cjs/index.cjs").pathname, "--require", REGISTER_PATH],
    },
    {
      loader: "ts-node, required",
      nodeArgs: [
        "--require",
        inRunners("ts-node/register/transpile-only.js").pathname,
        "--require",
        REGISTER_PATH,
      ],
    },
  ])("a service in TypeScript, loaded by $loader, is seen with its routes", async ({ loader, nodeArgs }) => {
    const file = join(RUNNERS, "service.ts");
    writeFileSync(
      file,
      `import express from "express";
       const app = express();
       app.get("/typed/:id", (_request: unknown, response: { end(text: string): void }): void => response.end("x"));
       const server = app.listen(0, "127.0.0.1", () =>
         process.send?.((server.address() as { port: number }).port));
       process.on("disconnect", () => process.exit());`,
    );
    const service = new Service(file, sink.url, {
      nodeArgs,
      env: {
        OTEL_SERVICE_NAME: loader,
        TS_NODE_COMPILER: inRunners("typescript").pathname,
        TS_NODE_COMPILER_OPTIONS: JSON.stringify({ module: "commonjs", esModuleInterop: true }),
      },
    });
    try {
      await fetch(`${await service.listening()}/typed/1`);
      await sink.until(() =>
        sink.spans.find(
          ({ name, resource }) => name === "GET /typed/:id" && resource["service.name"] === loader,
        ),
      );
    } finally {
      await service.stop();
    }
  });
});

function inRunners(path: string): URL {
  return pathToFileURL(join(RUNNERS, "node_modules", path));
}
