import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Replica } from "./replica.js";

/** The fixed address of a service; requests go to its replicas in turn. */
export interface ServiceProxy {
  readonly url: string;
  /** Sends requests to these from now on; those under way are finished where they are. */
  use(replicas: readonly Replica[]): void;
  close(): Promise<void>;
}

/** Starts a proxy on any free loopback port. Without replicas it answers 503. */
export async function startProxy(): Promise<ServiceProxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  let replicas: readonly Replica[] = [];
  let turn = 0;
  const server: Server = createServer((incoming, outgoing) => {
    const alive = replicas.filter(({ isAlive }) => isAlive);
    const replica = alive[turn++ % Math.max(1, alive.length)];
    if (!replica) return refuse(outgoing, 503, "no replica is running");
    replica.inFlight += 1;
    outgoing.once("close", () => {
      replica.inFlight -= 1;
    });
    forward(incoming, outgoing, replica, agent);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    use(next) {
      replicas = next;
    },
    close() {
      agent.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, replica: Replica, agent: Agent): void {
  const { method, url, headers } = incoming;
  const onward = request({ host: "127.0.0.1", port: replica.port, method, path: url, headers, agent });
  onward.on("response", (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
    answer.on("error", () => outgoing.destroy());
  });
  onward.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else refuse(outgoing, 502, "the replica did not answer");
  });
  outgoing.on("close", () => onward.destroy());
  incoming.pipe(onward);
}

function refuse(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
}
