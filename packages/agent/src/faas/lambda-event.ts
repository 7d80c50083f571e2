import {
  type Attributes,
  type Context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
} from "@opentelemetry/api";

/** What an event says of where an invocation comes from. */
export interface Trigger {
  readonly parent: Context;
  /** The traces of a batch's messages, each of which has its own. */
  readonly links: Link[];
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/** Reads API Gateway's, load balancers' and function URLs' requests, and batches of SQS and SNS. */
export function triggerOf(event: unknown): Trigger {
  const { headers, multiValueHeaders, Records: records, source } = (event ?? {}) as LambdaEvent;
  if (isObject(headers) || isObject(multiValueHeaders))
    return {
      parent: propagation.extract(ROOT_CONTEXT, inLowerCase(Object.assign({}, multiValueHeaders, headers))),
      links: [],
      kind: SpanKind.SERVER,
      attributes: { "faas.trigger": "http" },
    };
  const messages = Array.isArray(records) ? records.map(attributesOfMessage).filter(isObject) : [];
  if (messages.length > 0)
    return {
      parent: ROOT_CONTEXT,
      links: messages.flatMap((message) => linkOf(message)),
      kind: SpanKind.CONSUMER,
      attributes: { "faas.trigger": "pubsub", "messaging.batch.message_count": messages.length },
    };
  return {
    parent: ROOT_CONTEXT,
    links: [],
    kind: SpanKind.SERVER,
    attributes: { "faas.trigger": source === "aws.events" ? "timer" : "other" },
  };
}

interface LambdaEvent {
  readonly headers?: unknown;
  readonly multiValueHeaders?: unknown;
  readonly Records?: unknown;
  readonly source?: unknown;
}

type Values = Record<string, unknown>;

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null;
}

/** Headers come in any case, and as lists from load balancers. */
function inLowerCase(headers: Values): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([key, value]) => [key.toLowerCase(), [value].flat().map(String).join(",")]),
  );
}

function attributesOfMessage(record: unknown): unknown {
  const { messageAttributes, Sns: sns } = (record ?? {}) as { messageAttributes?: unknown; Sns?: unknown };
  return messageAttributes ?? (isObject(sns) ? (sns.MessageAttributes ?? {}) : undefined);
}

function linkOf(message: Values): Link[] {
  const texts = Object.entries(message).flatMap(([key, value]) => {
    const text = isObject(value) ? (value.stringValue ?? value.Value) : undefined;
    return typeof text === "string" ? [[key.toLowerCase(), text]] : [];
  });
  const context = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, Object.fromEntries(texts)));
  return context === undefined ? [] : [{ context }];
}
