import type { Attributes } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { SecretAttributes } from "../trace/secret-attributes.js";
import { headerCapture } from "./capture-headers.js";
import { urlRedactor } from "./redact-url.js";

const NONE = { deny: [], allow: [] };
const OWN = { deny: ["Session", "x-internal"], allow: ["key", "cookie"] };

test.each([
  { query: "token=a&x=1", redaction: NONE, shown: "token=REDACTED&x=1" },
  { query: "API_KEY=a&%74oken=b", redaction: NONE, shown: "API_KEY=REDACTED&%74oken=REDACTED" },
  { query: "session=a&key=b", redaction: NONE, shown: "session=a&key=REDACTED" },
  { query: "session=a&key=b&token=c", redaction: OWN, shown: "session=REDACTED&key=b&token=REDACTED" },
  { query: "plain", redaction: OWN, shown: "plain" },
  { query: "a=1;token=b;c=2&d=3", redaction: NONE, shown: "a=1;token=REDACTED;c=2&d=3" },
  { query: "token=a;b&c=1", redaction: NONE, shown: "token=REDACTED&c=1" },
  { query: "user[password]=a&x.token=b", redaction: NONE, shown: "user[password]=REDACTED&x.token=REDACTED" },
  { query: "code=DE&x=1", redaction: NONE, shown: "code=DE&x=1" },
  { query: "code=a&state=b", redaction: NONE, shown: "code=REDACTED&state=b" },
])("$query with $redaction is shown as $shown", ({ query, redaction, shown }) => {
  expect(urlRedactor(redaction).query(query)).toBe(shown);
});

test.each([
  {
    url: "https://ana:pw@shop.example:8443/a?token=b&c=d#access_token=e",
    shown: "https://REDACTED:REDACTED@shop.example:8443/a?token=REDACTED&c=d#access_token=REDACTED",
  },
  { url: "redis://:pw@cache:6379/0", shown: "redis://REDACTED:REDACTED@cache:6379/0" },
  { url: "/a;jsessionid=b/c;v=1", shown: "/a;jsessionid=REDACTED/c;v=1" },
  { url: "//ana@shop.example/a", shown: "//REDACTED:REDACTED@shop.example/a" },
  { url: "/mail/ana@shop.example?x=1", shown: "/mail/ana@shop.example?x=1" },
  { url: "shop.example:443", shown: "shop.example:443" },
  { url: "*", shown: "*" },
])("$url is shown as $shown", ({ url, shown }) => {
  expect(urlRedactor(NONE).url(url)).toBe(shown);
});

test.each([
  { url: "/a?token=b", target: "/a?token=b" },
  { url: "http://ana:pw@shop.example/a?token=b", target: "/a?token=REDACTED" },
  { url: "http://shop.example", target: "/" },
  { url: "/a#access_token=b", target: "/a" },
  { url: "*", target: "*" },
])("a request for $url asks for $target", ({ url, target }) => {
  expect(urlRedactor(NONE).target(url)).toBe(target);
});

test("URLs are found in text", () => {
  const link = '<https://ana:pw@a.example/x?token=b>; rel="next", <https://b.example/y?c=d>; rel="last"';
  expect(urlRedactor(NONE).text(link)).toBe(
    '<https://REDACTED:REDACTED@a.example/x?token=REDACTED>; rel="next", <https://b.example/y?c=d>; rel="last"',
  );
  expect(urlRedactor(NONE).text("text/html; charset=utf-8")).toBe("text/html; charset=utf-8");
});

test("spans of libraries are held to the same", () => {
  const attributes: Attributes = {
    "url.full": "https://ana:pw@shop.example/a?token=b",
    "url.query": "api_key=a",
    "http.url": "http://shop.example/?sig=a",
    "next.span_name": "fetch GET http://shop.example/?token=a",
    "http.request.header.authorization": ["Bearer a"],
    "http.response.header.location": ["/a?token=b"],
    "http.request.method": "GET",
    "db.query.text": "SELECT a FROM b WHERE token=?",
  };
  const span = { name: "fetch GET http://shop.example/?token=a", attributes };
  new SecretAttributes(urlRedactor(NONE), NONE).onEnd(span as unknown as ReadableSpan);
  expect(span.name).toBe("fetch GET http://shop.example/?token=REDACTED");
  expect(attributes).toEqual({
    "url.full": "https://REDACTED:REDACTED@shop.example/a?token=REDACTED",
    "url.query": "api_key=REDACTED",
    "http.url": "http://shop.example/?sig=REDACTED",
    "next.span_name": "fetch GET http://shop.example/?token=REDACTED",
    "http.request.header.authorization": ["REDACTED"],
    "http.response.header.location": ["/a?token=REDACTED"],
    "http.request.method": "GET",
    "db.query.text": "SELECT a FROM b WHERE token=?",
  });
});

const HEADERS: Readonly<Record<string, string | string[]>> = {
  authorization: "Bearer x",
  cookie: "sid=1",
  "x-internal": ["a", "b"],
  "x-tenant": "t",
  referer: "https://a.example/?token=b",
};

test.each([
  { redaction: NONE, cookie: ["REDACTED"], internal: ["a", "b"] },
  { redaction: OWN, cookie: ["sid=1"], internal: ["REDACTED", "REDACTED"] },
])("captured headers with $redaction", ({ redaction, cookie, internal }) => {
  const attributes: Attributes = {};
  const read = (name: string) => HEADERS[name];
  const names = { request: [...Object.keys(HEADERS), "absent"], response: [] };
  headerCapture(names, redaction, urlRedactor(redaction))?.(attributes, read, read);
  expect(attributes).toEqual({
    "http.request.header.authorization": ["REDACTED"],
    "http.request.header.cookie": cookie,
    "http.request.header.x-internal": internal,
    "http.request.header.x-tenant": ["t"],
    "http.request.header.referer": ["https://a.example/?token=REDACTED"],
  });
});
