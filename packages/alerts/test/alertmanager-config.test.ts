import { formatProblemLine } from "@tocsin/model/config";
import { describe, expect, test } from "vitest";
import { readAlertmanagerFile } from "../src/index.js";
import { conformanceFiles } from "./conformance.js";

/** The message that each refused file must give; files that are not listed must be accepted. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "conf.mattermost-both-webhook-url-and-file.yml":
    /at most one of mattermost_webhook_url & mattermost_webhook_url_file/,
  "conf.nil-source_match_re-inhibition.yml": /the value for the label "invalid_source_label" is missing/,
  "conf.opsgenie-both-file-and-apikey.yml": /at most one of opsgenie_api_key & opsgenie_api_key_file/,
  "conf.opsgenie-default-apikey-old-team.yml": /unknown key "teams"/,
  "conf.opsgenie-no-apikey.yml": /no Opsgenie API key/,
  "conf.rocketchat-both-tokenid-and-tokenidfile.yml":
    /at most one of rocketchat_token_id & rocketchat_token_id_file/,
  "conf.slack-both-file-and-token.yml": /at most one of slack_app_token & slack_app_token_file/,
  "conf.slack-both-url-and-token.yml": /at most one of slack_app_token\/slack_app_token_file & slack_api_url/,
  "conf.slack-update-message-and-webhook.yml": /update_message .* bot token/,
  "conf.sns-invalid.yml": /topic_arn, phone_number or target_arn/,
  // The receivers of these two are valid; what global gives twice is refused all the same.
  "conf.mattermost-valid-receiver-both-webhook-url-and-file.yml":
    /at most one of mattermost_webhook_url & mattermost_webhook_url_file/,
  "conf.telegram-valid-receiver-both-bot-token-and-file.yml":
    /at most one of telegram_bot_token & telegram_bot_token_file/,
  "conf.telegram-both-bot-token-and-file.yml": /at most one of telegram_bot_token & telegram_bot_token_file/,
  "conf.victorops-no-apikey.yml": /no VictorOps API key/,
};

describe.each(conformanceFiles("alertmanager-config"))("$file", ({ file, text }) => {
  const { config, problems } = readAlertmanagerFile({ file, text });
  const errors = problems.filter(({ severity }) => severity === "error").map(formatProblemLine);
  const refused = REFUSED[file];
  test(refused ? `is refused: ${refused.source}` : "is accepted", () => {
    if (!refused) {
      expect(errors).toEqual([]);
      expect(config?.receivers.length).toBeGreaterThan(0);
      return;
    }
    expect(config).toBeUndefined();
    expect(errors.join("\n")).toMatch(refused);
    for (const line of errors) expect(line).toMatch(/^conf\.[\w.-]+\.yml:\d+:\d+ /);
  });
});

test.each([
  {
    name: "an unknown receiver",
    text: "route: {receiver: b}\nreceivers: [{name: a}]\n",
    want: 'am.yml:1:19 route.receiver: there is no receiver "b". There are: a.',
  },
  {
    name: "matchers on the root route",
    text: 'route: {receiver: a, matchers: ["x=y"]}\nreceivers: [{name: a}]\n',
    want: "am.yml:1:8 route: the root route takes every alert and must not have matchers.",
  },
  {
    name: "an unknown time interval",
    text: "route: {receiver: a, routes: [{mute_time_intervals: [night]}]}\nreceivers: [{name: a}]\n",
    want: 'am.yml:1:54 route.routes[0].mute_time_intervals[0]: there is no time interval "night".',
  },
  {
    name: "a bad matcher",
    text: 'route: {receiver: a, routes: [{matchers: ["a=~("]}]}\nreceivers: [{name: a}]\n',
    want: /^am\.yml:1:43 route\.routes\[0\]\.matchers\[0\]: "\(" for the label "a" is not a regular expression/,
  },
  {
    name: "a route that is never reached",
    text: 'route: {receiver: a, routes: [{matchers: ["s=~\\"x|y\\""]}, {matchers: ["s=x"]}]}\nreceivers: [{name: a}]\n',
    want: 'am.yml:1:59 no alert reaches this route: the route {s=~"x|y"} before it takes them all. Move it up, or set continue: true there.',
  },
  {
    name: "a route that asks for two things at once",
    text: 'route: {receiver: a, routes: [{matchers: ["s=x"], routes: [{matchers: ["s=~y|z"]}]}]}\nreceivers: [{name: a}]\n',
    want: 'am.yml:1:60 no alert reaches this route: on the way to it s="x" and s=~"y|z" are both asked for.',
  },
  {
    name: "an unused time interval",
    text: "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: night, time_intervals: [{}]}]\n",
    want: 'am.yml:3:25 no route uses the time interval "night".',
  },
  {
    name: "an unused receiver",
    text: "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n",
    want: 'am.yml:2:31 no route leads to the receiver "b".',
  },
  {
    name: "a template with a fault",
    text: "route: {receiver: a}\nreceivers:\n  - name: a\n    slack_configs: [{api_url: 'https://x.example/y', text: '{{ .Foo'}]\n",
    want: /am\.yml:4:60 receivers\[0\]\.slack_configs\[0\]\.text: the template has a fault at 1:1 \{\{ without \}\}/,
  },
])("$name is said with its place", ({ text, want }) => {
  const lines = readAlertmanagerFile({ file: "am.yml", text }).problems.map(formatProblemLine);
  if (typeof want === "string") expect(lines).toContain(want);
  else expect(lines.join("\n")).toMatch(want);
});
