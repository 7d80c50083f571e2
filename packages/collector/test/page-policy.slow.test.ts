// The page as the collector serves it, in a browser that keeps to the policy which comes with it.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { expect, test } from "vitest";
import { startProcess } from "./process.js";

const BROWSER = process.env.CHROMIUM ?? "/usr/bin/chromium";
const hasBrowser = existsSync(BROWSER);
if (!hasBrowser)
  console.warn(`The page's policy is not tested: there is no ${BROWSER}. Install chromium, or set CHROMIUM.`);

const CONFIG = "slos: [{ name: pay, service: shop, objective: 99%, sli: { type: availability } }]\n";

test.skipIf(!hasBrowser)(
  "nothing on the page needs inline styles or scripts",
  { timeout: 90_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "tocsin-page-"));
    await writeFile(join(folder, "tocsin.yaml"), CONFIG);
    const collector = await startProcess({ args: ["--config", join(folder, "tocsin.yaml")] });
    const browser = await chromium.launch({ executablePath: BROWSER, args: ["--no-sandbox"] });
    try {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
      page.on("pageerror", (error) => faults.push(error.message));
      const answer = await page.goto(collector.url);
      expect(answer?.headers()["content-security-policy"]).not.toContain("unsafe");
      await page.getByRole("rowheader", { name: "pay" }).first().waitFor();
      expect(await page.evaluate("document.styleSheets[0].cssRules.length")).toBeGreaterThan(10);
      expect(faults).toEqual([]);
      // The check can fail: what the policy forbids is told in the way that is listened to.
      await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color:red\">x</p>')");
      await expect.poll(() => faults.join()).toContain("Content Security Policy");
    } finally {
      await browser.close();
      await collector.stop();
      await rm(folder, { recursive: true });
    }
  },
);
