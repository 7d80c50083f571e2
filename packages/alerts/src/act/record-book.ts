import { type Cancel, type Logger, messageOf } from "@tocsin/model";
import { type Journal, readPart } from "../journal.js";
import { ActionError } from "./errors.js";
import { applyActionRecord, keepActionRecords, parseActionRecord } from "./history.js";
import { type ActionHistory, type ActionRecord, type ActionRun, EMPTY_HISTORY } from "./run.js";

/** The journal's part about actions, with its fold in memory. A record is on the disk before anyone sees its effect. */
export class RecordBook {
  readonly #journal: Journal;
  readonly #logger: Logger;
  readonly #listeners = new Set<(run: ActionRun) => void>();
  #history: ActionHistory;

  private constructor(journal: Journal, logger: Logger, history: ActionHistory) {
    this.#journal = journal;
    this.#logger = logger;
    this.#history = history;
    journal.addCompaction({ part: "action", keep: (records, nowMs) => keepActionRecords(records, nowMs) });
  }

  static async open(journal: Journal, logger: Logger): Promise<RecordBook> {
    let history = EMPTY_HISTORY;
    for await (const record of readPart(journal, "action", parseActionRecord)) {
      history = applyActionRecord(history, record);
    }
    return new RecordBook(journal, logger, history);
  }

  get history(): ActionHistory {
    return this.#history;
  }

  /** The disk first, then memory, then those who listen. */
  async record(record: ActionRecord): Promise<void> {
    await this.#journal.append(record);
    this.#history = applyActionRecord(this.#history, record);
    if (record.kind === "action.stop_all") {
      this.#logger.warn({ isStopped: record.isStopped, by: record.by }, "switch for all actions was turned");
      return;
    }
    const run = this.known(record.id);
    const guard = run.guards.find(({ passed }) => !passed)?.guard;
    const { action, state, verdict } = run;
    this.#logger.info({ action, run: run.id, state, guard, verdict }, "action changed");
    for (const listener of this.#listeners) this.#tell(listener, run);
  }

  /** @throws {ActionError} ACTION_UNKNOWN */
  known(id: string): ActionRun {
    const run = this.#history.runs.get(id);
    if (!run)
      throw new ActionError("ACTION_UNKNOWN", `There is no run ${id}. GET /api/v1/actions lists them.`);
    return run;
  }

  onChange(listener: (run: ActionRun) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One who listens badly must not keep the others from hearing, nor the action from going on. */
  #tell(listener: (run: ActionRun) => void, run: ActionRun): void {
    try {
      listener(run);
    } catch (thrown) {
      this.#logger.error({ run: run.id, reason: messageOf(thrown) }, "listener to actions failed");
    }
  }
}
