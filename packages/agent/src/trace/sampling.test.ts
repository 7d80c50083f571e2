import fc from "fast-check";
import { expect, test } from "vitest";
import { randomTraceId } from "./ids.js";
import { HEALTH_RULES, Sampling } from "./sampling.js";

test("samples everything, without a word in tracestate, at ratio 1", () => {
  expect(new Sampling(1, {}).decide(randomTraceId())).toEqual({ isSampled: true, traceState: undefined });
});

test("tells the threshold of a ratio in tracestate", () => {
  const decision = new Sampling(0.25, {}).decide(`${"0".repeat(18)}ffffffffffffff`);
  expect(decision.isSampled).toBe(true);
  expect(decision.traceState?.serialize()).toBe("ot=th:c");
});

test.each([
  { random: "bfffffffffffff", isSampled: false },
  { random: "c0000000000000", isSampled: true },
])("compares the random part with the threshold: $random", ({ random, isSampled }) => {
  expect(new Sampling(0.25, {}).decide("a".repeat(18) + random).isSampled).toBe(isSampled);
});

test.each([
  { url: "/livez", isSampled: false },
  { url: "/livez?verbose", isSampled: false },
  { url: "/livezzz", isSampled: true },
  { url: "/search/books", isSampled: false },
  { url: "/search/books/7", isSampled: true },
  { url: "/", isSampled: true },
])("rules by path: $url", ({ url, isSampled }) => {
  const sampling = new Sampling(1, { ...HEALTH_RULES, "/search*": 0, "/search/books/*": 1 });
  expect(sampling.decide(randomTraceId(), url).isSampled).toBe(isSampled);
});

test("what a small ratio samples, a larger one samples too", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (a, b) => {
        const traceId = randomTraceId();
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const isIn = (ratio: number) => new Sampling(ratio, {}).decide(traceId).isSampled;
        return !isIn(low) || isIn(high);
      },
    ),
  );
});
