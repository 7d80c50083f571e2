import type { SeenRequest, TargetAnswer } from "./test-target.js";

type Json = { [key: string]: unknown };

/**
 * As much of the Kubernetes API as actions use: objects by path, merge patch and JSON patch, and the rule that a
 * write with another `resourceVersion` than the object's is answered 409.
 */
export class KubernetesObjects {
  readonly objects: Map<string, Json>;
  #version = 100;

  /** @param objects by path; `metadata.resourceVersion` is set here */
  constructor(objects: Readonly<Record<string, Json>>) {
    this.objects = new Map();
    for (const [path, object] of Object.entries(objects)) this.put(path, object);
  }

  /** Changes an object as someone else would. */
  put(path: string, object: Json): void {
    this.#version += 1;
    const metadata = { ...(object.metadata as Json | undefined), resourceVersion: String(this.#version) };
    this.objects.set(path, { ...object, metadata });
  }

  get(path: string): Json {
    return this.objects.get(path) ?? {};
  }

  /** Answers one request. */
  readonly answer = ({ method, path: target, headers, body }: SeenRequest): TargetAnswer => {
    if (headers.authorization !== "Bearer s3cret") return { status: 401, body: { message: "Unauthorized" } };
    const [path = "", query = ""] = target.split("?");
    const key = path.endsWith("/status") ? path.slice(0, -"/status".length) : path;
    if (method === "GET") {
      const object = this.objects.get(key);
      if (object) return { status: 200, body: object };
      const items = [...this.objects].filter(([name]) => name.startsWith(`${path}/`)).map(([, item]) => item);
      return query.startsWith("labelSelector=")
        ? { status: 200, body: { items } }
        : { status: 404, body: {} };
    }
    const object = this.objects.get(key);
    if (method !== "PATCH" || !object) return { status: 404, body: {} };
    const patched =
      headers["content-type"] === "application/json-patch+json"
        ? (body as { path: string; value: unknown }[]).reduce(setAt, structuredClone(object))
        : merge(object, body as Json);
    const wanted = (patched.metadata as Json).resourceVersion;
    if (wanted !== (object.metadata as Json).resourceVersion)
      return { status: 409, body: { message: "Conflict" } };
    this.put(key, patched);
    return { status: 200, body: this.get(key) };
  };
}

function merge(into: Json, patch: Json): Json {
  const result = { ...into };
  for (const [key, value] of Object.entries(patch)) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    result[key] = isObject ? merge((result[key] ?? {}) as Json, value as Json) : value;
  }
  return result;
}

/** `add` and `replace` of members, which is what is used. */
function setAt(object: Json, { path, value }: { path: string; value: unknown }): Json {
  const keys = path
    .slice(1)
    .split("/")
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = keys.pop() ?? "";
  const parent = keys.reduce((at, key) => at[key] as Json, object);
  parent[last] = value;
  return object;
}
