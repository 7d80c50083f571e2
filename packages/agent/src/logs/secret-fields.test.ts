import { expect, test } from "vitest";
import { secretHider } from "./secret-fields.js";

const NONE = { deny: [], allow: [] };

test.each([
  { name: "a request as pino-http writes it", key: "req" },
  { name: "what is nested in an error", key: "err" },
])("$name", ({ key }) => {
  const value = {
    url: "/a?token=abc&page=2",
    headers: { authorization: "Bearer x", "set-cookie": ["a=1", "b=2"], host: "h", "x-tenant": "t" },
    config: { headers: { Authorization: "Basic y" }, retries: 3 },
  };
  expect(secretHider(NONE)(key, value)).toEqual({
    url: "/a?token=REDACTED&page=2",
    headers: {
      authorization: "REDACTED",
      "set-cookie": ["REDACTED", "REDACTED"],
      host: "h",
      "x-tenant": "t",
    },
    config: { headers: { Authorization: "REDACTED" }, retries: 3 },
  });
});

test.each([
  { key: "cookie", value: "sid=1", want: "REDACTED" },
  { key: "href", value: "https://u:p@h/x?api_key=1", want: "https://REDACTED:REDACTED@h/x?api_key=REDACTED" },
  { key: "text", value: "/a?token=abc", want: "/a?token=abc" },
  { key: "count", value: 7, want: 7 },
  { key: "list", value: [1, null, "x"], want: [1, null, "x"] },
])("$key: $value becomes $want", ({ key, value, want }) => {
  expect(secretHider(NONE)(key, value)).toEqual(want);
});

test("the lists of what to hide and what not to hold here too", () => {
  const hide = secretHider({ deny: ["x-internal"], allow: ["cookie"] });
  expect(hide("headers", { cookie: "shown", "x-internal": "gone" })).toEqual({
    cookie: "shown",
    "x-internal": "REDACTED",
  });
});
