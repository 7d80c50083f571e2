import type { Attributes } from "@opentelemetry/api";
import type { SpanProcessor } from "@opentelemetry/sdk-trace";

/** Instrumentations that still call things by names that semantic conventions have given up. */
const BEHIND: ReadonlySet<string> = new Set([
  "@opentelemetry/instrumentation-amqplib",
  "@opentelemetry/instrumentation-socket.io",
]);
const RENAMED: Readonly<Record<string, string>> = {
  "messaging.conversation_id": "messaging.message.conversation_id",
  "messaging.destination": "messaging.destination.name",
  "messaging.message_id": "messaging.message.id",
  "messaging.operation": "messaging.operation.type",
  "messaging.protocol": "network.protocol.name",
  "messaging.protocol_version": "network.protocol.version",
  "messaging.rabbitmq.routing_key": "messaging.rabbitmq.destination.routing_key",
};
/** Given up without another in its place; the address is in `server.address` and `server.port`. */
const GONE: readonly string[] = ["messaging.destination_kind", "messaging.url"];

/** Brings the names of a span's attributes up to date as it starts, before anyone else sees them. */
export class CurrentNames implements SpanProcessor {
  onStart(span: Parameters<SpanProcessor["onStart"]>[0]): void {
    const { attributes, instrumentationScope } = span as typeof span & {
      attributes: Attributes;
    };
    if (BEHIND.has(instrumentationScope.name)) rename(attributes);
  }

  onEnd(): void {}
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

function rename(attributes: Attributes): void {
  for (const name of GONE) delete attributes[name];
  for (const [old, name] of Object.entries(RENAMED)) {
    const value = attributes[old];
    if (value === undefined) continue;
    delete attributes[old];
    attributes[name] = name === "network.protocol.name" ? String(value).toLowerCase() : value;
  }
}
