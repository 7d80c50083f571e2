import { userInfo } from "node:os";
import { formatMatchers, parseMatchers } from "@tocsin/alerts";
import { formatDuration, parseDuration, systemClock } from "@tocsin/model";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  for: { type: "string" },
  by: { type: "string" },
  comment: { type: "string" },
  preview: { type: "boolean" },
} as const;

interface SilenceJson {
  readonly id: string;
  readonly status: { readonly state: string };
  readonly matchers: readonly { name: string; value: string; isRegex: boolean; isEqual: boolean }[];
  readonly endsAt: string;
  readonly createdBy: string;
  readonly comment: string;
}

export const silence: Command = {
  name: "silence",
  summary: "list, add and end silences",
  help: `tocsin silence <what> [flags]

  list                   those that are active or to come
  add MATCHER…           mute what matches, such as service=cart severity=~"page|ticket"
  end ID                 end one now

  --for DURATION         how long (needed with add)
  --comment TEXT         why (needed with add)
  --by NAME              who you are (default: your user name here)
  --preview              with add: only say what would be muted
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", ...rest] = positionals;
    const client = collectorClient(flags, io);
    const show = (value: unknown, text: string): void =>
      io.out(flags.json ? `${JSON.stringify(value)}\n` : text);
    switch (what) {
      case "list": {
        const all = await client.json<SilenceJson[]>("/alertmanager/api/v2/silences");
        const current = all.filter(({ status }) => status.state !== "expired");
        show(current, current.length === 0 ? "No silences.\n" : current.map(listLine).join(""));
        return ExitCode.good;
      }
      case "add": {
        if (rest.length === 0) throw new UsageError("Write what to mute, such as service=cart.");
        const matchers = rest.flatMap((text) => parseMatchers(text));
        const muted = await mutedNow(client, rest);
        io.err(`mutes ${muted} alert${muted === 1 ? "" : "s"} that fire${muted === 1 ? "s" : ""} now\n`);
        if (flags.preview) return ExitCode.good;
        if (flags.for === undefined) throw new UsageError("A silence needs an end: --for 2h.");
        if (!flags.comment) throw new UsageError('A silence needs a reason: --comment "deploy of cart".');
        const nowMs = systemClock.now();
        const durationMs = parseDuration(flags.for);
        const answer = await client.json<{ silenceID: string }>("/alertmanager/api/v2/silences", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            matchers: matchers.map(({ name, operator, value }) => ({
              name,
              value,
              isRegex: operator.endsWith("~"),
              isEqual: operator.startsWith("="),
            })),
            startsAt: new Date(nowMs).toISOString(),
            endsAt: new Date(nowMs + durationMs).toISOString(),
            createdBy: flags.by ?? userInfo().username,
            comment: flags.comment,
          }),
        });
        show(answer, `${answer.silenceID}  ${formatMatchers(matchers)} for ${formatDuration(durationMs)}\n`);
        return ExitCode.good;
      }
      case "end": {
        const [id, ...more] = rest;
        if (id === undefined || more.length > 0)
          throw new UsageError("Name one silence by its ID; `tocsin silence list` shows them.");
        await client.request(`/alertmanager/api/v2/silence/${encodeURIComponent(id)}`, { method: "DELETE" });
        show({ ended: id }, `${id} ended\n`);
        return ExitCode.good;
      }
      default:
        throw new UsageError(`"${what}" is none of list, add and end.`);
    }
  },
};

async function mutedNow(client: CollectorClient, matchers: readonly string[]): Promise<number> {
  const query = new URLSearchParams(
    matchers.map((matcher): [string, string] => ["filter", matcher]),
  ).toString();
  return (await client.json<unknown[]>(`/alertmanager/api/v2/alerts?${query}`)).length;
}

function listLine({ id, status, matchers, endsAt, createdBy, comment }: SilenceJson): string {
  const text = formatMatchers(
    matchers.map(({ name, value, isRegex, isEqual }) => ({
      name,
      value,
      operator: isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=",
    })),
  );
  return `${status.state.padEnd(8)} until ${endsAt.slice(0, 16).replace("T", " ")}  ${text}  ${createdBy}: ${comment}  [${id}]\n`;
}
