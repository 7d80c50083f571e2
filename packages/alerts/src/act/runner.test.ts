import { ManualClock } from "@tocsin/model/testing";
import { afterEach, expect, test } from "vitest";
import { firing } from "../../test/action-contract.js";
import { startTestTarget, type TestTarget } from "../../test/test-target.js";
import { type Journal, type JournalRecord, MemoryJournal } from "../journal.js";
import { type ActionConfig, actionsSchema } from "./config.js";
import { actionDefinitions } from "./index.js";
import type { ActionRun, ActionState } from "./run.js";
import { ActionRunner } from "./runner.js";
import type { SliReader } from "./sli-reader.js";
import type { ActionTrigger } from "./trigger.js";

const ana = { by: "ana", reason: "looks right" };
const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close();
});

/** The indicator as a test wants it: events per minute by time. */
class Sli implements SliReader {
  bad = 55;
  total: number | undefined = 600;

  async read(_slo: string, windowMs: number, endMs: number) {
    if (this.total === undefined) return undefined;
    const errorRatio = this.total === 0 ? 0 : this.bad / this.total;
    const good = this.total - this.bad;
    return { windowMs, endMs, good, total: this.total, errorRatio, burnRate: errorRatio / 0.001 };
  }
}

interface Bench {
  readonly target: TestTarget;
  readonly clock: ManualClock;
  readonly sli: Sli;
  readonly journal: MemoryJournal;
  readonly runner: ActionRunner;
  /** The runner of the next process, with the same journal. */
  restart(options?: { journal?: Journal }): Promise<ActionRunner>;
  /** Resolves when the only run of the action is in the state. */
  until(state: ActionState, runner?: ActionRunner): Promise<ActionRun>;
}

async function bench(written: object = {}): Promise<Bench> {
  const target = await startTestTarget();
  opened.push({ close: async () => target[Symbol.asyncDispose]() });
  const clock = new ManualClock(1_000_000);
  const sli = new Sli();
  const journal = new MemoryJournal();
  const actions = configOf(target.url, written);
  async function restart(options: { journal?: Journal } = {}): Promise<ActionRunner> {
    const runner = await ActionRunner.open({ journal, actions, sli, clock, random: () => 0, ...options });
    opened.push(runner);
    await runner.start();
    return runner;
  }
  const runner = await restart();
  return {
    target,
    clock,
    sli,
    journal,
    runner,
    restart,
    until: (state, of = runner) =>
      new Promise((resolve) => {
        const now = of.runs().find((run) => run.state === state);
        if (now) return resolve(now);
        const cancel = of.onChange((run) => {
          if (run.state !== state) return;
          cancel();
          resolve(run);
        });
      }),
  };
}

function configOf(url: string, written: object): readonly ActionConfig[] {
  return actionsSchema(actionDefinitions).parse([
    {
      name: "rollback",
      mode: "auto",
      webhook: { url: `${url}/rollback`, ...(written as { webhook?: object }).webhook },
      verify: { settle: "5s", window: "30s", within: "2m" },
      ...Object.fromEntries(Object.entries(written).filter(([key]) => key !== "webhook")),
    },
  ]);
}

const resolved: ActionTrigger = { ...firing, status: "resolved" };

test("auto: acts at once, waits for the effect and says that it helped, with numbers", async () => {
  const { runner, target, clock, sli, until, journal } = await bench();
  await runner.alertChanged(firing, ["rollback"]);
  await until("verifying");
  sli.bad = 0;
  await clock.advance(34_000);
  expect(runner.runs()[0]?.state).toBe("verifying");
  await clock.advance(2_000);
  expect(runner.runs()[0]).toMatchObject({
    state: "done",
    outcome: "ok",
    verdict: "helped",
    verdictReason: "error ratio 9.17 % → 0 % (55 bad of 600, then 0 bad of 600)",
    before: { good: 545, total: 600 },
    after: { good: 600, total: 600 },
  });
  expect(target.requests).toHaveLength(1);
  expect(target.requests[0]?.headers["idempotency-key"]).toBe(runner.runs()[0]?.key);
  expect(journal.records.map(({ kind }) => kind)).toEqual([
    "action.decided",
    "action.started",
    "action.finished",
    "action.verified",
  ]);
});

test("other actions are taken without a restart, and nothing waits for one that is gone or only shown now", async () => {
  const { runner, target, clock, until } = await bench({ mode: "approve" });
  await runner.alertChanged(firing, ["rollback"]);
  const waiting = await until("waiting");
  await runner.reconfigure(configOf(target.url, { mode: "dry-run" }));
  expect(runner.run(waiting.id)?.state).toBe("withdrawn");
  await expect(runner.approve(waiting.id, ana)).rejects.toMatchObject({ code: "ACTION_NOT_WAITING" });

  const second = { ...firing, alertId: "a2-k0" };
  await runner.alertChanged(second, ["rollback"]);
  await until("dry-run");
  expect(target.requests).toEqual([]);

  await runner.reconfigure([]);
  expect(runner.catalogue()).toEqual([]);
  await runner.alertChanged({ ...firing, alertId: "a3-k0" }, ["rollback"]);
  await clock.advance(10_000);
  await runner.reconfigure(configOf(target.url, { name: "restart", limits: { cooldown: "1s" } }));
  await runner.alertChanged({ ...firing, alertId: "a4-k0" }, ["restart"]);
  await until("verifying");
  expect(target.requests).toHaveLength(1);
});

test("the start is in the journal before the target is called", async () => {
  const { runner, target, journal, until } = await bench();
  let known: string[] = [];
  target.answer = () => {
    known = journal.records.map(({ kind }) => kind);
    return { status: 200 };
  };
  await runner.alertChanged(firing, ["rollback"]);
  await until("verifying");
  expect(known).toEqual(["action.decided", "action.started"]);
});

test("what cannot be recorded is not done", async () => {
  const { target, restart } = await bench();
  class FullDisk extends MemoryJournal {
    override async append(record: JournalRecord): Promise<void> {
      if (record.kind === "action.started") throw new Error("no space left on device");
      await super.append(record);
    }
  }
  const runner = await restart({ journal: new FullDisk() });
  await expect(runner.alertChanged(firing, ["rollback"])).rejects.toThrow("no space left");
  expect(target.requests).toEqual([]);
});

test("dry-run, the default: shows the plan and calls nobody", async () => {
  const { runner, target } = await bench({ mode: undefined });
  await runner.alertChanged(firing, ["rollback"]);
  expect(runner.runs()).toMatchObject([
    {
      state: "dry-run",
      mode: "dry-run",
      plan: { summary: expect.stringMatching(/^POST .*\/rollback with the alert$/) },
    },
  ]);
  expect(target.requests).toEqual([]);
});

test("telling the same firing again, also after a restart, does nothing twice", async () => {
  const { runner, target, until, restart } = await bench();
  await Promise.all([runner.alertChanged(firing, ["rollback"]), runner.alertChanged(firing, ["rollback"])]);
  await until("verifying");
  await runner.close();
  const next = await restart();
  await next.alertChanged(firing, ["rollback"]);
  expect(target.requests).toHaveLength(1);
  expect(next.runs()).toHaveLength(1);
});

test("the same alert firing anew is another cause, held back by the cooldown until it is over", async () => {
  const { runner, target, clock, until, sli } = await bench({ limits: { cooldown: "10m", max_per_day: 4 } });
  await runner.alertChanged(firing, ["rollback"]);
  await until("verifying");
  await runner.alertChanged(resolved, ["rollback"]);
  sli.bad = 0;
  await clock.advance(60_000);
  sli.bad = 55;
  await runner.alertChanged({ ...firing, alertId: "a1-k1" }, ["rollback"]);
  expect(runner.runs()[0]).toMatchObject({ state: "blocked" });
  expect(runner.runs()[0]?.guards.find(({ passed }) => !passed)?.text).toBe(
    "last done 1m ago, the cooldown is 10m",
  );
  await clock.advance(9 * 60_000 + 5_000);
  await until("verifying");
  expect(target.requests).toHaveLength(2);
  expect(new Set(target.requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(2);
});

test("no data: is not done until there is some", async () => {
  const { runner, target, clock, sli, until } = await bench();
  sli.total = undefined;
  await runner.alertChanged(firing, ["rollback"]);
  await clock.advance(60_000);
  expect(runner.runs()[0]).toMatchObject({ state: "blocked" });
  expect(target.requests).toEqual([]);
  sli.total = 600;
  await clock.advance(6_000);
  await until("verifying");
  expect(target.requests).toHaveLength(1);
});

test("a run that stays blocked for the same reason fills no journal", async () => {
  const { runner, clock, sli, journal } = await bench();
  sli.total = undefined;
  await runner.alertChanged(firing, ["rollback"]);
  await clock.advance(300_000);
  expect(journal.records).toHaveLength(1);
});

test("approve: waits for a named person, then acts", async () => {
  const { runner, target, until } = await bench({ mode: "approve" });
  await runner.alertChanged(firing, ["rollback"]);
  const [run] = runner.runs();
  expect(run).toMatchObject({ state: "waiting", expiresAtMs: 1_000_000 + 1_800_000 });
  await expect(runner.approve(run!.id, { by: " ", reason: "" })).rejects.toMatchObject({
    code: "ACTION_PERSON_REQUIRED",
  });
  expect(target.requests).toEqual([]);
  await runner.approve(run!.id, ana);
  const acted = await until("verifying");
  expect(acted.answer).toMatchObject({ answer: "approved", by: "ana", reason: "looks right" });
  expect(target.requests).toHaveLength(1);
  await expect(runner.approve(run!.id, ana)).rejects.toMatchObject({ code: "ACTION_NOT_WAITING" });
});

test.each([
  {
    name: "a person declines",
    end: ({ runner }: Bench, id: string) => runner.decline(id, ana),
    want: "declined",
  },
  { name: "nobody answers in time", end: ({ clock }: Bench) => clock.advance(31 * 60_000), want: "expired" },
  {
    name: "the alert resolves first",
    end: ({ runner }: Bench) => runner.alertChanged(resolved, ["rollback"]),
    want: "withdrawn",
  },
])("approve: $name", async ({ end, want }) => {
  const all = await bench({ mode: "approve" });
  await all.runner.alertChanged(firing, ["rollback"]);
  const [run] = all.runner.runs();
  await end(all, run!.id);
  expect(all.runner.runs()).toMatchObject([{ state: want }]);
  await all.clock.advance(60_000);
  expect(all.runner.runs()).toMatchObject([{ state: want }]);
  expect(all.target.requests).toEqual([]);
});

test("approve: a person's yes does not override a guard", async () => {
  const { runner, sli, target } = await bench({ mode: "approve" });
  await runner.alertChanged(firing, ["rollback"]);
  sli.bad = 0;
  await expect(runner.approve(runner.runs()[0]!.id, ana)).rejects.toMatchObject({
    code: "ACTION_GUARDED",
    message: expect.stringContaining("burns at 0×"),
  });
  expect(target.requests).toEqual([]);
});

test("a waiting run waits on after a restart", async () => {
  const { runner, restart, until, target } = await bench({ mode: "approve" });
  await runner.alertChanged(firing, ["rollback"]);
  await runner.close();
  const next = await restart();
  await next.approve(next.runs()[0]!.id, ana);
  await until("verifying", next);
  expect(target.requests).toHaveLength(1);
});

test("stop-all holds everything back, outlives a restart and needs a person", async () => {
  const { runner, restart, target, clock, until } = await bench();
  await expect(runner.stopAll(true, { by: "", reason: "" })).rejects.toMatchObject({
    code: "ACTION_PERSON_REQUIRED",
  });
  await runner.stopAll(true, { by: "ana", reason: "migration" });
  await runner.close();
  const next = await restart();
  expect(next.stopped).toMatchObject({ by: "ana", reason: "migration" });
  await next.alertChanged(firing, ["rollback"]);
  expect(next.runs()).toMatchObject([{ state: "blocked" }]);
  await expect(next.runNow("rollback", ana)).rejects.toMatchObject({ code: "ACTION_GUARDED" });
  await next.stopAll(false, { by: "ana", reason: "done" });
  await clock.advance(6_000);
  await until("verifying", next);
  expect(target.requests).toHaveLength(1);
});

test("429: waits as long as asked, then tries again with the same key", async () => {
  const { runner, target, clock, until } = await bench();
  let isBusy = true;
  target.answer = () => (isBusy ? { status: 429, headers: { "retry-after": "20" } } : { status: 200 });
  await runner.alertChanged(firing, ["rollback"]);
  await expect.poll(() => clock.dueMs()).toContain(clock.now() + 20_000);
  isBusy = false;
  await clock.advance(19_000);
  expect(target.requests).toHaveLength(1);
  await clock.advance(1_000);
  expect(await until("verifying")).toMatchObject({ attempts: 2, outcome: "ok" });
  expect(new Set(target.requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
});

test("403: failed, and not tried again for this firing", async () => {
  const { runner, target, clock, until } = await bench();
  target.answer = () => ({ status: 403, body: "who are you" });
  await runner.alertChanged(firing, ["rollback"]);
  expect(await until("failed")).toMatchObject({
    outcome: "failed",
    message: expect.stringContaining("answered 403"),
  });
  await clock.advance(120_000);
  expect(target.requests).toHaveLength(1);
});

test("500 from a target that makes no promise: not repeated, and the indicator tells what came of it", async () => {
  const { runner, target, clock, sli, until } = await bench();
  target.answer = () => ({ status: 500 });
  await runner.alertChanged(firing, ["rollback"]);
  expect(await until("verifying")).toMatchObject({ outcome: "unknown", attempts: 1 });
  sli.bad = 0;
  await clock.advance(40_000);
  expect(runner.runs()[0]).toMatchObject({ state: "done", outcome: "unknown", verdict: "helped" });
  expect(target.requests).toHaveLength(1);
});

/** A journal as a process leaves it that was killed between the start and the answer. */
async function killedWhileActing(): Promise<MemoryJournal> {
  const { runner, target, journal } = await bench();
  const asked = new Promise<void>((resolve) => {
    target.answer = () => {
      resolve();
      return {};
    };
  });
  await runner.alertChanged(firing, ["rollback"]);
  await asked;
  const left = new MemoryJournal();
  for (const record of journal.records) await left.append(record);
  return left;
}

test("killed while acting: what may have been done is not repeated, but verified", async () => {
  const journal = await killedWhileActing();
  const { restart, target, clock, sli } = await bench();
  const next = await restart({ journal });
  await next.alertChanged(firing, ["rollback"]);
  expect(next.runs()).toMatchObject([{ state: "verifying", outcome: "unknown" }]);
  sli.bad = 0;
  await clock.advance(40_000);
  expect(next.runs()).toMatchObject([{ state: "done", verdict: "helped" }]);
  expect(target.requests).toEqual([]);
});

test("killed while acting: a target that does it once per key is asked again with that key", async () => {
  const journal = await killedWhileActing();
  const { restart, target, until } = await bench({ webhook: { repeatable: true } });
  const next = await restart({ journal });
  const run = await until("verifying", next);
  expect(run).toMatchObject({ outcome: "ok" });
  expect(target.requests.map(({ headers }) => headers["idempotency-key"])).toEqual([run.key]);
});

test("killed while verifying: the verdict is still given", async () => {
  const { runner, until, restart, clock, sli } = await bench();
  await runner.alertChanged(firing, ["rollback"]);
  await until("verifying");
  await runner.close();
  const next = await restart();
  sli.bad = 0;
  await clock.advance(40_000);
  expect(next.runs()).toMatchObject([{ state: "done", verdict: "helped", before: { total: 600 } }]);
});

test.each([
  { name: "no effect at the deadline", bad: 55, total: 600, want: "no effect" },
  { name: "worse at the deadline", bad: 300, total: 600, want: "worse" },
  { name: "nothing to measure", bad: 0, total: undefined, want: "too little data" },
])("verdict: $name", async ({ bad, total, want }) => {
  const { runner, until, clock, sli } = await bench();
  await runner.alertChanged(firing, ["rollback"]);
  await until("verifying");
  sli.bad = bad;
  sli.total = total;
  await clock.advance(119_000);
  expect(runner.runs()[0]?.verdict).toBeUndefined();
  await clock.advance(2_000);
  expect(runner.runs()[0]).toMatchObject({ state: "done", verdict: want });
});

test.each([
  { name: "resolved: helped", trigger: { ...resolved, slo: null }, want: "helped" },
  { name: "still firing at the deadline: no effect", trigger: undefined, want: "no effect" },
])("without an SLO the alert tells; $name", async ({ trigger, want }) => {
  const { runner, until, clock } = await bench();
  await runner.alertChanged({ ...firing, slo: null }, ["rollback"]);
  await until("verifying");
  if (trigger) await runner.alertChanged(trigger, ["rollback"]);
  await clock.advance(121_000);
  expect(runner.runs()[0]).toMatchObject({ state: "done", verdict: want });
});

test("worse: is undone where that is configured", async () => {
  const url = (await startRevertTarget()).url;
  const { runner, until, clock, sli } = await bench({
    webhook: { revert: { url: `${url}/undo` } },
    verify: { settle: "5s", window: "30s", within: "1m", revert: "worse" },
  });
  await runner.alertChanged(firing, ["rollback"]);
  await until("verifying");
  sli.bad = 300;
  await clock.advance(62_000);
  const run = await until("done");
  expect(run.verdict).toBe("worse");
  await revertDone(runner);
  expect(runner.runs()[0]?.revert).toMatchObject({ outcome: "ok" });
});

async function startRevertTarget(): Promise<TestTarget> {
  const target = await startTestTarget();
  opened.push({ close: async () => target[Symbol.asyncDispose]() });
  return target;
}

function revertDone(runner: ActionRunner): Promise<void> {
  return new Promise((resolve) => {
    if (runner.runs()[0]?.revert?.outcome) return resolve();
    runner.onChange((run) => run.revert?.outcome && resolve());
  });
}

test("a person may ask for an action without an alert, within the limits", async () => {
  const { runner, target, until } = await bench({ verify: { slo: "checkout-availability" } });
  expect(await runner.plan("rollback")).toMatchObject({ plan: { isNeeded: true } });
  expect(target.requests).toEqual([]);
  await runner.runNow("rollback", ana);
  expect(await until("verifying")).toMatchObject({ requestedBy: ana, trigger: { alertId: "manual" } });
  await expect(runner.runNow("rollback", ana)).rejects.toMatchObject({ code: "ACTION_GUARDED" });
  await expect(runner.runNow("nothing", ana)).rejects.toMatchObject({ code: "ACTION_UNKNOWN" });
  expect(target.requests).toHaveLength(1);
});

test("an unknown action name and a listener that throws harm nobody", async () => {
  const { runner, until } = await bench();
  runner.onChange(() => {
    throw new Error("bad listener");
  });
  await runner.alertChanged(firing, ["nothing", "rollback"]);
  await until("verifying");
});
