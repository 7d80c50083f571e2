import { expect, test } from "vitest";
import { formatProblem } from "./problem.js";

const problem = {
  file: "t.yaml",
  line: 1,
  column: 3,
  length: 2,
  severity: "error" as const,
  code: "c",
  message: "m",
};
const shown = (text: string): string =>
  formatProblem(problem, { file: "t.yaml", text }).split("\n")[1]!.slice("   1 | ".length);

test.each([
  ["  app_token: xoxb-1 # mine", "  app_token: ****** # mine"],
  ['- { password: "p, w", user: me }', '- { password: "*, *", user: me }'],
  ["{'bot_token': 'a b', x: 1}", "{'bot_token': '* *', x: 1}"],
  [
    '{"routing_key":"abc","url":"https://h.org:1/x?y=z"}',
    '{"routing_key":"***","url":"https://h.org:1/*****"}',
  ],
  ["url: https://me:pw@h.org/", "url: https://*****@h.org/"],
  ["api_url: https://hooks.example.org/services/T/B", "api_url: https://hooks.example.org/************"],
  ['headers: { authorization: "Bearer abc" }', 'headers: { authorization: "****** ***" }'],
  ["authorization: { type: Token, credentials: abc }", "authorization: { type: Token, credentials: *** }"],
  ["headers: { x-honeycomb-team: abc, api-key: abc }", "headers: { x-honeycomb-team: ***, api-key: *** }"],
  ["secrets: [one, 'two']", "secrets: [***, '***']"],
  ["token: ${TOKEN}", "token: ${TOKEN}"],
  ['token: "${TOKEN}"', 'token: "${TOKEN}"'],
  ["api_key_file: /etc/key", "api_key_file: /etc/key"],
  ["group_by: [key, token]", "group_by: [key, token]"],
  ["expr: rate(token_total[5m]) > 1", "expr: rate(token_total[5m]) > 1"],
  ["", ""],
])("a secret in the line of a fault is blotted out: %s", (line, want) => {
  expect(shown(line)).toBe(want);
  expect(shown(line)).toHaveLength(line.length);
});
