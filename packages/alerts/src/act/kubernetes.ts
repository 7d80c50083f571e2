import { readFile } from "node:fs/promises";
import { messageOf } from "@tocsin/model";
import { type Secret, secret } from "@tocsin/model/config";
import { z } from "zod";
import type { ActionCall } from "./action.js";
import { ActionError } from "./errors.js";
import { callJson } from "./http-call.js";
import { fetchTrusting } from "./trusting-fetch.js";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** How an action reaches its cluster. The defaults are those of a pod with a service account. */
export const kubernetesAccess = {
  api_server: z
    .url({ protocol: /^https?$/ })
    .default("https://kubernetes.default.svc")
    .describe("The cluster's API."),
  token: secret().optional().describe("A bearer token; default: token_file."),
  token_file: z
    .string()
    .default(`${ACCOUNT}/token`)
    .describe("Read before every call, since the cluster renews it."),
  ca_file: z.string().default(`${ACCOUNT}/ca.crt`).describe("Whom to trust as the cluster, for https."),
};

/** A name as Kubernetes has them; nothing else can get into a path. */
export const kubernetesName = () =>
  z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "Names are small letters, digits, dots and dashes.");

interface Access {
  readonly api_server: string;
  readonly token?: Secret | undefined;
  readonly token_file: string;
  readonly ca_file: string;
}

/** One object as far as every kind has it. */
export const KubernetesObject = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string() }),
});

/** The verbs that actions need. Writes carry the `resourceVersion` that was read, so that a changed object answers 409. */
export interface KubernetesApi {
  /** The address of a path, for plans. */
  url(path: string): string;
  get<Schema extends z.ZodType>(path: string, schema: Schema, signal: AbortSignal): Promise<z.output<Schema>>;
  /** JSON merge patch (RFC 7386). */
  merge(path: string, body: object, call: ActionCall): Promise<unknown>;
  /** JSON patch (RFC 6902). */
  jsonPatch(path: string, operations: readonly object[], call: ActionCall): Promise<unknown>;
}

/** Where every write leaves its trace: who, as a field manager; which deed, as an annotation. */
export const DEED_ANNOTATION = "tocsin.dev/action";

export function kubernetesApi(access: Access, fetch: typeof globalThis.fetch): KubernetesApi {
  const base = access.api_server.replace(/\/$/, "");
  let trusted: Promise<typeof globalThis.fetch> | undefined;
  const client = (): Promise<typeof globalThis.fetch> => {
    if (base.startsWith("http:")) return Promise.resolve(fetch);
    trusted ??= readText(access.ca_file, "ca_file").then(fetchTrusting);
    trusted.catch(() => {
      trusted = undefined;
    });
    return trusted;
  };
  const authorization = async (): Promise<string> =>
    `Bearer ${access.token ? access.token.reveal() : (await readText(access.token_file, "token_file")).trim()}`;
  const patch = async (path: string, body: unknown, type: string, { signal }: ActionCall): Promise<unknown> =>
    callJson(await client(), {
      method: "PATCH",
      url: `${base}${path}?fieldManager=tocsin`,
      headers: { authorization: await authorization(), "content-type": `application/${type}+json` },
      body,
      signal,
    });
  return {
    url: (path) => `${base}${path}`,
    async get(path, schema, signal) {
      const headers = { authorization: await authorization() };
      const answer = schema.safeParse(
        await callJson(await client(), { method: "GET", url: `${base}${path}`, headers, signal }),
      );
      if (answer.success) return answer.data;
      throw new ActionError(
        "ACTION_ANSWER_INVALID",
        `GET ${base}${path.split("?")[0]} answered something that is not such an object: ${z.prettifyError(answer.error)}.`,
      );
    },
    merge: (path, body, call) => patch(path, body, "merge-patch", call),
    jsonPatch: (path, operations, call) => patch(path, operations, "json-patch", call),
  };
}

async function readText(file: string, field: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ActionError(
      "ACTION_UNREACHABLE",
      `Cannot read ${field} ${file}: ${messageOf(cause)}. Outside a pod, give api_server, token and ca_file.`,
      { cause },
    );
  }
}
