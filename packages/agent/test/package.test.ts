import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cleanEnv, NODE } from "./support/service.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "..", "..", "node_modules");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
};
let dir: string;
let files: string[];

/** A folder with the package as npm would publish it, and nothing beside it but its dependencies. */
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "tocsin-package-"));
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8" }),
  ) as [{ files: { path: string }[] }];
  files = packed.files.map(({ path }) => path);
  const installed = join(dir, "node_modules", "@tocsin", "agent");
  for (const file of files) {
    mkdirSync(dirname(join(installed, file)), { recursive: true });
    cpSync(join(root, file), join(installed, file));
  }
  for (const name of [...Object.keys(manifest.dependencies), "@types/node", "undici-types"]) {
    mkdirSync(dirname(join(dir, "node_modules", name)), { recursive: true });
    symlinkSync(join(modules, name), join(dir, "node_modules", name));
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("what is published depends on what a service may share with it, and on nothing of OpenTelemetry's SDK", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["@opentelemetry/api", "pino", "prom-client", "yaml"]);
  expect(files).toEqual(
    expect.arrayContaining(["dist/agent.cjs", "dist/worker.cjs", "dist/THIRD-PARTY-LICENSES.txt"]),
  );
  expect(files.filter((file) => file.endsWith(".map"))).toEqual([]);
});

test("every package whose code is in it is named with its licence", () => {
  const licences = readFileSync(
    join(dir, "node_modules/@tocsin/agent/dist/THIRD-PARTY-LICENSES.txt"),
    "utf8",
  );
  for (const name of ["sdk-node", "exporter-trace-otlp-http", "instrumentation-pg"])
    expect(licences).toMatch(
      new RegExp(`^@opentelemetry/${name} \\d+\\.\\d+\\.\\d+ \\(Apache-2\\.0\\)$`, "m"),
    );
  expect(licences).toMatch(/^protobufjs .*BSD-3-Clause/m);
});

test("its types need nothing that it does not bring, and take OpenTelemetry's own span processors", () => {
  writeFileSync(
    join(dir, "service.mts"),
    `import { health, start, type SpanProcessor } from "@tocsin/agent";
     import "@tocsin/agent/register";
     const names: string[] = [];
     const processor: SpanProcessor = {
       onStart() {},
       onEnd: (span) => void names.push(span.name, span.spanContext().traceId),
       forceFlush: async () => {},
       shutdown: async () => {},
     };
     start({ serviceName: "typed", spanProcessors: [processor] }).logger().info("ready");
     health();`,
  );
  const compiler = join(modules, ".bin", "tsc");
  const flags = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--types",
    "node",
    "--skipLibCheck",
    "false",
  ];
  const { stdout } = spawnSync(compiler, [...flags, "service.mts"], { cwd: dir, encoding: "utf8" });
  // Others' declarations are theirs to mend.
  expect(stdout.split("\n").filter((line) => /service\.mts|@tocsin/.test(line))).toEqual([]);
});

test("it runs from there, every part that is loaded on demand included", () => {
  writeFileSync(join(dir, "service.mjs"), `process.stdout.write("served\\n");`);
  const run = (env: Record<string, string>) =>
    spawnSync(NODE, ["--import", "@tocsin/agent/register", "service.mjs"], {
      cwd: dir,
      encoding: "utf8",
      // Nothing takes what it sends; a part that cannot be loaded would be said all the same.
      env: { ...cleanEnv(), TOCSIN_LOG: "silent", ...env },
    });
  expect(
    run({
      OTEL_TRACES_EXPORTER: "otlp,zipkin,console",
      OTEL_METRICS_EXPORTER: "otlp,console",
      OTEL_LOGS_EXPORTER: "none",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_PROPAGATORS: "b3,jaeger",
    }),
  ).toMatchObject({ status: 0, stderr: "" });
  const require = createRequire(join(dir, "node_modules/@tocsin/agent/package.json"));
  for (const file of files.filter((name) => name.startsWith("dist/on-demand/instrumentation-"))) {
    const exported = require(join(dir, "node_modules/@tocsin/agent", file)) as Record<string, unknown>;
    expect(Object.keys(exported).filter((name) => name.endsWith("Instrumentation"))).toHaveLength(1);
  }
});
