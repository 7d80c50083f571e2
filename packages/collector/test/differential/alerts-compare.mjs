// What counts as the same. Whatever may differ is listed here, with its reason, and is checked to be as listed.
import { isDeepStrictEqual } from "node:util";

/** Both evaluate every second, each at its own fraction of it; the rest is for the way of a sample. */
const TOLERANCE_MS = 1_500;

/** Differences that are meant, each with what it leaves out of the comparison. */
export const ALLOWED = [
  {
    why: "ALERTS of a rule over its group's limit: Prometheus leaves the series open until it can be evaluated again, Tocsin ends them with the alerts.",
    series: /"Limited(Pending)?"/,
  },
  {
    why: "Alerts of Tocsin about itself, here that a silence ends soon, are among the alerts that its APIs list.",
    series: /"tocsin_/,
    looks: /"alertname":"tocsin_/,
  },
  {
    why: "Alertmanager lists annotations as Prometheus last sent them, up to a minute ago; Tocsin those of the last evaluation. They are compared where they are told.",
  },
  { why: "Which alert is named as the one that inhibits, where several do: Alertmanager takes any of them." },
  {
    why: "Alerts that a time interval mutes are listed as suppressed, as by Alertmanager since 0.28; 0.25 lists them as active.",
  },
  { why: "The text that stands in place of a template that failed: each says it in its own words." },
];

/** Text of a template that failed: both say so in its place, each in its own words. */
const FAILED_TEMPLATE = /^<error expanding template: .*>$/s;

/** Collects differences; `compared` tells that there was something to compare. */
export class Comparison {
  differences = [];
  compared = { notifications: 0, alerts: 0, looks: 0, series: 0, allowed: 0 };

  notifications(theirs, ours) {
    const [left, right] = [byGroup(theirs), byGroup(ours)];
    for (const key of [...new Set([...left.keys(), ...right.keys()])].sort()) {
      const [a, b] = [left.get(key) ?? [], right.get(key) ?? []];
      this.compared.notifications += a.length;
      for (let at = 0; at < Math.max(a.length, b.length); at++)
        this.#notification(`${key} #${at + 1}`, a[at], b[at]);
    }
  }

  #notification(name, a, b) {
    this.#same(name, a && comparable(a), b && comparable(b));
    if (!a || !b || a.alerts.length !== b.alerts.length) return;
    this.compared.alerts += a.alerts.length;
    for (const [index, alert] of a.alerts.entries())
      for (const field of ["startsAt", "endsAt"])
        this.#near(`${name} ${alert.labels.alertname} ${field}`, alert[field], b.alerts[index][field]);
  }

  /** Answers of both APIs to the same question at the same moment. */
  look(name, theirs, ours) {
    this.compared.looks++;
    const pick = (list) =>
      list.map(sorted).filter((each) => {
        const isAllowed = ALLOWED.some(({ looks }) => looks?.test(JSON.stringify(each)));
        if (isAllowed) this.compared.allowed++;
        return !isAllowed;
      });
    const [left, right] = [pick(theirs), pick(ours)];
    const [onlyLeft, onlyRight] = [without(left, right), without(right, left)];
    for (let at = 0; at < Math.max(onlyLeft.length, onlyRight.length); at++)
      this.#differ(name, onlyLeft[at], onlyRight[at]);
  }

  /** `ALERTS` over the whole run: the same series, on and off at the same times. */
  series(theirs, ours) {
    const [left, right] = [spans(theirs), spans(ours)];
    for (const key of [...new Set([...left.keys(), ...right.keys()])].sort()) {
      if (ALLOWED.some(({ series }) => series?.test(key))) {
        this.compared.allowed++;
        continue;
      }
      this.compared.series++;
      const [a, b] = [left.get(key) ?? [], right.get(key) ?? []];
      const isNear =
        a.length === b.length &&
        a.every((span, at) => span.every((ms, side) => Math.abs(ms - b[at][side]) <= TOLERANCE_MS));
      if (!isNear) this.#differ(key, a, b);
    }
  }

  #near(name, a, b) {
    if (Math.abs(Date.parse(a) - Date.parse(b)) > TOLERANCE_MS) this.#differ(name, a, b);
  }

  #same(name, a, b) {
    if (!isDeepStrictEqual(a, b)) this.#differ(name, a, b);
  }

  #differ(name, theirs, ours) {
    this.differences.push({ name, theirs, ours });
  }
}

function without(list, others) {
  const rest = [...others];
  return list.filter((each) => {
    const at = rest.findIndex((other) => isDeepStrictEqual(each, other));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

function byGroup(received) {
  const groups = new Map();
  for (const { path, body } of received) {
    const key = `${path} ${body.groupKey}`;
    groups.set(key, [...(groups.get(key) ?? []), body]);
  }
  return groups;
}

/** A body without instants. */
function comparable(body) {
  return {
    ...body,
    alerts: body.alerts.map(({ startsAt, endsAt, ...alert }) => ({
      ...sorted(alert),
      isOver: !endsAt.startsWith("0001"),
    })),
    commonAnnotations: sorted(body.commonAnnotations),
  };
}

/** The same with names in order and with texts of failed templates made equal, all the way down. */
export function sorted(value) {
  if (typeof value === "string") return FAILED_TEMPLATE.test(value) ? "<error expanding template>" : value;
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

/** By series: when it began and ended, as unix milliseconds, out of a range query of a second's step. */
function spans(result) {
  return new Map(
    result.map(({ metric, values }) => {
      const list = [];
      for (const [seconds] of values) {
        const ms = seconds * 1_000;
        const last = list.at(-1);
        if (last && ms - last[1] <= 1_001) last[1] = ms;
        else list.push([ms, ms]);
      }
      return [JSON.stringify(Object.entries(metric).sort()), list];
    }),
  );
}

/** Where two values differ, a line each: `  .alerts[2].status: "firing" and "resolved"`. */
export function places(theirs, ours, path = "") {
  if (isDeepStrictEqual(theirs, ours)) return [];
  const areObjects = [theirs, ours].every((each) => each !== null && typeof each === "object");
  if (!areObjects) return [`  ${path}: ${JSON.stringify(theirs)} and ${JSON.stringify(ours)}`];
  return [...new Set([...Object.keys(theirs), ...Object.keys(ours)])].flatMap((key) =>
    places(theirs[key], ours[key], `${path}.${key}`),
  );
}
