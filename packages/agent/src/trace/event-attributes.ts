import type { Attributes, AttributeValue, Exception } from "@opentelemetry/api";
import { sanitizeAttributes } from "@opentelemetry/core";
import { truncated } from "../otlp/attributes.js";

/** The attributes of an event or a link that may be there, as many of them as fit, and how many do not. */
export function fitting(
  attributes: Attributes,
  count: number,
  length: number,
): { attributes: Attributes; droppedAttributesCount: number } {
  const entries = Object.entries(sanitizeAttributes(attributes));
  const kept = entries.slice(0, count);
  return {
    attributes: Object.fromEntries(
      kept.map(([key, value]) => [key, truncated(value, length) as AttributeValue]),
    ),
    droppedAttributesCount: entries.length - kept.length,
  };
}

/** The attributes that semantic conventions give an exception event. */
export function exceptionAttributes(exception: Exception): Attributes {
  if (typeof exception === "string") return { "exception.message": exception };
  const attributes: Attributes = {};
  const type = exception.code === undefined ? exception.name : String(exception.code);
  if (type !== undefined) attributes["exception.type"] = type;
  if (exception.message !== undefined) attributes["exception.message"] = exception.message;
  if (exception.stack !== undefined) attributes["exception.stacktrace"] = exception.stack;
  return attributes;
}
