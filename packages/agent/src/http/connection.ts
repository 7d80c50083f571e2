import type { IncomingHttpHeaders } from "node:http";
import type { Attributes } from "@opentelemetry/api";
import { attributeBytes } from "./request-cells.js";

/** The other end of a connection, as far as it is known. */
export interface Peer {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** What is said of a connection: attributes, and the same as they stand in a span. */
export interface ConnectionDescription {
  readonly attributes: Attributes;
  readonly bytes: Uint8Array;
}

/**
 * What semantic conventions ask of a server span about its connection and client: addresses, ports, user agent.
 *
 * On a kept-alive connection these are the same from request to request, so their bytes are made once and made
 * anew only when one of the headers they come from has changed.
 */
export class Connection {
  private readonly socket: Peer;
  private readonly scheme: string;
  private host: string | undefined;
  private userAgent: string | undefined;
  private forwarded: string | undefined;
  private known: ConnectionDescription | undefined;

  private constructor(socket: Peer, scheme: string) {
    this.socket = socket;
    this.scheme = scheme;
  }

  static of(socket: Peer, scheme: string): Connection {
    const holder = socket as Peer & { [CONNECTION]?: Connection };
    holder[CONNECTION] ??= new Connection(socket, scheme);
    return holder[CONNECTION];
  }

  /** Attributes and their bytes for a request with these headers. */
  describe(headers: IncomingHttpHeaders): ConnectionDescription {
    const host = headers.host;
    const userAgent = headers["user-agent"];
    const forwarded = forwardedKey(headers);
    if (
      this.known === undefined ||
      host !== this.host ||
      userAgent !== this.userAgent ||
      forwarded !== this.forwarded
    ) {
      this.host = host;
      this.userAgent = userAgent;
      this.forwarded = forwarded;
      const attributes = this.attributes(headers);
      this.known = { attributes, bytes: attributeBytes(attributes) };
    }
    return this.known;
  }

  private attributes(headers: IncomingHttpHeaders): Attributes {
    const forwarded = parseForwarded(headers);
    const server = splitHost(forwarded.host ?? headers.host, forwarded.proto ?? this.scheme);
    const peer = this.socket.remoteAddress;
    return {
      "server.address": server.address,
      "server.port": server.port,
      "client.address": forwarded.client ?? peer,
      "network.peer.address": peer,
      "network.peer.port": this.socket.remotePort,
      "user_agent.original": headers["user-agent"],
    };
  }
}

const CONNECTION = Symbol("tocsin.connection");

/** All headers that proxies may set, as one string to compare; nothing in the common case. */
function forwardedKey(headers: IncomingHttpHeaders): string | undefined {
  const standard = headers.forwarded;
  const client = headers["x-forwarded-for"];
  const host = headers["x-forwarded-host"];
  if (standard === undefined && client === undefined && host === undefined) return undefined;
  return `${standard}|${client}|${host}|${headers["x-forwarded-proto"]}`;
}

interface Forwarded {
  readonly client: string | undefined;
  readonly host: string | undefined;
  readonly proto: string | undefined;
}

/** The first hop of `Forwarded` (RFC 7239), else of the `X-Forwarded-*` headers. */
function parseForwarded(headers: IncomingHttpHeaders): Forwarded {
  const found: Record<string, string> = {};
  for (const pair of headers.forwarded?.split(",", 1)[0]?.split(";") ?? []) {
    const [name, value] = pair.split("=", 2);
    if (name !== undefined && value !== undefined)
      found[name.trim().toLowerCase()] = value.trim().replace(/^"|"$/g, "");
  }
  const client = found.for ?? first(headers["x-forwarded-for"]);
  return {
    client: client === undefined ? undefined : withoutPort(client),
    host: found.host ?? first(headers["x-forwarded-host"]),
    proto: found.proto ?? first(headers["x-forwarded-proto"]),
  };
}

function first(header: string | string[] | undefined): string | undefined {
  const value = (Array.isArray(header) ? header[0] : header)?.split(",", 1)[0]?.trim();
  return value === "" ? undefined : value;
}

function withoutPort(address: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(address);
  if (bracketed?.[1] !== undefined) return bracketed[1];
  // One colon separates a port; more than one is a bare IPv6 address.
  return address.indexOf(":") === address.lastIndexOf(":") ? (address.split(":", 1)[0] ?? address) : address;
}

/** Host and port of an authority, with the scheme's port when it names none. */
export function splitHost(
  authority: string | undefined,
  scheme: string,
): { address: string | undefined; port: number | undefined } {
  if (authority === undefined || authority === "") return { address: undefined, port: undefined };
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority);
  if (match === null) return { address: authority, port: undefined };
  const port = match[2] === undefined ? DEFAULT_PORTS[scheme] : Number(match[2]);
  return { address: match[1], port };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };
