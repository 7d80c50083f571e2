import cluster from "node:cluster";
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { metricsHandler } from "./metrics-handler.js";
import type { Exposition } from "./prom-registries.js";

/** What the server needs. */
interface MetricsServerDeps {
  readonly port: number;
  readonly read: () => Promise<Exposition>;
  readonly warn: (text: string) => void;
}

/** Serves `GET /metrics` from a port of its own on 127.0.0.1, without keeping the process alive. Returns what ends it. */
export function serveMetrics({ port, read, warn }: MetricsServerDeps): () => void {
  const answer = metricsHandler(read);
  const server = createServer((request, response) => {
    if (request.url?.split("?", 1)[0] === "/metrics") return answer(request, response);
    response.statusCode = 404;
    response.end("the metrics are at /metrics\n");
  });
  // Scrapes are no traffic of the service: the server's requests do not pass where those of others are watched.
  server.emit = EventEmitter.prototype.emit;
  const failed = (error: NodeJS.ErrnoException): void => {
    // In a cluster the primary process answers for its workers.
    if (cluster.isWorker && error.code === "EADDRINUSE") return;
    warn(`cannot serve /metrics on port ${port}: ${error.message}`);
  };
  server.on("error", failed);
  try {
    server.listen(port, "127.0.0.1");
  } catch (error) {
    failed(error as Error);
  }
  server.unref();
  return () => server.close();
}
