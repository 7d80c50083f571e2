import type { Agent } from "node:http";
import { BlockList, isIP } from "node:net";

/** A proxy to go through. */
export interface HttpProxy {
  readonly url: string;
  /** Sent to the proxy only. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
}

/** The part of `http_config` that says which proxy to use. */
export interface ProxySettings {
  readonly proxy_url?: string | undefined;
  readonly no_proxy?: string | undefined;
  readonly proxy_from_environment?: boolean | undefined;
  readonly proxy_connect_header?: Readonly<Record<string, readonly string[]>> | undefined;
}

/**
 * The proxy for a URL, as curl and Go's programs choose it; undefined for none. Loopback is never asked for through a
 * proxy of the environment.
 */
export function proxyFor(
  url: URL,
  settings: ProxySettings,
  env: Readonly<Record<string, string | undefined>>,
): HttpProxy | undefined {
  const isFromEnv = settings.proxy_from_environment === true;
  const scheme = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxyUrl = isFromEnv ? (env[scheme] ?? env[scheme.toLowerCase()]) : settings.proxy_url;
  if (!proxyUrl) return undefined;
  const exceptions = isFromEnv ? (env.NO_PROXY ?? env.no_proxy) : settings.no_proxy;
  if (isFromEnv && isLoopback(url.hostname)) return undefined;
  if (isExcepted(url, exceptions ?? "")) return undefined;
  return {
    url: /^[a-z][a-z0-9+.-]*:\/\//i.test(proxyUrl) ? proxyUrl : `http://${proxyUrl}`,
    ...(settings.proxy_connect_header ? { headers: settings.proxy_connect_header } : {}),
  };
}

/**
 * An agent for one request: a tunnel to https, the plain form for http. Loaded with the first use of a proxy.
 *
 * @param signal ends the connection to the proxy, which a request that has no socket yet cannot do
 */
export async function proxyAgent(proxy: HttpProxy, target: URL, signal: AbortSignal): Promise<Agent> {
  const options = {
    signal,
    headers: Object.fromEntries(
      Object.entries(proxy.headers ?? {}).map(([name, values]) => [name, values.join(", ")]),
    ),
  };
  if (target.protocol === "https:") {
    const { HttpsProxyAgent } = await import("https-proxy-agent");
    return new HttpsProxyAgent(proxy.url, options);
  }
  const { HttpProxyAgent } = await import("http-proxy-agent");
  return new HttpProxyAgent(proxy.url, options);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

/** `NO_PROXY`: hosts with their subdomains, `.domains`, addresses, CIDR ranges, each with an optional port; `*` is all. */
function isExcepted(url: URL, exceptions: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return exceptions
    .split(",")
    .map((each) => each.trim().toLowerCase())
    .filter((each) => each !== "")
    .some((each) => {
      if (each === "*") return true;
      if (each.includes("/")) return isInRange(host, each);
      const [, name = each, ownPort] = /^(.*?)(?::(\d+))?$/.exec(isIP(each) === 6 ? "" : each) ?? [];
      if (ownPort !== undefined && ownPort !== port) return false;
      const bare = (name || each).replace(/^\[|\]$/g, "").replace(/^\*(?=\.)/, "");
      if (bare.startsWith(".")) return host.endsWith(bare);
      return host === bare || (isIP(host) === 0 && host.endsWith(`.${bare}`));
    });
}

function isInRange(host: string, range: string): boolean {
  const [address = "", prefix = ""] = range.split("/");
  const family = isIP(host);
  if (family === 0 || isIP(address) !== family || !/^\d{1,3}$/.test(prefix)) return false;
  if (Number(prefix) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  const kind = family === 6 ? "ipv6" : "ipv4";
  list.addSubnet(address, Number(prefix), kind);
  return list.check(host, kind);
}
