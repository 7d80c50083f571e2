import { createHash } from "node:crypto";
import { type Mask, maskOf, Secret } from "@tocsin/model/config";
import type { Notifier } from "../notify/notifier.js";
import { DEFAULT_GATE, type GateOptions } from "./destination-gate.js";

/** A notifier with what it shares with every other one that talks to the same remote end: rate limit and circuit. */
export interface Remote {
  readonly notifier: Notifier;
  /** Equal for equal remote ends. Holds no secret. */
  readonly gate: string;
  readonly limits: GateOptions;
  /** For texts that come from outside, such as the words of a mail server. */
  readonly mask: Mask;
}

/**
 * Tells remote ends apart: by the name that is shown, and by everything in the config that says where a message goes and
 * in whose name. Two channels of one service are two remote ends, so that one of them asking for a pause, or being
 * gone, delays no message of the other.
 */
export function remoteOf(notifier: Notifier, config: unknown, limits: Partial<GateOptions> = {}): Remote {
  const identity = createHash("sha256").update(placesIn(config).sort().join("\n")).digest("base64url");
  return {
    notifier,
    gate: `${notifier.destination} ${identity.slice(0, 16)}`,
    limits: { ...DEFAULT_GATE, ...limits },
    mask: maskOf(config),
  };
}

/** Fields that say where to, when they are no secrets. */
const WHERE = /(?:_|^)(?:url|file|host|smarthost|channel|chat_id|room_id|arn|to|key|team)$/;

function placesIn(value: unknown, name = ""): string[] {
  if (value instanceof Secret) return [`${name}=${value.reveal()}`];
  if (typeof value === "string" || typeof value === "number")
    return WHERE.test(name) ? [`${name}=${value}`] : [];
  if (Array.isArray(value)) return value.flatMap((each) => placesIn(each, name));
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, each]) => placesIn(each, key));
}
