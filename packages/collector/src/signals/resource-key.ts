import type { OtlpResource } from "../otlp/index.js";

const keys = new WeakMap<OtlpResource, string>();

/**
 * Names the process that sent something: `service.instance.id` where there is one, else all attributes of the
 * resource, in which two replicas differ by host, pod or process id.
 */
export function instanceKey(resource: OtlpResource): string {
  const known = keys.get(resource);
  if (known !== undefined) return known;
  const key =
    resource.serviceInstanceId !== ""
      ? `${resource.serviceNamespace}/${resource.serviceName}/${resource.serviceInstanceId}`
      : resource.attributes
          .map(({ key, value }) => `${key}=${JSON.stringify(value, bigintAsText)}`)
          .sort()
          .join(",");
  keys.set(resource, key);
  return key;
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
