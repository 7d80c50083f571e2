import { createHash } from "node:crypto";
import type { FiveLines, MessageTemplates } from "../template/message-templates.js";
import type { Notification } from "./notifier.js";
import { severityOf } from "./urgency.js";

/** Names a group of alerts to a receiver that remembers incidents: the same for its start and its end. */
export function incidentKey(notification: Notification): string {
  return createHash("sha256").update(notification.groupKey).digest("hex");
}

/**
 * Cuts a text to what a receiver takes, ending with where the rest can be read. Never in the middle of a character.
 *
 * @param max most UTF-16 units, which is what receivers count at the strictest
 */
export function cut(text: string, max: number, link?: string): string {
  if (text.length <= max) return text;
  const end = link !== undefined && link.length + 3 < max ? `… ${link}` : "…";
  const kept = text.slice(0, Math.max(0, max - end.length));
  // Half of a surrogate pair is no character.
  return kept.replace(/[\uD800-\uDBFF]$/, "") + end;
}

/** Like `cut`, for texts with HTML's entities and tags or Slack's links: none of those is cut in two either. */
export function cutMarkup(text: string, max: number, link?: string): string {
  if (text.length <= max) return text;
  const end = link !== undefined && link.length + 3 < max ? `… ${link}` : "…";
  const kept = text.slice(0, Math.max(0, max - end.length));
  return kept.replace(/<[^<>]*$|&[#\w]{0,10}$|[\uD800-\uDBFF]$/, "") + end;
}

/** Like `cut`, for receivers that count the bytes of UTF-8. */
export function cutBytes(text: string, maxBytes: number, link?: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const end = link !== undefined && Buffer.byteLength(link) + 5 < maxBytes ? `… ${link}` : "…";
  let length = Math.max(0, maxBytes - Buffer.byteLength(end));
  // Bytes that go on with a character begin with the bits 10.
  while (length > 0 && ((bytes[length] ?? 0) & 0xc0) === 0x80) length--;
  return bytes.toString("utf8", 0, length) + end;
}

/** HTML as plain text. */
export function textOfHtml(html: string): string {
  const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return html
    .replace(/<\/?[a-zA-Z][^<>]*>/g, "")
    .replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));/gi, (whole, decimal, hex, name: string | undefined) => {
      if (name !== undefined) return entities[name] ?? whole;
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole;
    });
}

/** The text of a configured template, or the given default. */
export function worded(
  templates: MessageTemplates,
  notification: Notification,
  template: string | undefined,
  fallback: (lines: FiveLines) => string,
): string {
  return template === undefined
    ? fallback(templates.fiveLines(notification))
    : templates.text(template, notification);
}

/** The five lines as plain text, links below. */
export function plainText({ lines, links }: FiveLines): string {
  return [...lines, ...links.map(({ text, url }) => `${text}: ${url}`)].join("\n");
}

/** Where the alerts of a notification can be read in full. */
export function fullTextUrl(notification: Notification): string {
  return `${notification.externalUrl}/alerts`;
}

/** Colours of the page: a page is dark red, a warning amber, an end teal. */
export function colorOf(notification: Notification): string {
  if (notification.status === "resolved") return "#00857A";
  return /^(?:warn|warning|ticket|info)/i.test(severityOf(notification) ?? "") ? "#BD7B00" : "#99180A";
}

/** A JSON object out of an answer's body, or undefined. */
export function jsonBody(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
