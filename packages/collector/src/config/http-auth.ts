import { readFile } from "node:fs/promises";
import { type Mask, maskOf, type Secret } from "@tocsin/model/config";

/** How Prometheus's configuration says what lets a request in. */
export interface HttpAuthConfig {
  readonly basic_auth?:
    | { readonly username: string; readonly password?: Secret; readonly password_file?: string }
    | undefined;
  readonly authorization?:
    | { readonly type: string; readonly credentials?: Secret; readonly credentials_file?: string }
    | undefined;
  readonly bearer_token?: Secret | undefined;
  readonly bearer_token_file?: string | undefined;
}

/** What lets a request in, and a mask of it: some servers say in their errors what they were sent. */
export interface HttpAuth {
  readonly headers: Readonly<Record<string, string>>;
  /** Hides all that is secret in the config. */
  readonly mask: Mask;
}

/** Reads the files that are named, so that a changed secret is used from the next request on. */
export async function httpAuth(config: HttpAuthConfig): Promise<HttpAuth> {
  const { basic_auth, bearer_token, bearer_token_file } = config;
  if (basic_auth !== undefined) {
    const password = basic_auth.password?.reveal() ?? (await fileText(basic_auth.password_file));
    const pair = Buffer.from(`${basic_auth.username}:${password}`).toString("base64");
    return { headers: { authorization: `Basic ${pair}` }, mask: maskLate(config, [password, pair]) };
  }
  const type = config.authorization?.type ?? "Bearer";
  const credentials =
    (config.authorization?.credentials ?? bearer_token)?.reveal() ??
    (await fileText(config.authorization?.credentials_file ?? bearer_token_file));
  const headers = credentials === "" ? undefined : { authorization: `${type} ${credentials}` };
  return { headers: { ...headers }, mask: maskLate(config, [credentials]) };
}

/** An address as `fetch` takes it: what stands before its host, which `fetch` refuses, is a header. */
export function splitCredentials(address: string): Pick<HttpAuth, "headers"> & { readonly url: string } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === "") return { url: address, headers: {} };
  url.username = "";
  url.password = "";
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url: url.href, headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } };
}

/** Headers as they are sent. */
export function revealHeaders(headers: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()]));
}

/** Most requests go well, and need no mask. */
function maskLate(config: HttpAuthConfig, more: readonly string[]): Mask {
  return (text) => maskOf(config, more)(text);
}

async function fileText(file: string | undefined): Promise<string> {
  return file === undefined ? "" : (await readFile(file, "utf8")).trim();
}
