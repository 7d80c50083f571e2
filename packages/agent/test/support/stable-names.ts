import * as conventions from "@opentelemetry/semantic-conventions";

/** Attribute names that OpenTelemetry calls stable. */
const STABLE: ReadonlySet<unknown> = new Set(
  Object.entries(conventions).flatMap(([name, value]) => (name.startsWith("ATTR_") ? [value] : [])),
);

/** Areas that have no stable conventions yet, and the words that are common to them. */
const UNSETTLED = /^(messaging|graphql|rpc|aws|cloud|gen_ai)\./;

/** Names in such areas that have been given up for others. */
const GIVEN_UP: ReadonlySet<string> = new Set([
  "messaging.conversation_id",
  "messaging.destination",
  "messaging.destination_kind",
  "messaging.message_id",
  "messaging.operation",
  "messaging.protocol",
  "messaging.protocol_version",
  "messaging.rabbitmq.routing_key",
  "messaging.url",
]);

/** What OpenTelemetry's instrumentations add of their own. */
const EXTENSIONS: ReadonlySet<string> = new Set([
  "db.memcached.key",
  "db.postgresql.idle.timeout.millis",
  "knex.version",
  "memcached.version",
]);

/** The names among these attributes that are neither stable nor of an area without stable ones, nor an extension. */
export function unstableNames(attributes: Record<string, unknown>): string[] {
  return Object.keys(attributes).filter(
    (name) => GIVEN_UP.has(name) || !(STABLE.has(name) || UNSETTLED.test(name) || EXTENSIONS.has(name)),
  );
}
