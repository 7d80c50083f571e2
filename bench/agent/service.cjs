// The measured service: a trivial route, one that calls downstream and logs, one that fails.
const http = require("node:http");
const { createRequire } = require("node:module");

const need = createRequire(`${process.env.PEERS}/noop.js`);
const express = need("express");
const log = need("pino")({ level: "info" });

const downstream = new URL(process.env.DOWNSTREAM);
const agent = new http.Agent({ keepAlive: true });
const app = express();
app.disable("x-powered-by");
app.get("/hello", (_request, response) => response.json({ hello: "world" }));
app.get("/orders/:id", (request, response, next) => {
  http
    .get(
      { host: downstream.hostname, port: downstream.port, path: `/stock/${request.params.id}`, agent },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part) => {
          text += part;
        });
        answer.on("end", () => {
          log.info({ orderId: request.params.id }, "order served");
          response.json({ id: request.params.id, stock: JSON.parse(text).count });
        });
      },
    )
    .on("error", next);
});
app.get("/fail", () => {
  throw new Error("card declined");
});
app.use((error, _request, response, _next) => {
  log.error({ err: { message: error.message } }, "request failed");
  response.status(500).json({ error: error.message });
});
const snapshot = () => {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, rssBytes: process.memoryUsage.rss() };
};
const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port, ...snapshot() }));
process.on("message", () => process.send(snapshot()));
process.on("disconnect", () => process.exit());
process.once("SIGTERM", () => {
  agent.destroy();
  server.close(() => process.disconnect());
  server.closeAllConnections();
});
