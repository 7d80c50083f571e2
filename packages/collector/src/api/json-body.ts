import type { Request } from "express";
import type { z } from "zod";

/** What was sent is not what is wanted; answered with 400 and these words. */
export class BadRequest extends Error {}

/** The JSON body of a request that express.json() has read. @throws {BadRequest} it is not JSON, or not of this form */
export function jsonBody<Schema extends z.ZodType>(schema: Schema, request: Request): z.output<Schema> {
  if (!request.is("application/json")) {
    throw new BadRequest("Send a JSON body with content-type application/json.");
  }
  const parsed = schema.safeParse(request.body);
  if (parsed.success) return parsed.data;
  throw new BadRequest(
    parsed.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; "),
  );
}
