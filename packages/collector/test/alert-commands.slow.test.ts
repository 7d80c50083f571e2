import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CollectorProcess, startProcess } from "./process.js";

const COMMAND = fileURLToPath(new URL("../bin/tocsin.js", import.meta.url));

const CONFIG = `store: none
rule_files: [rules.yml]
external_labels: { cluster: eu }
alerting:
  warn_before_silence_ends: 1h
  route:
    receiver: log
    group_by: [alertname]
    group_wait: 1s
    routes:
      - { receiver: pager, matchers: [severity="page"], escalation: { after: 2s, receiver: boss } }
  receivers: [{ name: log, log_configs: [{}] }, { name: pager, log_configs: [{}] }, { name: boss, log_configs: [{}] }]
`;
const RULES = `groups:
  - name: g
    interval: 1s
    rules:
      - { alert: CartDown, expr: vector(7) > 5, labels: { severity: page, service: cart }, annotations: { summary: "is {{ $value }}" } }
      - { alert: DbSlow, expr: vector(1), for: 1h, labels: { severity: ticket, service: db } }
`;

let dir = "";
let collector: CollectorProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-commands-"));
  await writeFile(join(dir, "tocsin.yaml"), CONFIG);
  await writeFile(join(dir, "rules.yml"), RULES);
  collector = await startProcess({ args: ["--config", join(dir, "tocsin.yaml")] });
}, 60_000);
afterAll(async () => {
  await collector.stop();
  await rm(dir, { recursive: true });
});

/** Runs a command as a person does. */
function run(file: string, args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(file, [...args], { cwd: dir }, (error, out, err) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, out, err }),
    );
  });
}
const tocsin = (...args: string[]) => run(process.execPath, [COMMAND, ...args, "--url", collector.url]);

/** Asks until the answer is as it should be; the test's own limit ends it. */
async function until(isDone: (out: string) => boolean, ...args: string[]): Promise<string> {
  for (;;) {
    const { out } = await tocsin(...args);
    if (isDone(out)) return out;
  }
}

test("alert list, explain, ack, route", async () => {
  const list = await until((out) => out.includes("firing"), "alert", "list");
  expect(list).toMatch(/CartDown/);
  expect(list).toMatch(/pending .*DbSlow/);
  const [first] = JSON.parse((await tocsin("alert", "list", "--json")).out) as [{ id: string }];
  const explained = await tocsin("alert", "explain", first.id);
  expect(explained).toMatchObject({ code: 0 });
  expect(explained.out).toMatch(/CartDown/);
  expect(explained.out).toMatch(/vector\(7\) > 5/);
  expect(explained.out).toMatch(/same result/);
  // The message goes out after the group's wait, and the course of the value is looked up after it.
  const isWhole = (out: string) => /fires when/.test(out) && /Sent +✓ firing to pager/.test(out);
  const withCourse = await until(isWhole, "alert", "explain", first.id);
  expect(withCourse).toMatch(/^CartDown → PAGE at .*\(firing\)/);
  expect(withCourse).toMatch(/Value +[▁▂▃▄▅▆▇█ ]+ .* now 7, fires when > 5 {2}vector\(7\)/);

  expect((await tocsin("alert", "route", "severity=page", "service=cart")).out).toMatch(/^pager /m);
  expect((await tocsin("alert", "route", "severity=ticket")).out).toMatch(/^log /m);

  // Nobody answers, so the next one is told; then somebody does.
  await until((out) => /boss/.test(out), "alert", "explain", first.id);
  expect(await tocsin("alert", "ack", first.id, "--by", "ana", "--comment", "on it")).toMatchObject({
    code: 0,
    out: "Acknowledged by ana; it ends with the alert.\n",
  });
  expect((await tocsin("alert", "list")).out).toMatch(/ana/);
  expect(await tocsin("alert", "explain", "nothing")).toMatchObject({
    code: 1,
    err: expect.stringContaining('There is no alert "nothing"'),
  });
  expect((await tocsin("alert", "frobnicate")).code).toBe(2);
  expect((await tocsin("alert", "notices", "--status", "sent")).out).toMatch(
    /^sent +\S+ \S+ {2}firing CartDown to pager \(log.*\), 1 try {2}\[/m,
  );
  expect(await tocsin("alert", "notices", "--status", "dead")).toMatchObject({
    code: 0,
    out: "No notices.\n",
  });
  expect((await tocsin("alert", "resend", "nothing")).code).toBe(1);
}, 60_000);

test("silence add, list, extend, end", async () => {
  await until((out) => out.includes("firing"), "alert", "list");
  const preview = await tocsin("silence", "add", "service=cart", "--preview");
  expect(preview).toMatchObject({ code: 0, err: "" });
  expect(preview.out).toMatch(
    /^mutes 1 alert that fires now; 1 alert of the last 90 days would have matched\n {2}\{/,
  );
  expect((await tocsin("silence", "add", "service=cart", "--comment", "x")).err).toContain(
    "A silence needs an end",
  );
  expect((await tocsin("silence", "add", "service=cart", "--for", "1h")).err).toContain(
    "A silence needs a reason",
  );

  const words = ["--comment", "moving", "--by", "ana"];
  const added = await tocsin("silence", "add", "service=cart", "--for", "50m", ...words);
  expect(added.code).toBe(0);
  const id = added.out.split(" ")[0]!;
  expect(await until((out) => /mutes 1/.test(out), "silence", "list")).toMatch(
    new RegExp(`^active +ends in (50|49)m +\\{service="cart"\\} {2}mutes 1 {2}ana: moving {2}\\[${id}\\]`),
  );
  // Almost the same again.
  expect((await tocsin("silence", "add", "service=cart", "--preview")).out).toMatch(
    new RegExp(`similar: the same, .* is active until .*\\[${id}\\]; tocsin silence extend ${id}`),
  );
  expect((await tocsin("alert", "list")).out).toMatch(/CartDown.*silenced/);
  expect((await tocsin("silence", "extend", id, "--for", "3h")).out).toBe(`${id} now ends in 3h\n`);
  expect((await tocsin("silence", "list")).out).toMatch(/ends in (3h|2h59m)/);
  expect((await tocsin("silence", "end", id)).out).toBe(`${id} ended\n`);
  expect((await tocsin("silence", "list")).out).toBe("No silences.\n");
  expect((await tocsin("silence", "list", "--all")).out).toMatch(/^expired/);
  expect((await tocsin("silence", "extend", id, "--for", "1h")).code).toBe(2);

  const every = ["--every", "sunday 02:00-04:00", "--zone", "Europe/Berlin", "--for", "90d"];
  const recurring = await tocsin("silence", "add", "service=db", ...every, ...words);
  expect(recurring.out).toContain('{service="db"} sunday 02:00-04:00 Europe/Berlin for 90d');
  const [kept] = JSON.parse((await tocsin("silence", "list", "--json")).out) as { id: string }[];
  expect(kept).toMatchObject({ recurs: "sunday 02:00-04:00 Europe/Berlin", createdBy: "ana" });
  expect((await tocsin("silence", "end", kept!.id)).code).toBe(0);
  expect(
    (await tocsin("silence", "add", "service=db", "--every", "often", "--for", "1h", ...words)).code,
  ).toBe(2);
}, 60_000);

test("a collector that is not there gives exit code 3", async () => {
  const { code, err } = await run(process.execPath, [
    COMMAND,
    "silence",
    "list",
    "--url",
    "http://127.0.0.1:1",
  ]);
  expect(code).toBe(3);
  expect(err).toContain("No collector answers");
});

const AMTOOL = "/usr/bin/amtool";
if (!existsSync(AMTOOL)) console.warn("SKIPPED: there is no amtool (Debian's prometheus-alertmanager).");
describe.skipIf(!existsSync(AMTOOL))("the real amtool", () => {
  const amtool = (...args: string[]) =>
    run(AMTOOL, [`--alertmanager.url=${collector.url}/alertmanager`, ...args]);

  test("alerts, silences and routes", async () => {
    await until((out) => out.includes("firing"), "alert", "list");
    expect((await amtool("alert", "query", "service=cart")).out).toMatch(/CartDown/);
    expect(
      (await amtool("alert", "add", "alertname=Theirs", "service=web", "--annotation=summary=hi")).code,
    ).toBe(0);
    expect((await amtool("alert", "query", "alertname=Theirs", "-o", "extended")).out).toMatch(/Theirs.*hi/s);
    const silence = await amtool(
      "silence",
      "add",
      "service=web",
      "--duration=1h",
      "--comment=c",
      "--author=ana",
    );
    expect(silence.code).toBe(0);
    const id = silence.out.trim();
    expect((await amtool("silence", "query", "service=web")).out).toContain(id);
    expect((await amtool("alert", "query", "--silenced", "alertname=Theirs")).out).toMatch(/Theirs/);
    expect((await amtool("silence", "expire", id)).code).toBe(0);
    expect((await amtool("silence", "query", "service=web")).out).not.toContain(id);
    expect((await amtool("config", "routes", "test", "severity=page")).out.trim()).toBe("pager");
    expect((await amtool("config", "routes", "show")).out).toMatch(/severity="page"/);
    expect((await amtool("config", "show")).out).toMatch(/receiver: pager/);
  }, 60_000);

  test("a silence that recurs is pending to amtool", async () => {
    const every = ["--every", "1 04:00-04:01", "--zone", "UTC", "--for", "90d"];
    const added = await tocsin("silence", "add", "service=db", ...every, "--comment", "c", "--by", "ana");
    expect((await amtool("silence", "query", "service=db", "-o", "json")).out).toContain('"state":"pending"');
    await tocsin("silence", "end", added.out.split(" ")[0]!);
  }, 60_000);
});
