import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "@tocsin/model/testing";
import { expect, test } from "vitest";
import { closing, deps, never, type Reply, T0, target } from "../../test/notifier-kit.js";
import { AwsCredentialSource } from "./credentials.js";

const clock = new ManualClock(T0);
const isoIn = (ms: number) => new Date(T0 + ms).toISOString();

async function files(contents: Readonly<Record<string, string>>) {
  const dir = await mkdtemp(join(tmpdir(), "tocsin-aws-"));
  closing.push(() => rm(dir, { recursive: true }));
  await Promise.all(Object.entries(contents).map(([name, text]) => writeFile(join(dir, name), text)));
  return dir;
}

function source(env: Record<string, string>, settings = {}) {
  const away = { AWS_SHARED_CREDENTIALS_FILE: "/nowhere", AWS_EC2_METADATA_DISABLED: "true" };
  return new AwsCredentialSource({ region: "eu-west-1", ...settings }, deps.http, clock, { ...away, ...env });
}

const stsAnswer = (key: string, endsIn = 3_600_000): Reply => ({
  status: 200,
  body: `<R><Credentials><AccessKeyId>${key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${isoIn(endsIn)}</Expiration></Credentials></R>`,
});

test("the config comes before the environment, which comes before the file", async () => {
  const dir = await files({
    credentials:
      "[default]\naws_access_key_id = F\naws_secret_access_key = f\n\n[ops]\naws_access_key_id=O\naws_secret_access_key=o\n",
  });
  const file = { AWS_SHARED_CREDENTIALS_FILE: join(dir, "credentials") };
  const env = { ...file, AWS_ACCESS_KEY_ID: "E", AWS_SECRET_ACCESS_KEY: "e" };
  const keys = { accessKeyId: "C", secretAccessKey: "c" };
  expect((await source(env, { keys }).get(never)).accessKeyId).toBe("C");
  expect((await source(env).get(never)).accessKeyId).toBe("E");
  expect((await source(file).get(never)).accessKeyId).toBe("F");
  expect((await source(env, { profile: "ops" }).get(never)).accessKeyId).toBe("O");
  await expect(source(env, { profile: "gone" }).get(never)).rejects.toThrow('has no profile "gone"');
});

test("a web identity is exchanged for keys, which are used until shortly before their end", async () => {
  const dir = await files({ token: "jwt\n" });
  const { url, seen } = await target([stsAnswer("W", 600_000), stsAnswer("X", 3_600_000)]);
  const own = source({
    AWS_WEB_IDENTITY_TOKEN_FILE: join(dir, "token"),
    AWS_ROLE_ARN: "arn:aws:iam::1:role/r",
    AWS_ENDPOINT_URL_STS: url,
  });
  expect(await own.get(never)).toMatchObject({ accessKeyId: "W", sessionToken: "t" });
  expect((await own.get(never)).accessKeyId).toBe("W");
  await clock.advance(301_000);
  expect((await own.get(never)).accessKeyId).toBe("X");
  expect(seen).toHaveLength(2);
  expect(Object.fromEntries(new URLSearchParams(seen[0]!.body))).toMatchObject({
    Action: "AssumeRoleWithWebIdentity",
    WebIdentityToken: "jwt",
  });
  expect(seen[0]!.headers.authorization).toBeUndefined();
});

test("a role is taken on with the keys that were found; a refusal says why", async () => {
  const { url, seen } = await target([
    stsAnswer("R"),
    { status: 403, body: "<E><Code>AccessDenied</Code><Message>not you</Message></E>" },
  ]);
  const env = { AWS_ACCESS_KEY_ID: "E", AWS_SECRET_ACCESS_KEY: "e", AWS_ENDPOINT_URL_STS: url };
  const roleArn = "arn:aws:iam::1:role/notify";
  expect((await source(env, { roleArn }).get(never)).accessKeyId).toBe("R");
  expect(seen[0]!.headers.authorization).toContain("Credential=E/");
  await expect(source(env, { roleArn }).get(never)).rejects.toMatchObject({
    retryable: true,
    message: expect.stringContaining("AccessDenied: not you"),
  });
});

const metadata = JSON.stringify({
  AccessKeyId: "M",
  SecretAccessKey: "m",
  Token: "t",
  Expiration: isoIn(3_600_000),
});

test("a container's and a machine's keys come from their metadata service", async () => {
  const container = await target([{ status: 200, body: metadata }]);
  const own = source({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/keys`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: "secret",
  });
  expect((await own.get(never)).accessKeyId).toBe("M");
  expect(container.seen[0]).toMatchObject({ path: "/keys", headers: { authorization: "secret" } });

  const machine = await target([
    { status: 200, body: "session" },
    { status: 200, body: "web-role\n" },
    { status: 200, body: metadata },
  ]);
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: machine.url, AWS_EC2_METADATA_DISABLED: "false" };
  expect((await source(env).get(never)).accessKeyId).toBe("M");
  expect(machine.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "PUT /latest/api/token",
    "GET /latest/meta-data/iam/security-credentials/",
    "GET /latest/meta-data/iam/security-credentials/web-role",
  ]);
  expect(machine.seen[2]!.headers["x-aws-ec2-metadata-token"]).toBe("session");
});

test("where there are no keys at all, the error says what to set", async () => {
  await expect(source({}).get(never)).rejects.toThrow(
    "Set sigv4.access_key and secret_key, AWS_ACCESS_KEY_ID",
  );
});
