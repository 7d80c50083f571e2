import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import type { CollectorView } from "./collector-view.js";
import { findShop } from "./find-shop.js";
import type { ShopMessage } from "./shop-message.js";
import { hear, isClosed, measured, missing, type Story, see, type Told } from "./story.js";

type Step = ShopMessage | ({ readonly kind: "view" } & CollectorView);

const start = Date.UTC(2026, 0, 1, 14, 3, 0);

function view(second: number, changes: Partial<CollectorView> = {}): Step {
  const service = (name: string, errorRatio: number | null = 0) => ({
    service: name,
    trafficPerSecond: 40,
    errorRatio,
    latencySeconds: { p95: 0.0312 },
  });
  return {
    kind: "view",
    atMs: start + second * 1_000,
    services: [service("gateway"), service("checkout"), service("payments")],
    slos: [{ name: "checkout-availability", budgetRemainingRatio: 1, burnRates: { "10s": 0, "1m": 0 } }],
    actions: [],
    ...changes,
  };
}

function page(second: number, status: "firing" | "resolved"): ShopMessage {
  const labels = { slo: "checkout-availability", severity: "page" };
  return {
    kind: "page",
    atMs: start + second * 1_000,
    status,
    name: "ErrorBudgetBurn",
    labels,
    annotations: {},
  };
}

function deployed(second: number, what: "deploy" | "rollback", version: string): ShopMessage {
  const phase = what === "deploy" ? "begun" : "done";
  return {
    kind: "deployed",
    atMs: start + second * 1_000,
    phase,
    what,
    service: "checkout",
    version,
    replicas: 1,
  };
}

function run(verdict: string | null) {
  return {
    id: "act-1",
    action: "rollback-checkout",
    state: verdict === null ? "verifying" : "done",
    plan: { summary: "POST http://127.0.0.1:4390/rollback" },
    startedAt: new Date(start + 44_000).toISOString(),
    finishedAt: new Date(start + 46_000).toISOString(),
    message: "HTTP 200",
    verdict,
    verdictReason: verdict === null ? null : "error ratio 9.2 % → 0 %",
    verifiedAt: verdict === null ? null : new Date(start + 59_000).toISOString(),
  };
}

const burning = {
  slos: [{ name: "checkout-availability", budgetRemainingRatio: 0.9, burnRates: { "10s": 92.04, "1m": 12 } }],
};

const whole: readonly Step[] = [
  { kind: "open" },
  view(2),
  { kind: "load", sent: 400, ok: 400, failed: 0 },
  view(10),
  deployed(40, "deploy", "1.42.0"),
  { kind: "first-failure", atMs: start + 41_000 },
  { kind: "load", sent: 1_640, ok: 1_639, failed: 1, lastFailureAtMs: start + 41_000 },
  view(43, burning),
  page(44, "firing"),
  view(44.5, { ...burning, actions: [run(null)] }),
  { kind: "load", sent: 1_860, ok: 1_851, failed: 9, lastFailureAtMs: start + 46_500 },
  deployed(46, "rollback", "1.41.3"),
  view(59, { actions: [run("helped")] }),
  page(62, "resolved"),
];

function play(steps: readonly Step[]): { story: Story; told: Told[] } {
  let story: Story = {};
  const all: Told[] = [];
  for (const step of steps) {
    const { story: next, told } = step.kind === "view" ? see(story, step) : hear(story, step);
    story = next;
    all.push(...told);
  }
  return { story, told: all };
}

test("tells the whole story in its order", () => {
  const { told } = play(whole);
  expect(told.map(({ atMs, chapter, text }) => `${(atMs - start) / 1_000} ${chapter}: ${text}`)).toEqual([
    "10 healthy: gateway, checkout, payments answer; checkout 40 /s, no errors, p95 31.2 ms, error budget 100 % left",
    "40 deploy: checkout 1.42.0 goes out; it fails for customers without a wallet",
    "41 first error: the first visitor gets a 500",
    "43 burn: checkout-availability spends its budget 92 times too fast",
    "44 page: ErrorBudgetBurn for checkout-availability: webhook received, 3.0 s after the first bad request",
    "44 rollback: rollback-checkout: POST http://127.0.0.1:4390/rollback",
    "46 rolled back: checkout runs 1.41.3 again",
    "59 verified: helped: error ratio 9.2 % → 0 %",
    "62 resolved: ErrorBudgetBurn, 18.0 s after it fired",
  ]);
});

test("measures from the first bad request", () => {
  expect(measured(play(whole).story)).toEqual({
    closed: true,
    verdict: "helped",
    secondsToWebhook: 3,
    secondsToRollback: 5,
    secondsToRecovery: 5.5,
    secondsToVerdict: 18,
    secondsToResolved: 21,
  });
});

test("hearing everything twice tells it once", () => {
  const twice = whole.flatMap((step) => [step, step]);
  expect(play(twice).told).toEqual(play(whole).told);
});

test.each([
  { without: "view", want: "the three services never showed up healthy at /api/v1/services" },
  { without: "first-failure", want: "no visitor got a bad answer after the deploy" },
  { without: "page", want: "no page came" },
])("without $without it does not close, and says why", ({ without, want }) => {
  const { story } = play(whole.filter(({ kind }) => kind !== without));
  expect(isClosed(story)).toBe(false);
  expect(missing(story)).toBe(want);
});

test.each(["no effect", "worse", "too little data"])("a verdict of %s does not close it", (verdict) => {
  const { story } = play(whole.map((step, n) => (n === 12 ? view(59, { actions: [run(verdict)] }) : step)));
  expect(isClosed(story)).toBe(false);
  expect(missing(story)).toBe(`the verdict was "${verdict}"`);
});

test("a page from before the deploy, or a ticket, is not the story's", () => {
  const early = [page(5, "firing"), ...whole.filter(({ kind }) => kind !== "page")];
  expect(play(early).story.pageAtMs).toBeUndefined();
});

test("outside the repository the demo says what to do instead", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-shop-"));
  const url = pathToFileURL(`${folder}/`);
  expect(findShop(url)).toContain("Clone the repository and run `npm start` there");
  await mkdir(join(folder, "examples/shop"), { recursive: true });
  await writeFile(join(folder, "examples/shop/tocsin.yaml"), "");
  expect(findShop(url)).toContain("npm run build");
  await rm(folder, { recursive: true });
  expect(findShop()).toMatchObject({ config: expect.stringMatching(/examples\/shop\/tocsin\.yaml$/) });
});
