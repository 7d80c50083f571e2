import { expect, test } from "vitest";
import { Secret } from "./fields.js";
import { maskOf } from "./mask.js";

test("secrets are hidden in every form in which a server may say them again", () => {
  const mask = maskOf({
    url: new Secret("https://hooks.example.org/services/T000/B000/abcdefghijkl?key=0123456789ab"),
    http_config: {
      basic_auth: { username: "me", password: new Secret("pass word/1") },
      http_headers: { "x-key": { secrets: [new Secret('quo"ted-secret')] } },
    },
    short: new Secret("x"),
  });
  expect(mask("no route /services/T000/B000/abcdefghijkl?key=0123456789ab here")).toBe(
    "no route <secret> here",
  );
  expect(mask("abcdefghijkl and 0123456789ab")).toBe("<secret> and <secret>");
  expect(mask(`Basic ${Buffer.from("me:pass word/1").toString("base64")}`)).toBe("Basic <secret>");
  expect(mask("pass%20word%2F1")).toBe("<secret>");
  expect(mask(JSON.stringify({ got: 'quo"ted-secret' }))).toBe('{"got":"<secret>"}');
  expect(mask("a text with an x at hooks.example.org")).toBe("a text with an x at hooks.example.org");
});
