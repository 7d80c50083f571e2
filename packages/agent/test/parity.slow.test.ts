import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AT_THE_END, SLOW } from "./support/ends.js";
import { cleanEnv, FIXTURES, NODE, REGISTER } from "./support/service.js";
import { Sink } from "./support/sink.js";

const FIXTURE = `${FIXTURES}parity.cjs`;
const MODES = ["throw", "strict", "warn", "none", "warn-with-error-code"];
const WAYS = Array.from(
  readFileSync(FIXTURE, "utf8").matchAll(/^ {2}"?([a-z-]+)"?: \(\) =>/gm),
  ([, how]) => how ?? "",
).flatMap((how) =>
  how.startsWith("rejects")
    ? MODES.map((mode) => ({ how, nodeArgs: [`--unhandled-rejections=${mode}`] }))
    : [{ how, nodeArgs: [] as string[] }],
);
/** Ways in which Node runs nothing more of JavaScript, or which end before a span could be seen. */
const UNSEEN = ["handler-throws"];

let sink: Sink;
beforeAll(async () => {
  sink = await Sink.open();
});
afterAll(() => sink.close());

async function run(how: string, nodeArgs: readonly string[], name: string) {
  const child = spawn(NODE, [...nodeArgs, FIXTURE, how], {
    env: { ...cleanEnv(), ...SLOW, TOCSIN_URL: sink.url, TOCSIN_LOG: "silent", OTEL_SERVICE_NAME: name },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (part) => {
    stdout += part;
  });
  child.stderr.on("data", (part) => {
    stderr += part;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const [code, signal] = await once(child, "close");
  clearTimeout(timer);
  // Process ids, and the frames of stacks, are none of what is compared.
  return { code, signal, stdout, stderr: stderr.replaceAll(/\(node:\d+\)|\n\s+at .*/g, "") };
}

describe.each(WAYS)("a process that ends by $how $nodeArgs", ({ how, nodeArgs }) => {
  test(
    "does, says and returns the same with the agent, which has delivered what there was",
    AT_THE_END,
    async () => {
      const name = [how, ...nodeArgs].join(" ");
      // Of another try.
      for (const kept of [sink.spans, sink.logs] as { resource: Record<string, unknown> }[][])
        kept.splice(0, kept.length, ...kept.filter(({ resource }) => resource["service.name"] !== name));
      const [without, with_] = await Promise.all([
        run(how, nodeArgs, name),
        run(how, ["--import", REGISTER, ...nodeArgs], name),
      ]);
      expect(with_).toEqual(without);
      const spans = sink.spans.filter(({ resource }) => resource["service.name"] === name);
      expect(spans).toHaveLength(UNSEEN.includes(how) ? 0 : 1);
    },
  );
});

test.each([
  { how: "reject-listened", told: ["unhandled promise rejection r"] },
  { how: "reject-once", told: ["unhandled promise rejection r", "unhandled promise rejection r2"] },
  { how: "uncaught-handler", told: ["uncaught exception x"] },
  { how: "capture-callback", told: ["uncaught exception x"] },
  { how: "rejects --unhandled-rejections=throw", told: ["unhandled promise rejection r"] },
  { how: "rejects --unhandled-rejections=strict", told: ["unhandled promise rejection r"] },
  { how: "rejects --unhandled-rejections=warn", told: ["unhandled promise rejection r"] },
  { how: "rejects --unhandled-rejections=none", told: ["unhandled promise rejection r"] },
  { how: "rejects-listened --unhandled-rejections=strict", told: ["unhandled promise rejection r"] },
])("$how is recorded, once each", ({ how, told }) => {
  const logs = sink.logs.filter(({ resource }) => resource["service.name"] === how);
  expect(logs.map(({ body, attributes }) => `${body} ${attributes["exception.message"]}`)).toEqual(told);
});
