import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ApiState, burningStory, startStoryApi } from "./story-api.js";

const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const hasBrowser = existsSync(BROWSER);
if (!hasBrowser)
  console.warn(`Page tests are skipped: there is no ${BROWSER}. Install chromium, or set CHROMIUM.`);

describe.skipIf(!hasBrowser)("the page in a browser", () => {
  let browser: Browser;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function open(path: string, state: ApiState = burningStory(), options = {}) {
    const api = await startStoryApi(state);
    closing.push(() => api.close());
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    closing.push(() => context.close());
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
        faults.push(message.text());
    });
    const foreign: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(api.url) && !request.url().startsWith("data:"))
        foreign.push(request.url());
    });
    await page.goto(`${api.url}${path}`);
    await page.getByRole("main").getByRole("heading", { level: 1 }).waitFor();
    return { page, api, state, faults, foreign };
  }

  const row = (page: Page, name: string) =>
    page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });

  async function violationsOf(page: Page): Promise<string[]> {
    await page.addScriptTag({ content: axe.source });
    return page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`,
      );
    });
  }

  test("the overview shows what is wrong first, with the four signals, budget and burn rates", async () => {
    const { page, faults, foreign } = await open("/");
    await row(page, "checkout").first().waitFor();
    const first = page.getByRole("region", { name: "Services" }).getByRole("row").nth(1);
    for (const text of [
      "burning",
      "checkout",
      "40 /s",
      "9.17 %",
      "12 ms",
      "212 ms",
      "1.2 s",
      "event loop 8 %",
      "41 %",
      "1.42.0",
    ]) {
      expect(await first.textContent()).toContain(text);
    }
    const slo = await row(page, "checkout-availability").first().textContent();
    for (const text of [
      "99.9 % / 30d",
      "90.8 %",
      "92×",
      "14.7×",
      "At this pace the budget ends in 3 h 12 min.",
    ]) {
      expect(slo).toContain(text);
    }
    expect(await page.getByRole("region", { name: "Alert ErrorBudgetBurn" }).textContent()).toContain(
      "since",
    );
    expect(await page.title()).toBe("(1) Tocsin");
    expect({ faults, foreign }).toEqual({ faults: [], foreign: [] });
  });

  test.each([
    "/",
    "/services",
    "/services/checkout",
    "/slos",
    "/slos/checkout-availability",
    "/alerts",
    "/alerts/a1-k0",
    "/silences",
    "/actions",
    "/actions/act-0123456789abcdef",
  ])("%s has no accessibility fault, light or dark, wide or narrow", async (path) => {
    for (const [colorScheme, width] of [
      ["light", 1280],
      ["dark", 360],
    ] as const) {
      const { page, faults } = await open(path, burningStory(), {
        colorScheme,
        viewport: { width, height: 800 },
        bypassCSP: true,
      });
      await page.getByRole("region").first().waitFor();
      expect(await violationsOf(page)).toEqual([]);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${path} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
      expect(faults).toEqual([]);
    }
  });

  test("an SLO tells what spent its budget, and a service what its deployments changed", async () => {
    const { page, faults } = await open("/slos");
    await page.getByRole("link", { name: "checkout-availability" }).click();
    const spent = page.getByRole("region", { name: "Spent by" });
    await spent.getByText("POST /pay").waitFor();
    const text = await spent.textContent();
    for (const each of ["1,100 / 2,400", "59 %", "1.42.0", "TypeError"]) expect(text).toContain(each);
    expect(await page.getByRole("region", { name: "Burn rates" }).textContent()).toContain("1h and 5m");
    await page.getByRole("link", { name: "checkout", exact: true }).click();
    const deployments = page.getByRole("region", { name: "Deployments" });
    await deployments.getByText("1.41.3 → 1.42.0").waitFor();
    const figures = await deployments.textContent();
    for (const each of ["marked by ci", "0 % of 2,400", "46 % of 1,230", "worse"])
      expect(figures).toContain(each);
    expect(faults).toEqual([]);
  });

  test("it keeps itself up to date without blanking, and says in the title that all is well again", async () => {
    const { page, state } = await open("/");
    await row(page, "checkout").first().waitFor();
    state.alerts = [];
    await expect.poll(() => page.title(), { timeout: 8_000 }).toBe("Tocsin");
    expect(await page.getByRole("region", { name: "Alert ErrorBudgetBurn" }).count()).toBe(0);
    expect(await row(page, "checkout").count()).toBeGreaterThan(0);
  });

  test("a part that fails says so and keeps its old numbers; the others go on", async () => {
    const { page, state } = await open("/");
    await row(page, "gateway").waitFor();
    state.services = { status: 500, error: "the book of services is closed" };
    const part = page.getByRole("region", { name: "Services" });
    await part.getByText("the book of services is closed").waitFor({ timeout: 8_000 });
    expect(await part.textContent()).toContain("40 /s");
    expect(await page.getByRole("region", { name: "SLOs" }).textContent()).not.toContain("not up to date");
  });

  test("a collector that is away is said to be, with the time of what is shown", async () => {
    const { page, api } = await open("/");
    await row(page, "gateway").waitFor();
    await api.close();
    await page
      .getByText(/The collector does not answer; showing \d\d:\d\d:\d\d\./)
      .waitFor({ timeout: 10_000 });
    expect(await row(page, "gateway").textContent()).toContain("40 /s");
  });

  test("with nothing yet, each part names the cause and the next step", async () => {
    const { page } = await open("/", { ...burningStory(), services: [], slos: [], alerts: [], actions: [] });
    await page.getByText("Nothing was received yet.").waitFor();
    expect(await page.getByRole("main").textContent()).toContain(
      "node --import @tocsin/agent/register server.js",
    );
    expect(await page.getByRole("main").textContent()).toContain("No SLO is configured.");
  });

  test("what is not kept is said, and a store that is away", async () => {
    const state = burningStory();
    state.status = {
      store: { kind: "none", notKept: ["traces", "logs", "metrics beyond what is in memory"] },
    };
    const { page } = await open("/", state, { bypassCSP: true });
    await page.getByText("does not keep traces, logs or metrics beyond what is in memory").waitFor();
    state.status = { store: { kind: "embedded", fault: "The store has not answered for 2 s." } };
    await page
      .getByText("The store has not answered for 2 s. What arrives meanwhile waits in the spool.")
      .waitFor();
    expect(await violationsOf(page)).toEqual([]);
  });

  test("keys go everywhere, back and forward work, and the address tells where one is", async () => {
    const { page, api } = await open("/");
    await page.keyboard.press("g");
    await page.keyboard.press("b");
    await page.getByRole("heading", { name: "SLOs", level: 1 }).waitFor();
    expect(page.url()).toBe(`${api.url}/slos`);
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await row(page, "checkout").getByRole("link").click();
    await page.getByRole("heading", { name: "checkout", level: 1 }).waitFor();
    expect(page.url()).toBe(`${api.url}/services/checkout`);
    await page.goBack();
    await page.getByRole("heading", { name: "Services", level: 1 }).waitFor();
    await page.goForward();
    await page.getByRole("heading", { name: "checkout", level: 1 }).waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  test("charts speak, and have their numbers as a table", async () => {
    const { page, faults } = await open("/services/checkout");
    const chart = page.getByRole("img", { name: /^errors: now 9\.17 %, highest 9\.17 % at/ });
    await chart.waitFor();
    expect(await chart.locator("canvas").count()).toBe(1);
    await page.getByText("as table").first().click();
    await page.getByRole("cell", { name: "9.17 %" }).first().waitFor();
    expect(faults).toEqual([]);
  });

  test("charts begin with what the collector has kept, also after a reload", async () => {
    const kept = { requests: [10, 80, 20], errors: [0.5, 0.01, 0.02], latency: [3, 0.1, 0.1] };
    const { page, faults } = await open("/services/checkout", { ...burningStory(), kept });
    for (let visit = 0; visit < 2; visit++) {
      await page.getByRole("img", { name: /^rate: now 40 \/s, highest 80 \/s at/ }).waitFor();
      await page.getByRole("img", { name: /^errors: now 9\.17 %, highest 50 % at/ }).waitFor();
      await page.getByRole("img", { name: /^p95: now 212 ms, highest 3 s at/ }).waitFor();
      await page.reload();
    }
    expect(faults).toEqual([]);
  });

  test("a collector that has kept nothing, or does not answer for it, leaves the charts to what the page sees", async () => {
    const { page, faults } = await open("/services/checkout");
    await page.getByRole("img", { name: /^rate: now 40 \/s, highest 40 \/s at/ }).waitFor();
    expect(faults).toEqual([]);
    const refusing = await open("/services/checkout");
    await refusing.page.route("**/prometheus/**", (route) => route.fulfill({ status: 503, body: "{}" }));
    await refusing.page.reload();
    await refusing.page.getByRole("img", { name: /^rate: now 40 \/s, highest 40 \/s at/ }).waitFor();
    expect(refusing.faults).toEqual([]);
  });

  test("a service says how exact its latencies are, what is full where, and what waits for it", async () => {
    const { page } = await open("/services/checkout", burningStory(), { bypassCSP: true });
    const signals = page.getByRole("region", { name: "Signals" });
    await signals.getByRole("definition").filter({ hasText: "212 ms ± 41 %" }).waitFor();
    const facts = await signals.getByRole("definition").allTextContents();
    for (const text of ["12 ms ± 4.53 %", "≥ 1.2 s", "event loop 8 %", "checkout-7d9f"]) {
      expect(facts).toContain(text);
    }
    expect(await row(page, "connection pool orders-db").allTextContents()).toEqual([
      "connection pool orders-db5 %120checkout-5c01db.client.connection.count",
    ]);
    const messages = signals.getByRole("group", { name: "messages" }).getByRole("row").nth(1);
    await signals.getByText("12 routes are counted as {other}").waitFor();
    expect(await messages.textContent()).toBe("orderskafkabilling1,234–2.5 s31 s");
    expect(await violationsOf(page)).toEqual([]);
  });

  test("the theme is chosen, seen and kept", async () => {
    const { page } = await open("/");
    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    expect(await ground()).toBe("rgb(245, 246, 248)");
    await page.keyboard.press(".");
    expect(await ground()).toBe("rgb(15, 18, 22)");
    await page.reload();
    expect(await ground()).toBe("rgb(15, 18, 22)");
  });

  test("approving shows the plan, needs a name, and is the only thing that acts", async () => {
    const { page, api } = await open("/actions");
    api.onPost(() => ({
      status: 409,
      body: { error: "This must not be done now. cooldown: last done 4m ago." },
    }));
    await page.getByRole("button", { name: "Approve…" }).click();
    const dialog = page.getByRole("dialog", { name: "Approve rollback-checkout" });
    expect(await dialog.textContent()).toContain("POST http://127.0.0.1:4390/rollback");
    await dialog.getByRole("button", { name: "Approve rollback-checkout" }).click();
    expect(api.posts).toEqual([]);
    await dialog.getByLabel("Your name").fill("ana");
    await dialog.getByLabel("Reason").fill("bad deploy");
    await dialog.getByRole("button", { name: "Approve rollback-checkout" }).click();
    await dialog.getByText("last done 4m ago").waitFor();
    api.onPost(() => ({ status: 200, body: {} }));
    await dialog.getByRole("button", { name: "Approve rollback-checkout" }).click();
    await dialog.waitFor({ state: "hidden" });
    const sent = {
      path: "/api/v1/actions/act-0123456789abcdef/approve",
      body: { by: "ana", reason: "bad deploy" },
    };
    expect(api.posts).toEqual([sent, sent]);
  });

  test("the switch stops all actions with a name and a reason", async () => {
    const { page, api, state } = await open("/actions");
    await page.getByRole("button", { name: "Stop all actions…" }).click();
    const dialog = page.getByRole("dialog", { name: "Stop all actions" });
    await dialog.getByLabel("Your name").fill("ana");
    await dialog.getByLabel("Reason").fill("migration");
    state.catalogue = {
      ...state.catalogue,
      stopped: { by: "ana", reason: "migration", since: new Date().toISOString() },
    };
    await dialog.getByRole("button", { name: "Stop all actions" }).click();
    await page.getByText("all actions are stopped").waitFor();
    expect(api.posts).toEqual([
      { path: "/api/v1/actions/stop", body: { stopped: true, by: "ana", reason: "migration" } },
    ]);
  });

  test("why it fired: windows against their limits, what changed, where, who was told, and what is done", async () => {
    const { page, faults } = await open("/");
    await page
      .getByRole("region", { name: "Alert ErrorBudgetBurn" })
      .getByRole("link", { name: "Why" })
      .click();
    await page.getByRole("heading", { name: "Why did it fire?" }).waitFor();
    await page.getByRole("cell", { name: "1,104 / 12,000" }).waitFor();
    await page.getByRole("img", { name: /^from 1 at .* to 92 at .*, highest 92, limit 14\.4$/ }).waitFor();
    const text = await page.getByRole("main").textContent();
    for (const fact of [
      "14.4×",
      "before it fired",
      "deploy checkout 1.41.3 → 1.42.0",
      "POST /pay carries 99 % of the bad ones",
      "oncall/webhook/0",
      "2 tries: answered 503",
      "same result",
      "rollback-checkout",
    ]) {
      expect(text).toContain(fact);
    }
    expect(faults).toEqual([]);
  });

  test("taking an alert on needs a name", async () => {
    const { page, api } = await open("/alerts/a1-k0");
    await page.getByRole("button", { name: "Acknowledge…" }).click();
    const dialog = page.getByRole("dialog", { name: "Acknowledge ErrorBudgetBurn" });
    await dialog.getByRole("button", { name: "Acknowledge ErrorBudgetBurn" }).click();
    expect(api.posts).toEqual([]);
    await dialog.getByLabel("Your name").fill("ana");
    await dialog.getByRole("button", { name: "Acknowledge ErrorBudgetBurn" }).click();
    await dialog.waitFor({ state: "hidden" });
    expect(api.posts).toEqual([
      { path: "/api/v1/alerts/a1-k0/acknowledge", body: { by: "ana", comment: "" } },
    ]);
  });

  test("silences are listed by what they mute, with who and why, and those that end soon are said", async () => {
    const { page, faults } = await open("/silences");
    const active = row(page, '{service="db"}');
    await active.waitFor();
    for (const fact of ["ends soon", "ana: moving the database", "(in 12 min)"])
      expect(await active.textContent()).toContain(fact);
    expect(await page.getByRole("main").textContent()).toContain("silence ends in 12 min");
    expect(await page.getByRole("region", { name: "Active and to come" }).textContent()).toContain(
      "sunday 02:00-04:00 Europe/Berlin",
    );
    expect(await page.getByRole("region", { name: "Ended" }).textContent()).toContain("load test");
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.getByText("silence ends in 12 min").waitFor();
    expect(faults).toEqual([]);
  });

  test("a silence from an alert starts with its labels, shows what it would mute, and needs a reason and a name", async () => {
    const { page, api, faults } = await open("/alerts/a1-k0");
    await page.getByRole("button", { name: "Silence…" }).click();
    const dialog = page.getByRole("dialog", { name: "Silence ErrorBudgetBurn" });
    const matchers = dialog.getByLabel("What to mute");
    expect(await matchers.inputValue()).toBe('slo="checkout-availability"\nseverity="page"');
    const preview = dialog.getByRole("status");
    await preview.getByText("Mutes 1 firing; 14 known in 90 days would match.").waitFor();
    expect(await preview.textContent()).toContain('similar: the same {service="cart"} of ana, ended');
    await matchers.fill('severity="page"');
    await expect.poll(() => api.previews.at(-1)).toEqual({ matchers: ['severity="page"'] });
    const confirm = dialog.getByRole("button", { name: "Silence ErrorBudgetBurn" });
    await confirm.click();
    expect(api.posts).toEqual([]);
    await dialog.getByLabel("Only at these times").fill("sunday 02:00-04:00");
    await dialog.getByLabel("Reason").fill("maintenance");
    await dialog.getByLabel("Your name").fill("ana");
    api.onPost(() => ({ status: 400, body: { error: '"2h" is too long here.' } }));
    await confirm.click();
    await dialog.getByText('"2h" is too long here.').waitFor();
    api.onPost(() => ({ status: 200, body: {} }));
    await confirm.click();
    await dialog.waitFor({ state: "hidden" });
    expect(api.posts.at(-1)).toEqual({
      path: "/api/v1/silences",
      body: {
        matchers: ['severity="page"'],
        for: "2h",
        every: "sunday 02:00-04:00",
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        comment: "maintenance",
        by: "ana",
      },
    });
    expect(faults).toEqual([]);
  });

  test("a silence that would mute everything says so, and matchers that are not understood are named", async () => {
    const { page, state } = await open("/silences");
    state.preview = {
      firing: [...state.preview.firing, { id: "b", labels: {} }],
      firingInAll: 2,
      knownCount: 2,
      similar: [],
    };
    await page.getByRole("button", { name: "Add a silence…" }).click();
    const dialog = page.getByRole("dialog", { name: "Add a silence" });
    expect(await dialog.getByRole("status").textContent()).toBe("");
    await dialog.getByLabel("What to mute").fill('severity=~".+"');
    await dialog.getByText("everything that fires").waitFor();
  });

  test("a silence is extended, ended and made again from the list", async () => {
    const { page, api } = await open("/silences");
    await row(page, '{service="db"}').getByRole("button", { name: "Extend…" }).click();
    const extend = page.getByRole("dialog", { name: "Extend the silence" });
    await extend.getByLabel("How long from now").fill("4h");
    await extend.getByRole("button", { name: "Extend the silence" }).click();
    await extend.waitFor({ state: "hidden" });
    await row(page, '{service="db"}').getByRole("button", { name: "End…", exact: true }).click();
    const end = page.getByRole("dialog", { name: "End the silence" });
    expect(await end.textContent()).toContain("2 that fire now will be told again.");
    await end.getByRole("button", { name: "End the silence" }).click();
    await end.waitFor({ state: "hidden" });
    expect(api.posts).toEqual([
      { path: "/api/v1/silences/s1/extend", body: { for: "4h" } },
      { path: "/api/v1/silences/s1/end", body: {} },
    ]);
    await page.getByRole("button", { name: "Again…" }).click();
    const again = page.getByRole("dialog", { name: "Silence again" });
    expect(await again.getByLabel("What to mute").inputValue()).toBe('{service="cart"}');
  });

  test("the dialog of a silence has no accessibility fault and fits a narrow page", async () => {
    const { page, faults } = await open("/alerts/a1-k0", burningStory(), {
      viewport: { width: 360, height: 800 },
      bypassCSP: true,
    });
    await page.getByRole("button", { name: "Silence…" }).click();
    await page.getByText("Mutes 1 firing").waitFor();
    expect(await violationsOf(page)).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("an alert that nobody knows is said to be unknown", async () => {
    const { page } = await open("/alerts/gone");
    await page.getByText("There is no alert at /api/v1/alerts/gone/explain.").first().waitFor();
  });

  test("where the collector wants a token, the page asks for one, keeps it for the tab and never shows it", async () => {
    const { page, state } = await open("/", { ...burningStory(), token: "s3cret" });
    const form = page.getByRole("form", { name: "Token" });
    await form.getByText("This collector wants a token.").waitFor();
    await form.getByRole("textbox").fill("wrong");
    await form.getByRole("button", { name: "Use it" }).click();
    await form.getByText("does not know this token").waitFor();
    await form.getByRole("textbox").fill(state.token ?? "");
    await form.getByRole("button", { name: "Use it" }).click();
    await row(page, "checkout").first().waitFor();
    expect(await form.count()).toBe(0);
    await page.reload();
    await row(page, "checkout").first().waitFor();
    expect(await page.content()).not.toContain("s3cret");
  });

  test("a token in the address is used, and gone from the address", async () => {
    const { page, api } = await open("/#token=s3cret", { ...burningStory(), token: "s3cret" });
    await row(page, "checkout").first().waitFor();
    expect(page.url()).toBe(`${api.url}/`);
  });
});
