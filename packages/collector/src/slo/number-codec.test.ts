import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeNumbers, encodeNumbers } from "./number-codec.js";

test("every sequence of whole numbers comes back", () => {
  // The sign takes one of the 53 bits.
  const number = fc.oneof(
    fc.constant(0),
    fc.integer(),
    fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }),
  );
  fc.assert(
    fc.property(fc.array(number, { maxLength: 500 }), (numbers) => {
      const bytes = encodeNumbers((put) => {
        for (const each of numbers) put(each);
      });
      const next = decodeNumbers(bytes);
      expect(numbers.map(() => next())).toEqual(numbers.map((each) => (each === 0 ? 0 : each)));
    }),
  );
});

test("zeros cost next to nothing", () => {
  expect(encodeNumbers((put) => put(0, 100_000)).length).toBe(4);
});
