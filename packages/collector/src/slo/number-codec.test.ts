import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeNumbers, NumberWriter } from "./number-codec.js";

// The sign takes one of the 53 bits.
const number = fc.oneof(
  fc.constant(0),
  fc.integer(),
  fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }),
  fc.nat(20).map((bit) => 2 ** (7 * (bit % 7)) - 1),
);

test("every sequence of whole numbers comes back, also from a writer that was used before", () => {
  const writer = new NumberWriter();
  fc.assert(
    fc.property(fc.array(number, { maxLength: 500 }), (numbers) => {
      for (const each of numbers) writer.put(each);
      const next = decodeNumbers(writer.take());
      expect(numbers.map(() => next())).toEqual(numbers.map((each) => (each === 0 ? 0 : each)));
    }),
  );
});

test("zeros cost next to nothing", () => {
  const writer = new NumberWriter();
  writer.zeros(100_000);
  expect(writer.take().length).toBe(4);
});
