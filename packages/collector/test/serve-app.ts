import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** An app that is served on a free port of this machine. */
export interface ServedApp {
  readonly url: string;
  /** Cuts what is still under way. */
  close(): Promise<void>;
}

/** Serves an express app, or any other listener. */
export async function serveApp(app: RequestListener): Promise<ServedApp> {
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
