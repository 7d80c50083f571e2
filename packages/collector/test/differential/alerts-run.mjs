/**
 * The same rules, samples and alertmanager.yml through a real Prometheus with Alertmanager and through Tocsin: the same firing
 * and ending times (± one evaluation), the same groups, the same webhook bodies apart from times, the same answers of the APIs
 * on the way, the same `ALERTS` afterwards. What is allowed to differ is listed in alerts-compare.mjs.
 *
 *     npm run differential:alerts [-- --verbose]
 *
 * Takes two to three minutes. Prints one line of JSON last; exit code 1 when anything differs. Skipped aloud where the
 * Debian packages prometheus and prometheus-alertmanager are missing.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { remoteWrite } from "../../../promql/test/differential/prometheus.mjs";
import { ALLOWED, Comparison, places, sorted } from "./alerts-compare.mjs";
import {
  alertmanagerConfig,
  FRAME_SECONDS,
  FRAMES,
  LOOKS,
  MINUTE_FRAME,
  REQUESTS,
  RULES,
  samplesAt,
} from "./alerts-scenario.mjs";
import { closeAll, missingProgram, startOurs, startTheirs, webhookReceiver } from "./alerts-servers.mjs";

const { values: options } = parseArgs({ options: { verbose: { type: "boolean", default: false } } });
const missing = missingProgram();
if (missing) {
  console.warn(
    `SKIPPED: there is no ${missing} (Debian: apt-get install prometheus prometheus-alertmanager).`,
  );
  process.exit(0);
}

const comparison = new Comparison();
const dir = mkdtempSync(join(tmpdir(), "tocsin-differential-alerts-"));
try {
  writeFileSync(join(dir, "rules.yml"), RULES);
  // Time intervals have minutes, so the run is laid around the next full one. Starting the servers takes seconds.
  const beforeMs = MINUTE_FRAME * FRAME_SECONDS * 1_000;
  const minuteMs = Math.ceil((Date.now() + beforeMs + 6_000) / 60_000) * 60_000;
  const theirHooks = await webhookReceiver();
  const ourHooks = await webhookReceiver();
  const theirs = await startTheirs(dir, alertmanagerConfig(theirHooks.url, new Date(minuteMs)));
  const ours = await startOurs(dir, alertmanagerConfig(ourHooks.url, new Date(minuteMs)));
  const startMs = minuteMs - beforeMs;
  await sleep(startMs - Date.now());
  await Promise.all([
    everySecond(startMs, [theirs.prometheus, ours.prometheus]),
    ...REQUESTS.map((request) => post(startMs, request, [theirs.alertmanager, ours.alertmanager])),
    ...LOOKS.map((second) => look(startMs, second, theirs, ours)),
  ]);
  const range = `query=ALERTS&start=${startMs / 1_000}&end=${startMs / 1_000 + FRAMES * FRAME_SECONDS - 1}&step=1`;
  const [left, right] = await both(theirs.prometheus, ours.prometheus, `/api/v1/query_range?${range}`);
  comparison.series(left.data.result, right.data.result);
  comparison.notifications(theirHooks.received, ourHooks.received);
  if (options.verbose) for (const { path, atMs, body } of ourHooks.received) tell(path, atMs - startMs, body);
} finally {
  await closeAll();
  rmSync(dir, { recursive: true, force: true });
}

const { differences, compared } = comparison;
for (const { name, theirs, ours } of differences)
  console.error(`DIFFERENT ${name}\n${places(theirs, ours).slice(0, 8).join("\n")}`);
for (const { why } of ALLOWED) console.log(`allowed: ${why}`);
const isEmpty = [compared.notifications, compared.looks, compared.series].some((count) => count === 0);
if (isEmpty) console.error("Nothing was compared, so nothing is shown.");
console.log(JSON.stringify({ differential: "alerts", ...compared, differences: differences.length }));
process.exitCode = differences.length === 0 && !isEmpty ? 0 : 1;

async function everySecond(startMs, urls) {
  for (let second = 0; second < FRAMES * FRAME_SECONDS; second++) {
    await sleep(startMs + second * 1_000 - Date.now());
    const series = samplesAt(second).map(({ labels, value }) => ({
      labels,
      samples: [[startMs + second * 1_000, value]],
    }));
    await Promise.all(urls.map((url) => remoteWrite(url, series)));
  }
}

async function post(startMs, { second, path, body }, urls) {
  await sleep(startMs + second * 1_000 - Date.now());
  const text = JSON.stringify(body());
  const answers = await Promise.all(
    urls.map((url) =>
      fetch(url + path, { method: "POST", headers: { "content-type": "application/json" }, body: text }),
    ),
  );
  const [left, right] = answers.map(({ status }) => [{ status }]);
  comparison.look(`POST ${path}`, left, right);
}

async function look(startMs, second, theirs, ours) {
  await sleep(startMs + second * 1_000 - Date.now());
  const at = `at ${second} s`;
  for (const [path, listOf] of [
    ["/api/v1/rules", rulesOf],
    ["/api/v1/alerts", alertsOf],
  ]) {
    const [left, right] = await both(theirs.prometheus, ours.prometheus, path);
    comparison.look(`${path} ${at}`, listOf(left), listOf(right));
  }
  for (const [path, listOf] of [
    ["/api/v2/alerts", postedOf],
    ["/api/v2/alerts?silenced=false&inhibited=false&filter=severity=~%22p.*%22", postedOf],
    ["/api/v2/alerts/groups", groupsOf],
    ["/api/v2/silences", silencesOf],
  ]) {
    const [left, right] = await both(theirs.alertmanager, ours.alertmanager, path);
    comparison.look(`${path} ${at}`, listOf(left), listOf(right));
  }
}

function both(theirs, ours, path) {
  return Promise.all([theirs, ours].map(async (url) => (await fetch(url + path)).json()));
}

/** Rules without what belongs to a moment or a machine. */
function rulesOf({ data }) {
  return data.groups.flatMap((group) =>
    group.rules.map(({ evaluationTime, lastEvaluation, lastError, alerts, ...rule }) => ({
      group: group.name,
      interval: group.interval,
      limit: group.limit,
      ...rule,
      hasError: lastError !== undefined,
      alerts: alerts?.map(shownAlert).sort(byText),
    })),
  );
}

function alertsOf({ data }) {
  return data.alerts.map(shownAlert);
}

function shownAlert({ activeAt, keepFiringSince, ...alert }) {
  return alert;
}

function postedOf(alerts) {
  return alerts.map(({ startsAt, endsAt, updatedAt, annotations, status, ...alert }) => ({
    ...alert,
    // Muted by a time interval is a state of newer Alertmanagers.
    state: status.mutedBy?.length && !isQuiet(status) ? "active" : status.state,
    silences: status.silencedBy.length,
    isInhibited: status.inhibitedBy.length > 0,
    receivers: alert.receivers.map(({ name }) => name).sort(),
  }));
}

function isQuiet({ silencedBy, inhibitedBy }) {
  return silencedBy.length + inhibitedBy.length > 0;
}

function groupsOf(groups) {
  return groups.flatMap(({ labels, receiver, alerts }) =>
    postedOf(alerts).map(({ fingerprint, state }) => ({ labels, receiver, fingerprint, state })),
  );
}

function silencesOf(silences) {
  return silences.map(({ id, startsAt, endsAt, updatedAt, ...silence }) => silence);
}

function byText(a, b) {
  return JSON.stringify(sorted(a)) < JSON.stringify(sorted(b)) ? -1 : 1;
}

function tell(path, atMs, { status, alerts, groupKey }) {
  const words = alerts.map(({ labels, status }) => `${labels.alertname} ${labels.instance ?? ""} ${status}`);
  console.log(
    `${(atMs / 1_000).toFixed(1)} s ${path} ${status} ${groupKey}: ${words.slice(0, 3).join(", ")}`,
  );
}
