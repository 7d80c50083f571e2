// How often a healthy, quiet service pages in a month with the evidence gate and by the plain rule: 60 requests an hour
// for 30 days at an objective of 99.9 %, which allows 43 failures. 17 fail, and in a second case as many as are allowed, at
// moments that chance chooses, in several months. Exact arithmetic on counts, no clock. Prints one JSON line.
// Run after `npm run build`: node bench/slo/gate.mjs

import { compileSlo } from "../../packages/collector/dist/slo/compile.js";
import { SloConfig } from "../../packages/collector/dist/slo/config.js";
import { simulate } from "../../packages/collector/dist/slo/simulate.js";

const START_MS = Date.parse("2026-10-01T00:00:00Z");
const DAYS = 30;
const REQUESTS_PER_HOUR = 60;
const MONTHS = 8;

const withGate = specOf(true);
const plain = specOf(false);

const cases = [17, 43].map((failures) => {
  const months = Array.from({ length: MONTHS }, (_, seed) => {
    const history = month(seed + 1, failures);
    return { withGate: pages(withGate, history), byPlainRule: pages(plain, history) };
  });
  return {
    failures,
    pagesWithGate: Math.max(...months.map((each) => each.withGate)),
    pagesByPlainRule: median(months.map((each) => each.byPlainRule)),
  };
});

console.log(
  JSON.stringify({
    bench: "gate",
    objective: 0.999,
    requestsPerHour: REQUESTS_PER_HOUR,
    days: DAYS,
    months: MONTHS,
    cases,
    isOnTarget: cases.every((each) => each.pagesWithGate === 0 && each.pagesByPlainRule >= 15),
  }),
);

function specOf(evidence_gate) {
  const sli = { type: "availability" };
  const alerting = { evidence_gate };
  return compileSlo(SloConfig.parse({ name: "slo", service: "quiet", objective: "99.9%", sli, alerting }));
}

function pages(spec, history) {
  return simulate(spec, history, START_MS, START_MS + DAYS * 86_400_000, 60_000).pages.length;
}

/** One request in every minute, at some second of it, of which some fail. */
function month(seed, failures) {
  const random = randomOf(seed);
  const slot = 3_600 / REQUESTS_PER_HOUR;
  const history = Array.from({ length: DAYS * 24 * REQUESTS_PER_HOUR }, (_, index) => ({
    second: START_MS / 1_000 + Math.floor((index + random()) * slot),
    widthSeconds: 1,
    bad: 0,
    total: 1,
  }));
  for (let failed = 0; failed < failures; ) {
    const request = history[Math.floor(random() * history.length)];
    if (request.bad === 1) continue;
    request.bad = 1;
    failed++;
  }
  return history;
}

/** The same numbers for the same seed, 0–1. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
