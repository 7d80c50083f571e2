import { userInfo } from "node:os";
import type { GuardResult } from "@tocsin/alerts";
import type { planJson, runJson } from "../api/actions-json.js";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { parseFlags } from "./flags.js";

type Run = ReturnType<typeof runJson>;
type Plan = ReturnType<typeof planJson>;

const FLAGS = { ...CLIENT_FLAGS, by: { type: "string" }, reason: { type: "string" } } as const;

export const action: Command = {
  name: "action",
  help: `tocsin action <what> [flags]

  list                 what was done and what waits, newest first
  show ID              one run: plan, guards, times, verdict
  approve ID           say yes to a waiting run
  decline ID           say no
  plan NAME            what an action would do now; changes nothing
  run NAME             do an action now, within its limits
  stop | resume        stop all actions, or let them go on

  --by NAME            who you are (default: your user name here); a token's name wins
  --reason TEXT        why, for the audit log
${CLIENT_HELP}`,
  async run(args, io) {
    const { flags, positionals } = parseFlags(FLAGS, args);
    const [what = "list", name, ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`Unexpected "${rest[0]}".`);
    const client = collectorClient(flags, io);
    const person = { by: flags.by ?? userInfo().username, reason: flags.reason ?? "" };
    const show = (value: unknown, text: string): void => {
      io.out(flags.json ? `${JSON.stringify(value)}\n` : text);
    };
    switch (what) {
      case "list": {
        const runs = await client.json<Run[]>("/api/v1/actions");
        show(runs, runs.length === 0 ? "No action has been considered yet.\n" : runs.map(listLine).join(""));
        return ExitCode.good;
      }
      case "show": {
        const run = await client.json<Run>(`/api/v1/actions/${needed(name, "ID")}`);
        show(run, describe(run));
        return ExitCode.good;
      }
      case "approve":
      case "decline": {
        const run = await post<Run>(client, `/api/v1/actions/${needed(name, "ID")}/${what}`, person);
        show(run, describe(run));
        return ExitCode.good;
      }
      case "plan": {
        const answer = await client.json<{ plan: Plan | null; guards: GuardResult[] }>(
          `/api/v1/actions/named/${encodeURIComponent(needed(name, "NAME"))}/plan`,
        );
        show(answer, planText(answer.plan) + guardsText(answer.guards));
        return answer.guards.every(({ passed }) => passed) ? ExitCode.good : ExitCode.findings;
      }
      case "run": {
        const path = `/api/v1/actions/named/${encodeURIComponent(needed(name, "NAME"))}/run`;
        const run = await post<Run>(client, path, person);
        show(run, describe(run));
        return ExitCode.good;
      }
      case "stop":
      case "resume": {
        const stopped = what === "stop";
        const answer = await post(client, "/api/v1/actions/stop", { ...person, stopped });
        show(
          answer,
          stopped
            ? "All actions are stopped. `tocsin action resume` lets them go on.\n"
            : "Actions may go on.\n",
        );
        return ExitCode.good;
      }
      default:
        throw new UsageError(`"${what}" is none of list, show, approve, decline, plan, run, stop, resume.`);
    }
  },
};

function needed(value: string | undefined, what: string): string {
  if (value === undefined) throw new UsageError(`Say which one: ${what} is missing.`);
  return value;
}

function post<T>(client: CollectorClient, path: string, body: object): Promise<T> {
  const headers = { "content-type": "application/json" };
  return client.json<T>(path, { method: "POST", headers, body: JSON.stringify(body) });
}

function listLine(run: Run): string {
  const verdict = run.verdict === null ? "" : ` → ${run.verdict}`;
  return `${run.decidedAt}  ${run.id}  ${run.action} (${run.mode})  ${run.state}${verdict}  for ${run.alert.name}\n`;
}

/** One run in plain lines. */
export function describe(run: Run): string {
  const lines = [
    `${run.action} ${run.id}: ${run.state}${run.verdict === null ? "" : `, ${run.verdict}`}`,
    `  asked for by  ${run.requestedBy ? run.requestedBy.by : run.alert.name} at ${run.decidedAt}`,
  ];
  if (run.answer)
    lines.push(
      `  ${run.answer.answer.padEnd(12)}  by ${run.answer.by} at ${run.answer.at}: ${run.answer.reason}`,
    );
  if (run.lapse) lines.push(`  lapsed        ${run.lapse}`);
  if (run.startedAt) lines.push(`  started       ${run.startedAt}, attempt ${run.attempts}`);
  if (run.finishedAt) lines.push(`  ended         ${run.finishedAt}, ${run.outcome}: ${run.message}`);
  if (run.verifiedAt) lines.push(`  verified      ${run.verifiedAt}: ${run.verdict}, ${run.verdictReason}`);
  if (run.revert)
    lines.push(`  reverted      ${run.revert.finishedAt ?? "under way"}: ${run.revert.message ?? ""}`);
  return `${lines.join("\n")}\n${planText(run.plan)}${guardsText(run.guards)}`;
}

function planText(plan: Plan | null): string {
  if (!plan) return "  plan          none was made\n";
  const changes = plan.changes.map(({ what, before, after }) => `    ${what}: ${before ?? "?"} → ${after}\n`);
  const body = plan.request.body === undefined ? "" : ` ${JSON.stringify(plan.request.body)}`;
  return `  plan          ${plan.summary}\n${changes.join("")}    ${plan.request.method} ${plan.request.url}${body}\n`;
}

function guardsText(guards: readonly GuardResult[]): string {
  return guards
    .map(({ guard, passed, text }) => `  ${passed ? "✓" : "✗"} ${guard.padEnd(12)} ${text}\n`)
    .join("");
}
