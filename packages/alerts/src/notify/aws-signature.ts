import { createHash, createHmac } from "node:crypto";

/** Whose signature, and for what. */
export interface AwsScope {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string | undefined;
  readonly region: string;
  readonly service: string;
}

/**
 * The headers that sign a POST request for AWS.
 *
 * @param headers header names in lower case; `host` is added
 * @see AWS, "Signature Version 4 signing process".
 */
export function signAwsRequest(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  scope: AwsScope,
  nowMs: number,
): Record<string, string> {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = stamp.slice(0, 8);
  const signed: Record<string, string> = {
    ...headers,
    host: url.host,
    "x-amz-date": stamp,
    ...(scope.sessionToken ? { "x-amz-security-token": scope.sessionToken } : {}),
  };
  const names = Object.keys(signed).sort();
  const canonical = [
    "POST",
    url.pathname === "" ? "/" : url.pathname,
    "",
    ...names.map((name) => `${name}:${(signed[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    sha256(body),
  ].join("\n");
  const credential = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", stamp, credential, sha256(canonical)].join("\n");
  const key = [day, scope.region, scope.service, "aws4_request"].reduce<Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    Buffer.from(`AWS4${scope.secretKey}`),
  );
  const signature = createHmac("sha256", key).update(text).digest("hex");
  const { host: _, ...sent } = signed;
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${scope.accessKey}/${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
