import { expect, test } from "vitest";
import { formatLabels, labelsKey } from "./labels.js";

test("the key of a label set does not depend on the order of its names", () => {
  expect(labelsKey({ a: "1", b: "2" })).toBe(labelsKey({ b: "2", a: "1" }));
});

test("label sets that only look alike have different keys", () => {
  expect(labelsKey({ a: "1b", c: "" })).not.toBe(labelsKey({ a: "1", bc: "" }));
});

test.each([
  [{ __name__: "up", job: "api" }, 'up{job="api"}'],
  [{ __name__: "up" }, "up"],
  [{}, "{}"],
  [{ "service.name": "a" }, '{"service.name"="a"}'],
  [{ __name__: "http.requests", job: "a" }, '{"http.requests", job="a"}'],
])("writes %o as %s", (labels, text) => {
  expect(formatLabels(labels)).toBe(text);
});
