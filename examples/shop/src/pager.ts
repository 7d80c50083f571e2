import express, { type Express } from "express";

/** One alert of a notification, as Alertmanager's webhook form (version 4) gives it. */
export interface Page {
  readonly status: "firing" | "resolved";
  readonly atMs: number;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Whoever is on call: takes notifications and passes each alert on. */
export function pagerApp(onPage: (page: Page) => void): Express {
  const app = express();
  app.use(express.json({ limit: "256kb" }));
  app.post("/page", (request, response) => {
    const atMs = Date.now();
    const { alerts = [] } = request.body as { alerts?: Partial<Page>[] };
    for (const { status = "firing", labels = {}, annotations = {} } of alerts) {
      onPage({ status, atMs, name: labels.alertname ?? "", labels, annotations });
    }
    response.json({ taken: alerts.length });
  });
  return app;
}
