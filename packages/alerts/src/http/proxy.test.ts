import { expect, test } from "vitest";
import { proxyFor } from "./proxy.js";

const chosen = (url: string, settings: object, env = {}) => proxyFor(new URL(url), settings, env)?.url;

test.each([
  ["a.example.org", "", true],
  ["a.example.org", "*", false],
  ["a.example.org", "example.org", false],
  ["notexample.org", "example.org", true],
  ["example.org", "example.org", false],
  ["example.org", ".example.org", true],
  ["a.example.org", "b.net, .example.org", false],
  ["a.example.org:8443", "a.example.org:8443", false],
  ["a.example.org", "a.example.org:8443", true],
  ["10.1.2.3", "10.1.0.0/16", false],
  ["10.2.2.3", "10.1.0.0/16", true],
  ["10.2.2.3", "10.2.2.3", false],
  ["[fd00::1]", "fd00::/8", false],
  ["[fd00::1]", "fd00::1", false],
  ["10.2.2.3", "10.1.0.0/99", true],
])("https://%s with no_proxy %j goes through the proxy: %s", (host, no_proxy, isProxied) => {
  const proxy_url = "http://proxy.example.net:3128";
  expect(chosen(`https://${host}/x`, { proxy_url, no_proxy })).toBe(isProxied ? proxy_url : undefined);
});

test("the environment says it by scheme, and loopback is reached directly", () => {
  const env = { HTTPS_PROXY: "secure:1", http_proxy: "http://plain:2", NO_PROXY: "quiet.org" };
  const settings = { proxy_from_environment: true };
  expect(chosen("https://a.org/", settings, env)).toBe("http://secure:1");
  expect(chosen("http://a.org/", settings, env)).toBe("http://plain:2");
  expect(chosen("https://quiet.org/", settings, env)).toBeUndefined();
  expect(chosen("http://127.0.0.1/", settings, env)).toBeUndefined();
  expect(chosen("https://a.org/", {}, env)).toBeUndefined();
});
