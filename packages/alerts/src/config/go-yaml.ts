/**
 * Reads a value as Go's YAML library hands it to a program: a key without a value is as if it were not there, and `yes` or
 * `on` are true where a boolean is meant.
 */
export function asGoReadsIt(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => asGoReadsIt(each, key));
  if (typeof value === "string") return BOOLEAN_KEYS.has(key) ? (BOOLEANS.get(value) ?? value) : value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null || FREE_KEYS.has(key))
      .map(([name, each]) => [name, FREE_KEYS.has(key) ? each : asGoReadsIt(each, name)]),
  );
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map(
  [
    ["yes", true],
    ["on", true],
    ["y", true],
    ["no", false],
    ["off", false],
    ["n", false],
  ].flatMap(([word, value]) =>
    [String(word), String(word).toUpperCase(), String(word)[0]?.toUpperCase() + String(word).slice(1)].map(
      (each) => [each, Boolean(value)] as const,
    ),
  ),
);

const BOOLEAN_KEYS: ReadonlySet<string> = new Set([
  "continue",
  "disable_notifications",
  "enable_http2",
  "follow_redirects",
  "insecure_skip_verify",
  "link_names",
  "proxy_from_environment",
  "require_tls",
  "send_resolved",
  "short",
  "short_fields",
  "smtp_require_tls",
  "update_alerts",
  "update_message",
]);

/** What stands below these is the user's own: names and values of any kind. */
const FREE_KEYS: ReadonlySet<string> = new Set([
  "match",
  "match_re",
  "source_match",
  "source_match_re",
  "target_match",
  "target_match_re",
]);
