import type { WrongDoorSender } from "../api/wrong-door.js";
import type { HeadStatus } from "../head/index.js";
import type { CutItems, RefusedSender } from "../receive/index.js";

/** One thing that was looked at. */
export interface Finding {
  readonly level: "ok" | "warning" | "fault";
  readonly text: string;
  /** What to do; for everything but "ok". */
  readonly fix?: string;
}

/** The part of `/api/v1/status` that the doctor reads. */
export interface Status {
  readonly version: string;
  readonly mode: string;
  readonly timeMs: number;
  readonly notReady: readonly string[];
  readonly data: {
    readonly folder: string;
    readonly freeBytes?: number;
    readonly sizeBytes?: number;
    readonly writeError?: string;
    readonly error?: string;
  };
  readonly wrongDoor?: WrongDoorSender;
  readonly otlp: {
    readonly http: string;
    readonly grpc: string;
    readonly asksForToken: boolean;
    readonly asksForCertificate: boolean;
  };
  readonly receive: { readonly refused: readonly RefusedSender[]; readonly cut: readonly CutItems[] };
  readonly head?: HeadStatus;
  readonly senders: readonly {
    readonly service: string;
    readonly instance: string;
    readonly clockSkewSeconds: number;
  }[];
}

/** What the status of a collector tells, in the order in which it matters. */
export function statusFindings(status: Status): Finding[] {
  return [
    ...readiness(status),
    ...disk(status),
    ...wrongDoorFinding(status),
    ...refusals(status),
    ...cutItems(status),
    ...refusedSeries(status),
    ...senderClocks(status),
  ];
}

function readiness(status: Status): Finding[] {
  return status.notReady.map((reason) => ({
    level: "fault",
    text: `not ready: ${reason}`,
    fix: "the collector's log tells more; what comes in meanwhile waits in the spool, or is refused for now",
  }));
}

const GIGABYTE = 1e9;

function disk({ data }: Status): Finding[] {
  const { folder, freeBytes, sizeBytes, writeError } = data;
  if (freeBytes === undefined || sizeBytes === undefined) {
    const fix = "check that it exists, or name another with --data";
    return [{ level: "fault", text: `the data folder ${folder} cannot be read: ${data.error}`, fix }];
  }
  const percent = (100 * freeBytes) / sizeBytes;
  const free = `${sizeText(freeBytes)} free (${percent.toFixed(percent < 10 ? 1 : 0)} %)`;
  if (writeError !== undefined) {
    return [
      {
        level: "fault",
        text: `nothing can be written to ${folder}: ${writeError}`,
        fix: writeFix(writeError),
      },
    ];
  }
  if (freeBytes < 0.05 * sizeBytes && freeBytes < 2 * GIGABYTE) {
    const fix =
      "free some space, or lower `retention` and `spool.max_size`; when it is full, senders are refused (503)";
    return [{ level: "warning", text: `the disk is nearly full: ${free} in ${folder}`, fix }];
  }
  return [{ level: "ok", text: `${folder} is writable, ${free}` }];
}

function writeFix(error: string): string {
  if (error.includes("ENOSPC"))
    return "free some space; senders are refused (503) until then, and taken again by itself";
  if (error.includes("EROFS")) return "mount it for writing, or name another folder with --data";
  if (/EACCES|EPERM/.test(error))
    return "let the collector's user write there, or name another folder with --data";
  return "mend the disk, or name another folder with --data";
}

function sizeText(bytes: number): string {
  return bytes >= GIGABYTE ? `${(bytes / GIGABYTE).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function wrongDoorFinding({ wrongDoor: seen, otlp, timeMs }: Status): Finding[] {
  if (!seen || isLongAgo(seen.lastAtMs, timeMs)) return [];
  const agent = seen.userAgent === "" ? "" : ` (${seen.userAgent})`;
  const what = seen.path === "gRPC" ? "gRPC" : `OTLP for ${seen.path}`;
  const endpoint = seen.path === "gRPC" ? `http://${otlp.grpc}` : otlp.http;
  return [
    {
      level: "fault",
      text: `${seen.sender}${agent} sends ${what} to the page's port, ${times(seen.count)}, ${ago(seen.lastAtMs, timeMs)}`,
      fix: `set TOCSIN_URL or OTEL_EXPORTER_OTLP_ENDPOINT there to ${endpoint}`,
    },
  ];
}

/** Faults of a set-up that nobody mends by waiting; the others pass when there is room again. */
const SETUP_FAULTS: ReadonlySet<string> = new Set([
  "wrong_port",
  "tls",
  "certificate",
  "unknown_sender",
  "not_allowed",
  "not_found",
  "method",
  "media_type",
]);

function refusals({ receive, otlp, timeMs }: Status): Finding[] {
  return receive.refused
    .filter(({ lastAtMs, reason }) => !isLongAgo(lastAtMs, timeMs) && reason !== "aborted")
    .map((refused) => ({
      level: SETUP_FAULTS.has(refused.reason) ? "fault" : "warning",
      text: refusalText(refused, timeMs),
      fix: refusalFix(refused, otlp),
    }));
}

function refusalText(
  { sender, transport, reason, message, count, lastAtMs }: RefusedSender,
  nowMs: number,
): string {
  const when = `${times(count)}, ${ago(lastAtMs, nowMs)}`;
  if (reason !== "wrong_port") return `${sender} is refused over ${transport}, ${when}: ${message}`;
  const what = transport === "otlp-grpc" ? "HTTP/1.1 to the gRPC port" : "gRPC to the OTLP/HTTP port";
  return `${sender} sends ${what}, ${when}`;
}

function refusalFix({ reason, transport }: RefusedSender, otlp: Status["otlp"]): string {
  switch (reason) {
    case "wrong_port":
      return transport === "otlp-grpc"
        ? `set OTEL_EXPORTER_OTLP_ENDPOINT there to ${otlp.http}, or OTEL_EXPORTER_OTLP_PROTOCOL to grpc`
        : `set OTEL_EXPORTER_OTLP_ENDPOINT there to http://${otlp.grpc}, or OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf`;
    case "tls":
      return `use ${otlp.http} there; \`tls\` in the configuration says whether the ports are encrypted`;
    case "certificate":
      return "give it a certificate that an authority in tls.client_ca_file has signed";
    case "unknown_sender":
      return "set OTEL_EXPORTER_OTLP_HEADERS there to authorization=Bearer%20TOKEN, with a token of auth.tokens";
    case "not_allowed":
      return "add write to the token's `can` under auth.tokens, or give the sender another token";
    case "not_found":
    case "method":
      return `OTLP is sent with POST to ${otlp.http}/v1/traces, /v1/metrics and /v1/logs`;
    case "media_type":
      return "send application/x-protobuf or application/json, compressed with gzip, deflate or not at all";
    case "malformed":
    case "too_deep":
      return "mend what it sends; such requests are not repeated, their data are lost";
    case "too_large":
    case "too_many_items":
      return "let it send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE), or raise limits.max_request_size and limits.max_items";
    case "connections":
    case "sender_connections":
      return "let it keep its connections, or raise limits.max_connections and limits.max_connections_per_sender";
    case "overload":
    case "sender_overload":
      return "send fewer requests in parallel, add collectors, or raise limits.max_in_flight";
    case "spool_full":
    case "behind":
      return "see what is behind under `spool` in /api/v1/status; give the collector more CPU, disk, or a faster backend";
    case "spool_unwritable":
      return "see the disk above; senders keep their data and come again";
    case "closing":
    case "internal":
    case "aborted":
      return "the collector's log tells more; senders keep their data and come again";
  }
}

const CUTS: Readonly<Record<CutItems["reason"], readonly [text: string, fix: string]>> = {
  attributes: ["attributes dropped", "send fewer attributes on one item, or raise limits.max_attributes"],
  attribute_length: ["attributes shortened", "send shorter texts, or raise limits.max_attribute_length"],
  invalid: ["invalid items left out", "give spans a trace id and a span id, and metrics a name"],
};

function cutItems({ receive, timeMs }: Status): Finding[] {
  return receive.cut
    .filter(({ lastAtMs }) => !isLongAgo(lastAtMs, timeMs))
    .map(({ service, reason, count, lastAtMs }) => {
      const [what, fix] = CUTS[reason];
      return {
        level: "warning",
        text: `service "${service}": ${what}: ${count}, ${ago(lastAtMs, timeMs)}`,
        fix,
      };
    });
}

function refusedSeries({ head, timeMs }: Status): Finding[] {
  return (head?.refused ?? [])
    .filter(({ lastAtMs }) => !isLongAgo(lastAtMs, timeMs))
    .map(({ metric, service, limit, lastAtMs }) => ({
      level: "warning",
      text: `new series of ${metric}${service === "" ? "" : ` of service "${service}"`} are refused, ${ago(lastAtMs, timeMs)}: metrics.${limit} is reached`,
      fix: "leave out the attribute that has a value per user or request, or raise the limit",
    }));
}

/** Ahead is never right; a little behind is a batch on its way. */
const AHEAD_SECONDS = 2;
const BEHIND_SECONDS = 30;

function senderClocks({ senders }: Status): Finding[] {
  return senders
    .filter(({ clockSkewSeconds: skew }) => skew > AHEAD_SECONDS || skew < -BEHIND_SECONDS)
    .map(({ service, instance, clockSkewSeconds: skew }) => ({
      level: "warning" as const,
      text: `the clock of service "${service}"${instance === "" ? "" : ` (${instance})`} is ${Math.abs(skew).toFixed(0)} s ${skew > 0 ? "ahead" : "behind, or all it sends comes late"}`,
      fix: "keep it by NTP; its requests count for the wrong minute otherwise",
    }));
}

/** What was mended an hour ago is no news. */
function isLongAgo(lastAtMs: number, nowMs: number): boolean {
  return nowMs - lastAtMs > 3_600_000;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1_000));
  return seconds < 120 ? `last ${seconds} s ago` : `last ${Math.round(seconds / 60)} min ago`;
}
