import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Notification } from "../src/index.js";
import { cut, cutBytes, cutMarkup, textOfHtml } from "../src/notify/wording.js";
import { deps, never, notification, notifier } from "./notifier-kit.js";

/** Half of a surrogate pair. */
const HALF = /\p{Surrogate}/u;
const LINK = "http://localhost:4319/alerts";

describe("cutting", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "é", "漢", "😀", "&amp;", "<http://x|y>", "<b>", " "),
    maxLength: 80,
  });
  const max = fc.integer({ min: 40, max: 120 });

  test("a text that fits stays as it is; one that does not ends with the link, whole characters only", () => {
    fc.assert(
      fc.property(text, max, (written, most) => {
        for (const [how, size] of [
          [cut, (each: string) => each.length],
          [cutMarkup, (each: string) => each.length],
          [cutBytes, (each: string) => Buffer.byteLength(each)],
        ] as const) {
          const kept = how(written, most, LINK);
          expect(size(kept)).toBeLessThanOrEqual(most);
          expect(kept).not.toMatch(HALF);
          expect(kept).not.toContain("\ufffd");
          if (size(written) <= most) expect(kept).toBe(written);
          else {
            expect(kept.endsWith(`… ${LINK}`)).toBe(true);
            expect(written.startsWith(kept.slice(0, -LINK.length - 2))).toBe(true);
          }
        }
      }),
    );
  });

  test("no entity, tag or link of a markup is cut in two", () => {
    fc.assert(
      fc.property(text, max, (written, most) => {
        const kept = cutMarkup(written, most, LINK).replace(` ${LINK}`, "");
        expect(kept.replace(/<[^<>]*>|&amp;/g, "")).not.toMatch(/[<>&]/);
      }),
    );
  });

  test("a link without room is left out", () => {
    expect(cut("x".repeat(30), 20, LINK)).toBe(`${"x".repeat(19)}…`);
    expect(cutBytes("漢".repeat(30), 20, LINK)).toBe(`${"漢".repeat(5)}…`);
  });

  test("HTML as text: tags go, entities become what they stand for, and anything else stays", () => {
    expect(textOfHtml('<b class="x">a &lt; b</b> &amp;&#38;&#x26; 1<2 &nope; &#xd800; 😀')).toBe(
      "a < b &&& 1<2 &nope; &#xd800; 😀",
    );
  });
});

/** Everything that a config can put into a message, as long as a test wants it. */
const HUGE = "{{ .CommonAnnotations.huge }}";
const fields = (count: number) => Array.from({ length: count }, () => ({ title: HUGE, value: HUGE }));
const TYPES: Readonly<Record<string, { entry: (url: string) => object; check: (body: string) => void }>> = {
  slack: {
    entry: (url) => ({
      api_url: `${url}/x`,
      title: HUGE,
      text: HUGE,
      pretext: HUGE,
      footer: HUGE,
      fallback: HUGE,
      message_text: HUGE,
      fields: fields(3),
      actions: Array.from({ length: 9 }, () => ({ type: "button", text: "x", url: "http://x" })),
    }),
    check(body) {
      const { text, attachments } = JSON.parse(body);
      const [attachment] = attachments;
      expect(attachments).toHaveLength(1);
      atMost(text, 40_000);
      atMost(attachment.text, 8_000);
      atMost(attachment.pretext, 3_000);
      atMost(attachment.title, 1_024);
      atMost(attachment.footer, 300);
      for (const field of attachment.fields) atMost(field.value, 2_000);
      expect(attachment.actions.length).toBeLessThanOrEqual(5);
    },
  },
  pagerduty: {
    entry: (url) => ({
      url,
      routing_key: "k",
      description: HUGE,
      source: HUGE,
      component: HUGE,
      details: { a: HUGE, b: HUGE },
      links: [{ href: LINK, text: HUGE }],
    }),
    check(body) {
      const event = JSON.parse(body);
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(512 * 1_024);
      atMost(event.payload.summary, 1_024);
      expect(event.dedup_key.length).toBeLessThanOrEqual(255);
      expect(event).toMatchObject({ routing_key: "k", event_action: "trigger" });
      expect(JSON.stringify(event.links)).toContain("http://localhost:4319/");
    },
  },
  opsgenie: {
    entry: (url) => ({
      api_url: url,
      api_key: "k",
      message: HUGE,
      description: HUGE,
      source: HUGE,
      entity: HUGE,
      note: HUGE,
      tags: `${HUGE},`.repeat(40),
      actions: `${HUGE},`.repeat(40),
      details: { a: HUGE, b: HUGE },
    }),
    check(body) {
      const alert = JSON.parse(body);
      atMost(alert.message, 130);
      atMost(alert.description, 15_000);
      atMost(alert.source, 100);
      atMost(alert.entity, 512);
      atMost(alert.note, 25_000);
      expect(alert.tags?.length ?? 0).toBeLessThanOrEqual(20);
      expect(alert.actions?.length ?? 0).toBeLessThanOrEqual(10);
      for (const word of [...(alert.tags ?? []), ...(alert.actions ?? [])]) atMost(word, 50);
      expect(Object.entries(alert.details).flat().join("").length).toBeLessThanOrEqual(8_000);
    },
  },
  msteamsv2: {
    entry: (url) => ({ webhook_url: `${url}/x`, title: HUGE, text: HUGE }),
    check: (body) => expect(Buffer.byteLength(body)).toBeLessThanOrEqual(28 * 1_024),
  },
  msteams: {
    entry: (url) => ({ webhook_url: `${url}/x`, title: HUGE, text: HUGE, summary: HUGE }),
    check: (body) => expect(Buffer.byteLength(body)).toBeLessThanOrEqual(28 * 1_024),
  },
  discord: {
    entry: (url) => ({ webhook_url: `${url}/x`, title: HUGE, message: HUGE, content: HUGE, username: HUGE }),
    check(body) {
      const { content, username, embeds } = JSON.parse(body);
      atMost(content, 2_000);
      atMost(username, 80);
      expect(embeds).toHaveLength(1);
      atMost(embeds[0].title, 256);
      atMost(embeds[0].description, 4_096);
      expect(embeds[0].description).not.toBe("");
      expect(embeds[0].title.length + embeds[0].description.length).toBeLessThanOrEqual(6_000);
    },
  },
  telegram: {
    entry: (url) => ({ api_url: url, bot_token: "t", chat_id: 1, message: `<b>${HUGE}</b>` }),
    check(body) {
      const { text, parse_mode } = JSON.parse(body);
      atMost(text, 4_096);
      expect(text).not.toBe("");
      // What is cut is sent as plain text, since Telegram refuses marks that do not close.
      if (parse_mode !== undefined) expect(text).toMatch(/^(?:<b>[^<]*<\/b>|\[template fault [^<]*)$/);
      else expect(text).not.toMatch(/&lt;|<\/b>/);
    },
  },
  sns: {
    entry: (url) => ({
      api_url: url,
      sigv4: { region: "eu-west-1", access_key: "AK", secret_key: "k" },
      topic_arn: "arn:aws:sns:eu-west-1:1:t",
      subject: HUGE,
      message: HUGE,
      attributes: { none: "{{ .CommonLabels.nowhere }}", team: "{{ .CommonLabels.service }}" },
    }),
    check(body) {
      const form = new URLSearchParams(body);
      expect(Buffer.byteLength(`${form.get("Message")}teamStringcheckout`)).toBeLessThanOrEqual(256 * 1_024);
      expect(form.get("Message")).not.toBe("");
      expect(form.get("Subject") ?? "x").toMatch(/^[\x21-\x7e][\x20-\x7e]{0,99}$/);
      expect(form.getAll("MessageAttributes.entry.1.Value.StringValue")).toEqual(["checkout"]);
      expect(form.has("MessageAttributes.entry.2.Name")).toBe(false);
    },
  },
  pushover: {
    entry: (url) => ({
      api_url: url,
      user_key: "u",
      token: "t",
      title: HUGE,
      message: HUGE,
      url: HUGE,
      url_title: HUGE,
    }),
    check(body) {
      const form = body.startsWith("{")
        ? new Map(Object.entries(JSON.parse(body)))
        : new URLSearchParams(body);
      atMost(form.get("message"), 1_024);
      atMost(form.get("title"), 250);
      atMost(form.get("url") ?? "", 512);
      atMost(form.get("url_title") ?? "", 100);
    },
  },
  webex: {
    entry: (url) => ({
      api_url: url,
      room_id: "room",
      message: HUGE,
      http_config: { authorization: { credentials: "t" } },
    }),
    check: (body) => expect(Buffer.byteLength(JSON.parse(body).markdown)).toBeLessThanOrEqual(7_439),
  },
};

function atMost(text: unknown, max: number): void {
  if (text === undefined || text === null) return;
  expect(String(text).length).toBeLessThanOrEqual(max);
  expect(String(text)).not.toMatch(HALF);
}

/** Runs without a network: what counts is the body. */
function bodyWriter(entry: object, type: string): (notified: Notification) => Promise<string> {
  return async (notified) => {
    let body = "";
    const http = {
      request: async (request: { body?: string | Uint8Array }) => {
        body ||= String(request.body);
        return { status: 200, headers: {}, body: '{"ok":true,"status":1}' };
      },
    };
    await notifier(type, entry, { ...deps, http }).notify(notified, never);
    return body;
  };
}

describe.each(Object.entries(TYPES))("%s", (type, { entry, check }) => {
  const words = fc
    .tuple(
      fc.constantFrom("a", "é", "漢", "😀", "&", "<b>", '"', "\n", "\u0001", "&amp;<x|y> "),
      fc.constantFrom(0, 1, 49, 130, 257, 1_030, 4_097, 30_000, 300_000),
    )
    .map(([unit, count]) => unit.repeat(count));

  test("whatever a message is made of, the payload keeps the service's limits", async () => {
    const write = bodyWriter(entry("http://127.0.0.1:1"), type);
    await fc.assert(
      fc.asyncProperty(words, async (huge) => {
        check(await write({ ...notification, commonAnnotations: { huge } }));
      }),
      {
        numRuns: 12,
        examples: [
          ["漢".repeat(300_000)],
          ["😀".repeat(4_096)],
          ["&<b>".repeat(4_096)],
          ["\n\n".repeat(20_000)],
        ],
      },
    );
  });
});

test("slack: what an alert says is text, never a call for everybody", async () => {
  const write = bodyWriter({ api_url: "http://127.0.0.1:1/x" }, "slack");
  const [alert] = notification.alerts;
  const body = await write({
    ...notification,
    alerts: [{ ...alert!, annotations: { summary: "<!channel> a & b" } }],
  });
  expect(body).toContain("&lt;!channel&gt; a &amp; b");
  expect(body).not.toContain("<!channel>");
});
