import { expect, test } from "vitest";
import { placeOfLabels, xxHash64 } from "./label-hash.js";

test.each([
  ["", 0xef46db3751d8e999n],
  ["a", 0xd24ec4f1a98c6e5bn],
  ["abc", 0x44bc2cf5ad770999n],
  ["Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1n],
])("xxHash64 of %j", (text, want) => {
  expect(xxHash64(new TextEncoder().encode(text))).toBe(want);
});

test("a series lies between 0 and 1, whatever the order of its labels", () => {
  const place = placeOfLabels({ b: "2", a: "1" });
  expect(place).toBe(placeOfLabels({ a: "1", b: "2" }));
  expect(place).toBeGreaterThanOrEqual(0);
  expect(place).toBeLessThanOrEqual(1);
  expect(placeOfLabels({ long: "x".repeat(300) })).not.toBe(place);
});
