// Adds up carts and has them paid. Version 1.42.0 brings a bug; see `currencyOf`.
import express from "express";
import { pino } from "pino";
import { Counter } from "prom-client";
import { type Customer, currencyOf } from "./currency.js";
import { ask, errorHandler, postJson, serve } from "./service.js";

const version = process.env.SERVICE_VERSION ?? "1.41.3";
const paymentsUrl = process.env.PAYMENTS_URL ?? "http://127.0.0.1:3002";
const log = pino({ name: "checkout" });
const orders = new Counter({
  name: "shop_orders_total",
  help: "Orders that were paid, by currency.",
  labelNames: ["currency"],
});

const app = express();
app.use(express.json());

app.get("/cart/:id", (request, response) => {
  response.json({ id: request.params.id, items: 3, amount: 4_200 });
});

app.post("/pay", async (request, response) => {
  const { cart, customer } = request.body as { cart: string; customer: Customer };
  const currency = currencyOf(customer, version);
  const { status, body } = await ask(`${paymentsUrl}/charge`, postJson({ cart, currency, amount: 4_200 }));
  if (status === 200) orders.inc({ currency });
  log.info({ cart, currency, status }, "order paid");
  response.status(status).json(body);
});

app.use(errorHandler(log));
await serve(app, log);
