import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Clock, messageOf, type UnixMs } from "@tocsin/model";
import { AlertsError } from "../errors.js";
import { createAddressGuard } from "../http/address-guard.js";
import { createHttpClient, type HttpClient, type HttpRequest } from "../http/client.js";
import { type AwsCredentials, signAws } from "./signature.js";

export interface AwsCredentialSettings {
  readonly region: string;
  /** Keys of the config; everything else is looked up. */
  readonly keys?: AwsCredentials | undefined;
  /** Profile of the shared credentials file. Default `AWS_PROFILE`, then `default`. */
  readonly profile?: string | undefined;
  /** Role to take on with whatever was found. */
  readonly roleArn?: string | undefined;
}

interface Found extends AwsCredentials {
  /** Undefined for keys that have no end. */
  readonly endsAtMs?: UnixMs;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Temporary keys are replaced so long before they end. */
const EARLY_MS = 300_000;

/** The addresses at which AWS gives its containers and machines their keys. */
const METADATA_ADDRESSES = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::/32"];

/**
 * Where AWS's own programs look for keys, in their order: the config, the environment, a web identity (EKS), the shared
 * credentials file, the container's and the machine's metadata service; then the role, if one is named.
 */
export class AwsCredentialSource {
  readonly #settings: AwsCredentialSettings;
  readonly #http: HttpClient;
  readonly #metadata = createHttpClient(createAddressGuard({ allowPrivateTargets: METADATA_ADDRESSES }));
  readonly #clock: Clock;
  readonly #env: Env;
  #known: Found | undefined;

  constructor(settings: AwsCredentialSettings, http: HttpClient, clock: Clock, env: Env) {
    this.#settings = settings;
    this.#http = http;
    this.#clock = clock;
    this.#env = env;
  }

  /** @throws {AlertsError} ALERTS_NOTIFY_REJECTED (retryable): keys come and go with roles and files */
  async get(signal: AbortSignal): Promise<AwsCredentials> {
    const known = this.#known;
    if (known && (known.endsAtMs ?? Number.POSITIVE_INFINITY) - EARLY_MS > this.#clock.now()) return known;
    const found = await this.#find(signal);
    const { roleArn } = this.#settings;
    this.#known = roleArn === undefined ? found : await this.#assume(roleArn, found, signal);
    return this.#known;
  }

  async #find(signal: AbortSignal): Promise<Found> {
    const { keys, profile } = this.#settings;
    if (keys) return keys;
    const env = this.#env;
    if (profile === undefined && env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY) {
      return {
        accessKeyId: env.AWS_ACCESS_KEY_ID,
        secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
        sessionToken: env.AWS_SESSION_TOKEN,
      };
    }
    if (profile === undefined && env.AWS_WEB_IDENTITY_TOKEN_FILE && env.AWS_ROLE_ARN)
      return this.#byWebIdentity(env.AWS_WEB_IDENTITY_TOKEN_FILE, env.AWS_ROLE_ARN, signal);
    const shared = await this.#fromFile();
    if (shared) return shared;
    if (profile !== undefined) throw noKeys(`the shared credentials file has no profile "${profile}"`);
    return (await this.#fromContainer(signal)) ?? (await this.#fromMachine(signal));
  }

  async #fromFile(): Promise<Found | undefined> {
    const file = this.#env.AWS_SHARED_CREDENTIALS_FILE ?? join(homedir(), ".aws", "credentials");
    const text = await readFile(file, "utf8").catch(() => "");
    const profile = parseProfiles(text).get(this.#settings.profile ?? this.#env.AWS_PROFILE ?? "default");
    const accessKeyId = profile?.get("aws_access_key_id");
    const secretAccessKey = profile?.get("aws_secret_access_key");
    if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
    return { accessKeyId, secretAccessKey, sessionToken: profile?.get("aws_session_token") };
  }

  async #fromContainer(signal: AbortSignal): Promise<Found | undefined> {
    const env = this.#env;
    const relative = env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
    const url = relative ? `http://169.254.170.2${relative}` : env.AWS_CONTAINER_CREDENTIALS_FULL_URI;
    if (!url) return undefined;
    const tokenFile = env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
    const authorization = tokenFile
      ? (await readFile(tokenFile, "utf8")).trim()
      : env.AWS_CONTAINER_AUTHORIZATION_TOKEN;
    return this.#fromMetadata({ url, signal, ...(authorization ? { headers: { authorization } } : {}) });
  }

  async #fromMachine(signal: AbortSignal): Promise<Found> {
    const isOff = this.#env.AWS_EC2_METADATA_DISABLED === "true";
    if (isOff) throw noKeys("there is no other place to look, and the machine's metadata is turned off");
    const base = `${this.#env.AWS_EC2_METADATA_SERVICE_ENDPOINT ?? "http://169.254.169.254"}/latest`;
    const limits = { signal, timeoutMs: 2_000 };
    const token = await this.#metadata
      .request({
        ...limits,
        url: `${base}/api/token`,
        method: "PUT",
        headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" },
      })
      .catch((error: unknown) => {
        throw noKeys(`the machine has no metadata service: ${messageOf(error)}`);
      });
    const headers = { "x-aws-ec2-metadata-token": token.body };
    const path = `${base}/meta-data/iam/security-credentials/`;
    const role = await this.#metadata.request({ ...limits, url: path, headers });
    if (role.status !== 200) throw noKeys("the machine has no role");
    return this.#fromMetadata({ ...limits, url: `${path}${role.body.trim().split("\n")[0]}`, headers });
  }

  async #fromMetadata(request: HttpRequest): Promise<Found> {
    const { status, body } = await this.#metadata.request(request);
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = jsonOf(body);
    if (status !== 200 || typeof AccessKeyId !== "string" || typeof SecretAccessKey !== "string")
      throw noKeys(`the metadata service at ${new URL(request.url).host} answered ${status}`);
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: typeof Token === "string" ? Token : undefined,
      endsAtMs: Date.parse(String(Expiration)) || this.#clock.now() + EARLY_MS,
    };
  }

  async #byWebIdentity(file: string, roleArn: string, signal: AbortSignal): Promise<Found> {
    const token = await readFile(file, "utf8").catch((error: unknown) => {
      throw noKeys(`the web identity's file ${file} could not be read: ${messageOf(error)}`);
    });
    return this.#sts(
      { Action: "AssumeRoleWithWebIdentity", RoleArn: roleArn, WebIdentityToken: token.trim() },
      undefined,
      signal,
    );
  }

  #assume(roleArn: string, keys: AwsCredentials, signal: AbortSignal): Promise<Found> {
    return this.#sts({ Action: "AssumeRole", RoleArn: roleArn }, keys, signal);
  }

  async #sts(
    parameters: Readonly<Record<string, string>>,
    keys: AwsCredentials | undefined,
    signal: AbortSignal,
  ): Promise<Found> {
    const { region } = this.#settings;
    const url = new URL(this.#env.AWS_ENDPOINT_URL_STS ?? `https://sts.${region}.amazonaws.com/`).href;
    const body = new URLSearchParams({
      ...parameters,
      RoleSessionName: this.#env.AWS_ROLE_SESSION_NAME ?? "tocsin",
      Version: "2011-06-15",
    }).toString();
    const plain = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    const scope = { region, service: "sts" };
    const headers = keys
      ? signAws({ url, method: "POST", body, headers: plain }, keys, scope, this.#clock.now())
      : plain;
    const response = await this.#http.request({ url, headers, body, signal });
    const of = (element: string): string | undefined =>
      new RegExp(`<${element}>([^<]*)</${element}>`).exec(response.body)?.[1];
    const [accessKeyId, secretAccessKey] = [of("AccessKeyId"), of("SecretAccessKey")];
    if (response.status !== 200 || accessKeyId === undefined || secretAccessKey === undefined) {
      const why = [of("Code"), of("Message")].filter((each) => each !== undefined).join(": ");
      throw noKeys(
        `${new URL(url).host} answered ${response.status} for the role ${parameters.RoleArn}: ${why}`,
      );
    }
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken: of("SessionToken"),
      endsAtMs: Date.parse(of("Expiration") ?? "") || this.#clock.now() + EARLY_MS,
    };
  }
}

function noKeys(why: string): AlertsError {
  return new AlertsError(
    "ALERTS_NOTIFY_REJECTED",
    `No AWS keys: ${why}. Set sigv4.access_key and secret_key, AWS_ACCESS_KEY_ID, a profile or a role.`,
    { retryable: true },
  );
}

/** AWS's INI: `[profile]`, then `name = value`. */
function parseProfiles(text: string): Map<string, Map<string, string>> {
  const profiles = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(line)?.[1];
    if (section !== undefined) {
      current = new Map();
      profiles.set(section, current);
      continue;
    }
    const [, name, value] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) current.set(name, value);
  }
  return profiles;
}

function jsonOf(body: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
