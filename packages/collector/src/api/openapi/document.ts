import { z } from "zod";
import { VERSION } from "../../version.js";
import type { Operation } from "./operations.js";
import { Fault } from "./shapes.js";

/**
 * Tocsin's own API in OpenAPI 3.1.
 *
 * @see OpenAPI Specification 3.1, whose schemas are JSON Schema 2020-12.
 */
export function openApiDocument(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tocsin",
      version: VERSION,
      description:
        "Ratios are 0–1, instants ISO 8601. Objects may gain keys; those described here stay. Prometheus's API is under /prometheus, Alertmanager's under /alertmanager, Jaeger's under /jaeger.",
    },
    servers: [{ url: "/api/v1" }],
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    paths,
  };
}

function describe({
  path,
  summary,
  query = {},
  body,
  answer,
  status = 200,
  type = "application/json",
}: Operation) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query).map(([name, description]) => ({
    name,
    in: "query",
    ...(description === "" ? {} : { description }),
    schema: { type: "string" },
  }));
  const content = (schema: z.ZodType, mediaType = "application/json") => ({
    [mediaType]: { schema: jsonSchema(schema) },
  });
  return {
    summary,
    ...(inPath.length + inQuery.length > 0 && { parameters: [...inPath, ...inQuery] }),
    ...(body && { requestBody: { content: content(body) } }),
    responses: {
      [status]: { description: summary, content: content(answer, type) },
      default: { description: "What went wrong, and what to do", content: content(Fault) },
    },
  };
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { unrepresentable: "any" });
  return rest;
}
