import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { formatProblemLine } from "@tocsin/model/config";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSetup } from "./setup.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tocsin-setup-"));
});

afterEach(() => rm(folder, { recursive: true }));

async function load(files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const { setup, problems } = await loadSetup(join(folder, "tocsin.yaml"), folder, {});
  const said = problems.map((problem) =>
    formatProblemLine({ ...problem, file: relative(folder, problem.file) }).replaceAll(`${folder}/`, ""),
  );
  return { setup, problems: said };
}

const SLO = "{ name: a, service: shop, objective: 99%, window: 30d, sli: { type: availability } }";

test("every file that the configuration names is read", async () => {
  const { setup, problems } = await load({
    "tocsin.yaml": `
rule_files: ["rules/*.yml"]
slo_files: [slo.yaml]
slos: [${SLO}]
alerting: { config_file: alertmanager.yml }
`,
    "rules/one.yml": "groups: [{ name: g, rules: [{ alert: Down, expr: up == 0 }] }]",
    "rules/two.yml": "groups: [{ name: g, rules: [{ record: a:b, expr: sum(up) }] }]",
    "slo.yaml": `
version: prometheus/v1
service: cart
slos:
  - name: availability
    objective: 99.9
    sli: { events: { error_query: "sum(rate(bad[{{.window}}]))", total_query: "sum(rate(all[{{.window}}]))" } }
    alerting: { name: CartBurns, page_alert: {}, ticket_alert: {} }
`,
    "alertmanager.yml": "route: { receiver: log }\nreceivers: [{ name: log }]\n",
  });
  expect(problems).toEqual([]);
  expect(setup?.watch?.ruleGroups.map(({ file, rules }) => [relative(folder, file), rules[0]?.name])).toEqual(
    [
      ["rules/one.yml", "Down"],
      ["rules/two.yml", "a:b"],
    ],
  );
  expect(setup?.watch?.slos.map(({ service }) => service)).toEqual(["shop", "cart"]);
  expect(setup?.watch?.alerting.route.receiver).toBe("log");
});

test("faults of all files come together, each with its place", async () => {
  const { setup, problems } = await load({
    "tocsin.yaml": `
rule_files: [rules.yml, missing.yml]
slos:
  - ${SLO}
  - { name: a, service: shop, objective: 99%, window: 30d, sli: { type: availability }, actions: { page: [rolback] } }
actions: [{ name: rollback, webhook: { url: "http://127.0.0.1:1/" } }]
`,
    "rules.yml": "groups: [{ name: g, rules: [{ alert: Down, expr: up == }] }]",
  });
  expect(setup).toBeUndefined();
  expect(problems).toEqual([
    expect.stringMatching(/^tocsin\.yaml:2:25 Cannot read missing\.yml: ENOENT/),
    'tocsin.yaml:5:13 The SLO "a" is defined twice.',
    'tocsin.yaml:5:106 There is no action "rolback". Did you mean "rollback"?',
    expect.stringMatching(/^rules\.yml:1:\d+ .*unexpected end of input/),
  ]);
});

test("without a file there are defaults", async () => {
  const { setup } = await loadSetup(undefined, folder, {});
  expect(setup?.config.listen.otlp_http).toEqual({ host: "127.0.0.1", port: 4318 });
  expect(setup?.watch?.slos).toEqual([]);
});

test("a sidecar's configuration is checked whole, whatever of it is started", async () => {
  const { problems } = await load({
    "tocsin.yaml": `
mode: sidecar
store: { embedded: {} }
alertin: {}
`,
  });
  expect(problems).toEqual(['tocsin.yaml:4:1 unknown key "alertin". Did you mean "alerting"?']);
  const { setup, problems: warnings } = await load({
    "tocsin.yaml": "mode: sidecar\nstore: { embedded: {} }\n",
  });
  expect(setup?.watch).toBeUndefined();
  expect(warnings).toEqual([
    "tocsin.yaml:2:8 A sidecar keeps no traces and logs, so `store` is not used. Leave it out, or use mode: standalone.",
  ]);
});
