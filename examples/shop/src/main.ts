// The shop and its surroundings in one process tree: deployer, pager, services and load. `tocsin demo` starts it and
// is told what happens over the channel between the processes; by hand, `node dist/main.js` tells it on stdout.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Express } from "express";
import { deployerApp } from "./deployer/app.js";
import { Platform } from "./deployer/platform.js";
import { startLoad } from "./load.js";
import { pagerApp } from "./pager.js";
import { endWithParent, tellParent } from "./parent.js";

const REPORT_MS = 500;

function tell(message: object): void {
  if (process.connected) tellParent(message);
  else process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function listen(app: Express, port: number): Promise<{ server: Server; url: string }> {
  const server = createServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const platform = await Platform.create();
const deployer = await listen(
  deployerApp(platform, (event) => tell({ kind: "deployed", atMs: Date.now(), ...event })),
  Number(process.env.SHOP_DEPLOYER_PORT ?? 0),
);
const pager = await listen(
  pagerApp((page) => tell({ kind: "page", ...page })),
  Number(process.env.SHOP_PAGER_PORT ?? 0),
);
let load: ReturnType<typeof startLoad> | undefined;
let reporting: NodeJS.Timeout | undefined;

endWithParent(async () => {
  clearInterval(reporting);
  load?.stop();
  await platform.close();
  for (const { server } of [deployer, pager]) {
    server.closeAllConnections();
    server.close();
  }
});

/** Starts the services, sending their telemetry to `tocsinUrl`, and then the load. */
async function open(tocsinUrl: string, requestsPerSecond: number): Promise<void> {
  await platform.start({ TOCSIN_URL: tocsinUrl });
  const gateway = platform.state().find(({ name }) => name === "gateway");
  load = startLoad({
    url: gateway?.url ?? "",
    requestsPerSecond,
    onFirstFailure: (atMs) => tell({ kind: "first-failure", atMs }),
  });
  tell({ kind: "open", services: platform.state() });
  reporting = setInterval(() => tell({ kind: "load", ...load?.counts() }), REPORT_MS);
}

process.on("message", (message: { kind?: string; tocsinUrl?: string; requestsPerSecond?: number }) => {
  if (message.kind !== "open") return;
  open(message.tocsinUrl ?? "http://127.0.0.1:4318", message.requestsPerSecond ?? 40).catch(
    (error: unknown) => {
      tell({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
    },
  );
});

tell({ kind: "ready", deployerUrl: deployer.url, pagerUrl: pager.url });
if (!process.connected) await open(process.env.TOCSIN_URL ?? "http://127.0.0.1:4318", 40);
