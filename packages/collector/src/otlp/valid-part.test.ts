import fc from "fast-check";
import { expect, test } from "vitest";
import { logsRequest, metricsRequest, tracesRequest } from "../../test/otlp-arbitraries.js";
import { encodeWithLibrary } from "../../test/otlp-proto.js";
import type { OtlpSignal } from "./columns.js";
import { countItems } from "./count-items.js";
import { validPart } from "./valid-part.js";
import { validateRequest } from "./validate.js";

test.each([
  ["traces", tracesRequest],
  ["logs", logsRequest],
  ["metrics", metricsRequest],
] as const)(
  "of %s: the valid part holds just the valid items, and all items are counted",
  (signal, request) => {
    fc.assert(
      fc.property(request as fc.Arbitrary<object>, (content) => {
        const body = encodeWithLibrary(signal as OtlpSignal, content);
        const before = validateRequest(signal, body);
        expect(countItems(signal, body)).toBe(before.items + before.rejected);
        fc.pre(before.items > 0);
        const valid = validPart(signal, body);
        const after = validateRequest(signal, valid);
        expect([after.items, after.rejected]).toEqual([before.items, 0]);
        expect(countItems(signal, valid)).toBe(before.items);
      }),
      { numRuns: 150 },
    );
  },
);
