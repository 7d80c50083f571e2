import { type Clock, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import { isOn } from "../alert.js";
import type { Evidence, EvidenceCollector } from "../explain/evidence.js";
import type { AlertStore } from "./alert-store.js";
import type { TrackedAlert } from "./state.js";

/** A change of an alert's state in one evaluation. */
export interface Change {
  readonly ruleId: string;
  tracked: TrackedAlert;
}

export interface EvidenceGathererDeps {
  readonly store: AlertStore;
  readonly evidence: EvidenceCollector;
  /** Told of an alert whose evidence has grown after it was published. */
  readonly explained: (alert: TrackedAlert, nowMs: UnixMs) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const EVIDENCE_TIMEOUT_MS = 500;
/** When everything fires at once, the first ones tell enough. */
const MAX_EXPLAINED = 20;

/** Adds to the alerts of one source what their rules cannot know: at once what is there at once, the rest later. */
export class EvidenceGatherer {
  readonly #source: string;
  readonly #deps: EvidenceGathererDeps;

  constructor(source: string, deps: EvidenceGathererDeps) {
    this.#source = source;
    this.#deps = deps;
  }

  /** What a rule cannot know. It has little time, and its failure delays nothing else. */
  async gather(changes: readonly Change[], nowMs: UnixMs): Promise<void> {
    const starting = startingOf(changes);
    if (starting.length === 0) return;
    const collected = starting.map(async (change) => {
      const facts = await this.#deps.evidence.collect(change.tracked.alert, nowMs);
      change.tracked = this.#addFacts(change, facts, nowMs) ?? change.tracked;
    });
    const timeout = new Promise<void>((resolve) => this.#deps.clock.after(EVIDENCE_TIMEOUT_MS, resolve));
    const all = Promise.allSettled(collected).then((results) => {
      for (const result of results) {
        if (result.status === "rejected")
          this.#deps.logger.warn(
            { source: this.#source, error: messageOf(result.reason) },
            "evidence could not be collected",
          );
      }
    });
    await Promise.race([all, timeout]);
  }

  /** Nobody waits for these facts, so a store that is slow or gone delays no message. */
  gatherLater(changes: readonly Change[], nowMs: UnixMs): void {
    const { evidence, explained, logger } = this.#deps;
    if (!evidence.collectLater) return;
    for (const change of startingOf(changes)) {
      const { alert } = change.tracked;
      Promise.resolve(evidence.collectLater(alert, nowMs))
        .then((facts) => {
          const tracked = Object.keys(facts).length > 0 ? this.#addFacts(change, facts, nowMs) : undefined;
          if (tracked) explained(tracked, nowMs);
        })
        .catch((error: unknown) => {
          logger.warn({ alert: alert.id, error: messageOf(error) }, "evidence could not be collected");
        });
    }
  }

  /** @returns undefined when the alert is another one, or gone, by now */
  #addFacts({ ruleId, tracked }: Change, facts: Partial<Evidence>, nowMs: UnixMs): TrackedAlert | undefined {
    const { alert } = tracked;
    const alerts = this.#deps.store.get(this.#source, ruleId);
    const current = alerts.get(alert.fingerprint);
    if (current?.alert.id !== alert.id) return undefined;
    const known = current.alert.evidence;
    const where = [...(known?.where ?? []), ...(facts.where ?? [])];
    const evidence = { atMs: nowMs, ...known, ...facts, ...(where.length > 0 ? { where } : {}) };
    const added = { ...current, alert: { ...current.alert, evidence } };
    this.#deps.store.set(this.#source, ruleId, new Map(alerts).set(alert.fingerprint, added));
    return added;
  }
}

function startingOf(changes: readonly Change[]): Change[] {
  return changes.filter(({ tracked }) => isOn(tracked.alert.state)).slice(0, MAX_EXPLAINED);
}
