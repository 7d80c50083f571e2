import { createHash, timingSafeEqual } from "node:crypto";
import type { Permission } from "./config.js";

/** Who sent a request. */
export interface Identity {
  /** The token's name; "anonymous" where no tokens are configured. */
  readonly name: string;
  readonly can: ReadonlySet<Permission>;
}

export interface TokenEntry {
  readonly name: string;
  readonly token: string;
  readonly can: readonly Permission[];
}

const ANONYMOUS: Identity = { name: "anonymous", can: new Set<Permission>(["write", "read", "act"]) };

/** Finds out who sends a request from its `Authorization` header. */
export class Authenticator {
  readonly #entries: { digest: Buffer; identity: Identity }[];

  /** @param tokens with none, everyone is "anonymous" and may do everything (the address must then be loopback) */
  constructor(tokens: readonly TokenEntry[]) {
    this.#entries = tokens.map(({ name, token, can }) => ({
      digest: digestOf(token),
      identity: { name, can: new Set(can) },
    }));
  }

  get isOpen(): boolean {
    return this.#entries.length === 0;
  }

  /** @returns undefined when tokens are configured and the header carries none of them */
  identify(authorization: string | undefined): Identity | undefined {
    if (this.isOpen) return ANONYMOUS;
    const token = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return undefined;
    const digest = digestOf(token.trim());
    // Digests have one length and every entry is compared, so the time taken tells nothing about a token.
    let found: Identity | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, digest)) found = entry.identity;
    return found;
  }

  /**
   * Whether the sender may do something.
   *
   * @returns `allowed` with the identity, or the HTTP status to refuse with: 401 unknown sender, 403 known but not allowed
   */
  authorize(
    authorization: string | undefined,
    permission: Permission,
  ): { allowed: true; identity: Identity } | { allowed: false; status: 401 | 403; message: string } {
    const identity = this.identify(authorization);
    if (!identity) {
      return {
        allowed: false,
        status: 401,
        message: "This collector wants a bearer token: send `Authorization: Bearer <token>`.",
      };
    }
    if (identity.can.has(permission)) return { allowed: true, identity };
    return {
      allowed: false,
      status: 403,
      message: `The token "${identity.name}" does not allow "${permission}". Add it to \`auth.tokens[].can\`.`,
    };
  }
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
