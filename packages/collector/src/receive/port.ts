import { constants } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { type Address, listen } from "../api/listen.js";
import { Refusal } from "./refusal.js";
import { turnAway } from "./turn-away.js";

/** PEM texts. With `ca`, senders must show a certificate that it signed. */
export interface ServerTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly ca?: string | Buffer;
}

/** What the first bytes of a connection are the beginning of. */
export type Protocol = "HTTP/1.1" | "HTTP/2";

export interface PortOptions {
  /** For messages: "OTLP/HTTP". */
  readonly purpose: string;
  readonly speaks: Protocol;
  readonly tls: ServerTls | undefined;
  readonly maxConnections: number;
  readonly maxConnectionsPerSender: number;
  /** What to tell a sender that speaks the other protocol; senders confuse the two ports all the time. */
  readonly wrongPort: () => string;
  /** Takes a connection that speaks what the port speaks; its first bytes are still to be read. */
  readonly serve: (socket: Socket) => void;
  /** Counts a connection that is not served; returns what to tell its sender. */
  readonly refuse: (sender: string, refusal: Refusal) => Refusal;
}

/** A port that looks at a connection before it hands it to a server. */
export interface Port {
  /** Connections at the moment. */
  readonly connections: number;
  /** @returns the port it got @throws {CollectorError} RECEIVE_LISTEN_FAILED */
  listen(address: Address): Promise<number>;
  /** Takes no new connections; resolves when the last one has ended. */
  close(): Promise<void>;
}

/** A connection that says nothing for this long is ended. */
const SILENCE_MS = 30_000;
/** Connections beyond the limit that are told so at once; more are ended without a word. */
const MAX_TURNED_AWAY = 64;

const TLS_HANDSHAKE = 0x16;
/** How every HTTP/2 connection begins. */
const HTTP2_PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Listens, keeps the limits of connections, ends TLS, and finds out what a sender speaks. One that speaks the wrong
 * protocol, without TLS where it is wanted, or under a certificate that is not accepted, is told so in its own
 * protocol: a connection that is only cut off leaves people to guess for hours.
 */
export function createPort(options: PortOptions): Port {
  const { purpose, speaks, tls, maxConnections, maxConnectionsPerSender } = options;
  const bySender = new Map<string, number>();
  const open = new Set<Socket>();
  /** Connections that nobody serves, yet or ever. */
  const unserved = new Set<Socket>();
  let turnedAway = 0;
  // An HTTP/1.1 client may end its side before it is answered; under TLS that end is TLS's own.
  const allowHalfOpen = speaks === "HTTP/1.1" && tls === undefined;
  const server: Server = createServer({ allowHalfOpen, noDelay: true }, accept);
  // Which of two servers gets a connection is decided by what is said on it, so neither of them listens.
  const tlsServer =
    tls &&
    createTlsServer({
      ...tls,
      ALPNProtocols: speaks === "HTTP/1.1" ? ["http/1.1", "h2"] : ["h2", "http/1.1"],
      requestCert: tls.ca !== undefined,
      // Who is not authorized never reaches a server; it is told why, which a failed handshake would not do.
      rejectUnauthorized: false,
      // Nor can it get in later by taking up a session that was refused: there are none to take up.
      secureOptions: tls.ca === undefined ? 0 : constants.SSL_OP_NO_TICKET,
    })
      .on("secureConnection", (socket) =>
        examine(socket, tls.ca === undefined ? undefined : certificateFault(socket)),
      )
      .on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
        socket.destroy();
        if (error.code === "ECONNRESET" || error.code === "EPIPE") return;
        options.refuse(senderOf(socket), new Refusal("tls", `The TLS handshake failed: ${error.message}.`));
      });
  let closing: Promise<void> | undefined;

  return {
    get connections() {
      return open.size;
    },
    listen: (address) => listen(server, address, purpose),
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of unserved) socket.destroy();
      });
      return closing;
    },
  };

  function accept(socket: Socket): void {
    const sender = senderOf(socket);
    const fault = overLimit(sender);
    if (fault) {
      reject(socket, sender, fault);
      return;
    }
    open.add(socket);
    bySender.set(sender, (bySender.get(sender) ?? 0) + 1);
    socket.once("close", () => {
      open.delete(socket);
      const rest = (bySender.get(sender) ?? 1) - 1;
      if (rest > 0) bySender.set(sender, rest);
      else bySender.delete(sender);
    });
    peek(socket, 1, (head) => {
      const isHandshake = head[0] === TLS_HANDSHAKE;
      if (tlsServer && isHandshake) tlsServer.emit("connection", socket);
      else if (isHandshake) {
        options.refuse(sender, new Refusal("tls", `This ${purpose} port speaks no TLS: write http://.`));
        socket.destroy();
      } else if (tlsServer) {
        const message = `This ${purpose} port wants TLS: write https://.`;
        examine(socket, new Refusal("tls", message));
      } else examine(socket, undefined);
    });
  }

  function overLimit(sender: string): Refusal | undefined {
    if (open.size >= maxConnections) {
      const message = `There are ${open.size} connections, which is the limit. Send again later, or raise limits.max_connections.`;
      return new Refusal("connections", message);
    }
    const ofSender = bySender.get(sender) ?? 0;
    if (ofSender < maxConnectionsPerSender) return undefined;
    const message = `You have ${ofSender} connections, which is the limit for one address. Keep connections, or raise limits.max_connections_per_sender.`;
    return new Refusal("sender_connections", message);
  }

  /** One connection too many: it is told so while there are few of them, and costs next to nothing otherwise. */
  function reject(socket: Socket, sender: string, refusal: Refusal): void {
    if (tls || turnedAway >= MAX_TURNED_AWAY) {
      options.refuse(sender, refusal);
      socket.destroy();
      return;
    }
    turnedAway++;
    socket.once("close", () => turnedAway--);
    examine(socket, refusal);
  }

  /** Finds out what is spoken, once it can be read. */
  function examine(socket: Socket, fault: Refusal | undefined): void {
    // "PUT" and "POST" begin like HTTP/2 does.
    peek(socket, 3, (head) => {
      const protocol: Protocol = head.subarray(0, 3).equals(HTTP2_PREFACE.subarray(0, 3))
        ? "HTTP/2"
        : "HTTP/1.1";
      const refusal =
        fault ?? (protocol === speaks ? undefined : new Refusal("wrong_port", options.wrongPort()));
      if (!refusal) {
        options.serve(socket);
        return;
      }
      const sender = senderOf(socket);
      unserved.add(socket);
      socket.once("close", () => unserved.delete(socket));
      turnAway(socket, protocol, head, () => options.refuse(sender, refusal));
    });
  }

  /** Waits for at least `bytes` to come in and leaves them to be read. */
  function peek(socket: Socket, bytes: number, onHead: (head: Buffer) => void): void {
    let head = Buffer.alloc(0);
    unserved.add(socket);
    socket.on("error", () => {
      // The sender broke off. Who serves the connection hears of it as well.
    });
    const forget = (): void => {
      unserved.delete(socket);
      socket
        .removeListener("readable", onReadable)
        .removeListener("end", onGone)
        .removeListener("close", forget);
      socket.setTimeout(0).removeListener("timeout", onGone);
    };
    const onGone = (): void => {
      forget();
      socket.destroy();
    };
    const onReadable = (): void => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
        head = Buffer.concat([head, chunk]);
      if (head.length < bytes) return;
      forget();
      socket.unshift(head);
      onHead(head);
    };
    socket.setTimeout(SILENCE_MS).on("timeout", onGone);
    socket.on("readable", onReadable).on("end", onGone).on("close", forget);
  }
}

/** Why a sender's certificate is not accepted, on a port that asks for one. */
function certificateFault(socket: TLSSocket): Refusal | undefined {
  const isShown = Object.keys(socket.getPeerCertificate()).length > 0;
  // A session that is taken up again counts as authorized, also when no certificate was shown at its beginning.
  if (socket.authorized && isShown) return undefined;
  return new Refusal(
    "certificate",
    isShown
      ? `Your certificate is not accepted (${String(socket.authorizationError)}). It must be signed by the authority in tls.client_ca_file.`
      : "This port asks for a client certificate, and you showed none. It must be signed by the authority in tls.client_ca_file.",
  );
}

function senderOf(socket: Socket): string {
  return socket.remoteAddress?.replace(/^::ffff:/, "") ?? "unknown";
}
