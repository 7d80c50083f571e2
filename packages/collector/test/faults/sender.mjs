import http from "node:http";
import { otlpJsonToProtobuf } from "../../dist/otlp/index.js";

/** Sends log records, each with a name of its own, over connections that are kept. */
export class Sender {
  #agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

  /** The status and Retry-After of the answer; status 0 when there was none. */
  send(port, names) {
    const logRecords = names.map((name) => ({ body: { stringValue: name } }));
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords }] }] };
    return this.post(port, "logs", otlpJsonToProtobuf("logs", JSON.stringify(request)));
  }

  post(port, signal, body) {
    return new Promise((resolve) => {
      const request = http.request({
        port,
        host: "127.0.0.1",
        path: `/v1/${signal}`,
        method: "POST",
        agent: this.#agent,
        headers: { "content-type": "application/x-protobuf", "content-length": body.length },
      });
      request.on("response", (response) => {
        response.resume().on("error", () => {});
        resolve({ status: response.statusCode, retryAfter: response.headers["retry-after"] });
      });
      request.on("error", () => resolve({ status: 0 }));
      request.end(body);
    });
  }

  close() {
    this.#agent.destroy();
  }
}
