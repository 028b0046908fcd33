// A screen at a door in a real browser: with a connection, without one, reloaded without one, on electronic paper, and switched
// to the other language. The page's clock is the browser's, which this test moves; the server stands at 9:00.
// Called by tests/display.rs, which boots the server; by hand:
//   node display.test.mjs '{"url": …, "one": path, "all": path, "shots": "directory"}'
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const words = {
  ja: { free: "空き 10:00まで", taken: "予約あり 12:00まで", stale: /通信できません。09:00 から更新されていません。/, freeStale: "09:00時点の予定では空き", takenStale: "09:00時点の予定では予約あり", unknown: "わかりません" },
  en: { free: "Free until 10:00", taken: "Taken until 12:00", stale: /No connection\. Not updated since 09:00\./, freeStale: "Free as planned at 09:00, not certain now", takenStale: "Taken as planned at 09:00", unknown: "Not known" },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync", "--no-pings"],
});

async function screen(lang, scheme = "light") {
  const context = await browser.newContext({ locale: lang, timezoneId: "America/Los_Angeles", viewport: { width: 1024, height: 768 }, colorScheme: scheme });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.wrong = [];
  page.on("request", (request) => { if (!request.url().startsWith(plan.url)) page.wrong.push(`request ${request.url()}`); });
  page.on("pageerror", (error) => page.wrong.push(`error ${error}`));
  page.on("console", (message) => { if (message.type() === "error" && !/ERR_INTERNET_DISCONNECTED|Failed to fetch|Failed to load resource/.test(message.text())) page.wrong.push(`console ${message.text()}`); });
  return page;
}

async function sound(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  assert.deepEqual(violations.map((it) => `${it.id} ${it.nodes.map((node) => node.target)}`), [], name);
  await page.screenshot({ path: join(plan.shots, `display-${name}.png`) });
}

for (const lang of ["ja", "en"]) {
  const it = words[lang];
  const page = await screen(lang, lang === "ja" ? "light" : "dark");
  const context = page.context();
  await page.clock.install({ time: new Date("2026-11-20T00:00:00Z") });
  await page.goto(plan.url + plan.one);
  const now = page.locator("[data-seat] .mark");
  const stale = page.locator("#stale");
  await now.filter({ hasText: it.free }).waitFor();
  assert.equal(await stale.isVisible(), false);
  await sound(page, `${lang}-free`);
  // The worker has taken the page before the line is cut.
  await page.evaluate(() => navigator.serviceWorker.ready);
  for (let n = 0; !(await page.evaluate(async (path) => Boolean(await caches.match(path)), plan.one)); n += 1) {
    assert.ok(n < 100, "the page is not kept");
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }

  await context.setOffline(true);
  await page.clock.runFor(60_000);
  assert.equal(await now.textContent(), it.free, "a minute is no news");
  assert.equal(await stale.isVisible(), false);
  await page.clock.runFor(5 * 60_000);
  assert.match(await stale.textContent(), it.stale);
  assert.equal(await now.textContent(), it.freeStale, "not called free without saying when that was known");
  assert.match(await now.getAttribute("class"), /halt/);
  await sound(page, `${lang}-stale`);
  // The schedule goes on: the booking begins.
  await page.clock.runFor(60 * 60_000);
  assert.equal(await now.textContent(), it.takenStale);
  // Reloaded without a connection: the same, from the same moment.
  await page.reload();
  await page.clock.runFor(6_000);
  assert.equal(await now.textContent(), it.takenStale);
  assert.match(await stale.textContent(), it.stale);
  // Beyond what is known nobody knows.
  await page.clock.fastForward(24 * 3_600_000);
  await page.clock.runFor(6_000);
  assert.equal(await now.textContent(), it.unknown);
  // The connection is back.
  await context.setOffline(false);
  await page.clock.runFor(20_000);
  await now.filter({ hasText: it.free }).waitFor();
  assert.equal(await stale.isVisible(), false);
  assert.deepEqual(page.wrong, []);
  await context.close();
}

// All seats, and electronic paper: black on white, and drawn only when it asks.
for (const [name, path] of [["all", plan.all], ["eink", `${plan.one}?eink=1&every=5&lang=en`]]) {
  const page = await screen("ja");
  await page.goto(plan.url + path);
  await page.locator("[data-seat] .mark").first().waitFor();
  await sound(page, name);
  if (name === "eink") {
    const colours = await page.locator("[data-seat] .mark").evaluate((it) => [getComputedStyle(it).color, getComputedStyle(it).backgroundColor]);
    assert.deepEqual(colours, ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
  }
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}
await browser.close();
