import { createTraceState, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { randomTraceId } from "./ids.js";
import { HEALTH_RULES, RatioSampler, Sampling } from "./sampling.js";

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

test.each([
  { url: "/orders/7", isSampled: false },
  { url: "/orders/7/?page=2", isSampled: false },
  { url: "/orders", isSampled: true },
  { url: "/orders/7/lines", isSampled: true },
  { url: "/orders/new", isSampled: true },
  { url: "/shops/3/items/9", isSampled: false },
  { url: "/shops/3.4/items", isSampled: true },
  { url: "/files/a/b/c", isSampled: false },
  { url: "/a.b/1", isSampled: false },
  { url: "/aXb/1", isSampled: true },
])("rules by route: $url", ({ url, isSampled }) => {
  const sampling = new Sampling(1, {
    "/orders/:id": 0,
    "/orders/new": 1,
    "/shops/{shop}/items/{item}": 0,
    "/files/:name/*": 0,
    "/a.b/:id": 0,
  });
  expect(sampling.decide(randomTraceId(), url).isSampled).toBe(isSampled);
});

const LOW = `${"a".repeat(18)}10000000000000`;
const HIGH = `${"a".repeat(18)}f0000000000000`;

test.each([
  { name: "a root that is in", ratio: 0.25, traceId: HIGH, before: "", decision: 2, after: "ot=th:c" },
  { name: "a root that is out", ratio: 0.25, traceId: LOW, before: "", decision: 0, after: undefined },
  { name: "always, of a root", ratio: 1, traceId: LOW, before: "", decision: 2, after: undefined },
  {
    name: "a parent with another ratio",
    ratio: 0.5,
    traceId: HIGH,
    before: "ot=th:c;x:y,other=1",
    decision: 2,
    after: "ot=th:8;x:y,other=1",
  },
  {
    name: "always, of a parent with a ratio",
    ratio: 1,
    traceId: LOW,
    before: "ot=th:c",
    decision: 2,
    after: "ot=th:0",
  },
  {
    name: "a random value of the trace's own",
    ratio: 0.25,
    traceId: LOW,
    before: "ot=rv:ffffffffffffff",
    decision: 2,
    after: "ot=th:c;rv:ffffffffffffff",
  },
  {
    name: "out, under a parent that was in",
    ratio: 0,
    traceId: HIGH,
    before: "ot=th:c,other=1",
    decision: 0,
    after: "other=1",
  },
])("every span by itself: $name", ({ ratio, traceId, before, decision, after }) => {
  const parent = {
    traceId,
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
    ...(before === "" ? {} : { traceState: createTraceState(before) }),
  };
  const result = new RatioSampler(ratio).shouldSample(trace.setSpanContext(ROOT_CONTEXT, parent), traceId);
  expect([result.decision, result.traceState?.serialize()]).toEqual([decision, after]);
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
