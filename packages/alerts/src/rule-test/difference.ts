import { formatLabels, type Labels } from "@tocsin/model";
import type { Notification } from "../notify/notifier.js";
import type { ExpectedNotification } from "./test-file.js";

/** The two lists as lines with - for what was expected and + for what came; undefined when they are the same. */
export function differenceOf(expected: readonly string[], got: readonly string[]): string | undefined {
  const [left, right] = [[...expected].sort(), [...got].sort()];
  if (left.length === right.length && left.every((text, index) => text === right[index])) return undefined;
  const missing = without(left, right);
  const lines = [
    ...without(left, missing).map((text) => `      ${text}`),
    ...missing.map((text) => `    - ${text}`),
    ...without(right, left).map((text) => `    + ${text}`),
  ];
  return lines.join("\n");
}

/** What is left of a list once each of the others has taken one of its equals. */
function without(list: readonly string[], others: readonly string[]): string[] {
  const rest = [...list];
  for (const text of others) {
    const index = rest.indexOf(text);
    if (index !== -1) rest.splice(index, 1);
  }
  return rest;
}

/** The same for messages: an expected one that says nothing of its alerts fits any to its receiver. */
export function notificationDifference(
  expected: readonly ExpectedNotification[],
  told: readonly Notification[],
): string | undefined {
  const open = told.map((each) => ({ brief: briefOf(each), text: textOf(each), isTaken: false }));
  const wanted = expected.map((each) => ({
    isWhole: each.exp_alerts !== undefined,
    text: expectedText(each),
  }));
  // Those that say more choose first.
  for (const { isWhole, text } of wanted
    .filter((each) => each.isWhole)
    .concat(wanted.filter((each) => !each.isWhole))) {
    const match = open.find((each) => !each.isTaken && (isWhole ? each.text : each.brief) === text);
    if (!match) continue;
    match.isTaken = true;
    match.text = text;
  }
  return differenceOf(
    wanted.map(({ text }) => text),
    open.map(({ text }) => text),
  );
}

function briefOf({ receiver, status }: { receiver: string; status: string }): string {
  return `to ${receiver}: ${status}`;
}

function textOf(notification: Notification): string {
  return joined(
    briefOf(notification),
    notification.alerts.map(({ labels, status }) => ({ labels, status })),
  );
}

function expectedText(each: ExpectedNotification): string {
  if (!each.exp_alerts) return briefOf(each);
  return joined(
    briefOf(each),
    each.exp_alerts.map(({ exp_labels, status }) => ({
      labels: exp_labels ?? {},
      status: status ?? each.status,
    })),
  );
}

function joined(brief: string, alerts: readonly { labels: Labels; status: string }[]): string {
  const lines = alerts.map(({ labels, status }) => `${status} ${formatLabels(labels)}`).sort();
  return [brief, ...lines].join("\n        ");
}
