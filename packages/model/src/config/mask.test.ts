import { expect, test } from "vitest";
import { Secret } from "./fields.js";
import { maskError, maskOf } from "./mask.js";

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

test("the password of an address is one too", () => {
  const mask = maskOf({ endpoints: ["http://me:pass%20word@gateway:4318/v1"] });
  expect(mask("no http://me:pass%20word@gateway")).toBe("no http://me:<secret>@gateway");
  expect(mask(`pass word, Basic ${Buffer.from("me:pass word").toString("base64")}`)).toBe(
    "<secret>, Basic <secret>",
  );
});

test("an error and its causes are masked in place", () => {
  const mask = maskOf([new Secret("0123456789")]);
  const cause = new Error("got 0123456789");
  const error = new AggregateError([new Error("0123456789 too")], "all failed with 0123456789");
  const outer = new Error("0123456789", { cause });
  expect(maskError(outer, mask)).toBe(outer);
  maskError(error, mask);
  for (const text of [
    outer.message,
    outer.stack,
    cause.message,
    cause.stack,
    error.message,
    error.errors[0].message,
  ]) {
    expect(text).toContain("<secret>");
    expect(text).not.toContain("0123456789");
  }
  expect(maskError(new DOMException("no 0123456789"), mask)).toMatchObject({ message: "no <secret>" });
  expect(maskError("0123456789", mask)).toBe("0123456789");
});
