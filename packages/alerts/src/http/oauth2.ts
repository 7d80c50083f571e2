import type { Clock, UnixMs } from "@tocsin/model";
import type { OAuth2Config } from "../config/http-config.js";
import { AlertsError } from "../errors.js";
import type { HttpClient } from "./client.js";

/** A token is renewed so long before it ends. */
const EARLY_MS = 10_000;
/** How long a token is used whose end the server does not tell. */
const DEFAULT_LIFE_MS = 3_600_000;

/** Bearer tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4), each used until shortly before its end. */
export class OAuth2Tokens {
  readonly #config: OAuth2Config;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #secret: () => Promise<string>;
  #token: { readonly text: string; readonly endsAtMs: UnixMs } | undefined;

  /**
   * @param http with the proxy and TLS of the token's server
   * @param secret the client's secret, read at every use
   */
  constructor(config: OAuth2Config, http: HttpClient, clock: Clock, secret: () => Promise<string>) {
    this.#config = config;
    this.#http = http;
    this.#clock = clock;
    this.#secret = secret;
  }

  /**
   * The value of an `Authorization` header.
   *
   * @throws {AlertsError} ALERTS_NOTIFY_UNREACHABLE (retryable) or ALERTS_NOTIFY_REJECTED
   */
  async authorization(signal: AbortSignal | undefined): Promise<string> {
    const now = this.#clock.now();
    if (!this.#token || this.#token.endsAtMs <= now) this.#token = await this.#ask(now, signal);
    return `Bearer ${this.#token.text}`;
  }

  /** Called when the token was refused although its time had not come. */
  forget(): void {
    this.#token = undefined;
  }

  async #ask(now: UnixMs, signal: AbortSignal | undefined) {
    const { client_id, scopes, endpoint_params, token_url } = this.#config;
    const secret = await this.#secret();
    const form = {
      ...endpoint_params,
      grant_type: "client_credentials",
      ...(scopes.length > 0 ? { scope: scopes.join(" ") } : {}),
    };
    const send = (headers: Record<string, string>, more: Record<string, string>) =>
      this.#http.request({
        url: token_url,
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
        body: new URLSearchParams({ ...form, ...more }).toString(),
        ...(signal ? { signal } : {}),
      });
    const pair = `${encodeURIComponent(client_id)}:${encodeURIComponent(secret)}`;
    let answer = await send({ authorization: `Basic ${Buffer.from(pair).toString("base64")}` }, {});
    // Some servers take the client's name and secret in the body only.
    if (answer.status === 400 || answer.status === 401)
      answer = await send({}, { client_id, client_secret: secret });
    const { host } = new URL(token_url);
    if (answer.status < 200 || answer.status >= 300) {
      const mayPass = answer.status >= 500 || answer.status === 429;
      throw new AlertsError(
        mayPass ? "ALERTS_NOTIFY_UNREACHABLE" : "ALERTS_NOTIFY_REJECTED",
        `${host} answered ${answer.status} to the request for an OAuth 2.0 token. ${mayPass ? "It will be tried again." : "Check oauth2.client_id, its secret, scopes and token_url."}`,
        { retryable: mayPass },
      );
    }
    const { access_token, expires_in } = fieldsOf(answer.body);
    if (typeof access_token !== "string" || access_token === "") {
      throw new AlertsError(
        "ALERTS_NOTIFY_REJECTED",
        `${host} answered without an access_token. Check oauth2.token_url.`,
      );
    }
    const seconds = Number(expires_in);
    const lifeMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : DEFAULT_LIFE_MS;
    return { text: access_token, endsAtMs: now + Math.max(0, lifeMs - EARLY_MS) };
  }
}

function fieldsOf(body: string): { access_token?: unknown; expires_in?: unknown } {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
