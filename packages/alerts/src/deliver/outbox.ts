// The outbox: what was decided to be told, until it is told. One piece, because queueing, trying and giving up
// share the state that makes "at least once" true.
import { type Cancel, type Clock, type Logger, messageOf, type UnixMs } from "@tocsin/model";
import type { LogEntry } from "../dispatch/notification-log.js";
import { AlertsError } from "../errors.js";
import type { JournalRecord } from "../journal.js";
import type { Notification, Notifier, NotifierMemory } from "../notify/notifier.js";
import { backoffMs } from "./backoff.js";
import { type DeliveryFault, DeliveryTotals, faultOf } from "./delivery-totals.js";
import { DestinationGate, waitLeft } from "./destination-gate.js";
import type { Remote } from "./remote.js";

/** What is stored of a notification until it is delivered; `previous` and `attempt` are added at each try. */
export type StoredNotification = Omit<Notification, "previous" | "attempt">;

/** One notification on its way to one notifier. */
export interface OutboxItem {
  /** `<group key>#<receiver>/<type>/<index>`: one notifier about one group. At most one item waits under a key. */
  readonly key: string;
  readonly notification: StoredNotification;
  readonly entry: LogEntry;
  readonly attempts: number;
  readonly nextTryAtMs: UnixMs;
  /** When the wait for the next try began; undefined before the first one. */
  readonly triedAtMs?: UnixMs | undefined;
  readonly lastError: string | undefined;
  /** True while it is a copy for the fallback receiver, which has no fallback of its own. */
  readonly isFallback?: boolean | undefined;
}

export interface DeliveryRecord {
  readonly id: string;
  readonly key: string;
  readonly receiver: string;
  readonly destination: string;
  readonly status: "sent" | "waiting" | "dead";
  readonly attempts: number;
  readonly createdAtMs: UnixMs;
  readonly doneAtMs: UnixMs | undefined;
  readonly nextTryAtMs: UnixMs | undefined;
  readonly error: string | undefined;
  readonly notification: StoredNotification;
}

export interface OutboxDeps {
  readonly write: (record: JournalRecord) => Promise<void>;
  /** The notifier behind a key; undefined when the config no longer has it. */
  readonly remoteOf: (key: string) => Remote | undefined;
  /** Called when a notification is given up. */
  readonly onDead: (item: OutboxItem, error: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly expireAfterMs: number;
}

const TRY_TIMEOUT_MS = 30_000;
const KEPT_RECORDS = 500;

export class Outbox {
  readonly #deps: OutboxDeps;
  readonly #waiting = new Map<string, OutboxItem>();
  readonly #log = new Map<string, LogEntry>();
  readonly #dead = new Map<string, DeliveryRecord>();
  #done: DeliveryRecord[] = [];
  readonly #gates = new Map<string, DestinationGate>();
  /** Keys of which a try is under way: the words of one group reach a receiver in their order. */
  readonly #busy = new Set<string>();
  readonly #tries = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #timer: { cancel: Cancel; atMs: UnixMs } | undefined;
  #isStarted = false;
  #isClosed = false;
  readonly totals = new DeliveryTotals();
  readonly counts = { queued: 0, sent: 0, failedTries: 0, dead: 0, superseded: 0 };

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  /** What was last told under a key, counting what waits to be told. */
  lastEntry(key: string): LogEntry | undefined {
    return this.#waiting.get(key)?.entry ?? this.#log.get(key);
  }

  waitingItem(key: string): OutboxItem | undefined {
    return this.#waiting.get(key);
  }

  /** Takes back a record of the journal. */
  restore(record: JournalRecord): void {
    if (!isOutboxRecord(record)) return;
    switch (record.kind) {
      case "notification.queued":
        this.#waiting.set(record.item.key, { ...record.item, attempts: 0, nextTryAtMs: 0 });
        this.#dead.delete(record.item.key);
        break;
      case "notification.sent":
        if (this.#waiting.get(record.key)?.notification.id === record.id) this.#waiting.delete(record.key);
        this.#log.set(record.key, record.entry);
        break;
      case "notification.dead":
        if (this.#waiting.get(record.key)?.notification.id === record.delivery.id)
          this.#waiting.delete(record.key);
        this.#dead.set(record.key, record.delivery);
        break;
      case "notification.noted":
        this.#log.set(record.key, record.entry);
        break;
      case "notification.replayed":
        this.#dead.delete(record.key);
        break;
    }
  }

  /** Starts delivering; what was restored goes out first. */
  start(): void {
    this.#isStarted = true;
    this.#pump();
  }

  /** Writes an item down, then sends it as soon as its destination allows. Replaces what waited under its key. */
  async queue(
    key: string,
    notification: StoredNotification,
    entry: LogEntry,
    isFallback = false,
  ): Promise<void> {
    const item: OutboxItem = {
      key,
      notification,
      entry,
      attempts: 0,
      nextTryAtMs: this.#deps.clock.now(),
      lastError: undefined,
      ...(isFallback ? { isFallback } : {}),
    };
    const record: QueuedRecord = { kind: "notification.queued", atMs: notification.createdAtMs, item };
    // A disk that fails must not keep people from being told.
    await this.#write(record);
    const waiting = this.#waiting.get(key);
    if (waiting) this.counts.superseded++;
    // Failures of the one before still count: the destination is no healthier for having news.
    this.#waiting.set(
      key,
      waiting
        ? {
            ...item,
            attempts: waiting.attempts,
            nextTryAtMs: waiting.nextTryAtMs,
            triedAtMs: waiting.triedAtMs,
            lastError: waiting.lastError,
          }
        : item,
    );
    this.#dead.delete(key);
    this.counts.queued++;
    this.#pump();
  }

  /** Notes what a notifier would know although nothing is sent, such as an end that it does not want to hear. */
  async note(key: string, entry: LogEntry): Promise<void> {
    this.#log.set(key, entry);
    await this.#write({ kind: "notification.noted", atMs: entry.atMs, key, entry } as NotedRecord);
  }

  /** Forgets what was told under keys that no group uses any more. */
  forget(isKept: (key: string) => boolean): void {
    for (const key of this.#log.keys()) if (!isKept(key)) this.#log.delete(key);
  }

  /** Newest first: waiting, then dead, then sent. */
  deliveries(): DeliveryRecord[] {
    const waiting = [...this.#waiting.values()].map((item) =>
      this.#recordOf(item, "waiting", item.lastError),
    );
    return [...waiting, ...[...this.#dead.values()].reverse(), ...[...this.#done].reverse()];
  }

  /** Queues a dead notification again. @throws {AlertsError} ALERTS_NOTIFICATION_UNKNOWN */
  async replay(id: string): Promise<void> {
    const dead = [...this.#dead.values()].find((delivery) => delivery.id === id);
    if (!dead)
      throw new AlertsError(
        "ALERTS_NOTIFICATION_UNKNOWN",
        `No notification ${JSON.stringify(id)} was given up; it may have been replayed.`,
      );
    const { alerts } = dead.notification;
    const of = (status: string) =>
      alerts.filter((alert) => alert.status === status).map((alert) => alert.fingerprint);
    const nowMs = this.#deps.clock.now();
    await this.queue(
      dead.key,
      { ...dead.notification, createdAtMs: nowMs },
      { atMs: nowMs, firing: of("firing"), resolved: of("resolved") },
    );
  }

  /** Ends tries that are under way; what they carried stays in the journal and goes out after a restart. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#abort.abort();
    await Promise.all(this.#tries);
  }

  /** Starts every try that its destination allows now, one per key, and sets the timer for the next. */
  #pump(): void {
    if (!this.#isStarted || this.#isClosed) return;
    const nowMs = this.#deps.clock.now();
    let nextAtMs = Number.POSITIVE_INFINITY;
    // Oldest first, which is the order of the map. In a storm of groups this runs often over many, so nothing is sorted.
    for (const item of this.#waiting.values()) {
      const remote = this.#deps.remoteOf(item.key);
      if (!remote) {
        this.#giveUp(item, "this notifier is no longer configured", "?", "unconfigured");
        continue;
      }
      const gate = this.#gateOf(remote);
      if (this.#busy.has(item.key)) continue;
      // Also while a circuit or a pause that was asked for lets no try through; never before a first try, as after a restart.
      const expiresInMs = item.notification.createdAtMs + this.#deps.expireAfterMs - nowMs;
      if (item.triedAtMs !== undefined && expiresInMs < 0) {
        this.#expire(item, remote.notifier);
        continue;
      }
      if (!gate.hasRoom) continue;
      const itemWaitMs = waitLeft(item.nextTryAtMs, item.triedAtMs ?? item.nextTryAtMs, nowMs);
      const waitMs = Math.max(itemWaitMs, gate.waitMs(nowMs));
      if (waitMs > 0) {
        const untilExpiryMs = item.triedAtMs === undefined ? waitMs : Math.max(0, expiresInMs) + 1;
        nextAtMs = Math.min(nextAtMs, nowMs + Math.min(waitMs, untilExpiryMs));
        continue;
      }
      gate.take(nowMs);
      this.#busy.add(item.key);
      const attempt = this.#try(item, remote, gate).finally(() => {
        gate.ended();
        this.#busy.delete(item.key);
        this.#tries.delete(attempt);
        this.#pump();
      });
      this.#tries.add(attempt);
    }
    this.#wakeAt(nextAtMs, nowMs);
  }

  #expire(item: OutboxItem, { destination }: Notifier): void {
    const error = item.lastError ?? "it could not be sent in time";
    this.#deps.logger.error(
      { notifier: destination, receiver: item.notification.receiver, attempt: item.attempts, error },
      "notification expired, see the list of dead notifications",
    );
    this.#giveUp(item, error, destination, "expired");
  }

  #wakeAt(atMs: UnixMs, nowMs: UnixMs): void {
    if (!Number.isFinite(atMs)) return;
    if (this.#timer && this.#timer.atMs <= atMs && this.#timer.atMs > nowMs) return;
    this.#timer?.cancel();
    const cancel = this.#deps.clock.after(Math.max(1, atMs - nowMs), () => {
      this.#timer = undefined;
      this.#pump();
    });
    this.#timer = { cancel, atMs };
  }

  async #try(item: OutboxItem, { notifier, mask }: Remote, gate: DestinationGate): Promise<void> {
    const { clock, logger } = this.#deps;
    const attempt = item.attempts + 1;
    const previous = this.#log.get(item.key)?.memory;
    const timeout = new AbortController();
    const cancelTimeout = clock.after(TRY_TIMEOUT_MS, () =>
      timeout.abort(
        new AlertsError("ALERTS_NOTIFY_UNREACHABLE", "no answer within 30 s", { retryable: true }),
      ),
    );
    const signal = AbortSignal.any([this.#abort.signal, timeout.signal]);
    const { receiver } = item.notification;
    const startedMs = performance.now();
    try {
      const memory = await endedBy(
        signal,
        notifier.notify({ ...item.notification, previous, attempt }, signal),
      );
      gate.succeeded();
      await this.#sent({ ...item, attempts: attempt }, notifier, memory ?? previous);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const isRetryable = error instanceof AlertsError ? error.retryable : true;
      const retryAfterMs = error instanceof AlertsError ? error.retryAfterMs : undefined;
      const nowMs = clock.now();
      const fault = faultOf(error);
      this.counts.failedTries++;
      this.totals.failed(item.key, receiver, fault);
      if (isRetryable) gate.failed(nowMs, retryAfterMs);
      const message = mask(messageOf(error));
      const fields = { notifier: notifier.destination, receiver, attempt, error: message };
      const isExpired = nowMs - item.notification.createdAtMs > this.#deps.expireAfterMs;
      if (!isRetryable || isExpired) {
        logger.error({ ...fields, isExpired }, "notification given up, see the list of dead notifications");
        const reason = isRetryable ? "expired" : fault;
        this.#giveUp({ ...item, attempts: attempt }, message, notifier.destination, reason);
        return;
      }
      logger.warn(fields, "notification failed, will retry");
      const waitMs = backoffMs(attempt, this.#deps.random(), retryAfterMs);
      const current = this.#waiting.get(item.key);
      // It may have been replaced by newer words meanwhile; those inherit the wait.
      if (current)
        this.#waiting.set(item.key, {
          ...current,
          attempts: attempt,
          nextTryAtMs: nowMs + waitMs,
          triedAtMs: nowMs,
          lastError: message,
        });
    } finally {
      cancelTimeout();
      this.totals.tried(item.key, receiver, performance.now() - startedMs);
    }
  }

  async #sent(item: OutboxItem, notifier: Notifier, memory: NotifierMemory | undefined): Promise<void> {
    const entry: LogEntry = { ...item.entry, ...(memory ? { memory } : {}) };
    this.#log.set(item.key, entry);
    // Only if nothing newer took its place while it was under way.
    if (this.#waiting.get(item.key)?.notification.id === item.notification.id) this.#waiting.delete(item.key);
    this.counts.sent++;
    this.totals.sent(item.key, item.notification.receiver);
    this.#done.push(this.#recordOf(item, "sent", undefined, notifier.destination));
    if (this.#done.length > KEPT_RECORDS) this.#done = this.#done.slice(-KEPT_RECORDS);
    const atMs = this.#deps.clock.now();
    await this.#write({
      kind: "notification.sent",
      atMs,
      key: item.key,
      id: item.notification.id,
      entry,
    } as SentRecord);
  }

  #giveUp(item: OutboxItem, error: string, destination: string, fault: DeliveryFault): void {
    if (this.#waiting.get(item.key)?.notification.id === item.notification.id) this.#waiting.delete(item.key);
    const delivery = this.#recordOf(item, "dead", error, destination);
    this.#dead.delete(item.key);
    this.#dead.set(item.key, delivery);
    for (const key of this.#dead.keys()) {
      if (this.#dead.size <= KEPT_RECORDS) break;
      this.#dead.delete(key);
    }
    this.counts.dead++;
    this.totals.gaveUp(item.key, item.notification.receiver, fault);
    void this.#write({
      kind: "notification.dead",
      atMs: this.#deps.clock.now(),
      key: item.key,
      delivery,
    } as DeadRecord);
    this.#deps.onDead(item, error);
  }

  #gateOf(remote: Remote): DestinationGate {
    let gate = this.#gates.get(remote.gate);
    if (!gate) {
      gate = new DestinationGate(remote.limits);
      this.#gates.set(remote.gate, gate);
    }
    return gate;
  }

  #recordOf(
    item: OutboxItem,
    status: DeliveryRecord["status"],
    error: string | undefined,
    destination?: string,
  ): DeliveryRecord {
    const { notification } = item;
    return {
      id: notification.id,
      key: item.key,
      receiver: notification.receiver,
      destination: destination ?? this.#deps.remoteOf(item.key)?.notifier.destination ?? "?",
      status,
      attempts: item.attempts,
      createdAtMs: notification.createdAtMs,
      doneAtMs: status === "waiting" ? undefined : this.#deps.clock.now(),
      nextTryAtMs: status === "waiting" ? item.nextTryAtMs : undefined,
      error,
      notification,
    };
  }

  async #write(record: JournalRecord): Promise<void> {
    try {
      await this.#deps.write(record);
    } catch (error) {
      this.#deps.logger.error(
        { kind: record.kind, error: messageOf(error) },
        "the outbox could not be written down",
      );
    }
  }
}

/** What was asked for, or the abort, whichever comes first: a notifier that does not listen must not hold up the rest. */
function endedBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

interface QueuedRecord extends JournalRecord {
  readonly kind: "notification.queued";
  readonly item: OutboxItem;
}
interface SentRecord extends JournalRecord {
  readonly kind: "notification.sent";
  readonly key: string;
  readonly id: string;
  readonly entry: LogEntry;
}
interface NotedRecord extends JournalRecord {
  readonly kind: "notification.noted";
  readonly key: string;
  readonly entry: LogEntry;
}
interface DeadRecord extends JournalRecord {
  readonly kind: "notification.dead";
  readonly key: string;
  readonly delivery: DeliveryRecord;
}
interface ReplayedRecord extends JournalRecord {
  readonly kind: "notification.replayed";
  readonly key: string;
}

type OutboxRecord = QueuedRecord | SentRecord | NotedRecord | DeadRecord | ReplayedRecord;

function isOutboxRecord(record: JournalRecord): record is OutboxRecord {
  return record.kind.startsWith("notification.");
}

/** Entries of the notification log are kept so long after they were last told, as in Alertmanager. */
const LOG_RETENTION_MS = 5 * 86_400_000;

/** Keeps what waits, what is dead, and what was last told. For the journal's compaction. */
export function keepNotifications(records: readonly JournalRecord[], nowMs: UnixMs): JournalRecord[] {
  const waiting = new Map<string, QueuedRecord>();
  const told = new Map<string, SentRecord | NotedRecord>();
  const dead = new Map<string, DeadRecord>();
  for (const record of records.filter(isOutboxRecord)) {
    if (record.kind === "notification.queued") {
      waiting.set(record.item.key, record);
      dead.delete(record.item.key);
    } else if (record.kind === "notification.sent") {
      if (waiting.get(record.key)?.item.notification.id === record.id) waiting.delete(record.key);
      told.set(record.key, record);
    } else if (record.kind === "notification.noted") told.set(record.key, record);
    else if (record.kind === "notification.dead") {
      if (waiting.get(record.key)?.item.notification.id === record.delivery.id) waiting.delete(record.key);
      dead.set(record.key, record);
    } else dead.delete(record.key);
  }
  const recent = [...told.values()].filter((record) => nowMs - record.atMs < LOG_RETENTION_MS);
  return [...recent, ...dead.values(), ...waiting.values()];
}
