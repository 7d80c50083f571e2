import { messageOf } from "@tocsin/model";
import {
  CLIENT_FLAGS,
  CLIENT_HELP,
  CollectorAnswerError,
  type CollectorClient,
  collectorClient,
} from "./client.js";
import { type Command, type CommandIo, ExitCode, NotReachedError } from "./command.js";
import { agentFindings } from "./doctor-agents.js";
import { type Finding, type Status, statusFindings } from "./doctor-findings.js";
import { otlpDoors, takenPorts } from "./doctor-ports.js";
import { parseFlags } from "./flags.js";

export const doctor: Command = {
  name: "doctor",
  help: `tocsin doctor [flags]

Looks at the collector, its ports, its disk, and at who sends to it; every fault comes with its cure: a taken port, a sender at
the wrong one, clocks that differ, a disk that is full or cannot be written, and who is refused and why.

${CLIENT_HELP}

Exit codes: 0 nothing wrong, 1 something is, 3 no collector reached.`,
  async run(args, io) {
    const { flags } = parseFlags(CLIENT_FLAGS, args);
    const client = collectorClient(flags, io);
    const findings = await examine(client);
    if (flags.json) io.out(`${JSON.stringify(findings, null, 2)}\n`);
    else show(findings, io);
    if (findings.some((finding) => finding.level === "fault" && finding.text.startsWith("no collector"))) {
      return ExitCode.notReached;
    }
    return findings.some((finding) => finding.level === "fault") ? ExitCode.findings : ExitCode.good;
  },
};

async function examine(client: CollectorClient): Promise<Finding[]> {
  const startedMs = performance.now();
  let status: Status;
  try {
    status = await client.json<Status>("/api/v1/status");
  } catch (error) {
    return notAnswered(client, error);
  }
  const tookMs = performance.now() - startedMs;
  return [
    {
      level: "ok",
      text: `collector ${status.version} (${status.mode}) at ${client.url}, ${Math.round(tookMs)} ms`,
    },
    ...(await otlpDoors(status)),
    ...statusFindings(status),
    clockFinding(status, tookMs),
    ...(await agentFindings(client)),
  ];
}

/** What it means that there is no status to read. */
async function notAnswered(client: CollectorClient, error: unknown): Promise<Finding[]> {
  if (error instanceof NotReachedError) {
    const taken = await takenPorts(client.url);
    const fix = "start one with `tocsin up`, or name it with --url";
    return [{ level: "fault", text: `no collector answers at ${client.url}`, fix }, ...taken];
  }
  if (error instanceof CollectorAnswerError && (error.status === 401 || error.status === 403)) {
    return [
      {
        level: "fault",
        text: `the collector at ${client.url} does not let us read: ${error.message}`,
        fix: "give a token that may read, with --token or TOCSIN_TOKEN",
      },
    ];
  }
  if (error instanceof CollectorAnswerError && error.status === 503) {
    const fix = "wait a moment; if it stays so, see the collector's log";
    return [{ level: "warning", text: `the collector at ${client.url} is starting`, fix }];
  }
  const taken = (await takenPorts(client.url)).filter(({ text }) =>
    text.startsWith(`port ${new URL(client.url).port}`),
  );
  return [
    {
      level: "fault",
      text: `something else than this version of the collector answers at ${client.url}: ${messageOf(error)}`,
      fix: "another program may hold the port; start the collector with --port and name it with --url",
    },
    ...taken,
  ];
}

function clockFinding(status: Status, tookMs: number): Finding {
  const skewMs = Math.max(0, Math.abs(Date.now() - status.timeMs) - tookMs);
  if (skewMs < 1_000) return { level: "ok", text: `clock skew ${Math.round(skewMs)} ms` };
  return {
    level: "warning",
    text: `this machine's clock and the collector's differ by ${(skewMs / 1000).toFixed(1)} s`,
    fix: "keep both by NTP; windows of a few seconds are wrong otherwise",
  };
}

const MARK = { ok: "✓", warning: "!", fault: "✗" } as const;

function show(findings: readonly Finding[], io: CommandIo): void {
  for (const { level, text, fix } of findings) {
    io.out(`${MARK[level]} ${text}\n`);
    if (fix !== undefined) io.out(`  fix: ${fix}\n`);
  }
}
