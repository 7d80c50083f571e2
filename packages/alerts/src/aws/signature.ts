import { createHash, createHmac } from "node:crypto";

/** A request to an AWS query API, before it is signed. */
export interface AwsRequest {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/**
 * The headers of a signed request.
 *
 * @param atMs when it is sent; AWS takes it for five minutes
 * @see AWS, "Signature Version 4 signing process".
 */
export function signAws(
  request: AwsRequest,
  credentials: AwsCredentials,
  scope: { readonly region: string; readonly service: string },
  atMs: number,
): Record<string, string> {
  const date = new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = date.slice(0, 8);
  const url = new URL(request.url);
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    "x-amz-date": date,
    ...(credentials.sessionToken === undefined ? {} : { "x-amz-security-token": credentials.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signedHeaders = names.join(";");
  const query = [...url.searchParams].map(([k, v]) => `${encode(k)}=${encode(v)}`).sort();
  const canonical = [
    request.method,
    url.pathname,
    query.join("&"),
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    sha256(request.body),
  ].join("\n");
  const credentialScope = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", date, credentialScope, sha256(canonical)].join("\n");
  const key = [day, scope.region, scope.service, "aws4_request"].reduce<string | Buffer>(
    (secret, part) => hmac(secret, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = hmac(key, toSign).toString("hex");
  // `host` is set by whoever connects.
  const { host: _host, ...sent } = headers;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${credentialScope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  };
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
