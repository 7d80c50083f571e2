// What the service calls. Never watched by an agent.
import { createServer } from "node:http";

const body = JSON.stringify({ count: 42 });
const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
