import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "../../test/run-command.js";
import { check } from "./check.js";
import { test as testCommand } from "./test.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-check-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function run(command: typeof check, args: string[], files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return runCommand(command, args, { cwd: dir });
}

const RULES = `groups:
  - name: cart
    rules:
      - alert: Slow
        expr: sum(rate(x[5m))
      - alert: Hot
        exp: y
        annotations: { summary: "{{ $valeu }}" }
`;

test("every fault of every file comes with its place, line, caret and nearest name", async () => {
  const { code, out, err } = await run(check, ["tocsin.yaml"], {
    "tocsin.yaml":
      "rule_files: [rules.yml]\nalerting:\n  route: { receiver: pagr }\n  receivers: [{ name: pager }]\n",
    "rules.yml": RULES,
  });
  expect(code).toBe(1);
  expect(out).toContain(
    'tocsin.yaml:3:22 error[config/invalid] alerting.route.receiver: there is no receiver "pagr".',
  );
  expect(err).toMatch(/^1 error, 0 warnings in 1 file \(0 rules\) · \d+ ms\n$/);
});

test("rule files, Alertmanager files and rule tests are told apart by what is in them", async () => {
  const { code, out } = await run(check, ["rules.yml", "am.yml", "t.yml"], {
    "rules.yml": RULES.replace("exp: y", "expr: y"),
    "am.yml": "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n",
    "t.yml": "tests: [{intervall: 1m}]\n",
  });
  expect(code).toBe(1);
  expect(out).toMatch(
    /^rules\.yml:5:\d+ error\[promql\/parse\] .*\n {3}5 \| {9}expr: sum\(rate\(x\[5m\)\)\n {5}\| +\^/,
  );
  expect(out).toContain(
    'rules.yml:8:37 error[template/syntax] the template has a fault: undefined variable "$valeu".',
  );
  expect(out).toContain('am.yml:2:31 warning[alerting/unused-receiver] no route leads to the receiver "b".');
  expect(out).toContain('t.yml:1:10 error[config/unknown-key] tests[0]: unknown key "intervall".');
  expect(out).toContain('Did you mean "interval"?');
});

test("without faults the exit code is 0", async () => {
  const { code, out, err } = await run(check, ["rules.yml"], {
    "rules.yml": "groups: [{name: g, rules: [{alert: A, expr: x}]}]\n",
  });
  expect({ code, out }).toEqual({ code: 0, out: "" });
  expect(err).toContain("0 errors, 0 warnings in 1 file (1 rule)");
});

test("tests of rules run, and a JUnit report is written", async () => {
  const files = {
    "rules.yml": "groups: [{name: g, rules: [{alert: A, expr: x > 1}]}]\n",
    "t.yml": `rule_files: [rules.yml]
tests:
  - name: fires
    input_series: [{series: x, values: "2"}]
    alert_rule_test: [{eval_time: 0s, alertname: A, exp_alerts: [{exp_labels: {}}]}]
  - name: does <not>
    input_series: [{series: x, values: "2"}]
    alert_rule_test: [{eval_time: 0s, alertname: A}]
`,
  };
  const { code, out } = await run(testCommand, ["t.yml", "--junit", "junit.xml"], files);
  expect(code).toBe(1);
  expect(out).toBe(`t.yml: 1 of 2 failed (- expected, + got)
  FAILED: does <not>
    alertname: A, time: 0s
        + {alertname="A"}
`);
  const report = await readFile(join(dir, "junit.xml"), "utf8");
  expect(report).toContain('<testsuites tests="2" failures="1">');
  expect(report).toContain('name="does &lt;not&gt;"><failure message="alertname: A, time: 0s">');
});
