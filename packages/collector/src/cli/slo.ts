import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { messageOf } from "@tocsin/model";
import { formatProblem } from "@tocsin/model/config";
import { stringify } from "yaml";
import type { SimulationAnswer, SpentBy } from "../api/slos.js";
import { toOpenSlo } from "../slo/convert/openslo-form.js";
import { toShortForm } from "../slo/convert/short-form.js";
import { readSloDocuments } from "../slo/documents/read-documents.js";
import { withUniqueNames } from "../slo/documents/unique-names.js";
import type { MonthCounts } from "../slo/months.js";
import { REPORT_PERIODS, reportMarkdown, reportRows } from "../slo/report.js";
import type { SloStatus } from "../slo/status.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, type CommandIo, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";
import { listText, showText, simulationText } from "./slo-text.js";

const FLAGS = {
  ...CLIENT_FLAGS,
  objective: { type: "string" },
  window: { type: "string" },
  since: { type: "string" },
  month: { type: "string" },
  by: { type: "string" },
  from: { type: "string" },
  until: { type: "string" },
  reason: { type: "string" },
  to: { type: "string" },
} as const;

type Flags = ReturnType<typeof parseFlags<typeof FLAGS>>["flags"];

export const slo: Command = {
  name: "slo",
  help: `tocsin slo <what> [flags]

  list                 every SLO: budget left, burn rates, when the budget ends
  show NAME            one SLO with its window pairs
  simulate NAME        its own counts replayed: pages, tickets, budget, old against new
  report [NAME]        what was promised and kept, by calendar period, in Markdown
  correct NAME         take the events of a stretch of time out, such as a maintenance; it is journaled
  convert FILE...      OpenSLO and Sloth documents as SLOs of tocsin.yaml, or as OpenSLO

  --objective RATIO    simulate: another objective, such as 99.5%
  --window DURATION    simulate: another period, such as 7d
  --since DURATION     simulate: how far back, such as 7d (default: all that is known)
  --month YYYY-MM      report: this month only
  --by PERIOD          report: month (default), quarter or year; they begin by the SLO's own clock
  --from TIME          correct: start, such as 2026-01-10T02:00:00Z
  --until TIME         correct: end, not included
  --reason TEXT        correct: why
  --to FORM            convert: tocsin (default) or openslo
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", name, ...rest] = positionals;
    if (what === "convert")
      return convert(
        flags,
        [name ?? "", ...rest].filter((file) => file !== ""),
        io,
      );
    if (rest.length > 0) throw new UsageError(`Unexpected "${rest[0]}".`);
    const client = collectorClient(flags, io);
    const show = <T>(value: T, text: (value: T) => string) =>
      io.out(flags.json ? `${JSON.stringify(value)}\n` : text(value));
    switch (what) {
      case "list":
        show(await client.json<SloStatus[]>("/api/v1/slos"), listText);
        return ExitCode.good;
      case "show":
        show(await client.json<SloStatus & { spentBy: SpentBy[] }>(pathOf(name)), showText);
        return ExitCode.good;
      case "simulate": {
        const query = new URLSearchParams();
        for (const flag of ["objective", "window", "since"] as const) {
          if (flags[flag] !== undefined) query.set(flag, flags[flag]);
        }
        show(await client.json<SimulationAnswer>(`${pathOf(name)}/simulate?${query}`), simulationText);
        return ExitCode.good;
      }
      case "report":
        show(await reportOf(client, name, flags), reportMarkdown);
        return ExitCode.good;
      case "correct":
        show(await correct(client, name, flags), correctionText);
        return ExitCode.good;
      default:
        throw new UsageError(`"${what}" is none of list, show, simulate, report, correct, convert.`);
    }
  },
};

function pathOf(name: string | undefined): string {
  if (name === undefined)
    throw new UsageError("Say which SLO: NAME is missing. `tocsin slo list` shows them.");
  return `/api/v1/slos/${encodeURIComponent(name)}`;
}

async function reportOf(client: CollectorClient, name: string | undefined, { month, by = "month" }: Flags) {
  const period = REPORT_PERIODS.find((each) => each === by);
  if (!period) throw new UsageError(`--by ${by} is none of ${REPORT_PERIODS.join(", ")}.`);
  if (month !== undefined && period !== "month")
    throw new UsageError("--month names a month, so --by cannot be another.");
  if (month !== undefined && !/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) {
    throw new UsageError(`--month ${month} is not a month. Write it as 2026-11.`);
  }
  const all = await client.json<SloStatus[]>("/api/v1/slos");
  const chosen = all.filter((each) => name === undefined || each.name === name);
  if (chosen.length === 0 && name !== undefined) throw new UsageError(`There is no SLO "${name}".`);
  const details = await Promise.all(
    chosen.map(({ name: own, group }) =>
      client.json<SloStatus & { months: MonthCounts[] }>(
        `${pathOf(own)}?${new URLSearchParams({ ...group })}`,
      ),
    ),
  );
  return details.flatMap((detail) => reportRows(detail, { by: period, only: month }));
}

interface CorrectionAnswer {
  readonly slo: string;
  readonly from: string;
  readonly to: string;
  readonly excludedEvents: number;
}

async function correct(
  client: CollectorClient,
  name: string | undefined,
  { from, until, reason }: Flags,
): Promise<CorrectionAnswer> {
  if (from === undefined || until === undefined || reason === undefined) {
    throw new UsageError("Say from when, until when and why: --from TIME --until TIME --reason TEXT.");
  }
  return client.json<CorrectionAnswer>(`${pathOf(name)}/corrections`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ from, to: until, reason }),
  });
}

function correctionText({ slo, from, to, excludedEvents }: CorrectionAnswer): string {
  const events = Math.round(excludedEvents).toLocaleString("en-US");
  return `Corrected: ${slo} does not count ${from} to ${to}; ${events} events were taken out.\n`;
}

async function convert(flags: Flags, files: readonly string[], io: CommandIo): Promise<number> {
  if (files.length === 0) throw new UsageError("Say which files: tocsin slo convert FILE...");
  const to = flags.to ?? "tocsin";
  if (to !== "tocsin" && to !== "openslo") throw new UsageError(`--to ${to} is neither tocsin nor openslo.`);
  const sources = await Promise.all(
    files.map(async (file) => {
      try {
        return { file, text: await readFile(resolve(io.cwd, file), "utf8") };
      } catch (error) {
        throw new UsageError(`Cannot read ${file}: ${messageOf(error)}.`);
      }
    }),
  );
  const { specs, problems } = withUniqueNames(readSloDocuments(sources));
  for (const problem of problems) {
    io.err(
      `${formatProblem(
        problem,
        sources.find(({ file }) => file === problem.file),
      )}\n`,
    );
  }
  if (problems.some(({ severity }) => severity === "error")) return ExitCode.findings;
  const documents = to === "tocsin" ? [{ slos: specs.map(toShortForm) }] : specs.map(toOpenSlo);
  io.out(
    flags.json ? `${JSON.stringify(documents)}\n` : documents.map((each) => stringify(each)).join("---\n"),
  );
  return ExitCode.good;
}
