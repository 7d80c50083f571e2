import { type Journal, type JournalRecord, readPart } from "@tocsin/alerts";
import type { Clock } from "@tocsin/model";
import type { Deployment, DeploymentMark } from "./deployments.js";

interface MarkRecord extends JournalRecord {
  readonly kind: "deployment.marked";
  readonly mark: DeploymentMark;
}

/** Marks older than this are in no list any more. */
const KEPT_MS = 90 * 86_400_000;

export interface DeploymentMarksDeps {
  readonly signals: { markDeployment(mark: DeploymentMark): Deployment };
  readonly journal: Journal;
  readonly clock: Clock;
}

/** Deployments that people and CI report: each is in the journal before it is answered, and known again after a restart. */
export class DeploymentMarks {
  readonly #deps: DeploymentMarksDeps;

  private constructor(deps: DeploymentMarksDeps) {
    this.#deps = deps;
  }

  /** Reads the journal and reports what it holds again; what is known already changes nothing. */
  static async open(deps: DeploymentMarksDeps): Promise<DeploymentMarks> {
    deps.journal.addCompaction({
      part: "deployment",
      keep: (records, nowMs) => records.filter(({ atMs }) => nowMs - atMs < KEPT_MS),
    });
    for await (const { mark } of readPart(deps.journal, "deployment", readRecord)) {
      if (deps.clock.now() - mark.atMs < KEPT_MS) deps.signals.markDeployment(mark);
    }
    return new DeploymentMarks(deps);
  }

  async add(mark: DeploymentMark): Promise<Deployment> {
    const record: MarkRecord = { kind: "deployment.marked", atMs: this.#deps.clock.now(), mark };
    await this.#deps.journal.append(record);
    return this.#deps.signals.markDeployment(mark);
  }
}

function readRecord(record: JournalRecord): MarkRecord | undefined {
  const { kind, mark } = record as Partial<MarkRecord>;
  const isWhole =
    kind === "deployment.marked" && typeof mark?.service === "string" && Number.isFinite(mark.atMs);
  return isWhole ? (record as MarkRecord) : undefined;
}
