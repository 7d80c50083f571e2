import { userInfo } from "node:os";
import {
  AlertsError,
  formatMatchers,
  formatRecurrence,
  parseMatchers,
  parseRecurrence,
  type WrittenInterval,
} from "@tocsin/alerts";
import {
  formatDuration,
  formatLabels,
  messageOf,
  parseDuration,
  systemClock,
  type UnixMs,
} from "@tocsin/model";
import type { SilenceListJson, SilencePreviewJson } from "../api/silences.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, type CommandIo, ExitCode, UsageError } from "./command.js";
import { type Parsed, parseFlags } from "./flags.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  for: { type: "string" },
  until: { type: "string" },
  every: { type: "string" },
  zone: { type: "string" },
  by: { type: "string" },
  comment: { type: "string" },
  preview: { type: "boolean" },
  all: { type: "boolean" },
} as const;

type Flags = Parsed<typeof FLAGS>["flags"];

/** A silence as Alertmanager's API takes and gives it. */
interface SilenceJson {
  readonly id: string;
  readonly status: { readonly state: string };
  readonly matchers: readonly { name: string; value: string; isRegex: boolean; isEqual: boolean }[];
  readonly startsAt: string;
  readonly endsAt: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly within?: readonly WrittenInterval[];
}

const SILENCES = "/alertmanager/api/v2/silences";

export const silence: Command = {
  name: "silence",
  help: `tocsin silence <what> [flags]

  list                   those that are active or to come, with what they mute (--all: ended ones too)
  add MATCHER…           mute what matches, such as service=cart severity=~"page|ticket"; says first what that is
  extend ID              give one another end: --for from now, or --until
  end ID                 end one now

  --for DURATION         how long (add needs --for or --until)
  --until TIME           until when, ISO 8601: 2026-12-24T18:00:00+01:00
  --every WHEN           mute only at these times until then: "sunday 02:00-04:00", "mon-fri 22:00-06:00",
                         "daily 03:00-03:15", "1 04:00-05:00" (day of the month)
  --zone ZONE            time zone of --every (default: this machine's), such as Europe/Berlin
  --comment TEXT         why (needed with add)
  --by NAME              who you are (default: your user name here)
  --preview              with add: only say what would be muted
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", ...rest] = positionals;
    const client = collectorClient(flags, io);
    switch (what) {
      case "list":
        return list(client, flags, io);
      case "add":
        return add(client, rest, flags, io);
      case "extend":
        return extend(client, rest, flags, io);
      case "end": {
        const id = needed(rest);
        await client.request(`/alertmanager/api/v2/silence/${encodeURIComponent(id)}`, { method: "DELETE" });
        io.out(flags.json ? `${JSON.stringify({ ended: id })}\n` : `${id} ended\n`);
        return ExitCode.good;
      }
      default:
        throw new UsageError(`"${what}" is none of list, add, extend and end.`);
    }
  },
};

async function list(client: CollectorClient, flags: Flags, io: CommandIo): Promise<number> {
  const found = await client.json<SilenceListJson[]>("/api/v1/silences");
  const shown = found.filter(({ state }) => flags.all || state !== "expired");
  if (flags.json) io.out(`${JSON.stringify(shown)}\n`);
  else io.out(shown.length === 0 ? "No silences.\n" : shown.map(listLine).join(""));
  return ExitCode.good;
}

async function add(
  client: CollectorClient,
  texts: readonly string[],
  flags: Flags,
  io: CommandIo,
): Promise<number> {
  if (texts.length === 0) throw new UsageError("Write what to mute, such as service=cart.");
  const matchers = usage(() => texts.flatMap((text) => parseMatchers(text)));
  const preview = await client.json<SilencePreviewJson>(
    "/api/v1/silences/preview",
    jsonPost({ matchers: texts }),
  );
  if (flags.preview) {
    io.out(flags.json ? `${JSON.stringify(preview)}\n` : previewText(preview));
    return ExitCode.good;
  }
  io.err(previewText(preview));
  const nowMs = systemClock.now();
  const endsAtMs = endOf(flags, nowMs);
  if (!flags.comment) throw new UsageError('A silence needs a reason: --comment "deploy of cart".');
  const within = recurrenceOf(flags);
  const answer = await client.json<{ silenceID: string }>(
    SILENCES,
    jsonPost({
      matchers: matchers.map(({ name, operator, value }) => ({
        name,
        value,
        isRegex: operator.endsWith("~"),
        isEqual: operator.startsWith("="),
      })),
      startsAt: new Date(nowMs).toISOString(),
      endsAt: new Date(endsAtMs).toISOString(),
      createdBy: flags.by ?? userInfo().username,
      comment: flags.comment,
      ...(within ? { within } : {}),
    }),
  );
  const when = within ? ` ${formatRecurrence(within)}` : "";
  const text = `${answer.silenceID}  ${formatMatchers(matchers)}${when} for ${roughly(endsAtMs - nowMs)}\n`;
  io.out(flags.json ? `${JSON.stringify(answer)}\n` : text);
  return ExitCode.good;
}

/** The same silence with another end; it keeps its id. */
async function extend(
  client: CollectorClient,
  rest: readonly string[],
  flags: Flags,
  io: CommandIo,
): Promise<number> {
  const id = needed(rest);
  const known = await client.json<SilenceJson>(`/alertmanager/api/v2/silence/${encodeURIComponent(id)}`);
  if (known.status.state === "expired")
    throw new UsageError(`The silence ${id} ended at ${known.endsAt}. Add it anew: tocsin silence add …`);
  const nowMs = systemClock.now();
  const endsAtMs = endOf(flags, nowMs);
  const { status: _, ...same } = known;
  const changed = {
    ...same,
    endsAt: new Date(endsAtMs).toISOString(),
    comment: flags.comment ?? known.comment,
  };
  const answer = await client.json(SILENCES, jsonPost(changed));
  io.out(flags.json ? `${JSON.stringify(answer)}\n` : `${id} now ends in ${roughly(endsAtMs - nowMs)}\n`);
  return ExitCode.good;
}

function needed([id, ...rest]: readonly string[]): string {
  if (id === undefined || rest.length > 0)
    throw new UsageError("Name one silence by its ID; `tocsin silence list` shows them.");
  return id;
}

function endOf(flags: Flags, nowMs: UnixMs): UnixMs {
  if ((flags.for === undefined) === (flags.until === undefined))
    throw new UsageError("A silence needs an end: --for 2h, or --until 2026-12-24T18:00:00Z.");
  const { for: duration, until } = flags;
  if (duration !== undefined) return nowMs + usage(() => parseDuration(duration));
  const endsAtMs = Date.parse(until ?? "");
  if (Number.isNaN(endsAtMs))
    throw new UsageError(`--until ${until} is not a time. Write ISO 8601, such as 2026-12-24T18:00:00Z.`);
  if (endsAtMs <= nowMs) throw new UsageError(`--until ${until} has passed.`);
  return endsAtMs;
}

function recurrenceOf({ every, zone }: Flags): WrittenInterval[] | undefined {
  if (every === undefined && zone !== undefined) throw new UsageError("--zone belongs to --every.");
  if (every === undefined) return undefined;
  return usage(() => parseRecurrence(every, zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone));
}

/** What was typed wrongly is wrong use, not a failure. */
function usage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AlertsError || error instanceof Error) throw new UsageError(messageOf(error));
    throw error;
  }
}

function jsonPost(body: unknown): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

const MOST_SHOWN = 5;

function previewText({ firing, firingInAll, knownCount, similar }: SilencePreviewJson): string {
  const now =
    firing.length === 0
      ? "nothing that fires now"
      : `${counted(firing.length, "alert")} that ${firing.length === 1 ? "fires" : "fire"} now`;
  const lines = [
    `mutes ${now}; ${counted(knownCount, "alert")} of the last 90 days would have matched`,
    ...firing.slice(0, MOST_SHOWN).map(({ labels }) => `  ${formatLabels(labels)}`),
    ...(firing.length > MOST_SHOWN ? [`  and ${firing.length - MOST_SHOWN} more`] : []),
    ...(firingInAll > 1 && firing.length === firingInAll
      ? ["That is every alert that fires. Is it meant to be?"]
      : []),
    ...similar.slice(0, MOST_SHOWN).map(similarLine),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function similarLine(each: SilencePreviewJson["similar"][number]): string {
  const what =
    { same: "the same", wider: "a wider one", narrower: "a narrower one" }[each.relation] ?? "a similar one";
  const until = each.state === "expired" ? `ended ${each.endsAt}` : `is ${each.state} until ${each.endsAt}`;
  const advice =
    each.relation === "same" && each.state !== "expired" ? `; tocsin silence extend ${each.id}` : "";
  return `similar: ${what}, ${each.matchers} of ${each.createdBy}, ${until} [${each.id}]${advice}`;
}

function listLine(each: SilenceListJson): string {
  const ends =
    each.state === "expired" ? `ended ${each.endsAt}` : `ends in ${roughly(each.endsInSeconds * 1_000)}`;
  const recurs = each.recurs === null ? "" : `  ${each.recurs}`;
  const mutes = each.mutes > 0 ? `  mutes ${each.mutes}` : "";
  return `${each.state.padEnd(8)} ${ends.padEnd(16)} ${each.matchers}${recurs}${mutes}  ${each.createdBy}: ${each.comment}  [${each.id}]\n`;
}

/** Minutes, and from two days on hours. */
function roughly(ms: number): string {
  const unit = ms >= 2 * 86_400_000 ? 3_600_000 : ms >= 120_000 ? 60_000 : 1_000;
  return formatDuration(Math.max(unit, Math.round(ms / unit) * unit));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
