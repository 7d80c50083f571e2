import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";

/** Servers that refuse what they are sent and say all of it in their answers: the worst that a server can do to a secret. */
export class EchoServers {
  /** The paths, methods and doors that were asked for so far. */
  readonly told: string[] = [];
  readonly #servers: (Server | TcpServer)[] = [];
  readonly #grpc: GrpcServer[] = [];

  /** Refuses for now or for good, in turns. @returns its port */
  http(): Promise<number> {
    return this.#listen(
      createServer(async (request, response) => {
        let body = "";
        for await (const chunk of request) body += chunk;
        this.told.push(request.url ?? "");
        const said = `${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`;
        // A status line takes no control characters.
        const line = `${request.url} ${JSON.stringify(request.headers)}`.replace(/[^\x20-\x7e]/g, "");
        response.writeHead(this.told.length % 2 ? 400 : 503, line, { "content-type": "application/json" });
        response.end(JSON.stringify({ message: said, description: said, error: said, errors: [said] }));
      }),
    );
  }

  /** Refuses OTLP over gRPC, with the metadata in its message. @returns its port */
  async grpc(): Promise<number> {
    const server = new GrpcServer();
    const asItIs = (bytes: Buffer): Buffer => bytes;
    for (const signal of ["Trace", "Metrics", "Logs"]) {
      const path = `/opentelemetry.proto.collector.${signal.toLowerCase()}.v1.${signal}Service/Export`;
      const method = {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: asItIs,
        requestDeserialize: asItIs,
        responseSerialize: asItIs,
        responseDeserialize: asItIs,
      };
      server.addService(
        { Export: method },
        {
          Export: (call: { metadata: { getMap(): object } }, answer: (error: object) => void) => {
            this.told.push(path);
            answer({ code: 3, details: `refused ${JSON.stringify(call.metadata.getMap())}` });
          },
        },
      );
    }
    this.#grpc.push(server);
    return new Promise((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      ),
    );
  }

  /** A mail server that refuses the login, and repeats it. @returns its port */
  mail(): Promise<number> {
    return this.#listen(
      createTcpServer((socket) => {
        socket.write("220 mail\r\n");
        socket.on("error", () => {});
        socket.on("data", (data) => {
          const line = data.toString();
          if (/^EHLO/i.test(line)) socket.write("250-mail\r\n250 AUTH PLAIN LOGIN\r\n");
          else if (/^AUTH PLAIN/i.test(line)) {
            this.told.push("mail");
            const words = Buffer.from(line.split(" ")[2] ?? "", "base64")
              .toString()
              .replaceAll("\0", " ");
            socket.write(`535 no such user:${words} (${line.trim()})\r\n`);
          } else socket.write("250 ok\r\n");
        });
      }),
    );
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const server of this.#grpc) server.forceShutdown();
  }

  async #listen(server: Server | TcpServer): Promise<number> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }
}
