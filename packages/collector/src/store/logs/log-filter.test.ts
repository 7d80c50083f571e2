/** A log filter means the same in SQL and for records that pass by. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedStore, hasEngine, openEmbeddedStore } from "../../../test/store/embedded-store.js";
import { batch, logsRequest, record, spanId, type TestLog, traceId } from "../../../test/store/requests.js";
import type { Store } from "../store.js";
import { type LogFilter, matchesLog, type StoredLog, searchTerms } from "./log.js";

// The engine removes what is too old by the real clock.
const NOW_MS = Math.floor(Date.now() / 60_000) * 60_000;

test.each([
  ["no currency", ["no", "currency"]],
  ['a "b c"  d', ["a", "b c", "d"]],
  ['"open', ['"open']],
  ['""', []],
  ["", []],
])("the words of %j are %j", (text, want) => {
  expect(searchTerms(text)).toEqual(want);
});

describe.skipIf(!hasEngine())("log filter", () => {
  let embedded: EmbeddedStore;
  let store: Store;
  let stored: readonly StoredLog[];
  const passedBy: StoredLog[] = [];

  const services = ["a", "b", "it's"];
  const bodies = ["Größe 12 % _", "timeout: no currency", "TIMEOUT", "path\\to\\'x'", "", "line\nbreak"];
  const logs: TestLog[] = Array.from({ length: 60 }, (_, n) => ({
    service: services[n % 3]!,
    body: bodies[n % bodies.length]!,
    timeMs: NOW_MS - n,
    severity: (n % 24) + 1,
    attributes: { n, ...(n % 2 && { "order.id": `o-${n % 4}` }), ...(n % 5 === 0 && { empty: "" }) },
    ...(n % 7 === 0 && { trace: traceId(n), span: spanId(n) }),
  }));

  beforeAll(async () => {
    embedded = await openEmbeddedStore({});
    ({ store } = embedded);
    const ending = new AbortController();
    const following = (async () => {
      for await (const { logs: some } of store.tail.follow({}, ending.signal)) {
        passedBy.push(...some);
        if (passedBy.length === logs.length) return;
      }
    })();
    await store.writer.write(batch("logs", [record("logs", logsRequest(logs), NOW_MS)]));
    await following;
    ({ logs: stored } = await store.logs.search(
      { startMs: NOW_MS - 60_000, endMs: NOW_MS },
      { limit: 1_000 },
    ));
  }, 60_000);

  afterAll(async () => {
    await embedded?.close();
  });

  test("a record that passes by is the record that is read back", () => {
    expect(stored).toHaveLength(60);
    expect(passedBy).toEqual(stored);
  });

  test("both find the same records, whatever the filter", async () => {
    const text = fc.oneof(
      fc.constantFrom("timeout", "GRÖSSE", "größe", "%", "_", "\\", "'", "12", "no c", "k\nb", "zzz"),
      fc.string({ minLength: 1, maxLength: 3 }),
    );
    const attribute = fc.record(
      {
        key: fc.constantFrom("n", "order.id", "empty", "host.name", "nope", "'"),
        value: fc.constantFrom("", "3", "o-1", "h1", "'"),
      },
      { requiredKeys: ["key"] },
    );
    const filter: fc.Arbitrary<LogFilter> = fc.record(
      {
        service: fc.constantFrom(...services, "none", "' OR 1"),
        minSeverity: fc.integer({ min: 1, max: 24 }),
        terms: fc.array(text, { maxLength: 2 }),
        traceId: fc.constantFrom(traceId(7), traceId(1)),
        spanId: fc.constantFrom(spanId(7), spanId(14)),
        attributes: fc.array(attribute, { maxLength: 2 }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(filter, async (one) => {
        const found = await store.logs.search(
          { ...one, startMs: NOW_MS - 60_000, endMs: NOW_MS },
          { limit: 1_000 },
        );
        expect(found.logs).toEqual(stored.filter((log) => matchesLog(one, log)));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
