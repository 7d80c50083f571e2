import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { parseMatchers } from "../route/matcher.js";
import { SilenceEndingSource } from "./ending-source.js";
import { formatRecurrence, parseRecurrence } from "./recurrence.js";
import { Silences, silenceState } from "./silences.js";
import { similarSilences } from "./similar.js";

const HOUR = 3_600_000;
/** A Saturday. */
const NOON = Date.parse("2026-11-21T12:00:00Z");

const draft = (text: string, more: object = {}) => ({
  matchers: parseMatchers(text),
  startsAtMs: NOON,
  endsAtMs: NOON + 8 * HOUR,
  createdBy: "ana",
  comment: "why",
  ...more,
});

function silences() {
  let id = 0;
  const records: object[] = [];
  const all = new Silences(
    async (record) => void records.push(JSON.parse(JSON.stringify(record)) as object),
    () => `s${++id}`,
  );
  return { all, records };
}

test.each([
  ["sunday 02:00-04:00", "sunday 02:00-04:00 Europe/Berlin"],
  ["Mon-Wed, fri 9:00-17:30", "monday, tuesday, wednesday, friday 09:00-17:30 Europe/Berlin"],
  ["sat-mon 01:00-02:00", "sunday, monday, saturday 01:00-02:00 Europe/Berlin"],
  ["daily 03:00 - 03:15", "daily 03:00-03:15 Europe/Berlin"],
  ["1 04:00-05:00", "day 1 of the month 04:00-05:00 Europe/Berlin"],
  ["-1 04:00-05:00", "day -1 of the month 04:00-05:00 Europe/Berlin"],
  ["fridays 22:00-06:00", "friday 22:00-24:00 Europe/Berlin; saturday 00:00-06:00 Europe/Berlin"],
])("%s is understood as %s", (text, want) => {
  expect(formatRecurrence(parseRecurrence(text, "Europe/Berlin"))).toBe(want);
});

test.each([
  ["sometimes", "UTC", '"sometimes" does not say when to recur. Write for instance "sunday 02:00-04:00"'],
  ["s 02:00-04:00", "UTC", "does not say when to recur"],
  ["sunday 02:00-25:00", "UTC", '"25:00" is not a time of day'],
  ["sunday 02:00-04:00", "Mars/North", '"Mars/North" is not a time zone'],
  ["32 02:00-04:00", "UTC", "days of the month"],
  ["1 22:00-02:00", "UTC", "over midnight needs days of the week"],
])("%s in %s is refused", (text, zone, message) => {
  expect(() => parseRecurrence(text, zone)).toThrow(message);
});

test("a silence that recurs mutes by the clock of its zone, also where summer time ends", async () => {
  const { all, records } = silences();
  const within = parseRecurrence("sunday 02:30-04:00", "Europe/Berlin");
  const startsAtMs = Date.parse("2026-10-01T00:00:00Z");
  const silence = await all.set(
    draft("service=db", { startsAtMs, endsAtMs: NOON + 8 * HOUR, within }),
    startsAtMs,
  );
  const at = (text: string): string => {
    const nowMs = Date.parse(text);
    return `${silenceState(silence, nowMs)} ${all.silencedBy({ service: "db" }, nowMs).length}`;
  };
  expect(at("2026-10-18T00:29:00Z")).toBe("pending 0"); // 02:29 in summer
  expect(at("2026-10-18T00:30:00Z")).toBe("active 1");
  expect(at("2026-10-25T00:30:00Z")).toBe("active 1"); // 02:30 for the first time that night
  expect(at("2026-10-25T02:59:00Z")).toBe("active 1"); // 03:59 in winter
  expect(at("2026-10-25T03:00:00Z")).toBe("pending 0");
  expect(at("2026-11-23T12:00:00Z")).toBe("expired 0");
  // What was written down brings it back as it was.
  const again = new Silences(async () => {});
  again.restore(records[0] as never);
  expect(again.get(silence.id)).toMatchObject({ within });
});

test("a silence keeps its id when only its end changes, and not when its times do", async () => {
  const { all } = silences();
  const within = parseRecurrence("daily 02:00-04:00", "UTC");
  const first = await all.set(draft("service=db", { within }), NOON);
  const longer = await all.set({ ...first, endsAtMs: NOON + 48 * HOUR }, NOON + HOUR);
  expect(longer).toMatchObject({ id: first.id, startsAtMs: NOON, endsAtMs: NOON + 48 * HOUR });
  const other = await all.set({ ...longer, within: undefined }, NOON + 2 * HOUR);
  expect(other.id).not.toBe(first.id);
  expect(silenceState(all.get(first.id)!, NOON + 2 * HOUR)).toBe("expired");
});

test("similar silences are named, the same ones first, ended ones for a day", async () => {
  const { all } = silences();
  const nowMs = NOON + 10 * HOUR;
  await all.set(draft("service=db"), NOON); // ended two hours ago
  await all.set(draft("service=db,severity=page", { endsAtMs: NOON + 20 * HOUR }), NOON);
  await all.set(draft("service=web", { endsAtMs: NOON + 20 * HOUR }), NOON);
  const relations = (text: string, atMs = nowMs) =>
    similarSilences(parseMatchers(text), all.all(atMs), atMs).map(
      ({ silence, relation }) => `${silence.id} ${relation}`,
    );
  expect(relations("service=db")).toEqual(["s1 same", "s2 narrower"]);
  expect(relations("service=db,severity=page")).toEqual(["s2 same", "s1 wider"]);
  expect(relations("service=cart")).toEqual([]);
  expect(relations("service=db", NOON + 40 * HOUR)).toEqual(["s2 narrower"]);
});

test("a silence that ends soon warns while what it mutes fires, and a short one only at its end", async () => {
  const { all } = silences();
  const clock = new ManualClock(NOON);
  await all.set(draft("service=db", { endsAtMs: NOON + HOUR }), NOON);
  await all.set(draft("service=db", { endsAtMs: NOON + 20 * 60_000, comment: "short" }), NOON);
  let muted: object[] = [{ service: "db" }];
  const source = new SilenceEndingSource({
    silences: () => all.all(clock.now()),
    mutedBy: () => muted as never,
    warnBeforeMs: 15 * 60_000,
  });
  const warnings = async (minute: number): Promise<string[]> => {
    const [result] = await source.evaluate(NOON + minute * 60_000);
    return result!.outcome.kind === "samples"
      ? result!.outcome.samples.map(({ annotations }) => annotations.summary!)
      : [];
  };
  expect(await warnings(10)).toEqual([]);
  expect(await warnings(15)).toEqual([
    'The silence {service="db"} of ana ends in 5m, and 1 alert that it mutes still fires: short',
  ]);
  expect(await warnings(46)).toEqual([
    'The silence {service="db"} of ana ends in 14m, and 1 alert that it mutes still fires: why',
  ]);
  muted = [];
  expect(await warnings(46)).toEqual([]);
});
