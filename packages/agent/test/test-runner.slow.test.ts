import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NODE, REGISTER, Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Where Jest and tsx are installed. */
const RUNNERS = join(tmpdir(), "tocsin-test-runners");

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

describe.skipIf(!installRunners())("with packages that this repository has no use for itself", () => {
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

  test("a service in TypeScript, loaded by tsx, is seen with its routes", async () => {
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
    const tsx = pathToFileURL(join(RUNNERS, "node_modules/tsx/dist/loader.mjs")).href;
    const service = new Service(file, sink.url, { nodeArgs: ["--import", REGISTER, "--import", tsx] });
    try {
      await fetch(`${await service.listening()}/typed/1`);
      await sink.span("GET /typed/:id");
    } finally {
      await service.stop();
    }
  });
});

/** Installs them once, apart from this repository; without a registry the tests that need them are skipped. */
function installRunners(): boolean {
  if (existsSync(join(RUNNERS, "node_modules", "jest", "bin", "jest.js"))) return true;
  mkdirSync(RUNNERS, { recursive: true });
  const dependencies = { express: "5.3.0", jest: "29.7.0", tsx: "4.20.6" };
  writeFileSync(join(RUNNERS, "package.json"), JSON.stringify({ private: true, dependencies }));
  const { status } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: RUNNERS,
  });
  if (status !== 0) process.stderr.write("SKIPPED: Jest and tsx could not be installed.\n");
  return status === 0;
}
