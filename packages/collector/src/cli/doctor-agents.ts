import type { CollectorClient } from "./client.js";
import type { Finding } from "./doctor-findings.js";

/** The part of an instant query's answer that is read here. */
interface Answer {
  readonly data?: {
    readonly result?: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

const LIBRARIES = "max by (job, library, reason) (tocsin_agent_library)";
const DROPPED = "sum by (job, reason) (increase(tocsin_agent_dropped_total[5m])) > 0";

/** What the agents of the services say of themselves: which libraries they watch, which they cannot, what they gave up. */
export async function agentFindings(client: CollectorClient): Promise<Finding[]> {
  const [libraries, dropped] = await Promise.all([LIBRARIES, DROPPED].map((query) => ask(client, query)));
  const watched = new Map<string, string[]>();
  const findings: Finding[] = [];
  for (const { labels, value } of libraries ?? []) {
    const { job = "a service without a name", library = "", reason = "" } = labels;
    const names = watched.get(job) ?? [];
    watched.set(job, names);
    if (value > 0) names.push(library);
    else {
      findings.push({
        level: "warning",
        text: `the agent of service "${job}" does not watch ${library}`,
        fix: reason,
      });
    }
  }
  for (const { labels, value } of dropped ?? []) {
    findings.push({
      level: "warning",
      text: `the agent of service "${labels.job}" gave up ${Math.ceil(value)} items in the last 5 min: ${labels.reason}`,
      fix: DROP_CURES[labels.reason ?? ""] ?? "the service's log tells more",
    });
  }
  const seen = Array.from(watched, ([job, names]): Finding => {
    return { level: "ok", text: `the agent of service "${job}" watches ${names.sort().join(" ")}` };
  });
  return [...seen, ...findings];
}

const DROP_CURES: Readonly<Record<string, string>> = {
  invalid: "spans that cannot be encoded; the values that the service gives them are at fault",
  queue_full: "the collector is too slow or was away; look for refusals above",
  rejected: "the collector's log names what it refuses once a minute",
  unreachable: "the collector was away when the service ended; start it first",
  worker_lost: "the agent's thread died and was started again; tell the project",
};

async function ask(
  client: CollectorClient,
  query: string,
): Promise<{ labels: Readonly<Record<string, string>>; value: number }[]> {
  try {
    const form = new URLSearchParams({ query });
    const answer = await client.json<Answer>("/prometheus/api/v1/query", { method: "POST", body: form });
    return (answer.data?.result ?? []).map(({ metric, value }) => ({
      labels: metric,
      value: Number(value[1]),
    }));
  } catch {
    // A collector without its own metrics, or one that does not let this token query: nothing is known, nothing is wrong.
    return [];
  }
}
