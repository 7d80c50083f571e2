import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readAlertmanagerFile } from "../src/index.js";
import { CASES } from "./alertmanager-cases.js";

const AMTOOL = "/usr/bin/amtool";

/** What came after Alertmanager 0.25: label names of any kind, files for more secrets, nested details, tracing. */
const NEWER = [
  "groupbybad",
  "groupbyspace",
  "matchbadname",
  "matchersdash",
  "inhibitequalbad",
  "inhibitname",
  "whfile",
  "pofile",
  "tgfile",
  "pddetailsnest",
  "httpoauthnosecret",
  "httpheaders",
  "tracing",
];
/** Quotes around yes are lost on the way. */
const LENIENT = ["whsend"];
/** What Alertmanager takes and can make no sense of: months 0 and 13, years before Christ, entries that are nothing. */
const STRICTER = ["matchersnull", "inhibitnil", "ti28", "ti29", "ti35", "ti35b", "ti44"];

function isTaken(name: string): boolean {
  const { config, problems } = readAlertmanagerFile({ file: `${name}.yml`, text: CASES[name]! });
  const errors = problems.filter(({ severity }) => severity === "error");
  expect(config === undefined).toBe(errors.length > 0);
  for (const { line, column, message } of errors) {
    expect(line).toBeGreaterThan(0);
    expect(column).toBeGreaterThan(0);
    expect(message).not.toBe("");
  }
  return errors.length === 0;
}

test.skipIf(!existsSync(AMTOOL))(
  "field by field, what Alertmanager takes is taken, and what it refuses is refused",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "tocsin-am-"));
    try {
      const names = Object.keys(CASES);
      for (const name of names) writeFileSync(join(folder, `${name}.yml`), CASES[name]!);
      const verdicts = new Map<string, boolean>();
      while (verdicts.size < names.length) {
        const left = names.filter((name) => !verdicts.has(name));
        const { stdout } = spawnSync(AMTOOL, ["check-config", ...left.map((name) => `${name}.yml`)], {
          cwd: folder,
          encoding: "utf8",
        });
        for (const [, name, word] of stdout.matchAll(/Checking '(\w+)\.yml'\s+(SUCCESS|FAILED)/g))
          verdicts.set(name!, word === "SUCCESS");
        // Some make it crash, which is no for an answer.
        const crashed = names.find((name) => !verdicts.has(name));
        if (crashed !== undefined) verdicts.set(crashed, false);
      }
      const differing = names.filter((name) => verdicts.get(name) !== isTaken(name));
      expect(differing.sort()).toEqual([...NEWER, ...LENIENT, ...STRICTER].sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.each([
  ["groupbydup", "a label is listed twice in group_by."],
  ["whnourl", "exactly one of url & url_file must be configured."],
  ["slackfieldnotitle", "a field needs a title."],
  ["slackactionnourl", "an action needs a name or a url."],
  ["slackconfirmnotext", "a confirmation needs a text."],
  ["ogresptype", "a responder's type is one of team, teams, user, escalation and schedule."],
  ["emduphead", 'the header "subject" is there twice.'],
  ["vonoroute", "missing routing_key."],
  ["wxnoroom", "missing room_id."],
  ["tgstr", "Write a number, or @ and a channel's name."],
  ["httpbasicboth", "at most one of password & password_file must be configured."],
  ["httpauthboth", "at most one of credentials & credentials_file must be configured."],
  ["httpauthbasic", "for Basic, write basic_auth instead."],
  ["httptlsbadver", 'unknown value "TLS99"; one of TLS10, TLS11, TLS12, TLS13.'],
  ["ti26b", '"28:-5" is not a range of days of the month.'],
])("%s is refused with a reason", (name, reason) => {
  const { problems } = readAlertmanagerFile({ file: "am.yml", text: CASES[name]! });
  expect(problems.map(({ message }) => message).join("\n")).toContain(reason);
});

test("what is empty counts as absent, and yes is true where a boolean is meant", () => {
  const text = `global:
templates:
route: { receiver: a, group_by: , routes: [{ match: { team: }, continue: yes }] }
receivers: [{ name: a, webhook_configs: [{ url: http://x/, send_resolved: no, http_config: }] }]
inhibit_rules:
`;
  const { config, problems } = readAlertmanagerFile({ file: "am.yml", text });
  expect(problems).toEqual([]);
  expect(config?.receivers[0]?.entries[0]?.sendResolved).toBe(false);
  expect(config?.route.routes[0]).toMatchObject({ continue: true, match: [{ name: "team", value: "" }] });
});
