import type { SloStatus } from "../slo/status.js";
import { CLIENT_FLAGS, CLIENT_HELP, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { percent, table } from "./figures.js";
import { parseFlags } from "./flags.js";

const FLAGS = { ...CLIENT_FLAGS } as const;

export const slo: Command = {
  name: "slo",
  summary: "SLOs: budgets, burn rates, simulation, reports",
  help: `tocsin slo <what> [flags]

  list         every SLO: budget left, burn rates, when the budget ends
  show NAME    one SLO with its window pairs

${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", name, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`Unexpected "${rest[0]}".`);
    const client = collectorClient(flags, io);
    switch (what) {
      case "list": {
        const all = await client.json<SloStatus[]>("/api/v1/slos");
        io.out(flags.json ? `${JSON.stringify(all)}\n` : listText(all));
        return ExitCode.good;
      }
      case "show": {
        if (name === undefined) throw new UsageError("Say which SLO: tocsin slo show NAME.");
        const one = await client.json<SloStatus>(`/api/v1/slos/${encodeURIComponent(name)}`);
        io.out(flags.json ? `${JSON.stringify(one)}\n` : showText(one));
        return ExitCode.good;
      }
      default:
        throw new UsageError(`"${what}" is none of list, show.`);
    }
  },
};

function listText(all: readonly SloStatus[]): string {
  if (all.length === 0) return "No SLO is configured. Add one under `slos:` in tocsin.yaml.\n";
  return table(
    ["slo", "service", "objective", "now", "budget left", "burn", "state", ""],
    all.map((each) => [
      titleOf(each),
      each.service,
      percentOf(each.objective),
      percent(each.sliRatio),
      percent(each.budgetRemainingRatio),
      burnText(each),
      each.state,
      each.exhaustion,
    ]),
  );
}

function showText(one: SloStatus): string {
  const { alerts } = one;
  return [
    `${titleOf(one)}: ${percentOf(one.objective)} over ${one.window}, ${one.service}`,
    `  good events   ${one.good} of ${one.total}`,
    `  budget left   ${percent(one.budgetRemainingRatio)}. ${one.exhaustion}`,
    `  state         ${one.state}`,
    "",
    table(
      ["pair", "windows", "limit", "long", "short", "bad / all (long)", "state"],
      alerts.map(({ severity, shortWindow, longWindow, limit, long, short, state }) => [
        severity,
        `${longWindow} and ${shortWindow}`,
        times(limit),
        times(long.burnRate),
        times(short.burnRate),
        `${Math.round(long.bad)} / ${Math.round(long.total)}`,
        state,
      ]),
    ),
  ].join("\n");
}

function titleOf({ name, group }: SloStatus): string {
  const labels = Object.entries(group).map(([label, value]) => `${label}=${value}`);
  return labels.length === 0 ? name : `${name} (${labels.join(", ")})`;
}

/** The burn rate over the first pair's windows, short and long. */
function burnText({ alerts }: SloStatus): string {
  const [first] = alerts;
  return first ? `${times(first.short.burnRate)} ${times(first.long.burnRate)}` : "";
}

function times(rate: number): string {
  return `${Number(rate.toPrecision(3))}×`;
}

function percentOf(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(6))} %`;
}
