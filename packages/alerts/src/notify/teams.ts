import { z } from "zod";
import { atMostOne, secretFile, secretUrl, template } from "../config/fields.js";
import type { FiveLines } from "../template/message-templates.js";
import { defineNotifier, type Notification, type NotifierDeps } from "./notifier.js";
import { configuredHttp, ensureAccepted, httpFields, revealSecret } from "./notifier-config.js";
import { colorOf, cut, cutBytes, fullTextUrl, worded } from "./wording.js";

const fields = {
  ...httpFields,
  webhook_url: secretUrl().optional(),
  webhook_url_file: secretFile(),
  title: template(),
  text: template(),
};

const needsUrl = { message: "exactly one of webhook_url & webhook_url_file must be configured." };

const Workflow = z
  .strictObject(fields)
  .superRefine(atMostOne("webhook_url", "webhook_url_file"))
  .refine((config) => config.webhook_url ?? config.webhook_url_file, needsUrl);

const Connector = z
  .strictObject({ ...fields, summary: template() })
  .superRefine(atMostOne("webhook_url", "webhook_url_file"))
  .refine((config) => config.webhook_url ?? config.webhook_url_file, needsUrl);

const MAX_BODY_BYTES = 28_000;
const MAX_TEXT = 20_000;

/** Microsoft Teams by a workflow ("when a webhook request is received"): an adaptive card. */
export const msteamsv2 = defineNotifier({
  type: "msteamsv2",
  sendResolvedByDefault: true,
  config: Workflow,
  create: (config, deps) => teamsNotifier(config, deps, (words) => adaptiveCard(words)),
});

/** Microsoft Teams by the older Office 365 connector: a message card. */
export const msteams = defineNotifier({
  type: "msteams",
  sendResolvedByDefault: true,
  config: Connector,
  create: (config, deps) =>
    teamsNotifier(config, deps, ({ title, text, color }, notification) => ({
      "@context": "http://schema.org/extensions",
      "@type": "MessageCard",
      title,
      summary: cut(
        worded(deps.templates, notification, config.summary, (lines) => lines.title),
        500,
      ),
      text: text.replaceAll("\n", "\n\n"),
      themeColor: color.slice(1),
    })),
});

interface Words {
  readonly title: string;
  readonly text: string;
  readonly color: string;
  readonly isFiring: boolean;
  readonly links: FiveLines["links"];
}

function teamsNotifier(
  config: z.output<typeof Workflow>,
  deps: NotifierDeps,
  card: (words: Words, notification: Notification) => object,
) {
  const http = configuredHttp(config.http_config, deps);
  /** The message in the bytes that Teams takes: the text gives way until it fits. */
  const bodyOf = (whole: Words, notification: Notification): string => {
    let words = whole;
    for (;;) {
      const body = JSON.stringify(card(words, notification));
      const overBytes = Buffer.byteLength(body) - MAX_BODY_BYTES;
      if (overBytes <= 0 || words.text.length < 100) return body;
      // Many short lines become many blocks, so a text may take several times its own bytes.
      const maxBytes = Math.floor(
        Buffer.byteLength(words.text) * Math.min(0.9, MAX_BODY_BYTES / (MAX_BODY_BYTES + overBytes)),
      );
      words = { ...whole, text: cutBytes(whole.text, maxBytes, fullTextUrl(notification)) };
    }
  };
  return {
    destination: "teams",
    async notify(notification: Notification, signal: AbortSignal) {
      const { templates } = deps;
      const five = templates.fiveLines(notification);
      const whole: Words = {
        title: cut(
          worded(templates, notification, config.title, ({ title }) => title),
          500,
        ),
        text: cut(
          worded(templates, notification, config.text, ({ lines }) => lines.join("\n")),
          MAX_TEXT,
          fullTextUrl(notification),
        ),
        color: colorOf(notification),
        isFiring: notification.status === "firing",
        links: five.links,
      };
      const response = await http.request({
        url: await revealSecret(config.webhook_url, config.webhook_url_file),
        headers: { "content-type": "application/json" },
        body: bodyOf(whole, notification),
        signal,
      });
      ensureAccepted("Microsoft Teams", response, deps.clock.now(), { detail: response.body });
      return undefined;
    },
  };
}

function adaptiveCard({ title, text, isFiring, links }: Words): object {
  const block = (words: string, more: object = {}): object => ({
    type: "TextBlock",
    text: words,
    wrap: true,
    ...more,
  });
  return {
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        contentUrl: null,
        content: {
          $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
          type: "AdaptiveCard",
          version: "1.4",
          msteams: { width: "Full" },
          body: [
            block(title, { weight: "Bolder", size: "Medium", color: isFiring ? "Attention" : "Good" }),
            ...text
              .split("\n")
              .filter((line) => line !== "")
              .map((line) => block(line)),
          ],
          actions: links.map((link) => ({ type: "Action.OpenUrl", title: link.text, url: link.url })),
        },
      },
    ],
  };
}
