import { expect, test } from "vitest";
import { judge, parseRetryAfter } from "./post.js";

const NOW = Date.parse("2026-01-01T00:00:00Z");

test.each([
  { header: undefined, ms: undefined },
  { header: "3", ms: 3000 },
  { header: "Thu, 01 Jan 2026 00:00:05 GMT", ms: 5000 },
  { header: "Wed, 31 Dec 2025 00:00:00 GMT", ms: 0 },
  { header: "soon", ms: undefined },
])("Retry-After $header is $ms ms", ({ header, ms }) => {
  expect(parseRetryAfter(header, NOW)).toBe(ms);
});

const NOTHING = new Uint8Array();

test.each([
  { status: 200, kind: "accepted" },
  { status: 202, kind: "accepted" },
  { status: 400, kind: "refused" },
  { status: 404, kind: "refused" },
  { status: 500, kind: "refused" },
  { status: 429, kind: "later" },
  { status: 503, kind: "later" },
])("$status is $kind", ({ status, kind }) => {
  expect(judge(status, undefined, NOTHING).kind).toBe(kind);
});

test("reads how many items were rejected, and why, from a partial success", () => {
  const message = Buffer.from("too old");
  const partial = Buffer.concat([Buffer.from([0x08, 0x2a, 0x12, message.length]), message]);
  expect(judge(200, undefined, Buffer.concat([Buffer.from([0x0a, partial.length]), partial]))).toEqual({
    kind: "accepted",
    rejected: 42,
    why: "too old",
  });
});

test("an answer that is no protobuf rejects nothing", () => {
  expect(judge(200, undefined, Buffer.from("{}"))).toEqual({ kind: "accepted", rejected: 0, why: "" });
});
