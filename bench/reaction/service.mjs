// The measured service: one route per round, each of which fails when it is asked to.
import express from "express";

const app = express();
for (let round = 0; round < Number(process.env.ROUNDS); round++) {
  app.get(`/round-${round}`, (request, response) => {
    response.status(request.query.fail === undefined ? 200 : 500).end();
  });
}
const server = app.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
