import type { Attributes, AttributeValue } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import { isSecretHeader } from "../http/capture-headers.js";
import { REDACTED, type Redaction, type UrlRedactor } from "../http/redact-url.js";
import { hideQueryValues } from "./query-values.js";

/**
 * Hides what is secret in URLs, headers and SQL on spans of libraries and of the service's own, as the agent does on its own
 * ones: when a span has ended, before anyone else sees it.
 */
export class SecretAttributes implements SpanProcessor {
  private readonly urls: UrlRedactor;
  private readonly isSecret: (header: string) => boolean;

  constructor(urls: UrlRedactor, redaction: Redaction) {
    this.urls = urls;
    this.isSecret = isSecretHeader(redaction);
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { attributes, name } = span;
    if (name.includes("://")) (span as { name: string }).name = this.urls.text(name);
    hideQueryValues(attributes);
    for (const key in attributes) {
      const value = attributes[key];
      if (key.startsWith("http.re")) {
        const header = HEADER.exec(key)?.[1];
        if (header === undefined || value === undefined) continue;
        attributes[key] = this.isSecret(header) ? hidden(value) : mapped(value, this.urls.text);
      } else if (typeof value === "string" && URL_KEYS.has(key)) this.hide(attributes, key, value);
    }
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}

  private hide(attributes: Attributes, key: string, value: string): void {
    if (key === "next.span_name") attributes[key] = this.urls.text(value);
    else attributes[key] = key === "url.query" ? this.urls.query(value) : this.urls.url(value);
  }
}

const HEADER = /^http\.(?:request|response)\.header\.(.+)$/;
const URL_KEYS: ReadonlySet<string> = new Set([
  "url.full",
  "url.original",
  "url.path",
  "url.query",
  "http.url",
  "http.target",
  "db.connection_string",
  // Next.js names the span of a fetch by its whole URL, and says the name again.
  "next.span_name",
]);

function hidden(value: AttributeValue): AttributeValue {
  return Array.isArray(value) ? value.map(() => REDACTED) : REDACTED;
}

function mapped(value: AttributeValue, change: (text: string) => string): AttributeValue {
  if (typeof value === "string") return change(value);
  return Array.isArray(value)
    ? (value.map((item) => (typeof item === "string" ? change(item) : item)) as string[])
    : value;
}
