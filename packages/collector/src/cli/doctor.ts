import { messageOf } from "@tocsin/model";
import { CLIENT_FLAGS, CLIENT_HELP, type CollectorClient, collectorClient } from "./client.js";
import { type Command, type CommandIo, ExitCode, NotReachedError } from "./command.js";
import { agentFindings } from "./doctor-agents.js";
import { parseFlags } from "./flags.js";

/** One thing that was looked at. */
export interface Finding {
  readonly level: "ok" | "warning" | "fault";
  readonly text: string;
  /** What to do; for everything but "ok". */
  readonly fix?: string;
}

/** The part of `/api/v1/status` that the doctor reads. */
interface Status {
  readonly version: string;
  readonly mode: string;
  readonly timeMs: number;
  readonly notReady: readonly string[];
  readonly data: { folder: string; freeBytes?: number; sizeBytes?: number; error?: string };
  readonly wrongDoor?: { count: number; path: string; userAgent: string };
  readonly otlp?: { http?: string };
  readonly receive?: { refused?: readonly { reason: string; count: number }[] };
  readonly senders?: readonly { service: string; clockSkewSeconds: number }[];
}

export const doctor: Command = {
  name: "doctor",
  help: `tocsin doctor [flags]

Looks at the collector, its ports, its disk, and at who sends to it; every fault comes with its cure.

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
    if (error instanceof NotReachedError) {
      return [
        {
          level: "fault",
          text: `no collector answers at ${client.url}`,
          fix: "start one with `tocsin up`, or name it with --url",
        },
      ];
    }
    return [
      {
        level: "fault",
        text: `something else than this version of the collector answers at ${client.url}: ${messageOf(error)}`,
        fix: "another program may hold the port; start the collector with --port and name it with --url",
      },
    ];
  }
  const tookMs = performance.now() - startedMs;
  return [
    {
      level: "ok",
      text: `collector ${status.version} (${status.mode}) at ${client.url}, ${Math.round(tookMs)} ms`,
    },
    ...readiness(status),
    disk(status),
    ...(await otlpDoor(status)),
    ...wrongDoorFinding(status),
    ...refusals(status),
    clockFinding(status, tookMs),
    ...senderClocks(status),
    ...(await agentFindings(client)),
  ];
}

function readiness(status: Status): Finding[] {
  return status.notReady.map((reason) => ({
    level: "fault" as const,
    text: `not ready: ${reason}`,
    fix: "see the collector's log",
  }));
}

const GIGABYTE = 1e9;

function disk({ data }: Status): Finding {
  if (data.freeBytes === undefined || data.sizeBytes === undefined) {
    return {
      level: "fault",
      text: `the data folder ${data.folder} cannot be read: ${data.error}`,
      fix: "check that it exists and is writable, or name another with --data",
    };
  }
  const free = `${(data.freeBytes / GIGABYTE).toFixed(1)} GB free in ${data.folder}`;
  if (data.freeBytes < 0.05 * data.sizeBytes && data.freeBytes < 2 * GIGABYTE) {
    return {
      level: "warning",
      text: `the disk is nearly full: ${free}`,
      fix: "free some space, or lower `retention` and `limits`",
    };
  }
  return { level: "ok", text: free };
}

/** Asks the OTLP port with a valid, empty request. */
async function otlpDoor(status: Status): Promise<Finding[]> {
  const url = status.otlp?.http;
  if (url === undefined) return [];
  try {
    const response = await fetch(`${url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"resourceSpans":[]}',
      signal: AbortSignal.timeout(5_000),
    });
    if (response.ok) return [{ level: "ok", text: `OTLP/HTTP is received at ${url}` }];
    if (response.status === 401)
      return [{ level: "ok", text: `OTLP/HTTP at ${url} asks for a token, as configured` }];
    return [
      {
        level: "fault",
        text: `OTLP/HTTP at ${url} answers ${response.status}`,
        fix: "see the collector's log",
      },
    ];
  } catch (error) {
    return [
      {
        level: "fault",
        text: `OTLP/HTTP at ${url} does not answer: ${messageOf(error)}`,
        fix: "see the collector's log",
      },
    ];
  }
}

function wrongDoorFinding(status: Status): Finding[] {
  const seen = status.wrongDoor;
  if (!seen) return [];
  const sender = seen.userAgent === "" ? "a sender" : `a sender (${seen.userAgent})`;
  return [
    {
      level: "fault",
      text: `${sender} sends OTLP to the page's port: ${seen.count} requests to ${seen.path}`,
      fix: `set TOCSIN_URL or OTEL_EXPORTER_OTLP_ENDPOINT to ${status.otlp?.http ?? "port 4318"}`,
    },
  ];
}

function refusals(status: Status): Finding[] {
  return (status.receive?.refused ?? []).map(({ reason, count }) => ({
    level: "warning" as const,
    text: `${count} requests were refused: ${reason}`,
    fix: "the log names the senders once a minute",
  }));
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

function senderClocks(status: Status): Finding[] {
  return (status.senders ?? [])
    .filter((sender) => Math.abs(sender.clockSkewSeconds) > 5)
    .map((sender) => ({
      level: "warning" as const,
      text: `the clock of service "${sender.service}" is ${Math.abs(sender.clockSkewSeconds).toFixed(0)} s ${sender.clockSkewSeconds > 0 ? "ahead" : "behind"}`,
      fix: "keep it by NTP",
    }));
}

const MARK = { ok: "✓", warning: "!", fault: "✗" } as const;

function show(findings: readonly Finding[], io: CommandIo): void {
  for (const { level, text, fix } of findings) {
    io.out(`${MARK[level]} ${text}\n`);
    if (fix !== undefined) io.out(`  fix: ${fix}\n`);
  }
}
