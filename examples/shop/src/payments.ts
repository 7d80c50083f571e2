// Takes the money, which here takes a few milliseconds.
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { pino } from "pino";
import { Counter } from "prom-client";
import { errorHandler, serve } from "./service.js";

const log = pino({ name: "payments" });
const charged = new Counter({
  name: "shop_charged_cents_total",
  help: "Money that was charged, by currency.",
  labelNames: ["currency"],
});

const app = express();
app.use(express.json());

app.post("/charge", async (request, response) => {
  const { currency, amount } = request.body as { currency: string; amount: number };
  await sleep(5 + Math.random() * 15);
  charged.inc({ currency }, amount);
  log.info({ currency, amount }, "charged");
  response.json({ paid: true, currency, amount });
});

app.use(errorHandler(log));
await serve(app, log);
