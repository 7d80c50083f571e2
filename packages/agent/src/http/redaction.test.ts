import type { Attributes } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { headerCapture } from "./capture-headers.js";
import { queryRedactor } from "./redact-query.js";

const NONE = { deny: [], allow: [] };
const OWN = { deny: ["Session", "x-internal"], allow: ["key", "cookie"] };

test.each([
  { query: "token=a&x=1", redaction: NONE, shown: "token=REDACTED&x=1" },
  { query: "API_KEY=a&%74oken=b", redaction: NONE, shown: "API_KEY=REDACTED&%74oken=REDACTED" },
  { query: "session=a&key=b", redaction: NONE, shown: "session=a&key=REDACTED" },
  { query: "session=a&key=b&token=c", redaction: OWN, shown: "session=REDACTED&key=b&token=REDACTED" },
  { query: "plain", redaction: OWN, shown: "plain" },
])("$query with $redaction is shown as $shown", ({ query, redaction, shown }) => {
  expect(queryRedactor(redaction)(query)).toBe(shown);
});

const HEADERS: Readonly<Record<string, string | string[]>> = {
  authorization: "Bearer x",
  cookie: "sid=1",
  "x-internal": ["a", "b"],
  "x-tenant": "t",
};

test.each([
  { redaction: NONE, cookie: ["REDACTED"], internal: ["a", "b"] },
  { redaction: OWN, cookie: ["sid=1"], internal: ["REDACTED", "REDACTED"] },
])("captured headers with $redaction", ({ redaction, cookie, internal }) => {
  const attributes: Attributes = {};
  const read = (name: string) => HEADERS[name];
  headerCapture({ request: [...Object.keys(HEADERS), "absent"], response: [] }, redaction)?.(
    attributes,
    read,
    read,
  );
  expect(attributes).toEqual({
    "http.request.header.authorization": ["REDACTED"],
    "http.request.header.cookie": cookie,
    "http.request.header.x-internal": internal,
    "http.request.header.x-tenant": ["t"],
  });
});
