import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeTraces, otlpJsonToProtobuf, textAt } from "../../otlp/index.js";
import { rewriteRequest } from "../../otlp/rewrite.js";
import { TailConfig } from "./config.js";
import { DecisionBook } from "./decision-book.js";
import { TailSampler } from "./sampler.js";

const START_MS = 1_790_000_000_000;

let dir: string;
let registry: Registry;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tocsin-tail-"));
  registry = new Registry();
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(dir, { recursive: true, force: true });
});

interface SpanOptions {
  readonly error?: boolean;
  readonly ms?: number;
  readonly attributes?: Readonly<Record<string, object>>;
  readonly traceState?: string;
}

/** A span of trace `trace`; its name tells it apart. */
function span(trace: number, name: string, options: SpanOptions = {}): object {
  return {
    traceId: (trace + 1).toString(16).padStart(32, "0"),
    spanId: "b7ad6b7169203331",
    name,
    startTimeUnixNano: `${START_MS}000000`,
    endTimeUnixNano: `${START_MS + (options.ms ?? 1)}000000`,
    traceState: options.traceState ?? "",
    attributes: Object.entries(options.attributes ?? {}).map(([key, value]) => ({ key, value })),
    status: options.error ? { code: 2 } : {},
  };
}

function request(...spans: object[]): Buffer {
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const body = { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
  return otlpJsonToProtobuf("traces", JSON.stringify(body));
}

async function samplerOf(config: object, sizes = 1_000): Promise<TailSampler> {
  const book = await DecisionBook.open({ file: join(dir, "book"), keptSize: sizes, droppedSize: sizes });
  ends.push(() => book.close());
  return new TailSampler({ name: "far", config: TailConfig.parse(config), book, registry });
}

/** The names of the spans that stay, with the trace state they leave with. */
function sent(sampler: TailSampler, body: Buffer): string[] {
  const spans = decodeTraces(rewriteRequest("traces", body, { item: sampler.item }));
  return Array.from({ length: spans.rowCount }, (_, row) => {
    const name = textAt(spans.bytes, spans.nameStart[row], spans.nameEnd[row]);
    const traceState = textAt(spans.bytes, spans.traceStateStart[row], spans.traceStateEnd[row]);
    return traceState === "" ? name : `${name} ${traceState}`;
  });
}

async function counted(name: string): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(`tocsin_tail_sampling_${name}`)?.get();
  return Object.fromEntries(
    (metric?.values ?? []).map(({ labels, value }) => {
      const { policy, decision } = labels as Record<string, string>;
      return [[policy, decision].filter((label) => label !== undefined).join(" "), value];
    }),
  );
}

describe("policies about attributes", () => {
  const all = request(
    span(1, "pay", { attributes: { route: { stringValue: "/pay/7" }, status: { intValue: "402" } } }),
    span(2, "list", { attributes: { status: { intValue: "200" }, cached: { boolValue: true } } }),
    span(3, "other", { traceState: "vendor=x, shop=vip", attributes: { size: { doubleValue: 2.5 } } }),
  );
  const text = (key: string, values: string[], more = {}) => ({
    type: "string_attribute",
    string_attribute: { key, values, ...more },
  });
  const numeric = (key: string, min_value?: number, max_value?: number) => ({
    type: "numeric_attribute",
    numeric_attribute: { key, min_value, max_value },
  });
  const flag = (key: string, value: boolean) => ({
    type: "boolean_attribute",
    boolean_attribute: { key, value },
  });

  test.each([
    [text("route", ["/pay/7"]), ["pay"]],
    [text("route", ["/pay"]), []],
    [text("route", ["^/pay/\\d+$"], { enabled_regex_matching: true }), ["pay"]],
    [text("route", ["/pay/7"], { invert_match: true }), ["list", "other"]],
    [text("status", ["200"]), ["list"]],
    [text("service.name", ["shop"]), ["pay", "list", "other"]],
    [text("service.name", ["shop"], { invert_match: true }), []],
    [numeric("status", 400, 499), ["pay"]],
    [numeric("status", 400), ["pay"]],
    [numeric("size", undefined, 2.5), ["other"]],
    [numeric("route", 0, 10), []],
    [flag("cached", true), ["list"]],
    [flag("cached", false), []],
    [{ type: "trace_state", trace_state: { key: "shop", values: ["vip"] } }, ["other"]],
  ])("%j keeps %j", async (policy, kept) => {
    const sampler = await samplerOf({ policies: [policy] });
    sampler.observe(all, 0);
    sampler.decideBefore(1);
    expect(sent(sampler, all).map((line) => line.split(" ")[0])).toEqual(kept);
  });
});

describe("a trace", () => {
  const policies = [
    { name: "errors", type: "status_code", status_code: { status_codes: ["ERROR"] } },
    { name: "slow", type: "latency", latency: { threshold_ms: 1_000 } },
  ];

  test("is kept whole for what a later span tells, and late spans follow the decision", async () => {
    const sampler = await samplerOf({ policies });
    const first = request(span(1, "root"), span(2, "other root"));
    sampler.observe(first, 0);
    sampler.observe(request(span(1, "child", { error: true })), 3);
    sampler.decideBefore(1);
    expect(sent(sampler, first)).toEqual(["root"]);
    const late = request(span(1, "late"), span(2, "late too", { error: true }));
    sampler.observe(late, 20);
    sampler.decideBefore(21);
    expect(sent(sampler, late)).toEqual(["late"]);
    expect(await counted("late_spans_total")).toEqual({ "": 2 });
    expect(await counted("traces_total")).toEqual({ "errors kept": 1, "none dropped": 1 });
    expect(await counted("spans_total")).toEqual({ "errors kept": 2, "none dropped": 2 });
  });

  test("is decided on early when too many wait, by what is known, and counted", async () => {
    const sampler = await samplerOf({ policies, num_traces: 2 });
    sampler.observe(request(span(1, "a", { error: true }), span(2, "b")), 0);
    sampler.observe(request(span(3, "c")), 1);
    // Too late for trace 2, in time for trace 3.
    sampler.observe(request(span(2, "b2", { error: true }), span(3, "c2", { error: true })), 2);
    sampler.decideBefore(3);
    expect(await counted("early_decisions_total")).toEqual({ "": 2 });
    expect(sent(sampler, request(span(1, "a"), span(2, "b"), span(3, "c")))).toEqual(["a", "c"]);
  });

  test("that nobody looked at ahead is kept", async () => {
    expect(sent(await samplerOf({ policies }), request(span(1, "unseen")))).toEqual(["unseen"]);
  });

  test("of which nothing can be read is counted", async () => {
    const sampler = await samplerOf({ policies });
    sampler.observe(Buffer.from([10, 200]), 0);
    expect(await counted("unreadable_requests_total")).toEqual({ "": 1 });
  });
});

describe("the weight", () => {
  const policies = [
    { name: "errors", type: "status_code", status_code: { status_codes: ["ERROR"] } },
    { name: "quarter", type: "probabilistic", probabilistic: { sampling_percentage: 25 } },
  ];
  const random = (hex: string) => ({ traceState: `ot=rv:${hex}` });

  test("is told in the trace state; certain traces count as one; an earlier, stricter sampler stands", async () => {
    const sampler = await samplerOf({ policies });
    const body = request(
      span(1, "lucky", random("c0000000000000")),
      span(2, "unlucky", random("bfffffffffffff")),
      span(3, "failed", { ...random("00000000000000"), error: true }),
      span(4, "sampled", { traceState: "ot=th:f;rv:f0000000000000,v=1" }),
      span(5, "sampled less", { traceState: "ot=th:8;rv:f0000000000000,v=1" }),
      span(6, "sampled failed", { traceState: "ot=th:8;rv:90000000000000", error: true }),
    );
    sampler.observe(body, 0);
    sampler.decideBefore(1);
    expect(sent(sampler, body)).toEqual([
      "lucky ot=th:c;rv:c0000000000000",
      "failed ot=rv:00000000000000",
      "sampled ot=th:f;rv:f0000000000000,v=1",
      "sampled less ot=th:c;rv:f0000000000000,v=1",
      "sampled failed ot=th:8;rv:90000000000000",
    ]);
  });
});
