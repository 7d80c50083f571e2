import type { CollectorView } from "./collector-view.js";
import type { ShopMessage } from "./shop-message.js";

/** One thing that was told. */
export interface Told {
  readonly atMs: number;
  readonly chapter: Chapter;
  readonly text: string;
}

export type Chapter =
  | "healthy"
  | "deploy"
  | "first error"
  | "burn"
  | "page"
  | "rollback"
  | "rolled back"
  | "verified"
  | "resolved";

/** How far the story has come, with the times at which it did. */
export interface Story {
  /** Requests that the load has sent. */
  readonly sent?: number;
  readonly deployAtMs?: number;
  readonly firstFailureAtMs?: number;
  readonly lastFailureAtMs?: number;
  readonly burnAtMs?: number;
  readonly pageAtMs?: number;
  readonly rollbackAtMs?: number;
  readonly rolledBackAtMs?: number;
  readonly verdict?: string;
  readonly verifiedAtMs?: number;
  readonly resolvedAtMs?: number;
  readonly healthyAtMs?: number;
}

/** The shop's service and SLO that the story is about. */
const SERVICE = "checkout";
const SLO = "checkout-availability";
const SERVICES = ["gateway", "checkout", "payments"];
/** Ten seconds of load: before that the figures say little. */
const MIN_SENT = 400;

/** What the shop said, told. Pure: only what comes after the deploy belongs to the story. */
export function hear(story: Story, message: ShopMessage): { story: Story; told: Told[] } {
  const nothing = { story, told: [] };
  switch (message.kind) {
    case "deployed":
      if (message.what === "deploy" && message.phase === "begun" && story.deployAtMs === undefined) {
        const text = `${message.service} ${message.version} goes out; it fails for customers without a wallet`;
        return tell({ ...story, deployAtMs: message.atMs }, message.atMs, "deploy", text);
      }
      if (message.what === "rollback" && message.phase === "done" && story.rolledBackAtMs === undefined) {
        const text = `${message.service} runs ${message.version} again`;
        return tell({ ...story, rolledBackAtMs: message.atMs }, message.atMs, "rolled back", text);
      }
      return nothing;
    case "first-failure": {
      if (story.deployAtMs === undefined || story.firstFailureAtMs !== undefined) return nothing;
      const text = "the first visitor gets a 500";
      return tell({ ...story, firstFailureAtMs: message.atMs }, message.atMs, "first error", text);
    }
    case "load": {
      const { lastFailureAtMs, sent } = message;
      const isOurs = story.firstFailureAtMs !== undefined && lastFailureAtMs !== undefined;
      return { story: { ...story, sent, ...(isOurs && { lastFailureAtMs }) }, told: [] };
    }
    case "page": {
      if (story.firstFailureAtMs === undefined || message.labels.severity !== "page") return nothing;
      const after = seconds(message.atMs - story.firstFailureAtMs);
      if (message.status === "firing" && story.pageAtMs === undefined) {
        const text = `${message.name} for ${message.labels.slo ?? "?"}: webhook received, ${after} after the first bad request`;
        return tell({ ...story, pageAtMs: message.atMs }, message.atMs, "page", text);
      }
      if (message.status === "resolved" && story.pageAtMs !== undefined && story.resolvedAtMs === undefined) {
        const text = `${message.name}, ${seconds(message.atMs - story.pageAtMs)} after it fired`;
        return tell({ ...story, resolvedAtMs: message.atMs }, message.atMs, "resolved", text);
      }
      return nothing;
    }
    default:
      return nothing;
  }
}

/** What the collector shows, told. Pure. */
export function see(story: Story, view: CollectorView): { story: Story; told: Told[] } {
  const told: Told[] = [];
  let next = story;
  const add = (change: Story, atMs: number, chapter: Chapter, text: string): void => {
    next = { ...next, ...change };
    told.push({ atMs, chapter, text });
  };
  if (next.healthyAtMs === undefined && (next.sent ?? 0) >= MIN_SENT && isHealthy(view)) {
    add({ healthyAtMs: view.atMs }, view.atMs, "healthy", healthText(view));
  }
  if (next.firstFailureAtMs === undefined) return { story: next, told };
  const burn = highestBurn(view);
  if (next.burnAtMs === undefined && burn > 1) {
    add(
      { burnAtMs: view.atMs },
      view.atMs,
      "burn",
      `${SLO} spends its budget ${rounded(burn)} times too fast`,
    );
  }
  const { deployAtMs = 0 } = next;
  const run = view.actions.find(({ startedAt }) => startedAt !== null && Date.parse(startedAt) >= deployAtMs);
  if (!run) return { story: next, told };
  if (next.rollbackAtMs === undefined && run.startedAt !== null) {
    const atMs = Date.parse(run.startedAt);
    add({ rollbackAtMs: atMs }, atMs, "rollback", `${run.action}: ${run.plan?.summary ?? run.id}`);
  }
  if (next.verdict === undefined && run.verdict !== null) {
    const atMs = run.verifiedAt === null ? view.atMs : Date.parse(run.verifiedAt);
    add(
      { verdict: run.verdict, verifiedAtMs: atMs },
      atMs,
      "verified",
      `${run.verdict}: ${run.verdictReason ?? ""}`,
    );
  }
  return { story: next, told };
}

/** Whether every chapter was told and the end is a good one. */
export function isClosed(story: Story): boolean {
  return (
    story.pageAtMs !== undefined &&
    story.rolledBackAtMs !== undefined &&
    story.verdict === "helped" &&
    story.resolvedAtMs !== undefined
  );
}

/** The measured times, in seconds from the first bad request. Null: it did not happen. */
export function measured(story: Story) {
  const since = (atMs: number | undefined): number | null =>
    atMs === undefined || story.firstFailureAtMs === undefined
      ? null
      : Number(((atMs - story.firstFailureAtMs) / 1_000).toFixed(2));
  return {
    closed: isClosed(story),
    verdict: story.verdict ?? null,
    secondsToWebhook: since(story.pageAtMs),
    secondsToRollback: since(story.rolledBackAtMs),
    // Recovered is when the last visitor has got a bad answer, which is later than the end of the rollback's call.
    secondsToRecovery: story.rolledBackAtMs === undefined ? null : since(story.lastFailureAtMs),
    secondsToVerdict: since(story.verifiedAtMs),
    secondsToResolved: since(story.resolvedAtMs),
  };
}

/** The next chapter that was waited for in vain, in words. */
export function missing(story: Story): string {
  if (story.healthyAtMs === undefined)
    return "the three services never showed up healthy at /api/v1/services";
  if (story.firstFailureAtMs === undefined) return "no visitor got a bad answer after the deploy";
  if (story.pageAtMs === undefined) return "no page came";
  if (story.rolledBackAtMs === undefined) return "the rollback was not done";
  if (story.verdict === undefined) return "the rollback was not verified";
  if (story.verdict !== "helped") return `the verdict was "${story.verdict}"`;
  return "the page did not resolve";
}

function tell(story: Story, atMs: number, chapter: Chapter, text: string): { story: Story; told: Told[] } {
  return { story, told: [{ atMs, chapter, text }] };
}

function isHealthy({ services, slos }: CollectorView): boolean {
  const hasTraffic = SERVICES.every((name) => trafficOf(services, name) > 0);
  const hasErrors = services.some(({ errorRatio }) => (errorRatio ?? 0) > 0);
  return hasTraffic && !hasErrors && slos.some(({ name }) => name === SLO);
}

/** All versions together: there is one row for each. */
function trafficOf(services: CollectorView["services"], name: string): number {
  const own = services.filter(({ service }) => service === name);
  return own.reduce((sum, { trafficPerSecond }) => sum + trafficPerSecond, 0);
}

function healthText({ services, slos }: CollectorView): string {
  const p95 = services.find(({ service }) => service === SERVICE)?.latencySeconds?.p95;
  const budget = slos.find(({ name }) => name === SLO)?.budgetRemainingRatio;
  return [
    `${SERVICES.join(", ")} answer; ${SERVICE} ${rounded(trafficOf(services, SERVICE))} /s, no errors`,
    ...(typeof p95 === "number" ? [`p95 ${rounded(p95 * 1_000)} ms`] : []),
    ...(typeof budget === "number" ? [`error budget ${rounded(budget * 100)} % left`] : []),
  ].join(", ");
}

/** The shortest window tells first. */
function highestBurn({ slos }: CollectorView): number {
  const rates = Object.values(slos.find(({ name }) => name === SLO)?.burnRates ?? {});
  return Math.max(0, ...rates.filter((rate) => rate !== null));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}
