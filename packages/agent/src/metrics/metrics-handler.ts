import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exposition } from "./prom-registries.js";

/** Answers a scrape with what `read` gives; a failure of it is a 500 and nothing else. */
export function metricsHandler(
  read: () => Promise<Exposition>,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (_request, response) => {
    void read().then(
      ({ contentType, text }) => {
        response.setHeader("content-type", contentType);
        response.end(text);
      },
      () => {
        response.statusCode = 500;
        response.end("the metrics could not be read\n");
      },
    );
  };
}
