// The door of the shop: everything comes in here and goes on to checkout.
import express from "express";
import { pino } from "pino";
import { Counter } from "prom-client";
import { ask, errorHandler, postJson, serve } from "./service.js";

const checkoutUrl = process.env.CHECKOUT_URL ?? "http://127.0.0.1:3001";
const log = pino({ name: "gateway" });
const visits = new Counter({
  name: "shop_visits_total",
  help: "Requests that came in, by what was wanted.",
  labelNames: ["wanted"],
});

const app = express();
app.use(express.json());

app.get("/cart/:id", async (request, response) => {
  visits.inc({ wanted: "cart" });
  const { status, body } = await ask(`${checkoutUrl}/cart/${encodeURIComponent(request.params.id)}`);
  response.status(status).json(body);
});

app.post("/pay", async (request, response) => {
  visits.inc({ wanted: "pay" });
  const { status, body } = await ask(`${checkoutUrl}/pay`, postJson(request.body));
  log.info({ status }, "payment asked for");
  response.status(status).json(body);
});

app.use(errorHandler(log));
await serve(app, log);
