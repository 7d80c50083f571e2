// One piece: a story and the server that tells it, which tests change together while the page is open.
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type {
  ActionRun,
  Alert,
  Catalogue,
  Explanation,
  Service,
  Silence,
  SilencePreview,
  Slo,
} from "../src/state/api-types.js";
import { DEPLOYMENT, detailOf } from "./story-details.js";

/** What the collector's API answers; tests change it while the page is open. */
export interface ApiState {
  /** What the collector says of itself. */
  status?: object;
  services: readonly Service[] | { readonly status: number; readonly error: string };
  slos: readonly Slo[];
  alerts: readonly Alert[];
  silences: readonly Silence[];
  preview: SilencePreview;
  actions: readonly ActionRun[];
  catalogue: Catalogue;
  /** What the collector has kept, by a word of the query: values every ten seconds up to now. */
  kept?: Readonly<Record<"requests" | "errors" | "latency", readonly number[]>>;
  /** The one that a reader must send; undefined where the collector is open. */
  token?: string;
}

/** A POST that the page sent. */
export interface SentPost {
  readonly path: string;
  readonly body: unknown;
}

const pageFolder = fileURLToPath(new URL("../dist/page/", import.meta.url));

/** No exception for anything: what the page does not need is not allowed. */
const STRICT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
};

/** Serves the built page under the strictest policy, with an API that says what the test wants. */
export async function startStoryApi(state: ApiState) {
  const posts: SentPost[] = [];
  const previews: unknown[] = [];
  let answerPost: (post: SentPost) => { status: number; body: unknown } = () => ({ status: 200, body: {} });
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    if (path.startsWith("/api/") && state.token !== undefined) {
      if (request.headers.authorization !== `Bearer ${state.token}`)
        return json(response, 401, { error: "This collector wants a bearer token." });
    }
    if (request.method === "POST" && path === "/api/v1/silences/preview") {
      previews.push(await bodyOf(request));
      return json(response, 200, state.preview);
    }
    if (request.method === "POST") {
      const post = { path, body: await bodyOf(request) };
      posts.push(post);
      const { status, body } = answerPost(post);
      return json(response, status, body);
    }
    if (path === "/api/v1/services") {
      const { services } = state;
      return "status" in services
        ? json(response, services.status, { error: services.error })
        : json(response, 200, services);
    }
    if (path === "/api/v1/status") return json(response, 200, state.status ?? {});
    if (path === "/api/v1/slos") return json(response, 200, state.slos);
    if (path.startsWith("/api/v1/slos/")) {
      const slo = state.slos.find(({ name }) => path === `/api/v1/slos/${name}`);
      return slo
        ? json(response, 200, detailOf(slo))
        : json(response, 404, { error: `There is no SLO at ${path}.` });
    }
    if (path === "/api/v1/deployments") return json(response, 200, [DEPLOYMENT]);
    if (path === "/api/v1/alerts") return json(response, 200, state.alerts);
    if (path.startsWith("/api/v1/alerts/")) {
      const alert = state.alerts.find(({ id }) => path === `/api/v1/alerts/${id}/explain`);
      return alert
        ? json(response, 200, explanationOf(alert))
        : json(response, 404, { error: `There is no alert at ${path}.` });
    }
    if (path === "/prometheus/api/v1/query_range") return answerRange(state, request, response);
    if (path === "/api/v1/silences") return json(response, 200, state.silences);
    if (path === "/api/v1/actions/catalogue") return json(response, 200, state.catalogue);
    if (path === "/api/v1/actions") return json(response, 200, state.actions);
    const file = path.startsWith("/assets/") ? path : "/index.html";
    const bytes = await readFile(join(pageFolder, file));
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-security-policy": STRICT_POLICY,
    });
    response.end(bytes);
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    /** What the page asked the effect of. */
    previews,
    onPost: (next: typeof answerPost) => {
      answerPost = next;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As Prometheus answers; the last value lies on the end that was asked for. */
function answerRange({ kept }: ApiState, request: IncomingMessage, response: ServerResponse): void {
  const asked = new URL(request.url ?? "/", "http://page").searchParams;
  const query = asked.get("query") ?? "";
  const isRatio = query.includes(" / ");
  const values = isRatio ? kept?.errors : query.includes("latency") ? kept?.latency : kept?.requests;
  const [end, step] = [Number(asked.get("end")), Number(asked.get("step"))];
  const points = (values ?? []).map((value, index, all) => [
    end - (all.length - 1 - index) * step,
    String(value),
  ]);
  json(response, 200, {
    status: "success",
    data: { resultType: "matrix", result: points.length > 0 ? [{ metric: {}, values: points }] : [] },
  });
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
  return JSON.parse(text) as unknown;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** The story while it burns: checkout fails 9.2 % of 40 requests a second, and someone has to say yes. */
export function burningStory(): ApiState {
  const since = new Date(Date.now() - 90_000).toISOString();
  const service = (name: string, errorRatio: number, trafficPerSecond: number): Service => ({
    service: name,
    version: name === "checkout" ? "1.42.0" : "1.41.3",
    environment: "",
    trafficPerSecond,
    errorRatio,
    latencySeconds: { p50: 0.012, p95: 0.212, p99: 1.2 },
    latencyRelativeErrors: { p50: 0.0453, p95: 0.41, p99: null },
    saturation: {
      ratio: 0.08,
      part: "event loop",
      instance: `${name}-7d9f`,
      readings: [
        {
          ...{ part: "event loop", ratio: 0.08, value: 0.08, unit: "ratio", fullAt: 1 },
          ...{ metric: "nodejs.eventloop.utilization", name: "", instance: `${name}-7d9f` },
        },
        {
          ...{ part: "connection pool", ratio: 0.05, value: 1, unit: "connections", fullAt: 20 },
          ...{ metric: "db.client.connection.count", name: "orders-db", instance: `${name}-5c01` },
        },
      ],
    },
    foldedRoutes: name === "checkout" ? 12 : 0,
    messaging: [
      {
        ...{ system: "kafka", destination: "orders", consumerGroup: "billing", lagMessages: 1_234 },
        ...{ oldestSeconds: null, ageSeconds: { p50: 2.5, p95: 31, p99: 40 } },
      },
    ],
    state: "receiving",
    lastSeenAt: new Date().toISOString(),
    versions: [],
  });
  const waiting: ActionRun = {
    id: "act-0123456789abcdef",
    action: "rollback-checkout",
    type: "webhook",
    mode: "approve",
    state: "waiting",
    alert: { id: "a1-k0", name: "ErrorBudgetBurn", labels: { slo: "checkout-availability" } },
    slo: "checkout-availability",
    plan: {
      summary: 'POST http://127.0.0.1:4390/rollback {"service":"checkout"}',
      changes: [
        { what: "POST http://127.0.0.1:4390/rollback", before: "1.42.0", after: "as the receiver makes it" },
      ],
      request: { method: "POST", url: "http://127.0.0.1:4390/rollback", body: { service: "checkout" } },
    },
    guards: [{ guard: "cooldown", passed: true, text: "not done before, the cooldown is 30m" }],
    decidedAt: since,
    expiresAt: null,
    requestedBy: null,
    answer: null,
    lapse: null,
    attempts: 0,
    startedAt: null,
    finishedAt: null,
    message: null,
    before: null,
    after: null,
    verdict: null,
    verdictReason: null,
    verifiedAt: null,
  };
  const soon = new Date(Date.now() + 12 * 60_000).toISOString();
  const silence = (id: string, state: Silence["state"], more: Partial<Silence>): Silence => ({
    id,
    state,
    matchers: '{service="cart"}',
    startsAt: since,
    endsAt: new Date(Date.now() + 8 * 3_600_000).toISOString(),
    recurs: null,
    createdBy: "ana",
    comment: "",
    mutes: 0,
    endsSoon: false,
    ...more,
  });
  return {
    services: [service("gateway", 0.0917, 40), service("payments", 0, 4.3), service("checkout", 0.0917, 40)],
    slos: [
      {
        name: "checkout-availability",
        service: "checkout",
        description: "",
        group: {},
        objective: 0.999,
        window: "30d",
        state: "page",
        good: 10_896,
        total: 12_000,
        sliRatio: 0.908,
        budgetRemainingRatio: 0.41,
        burnRates: { "5m": 92, "1h": 14.7 },
        exhaustion: "At this pace the budget ends in 3 h 12 min.",
        alerts: [],
      },
    ],
    alerts: [
      {
        id: "a1-k0",
        name: "ErrorBudgetBurn",
        state: "firing",
        labels: { slo: "checkout-availability", severity: "page" },
        annotations: { summary: "spending budget 92× too fast" },
        value: 92,
        activeAt: since,
        startsAt: since,
        endsAt: null,
        actions: ["rollback-checkout"],
        silencedBy: [],
        acknowledged: null,
      },
    ],
    silences: [
      silence("s1", "active", {
        matchers: '{service="db"}',
        comment: "moving the database",
        endsAt: soon,
        mutes: 2,
        endsSoon: true,
      }),
      silence("s2", "pending", { recurs: "sunday 02:00-04:00 Europe/Berlin", comment: "weekly maintenance" }),
      silence("s3", "expired", { comment: "load test", endsAt: since }),
    ],
    preview: {
      firing: [{ id: "a1-k0", labels: { alertname: "ErrorBudgetBurn", severity: "page" } }],
      firingInAll: 2,
      knownCount: 14,
      similar: [{ relation: "same", ...silence("s3", "expired", { endsAt: since }) }],
    },
    actions: [waiting],
    catalogue: {
      stopped: null,
      actions: [
        {
          name: "rollback-checkout",
          type: "webhook",
          mode: "approve",
          limits: { cooldown: "30m", maxPerDay: 2, usedToday: 0, maxAtOnce: 1 },
        },
      ],
    },
  };
}

/** What was stored when the alert of the story fired. */
function explanationOf(alert: Alert): Explanation {
  const startMs = Date.parse(alert.activeAt) - 540_000;
  const burning = { startMs, stepMs: 60_000, values: [1, 1, null, 40, 80, 90, 92, 92, 92, 92] };
  return {
    ...alert,
    receivers: ["oncall"],
    evidence: {
      at: alert.activeAt,
      condition: "checkout-availability: 5m and 1h over 14.4",
      windows: [
        {
          window: "5m",
          bad: 1_104,
          total: 12_000,
          errorRatio: 0.092,
          burnRate: 92,
          limit: 14.4,
          history: burning,
        },
        { window: "1h", bad: 2_116, total: 144_000, errorRatio: 0.0147, burnRate: 14.7, limit: 14.4 },
      ],
      changes: [
        { atMs: Date.parse(alert.activeAt) - 30_000, kind: "deploy", text: "checkout 1.41.3 → 1.42.0" },
      ],
      where: [{ by: "route", value: "POST /pay", bad: 1_098, total: 2_400, share: 0.99 }],
      traceIds: ["4bf92f3577b34da6a3ce929d0e0e4736"],
    },
    notices: [
      {
        id: "n1",
        receiver: "oncall",
        destination: "oncall/webhook/0",
        status: "waiting",
        attempts: 2,
        createdAt: alert.activeAt,
        error: "answered 503",
      },
    ],
    replay: { result: "same", text: "the counts of both windows are the same" },
  };
}
