import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { silentLogger } from "@tocsin/model";
import { ManualClock } from "@tocsin/model/testing";
import { afterEach } from "vitest";
import {
  AlertingConfig,
  createAddressGuard,
  createHttpClient,
  createMessageTemplates,
  type Notification,
  type Notifier,
  type NotifierDeps,
} from "../src/index.js";

export const T0 = Date.UTC(2026, 10, 21, 14, 13, 45);
export const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

export interface Seen {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export type Reply = { status: number; headers?: Record<string, string>; body?: string } | "hang";

export async function target(replies: Reply[] = []) {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      seen.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      const reply = replies.shift() ?? { status: 200, body: '{"ok":true,"ts":"1.2","channel":"C1"}' };
      if (reply !== "hang") response.writeHead(reply.status, reply.headers).end(reply.body ?? "");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

export const deps: NotifierDeps = {
  http: createHttpClient(createAddressGuard()),
  clock: new ManualClock(T0),
  logger: silentLogger,
  templates: createMessageTemplates([], new ManualClock(T0)),
  externalUrl: "http://localhost:4319",
};

export function notifier(type: string, entry: object, own: NotifierDeps = deps): Notifier {
  const config = AlertingConfig.parse({
    route: { receiver: "r" },
    receivers: [{ name: "r", [`${type}_configs`]: [entry] }],
  });
  const { definition, config: written } = config.receivers[0]!.entries[0]!;
  return definition!.create(written, own);
}

export const notification: Notification = {
  id: "0123456789abcdef",
  receiver: "r",
  groupKey: '{}:{alertname="CheckoutBurn"}',
  groupLabels: { alertname: "CheckoutBurn" },
  commonLabels: {
    alertname: "CheckoutBurn",
    severity: "page",
    service: "checkout",
    slo: "checkout-availability",
  },
  commonAnnotations: {},
  status: "firing",
  alerts: [
    {
      id: "a-1",
      fingerprint: "a",
      status: "firing",
      labels: {
        alertname: "CheckoutBurn",
        severity: "page",
        service: "checkout",
        slo: "checkout-availability",
      },
      annotations: { summary: "checkout fails <too> often", exhaustion: "3 h 12 min" },
      startsAtMs: T0 - 60_000,
      endsAtMs: undefined,
      generatorUrl: "http://localhost:4319/slos/checkout-availability",
      value: 92,
      evidence: {
        atMs: T0,
        windows: [{ window: "5m", bad: 1_104, total: 12_000, errorRatio: 0.092, burnRate: 92, limit: 14.4 }],
        changes: [{ atMs: T0 - 605_000, kind: "deploy", text: "checkout 1.41.3 → 1.42.0" }],
        where: [{ by: "route", value: "POST /pay", bad: 1_098, total: 2_400, share: 0.99 }],
      },
    },
  ],
  externalUrl: "http://localhost:4319",
  createdAtMs: T0,
  attempt: 1,
  previous: undefined,
  isLate: false,
};
export const resolved: Notification = {
  ...notification,
  status: "resolved",
  alerts: notification.alerts.map((alert) => ({
    ...alert,
    status: "resolved" as const,
    endsAtMs: T0 + 780_000,
  })),
};
export const never = new AbortController().signal;

export async function sent(type: string, entry: (url: string) => object, ...what: Notification[]) {
  const { url, seen } = await target();
  const own = notifier(type, entry(url));
  for (const each of what) await own.notify(each, never);
  return seen;
}
