// Every page of the table in tests/page_table.rs in a real browser: Japanese and English, light and dark, phone and desk; no
// finding of axe, nothing sideways, targets of 44 px, the keyboard's order is the order of reading. Then today at a site: who is
// inside takes one action, what one reads stays where it is, and the roll-call prints. Called by tests/browser_manager.rs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--disable-domain-reliability", "--no-pings", "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
  ],
});
const signIn = { ja: "サインインする", en: "Sign in" };

// A visitor who fails the run when a page asks another origin for anything, breaks the content policy or throws.
async function visitor({ lang, scheme, width }, link) {
  const context = await browser.newContext({ locale: lang, timezoneId: "America/Los_Angeles", viewport: { width, height: 844 }, colorScheme: scheme });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.wrong = [];
  page.on("request", (request) => { if (!request.url().startsWith(plan.url)) page.wrong.push(`request ${request.url()}`); });
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.wrong.push(`console ${message.text()}`); });
  page.on("pageerror", (error) => page.wrong.push(`error ${error}`));
  if (link) {
    await page.goto(plan.url + new URL(link).pathname + new URL(link).search);
    await page.getByRole("button", { name: signIn[lang] }).click();
    await page.waitForURL(`${plan.url}/`);
  }
  return page;
}

async function leave(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function sound(page, name) {
  assert.equal(await page.locator("h1").count(), 1, name);
  const seen = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll("button, .button, input:not([type=hidden]), select, summary, nav a")].filter((it) => it.getClientRects().length && it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML),
  }));
  assert.deepEqual(seen, { wide: 0, small: [] }, name);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  assert.deepEqual(found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html + node.failureSummary).join(" | ")}`), [], name);
}

// Tab goes from top to bottom as the page is read, begins with the link to the content, and can be seen where it is.
async function keyboard(page, name) {
  await page.evaluate(() => { document.activeElement?.blur(); window.stops = []; });
  for (let n = 0; n < 60; n += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const it = document.activeElement;
      if (!it || it === document.body) return null;
      if (window.stops.includes(it)) return { again: true };
      const last = window.stops.at(-1);
      window.stops.push(it);
      const box = it.getBoundingClientRect();
      const style = getComputedStyle(it);
      return {
        after: !last || Boolean(last.compareDocumentPosition(it) & Node.DOCUMENT_POSITION_FOLLOWING),
        seen: box.width > 0 && box.height > 0 && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
        skip: it.className === "skip",
        html: it.outerHTML.slice(0, 200),
      };
    });
    if (!stop || stop.again) break;
    assert.ok(stop.after, `${name}: the keyboard jumps back to ${stop.html}`);
    assert.ok(stop.seen, `${name}: focus cannot be seen on ${stop.html}`);
    if (n === 0) assert.ok(stop.skip, `${name} begins with ${stop.html}`);
  }
}

async function every() {
  let n = 0;
  const wrong = [];
  for (const [lang, scheme, width] of [["ja", "light", 390], ["ja", "dark", 1280], ["en", "light", 1280], ["en", "dark", 390]]) {
    const who = {};
    for (const [role, link] of [["Owner", plan.owners[n]], ["Member", plan.members[n]], ["Nobody", null]]) who[role] = await visitor({ lang, scheme, width }, link);
    n += 1;
    for (const it of plan.pages) {
      const page = who[it.who];
      const name = `${it.route} ${lang} ${scheme} ${width}`;
      const answer = await page.goto(plan.url + it.path, { waitUntil: "load" });
      // All that is wrong at once: one look at every page takes long enough.
      for (const look of [() => assert.equal(answer.status(), it.status, name), () => sound(page, name), () => lang === "ja" && keyboard(page, name)]) {
        try { await look(); } catch (error) { wrong.push(`${name}: ${error.message}`); }
      }
      await page.evaluate(() => document.activeElement?.blur());
      await page.screenshot({ path: join(plan.shots, `${it.name}-${lang}-${scheme}-${width}.png`), fullPage: true });
    }
    for (const page of Object.values(who)) await leave(page);
  }
  assert.equal(wrong.join("\n\n"), "");
}

async function today() {
  const page = await visitor({ lang: "ja", scheme: "light", width: 1280 }, plan.owners[4]);
  // Who is inside: one action from the home page.
  await page.getByRole("navigation").getByRole("link", { name: "今日の施設" }).click();
  await page.locator("#in-list").waitFor();
  assert.ok((await page.locator("section[aria-labelledby=in-list]").innerText()).includes("山田花子"));
  await page.locator("#live-state").waitFor({ state: "visible" });
  await page.setViewportSize({ width: 390, height: 700 });

  // Somebody reads the refusals; a booking adds a line above them.
  const heading = page.locator("#refusals");
  await heading.evaluate((it) => window.scrollTo(0, it.getBoundingClientRect().top + window.scrollY - 40));
  const before = await heading.evaluate((it) => { window.kept = document.querySelector("section[aria-labelledby=refusals] li"); return it.getBoundingClientRect().top; });
  const lines = await page.locator("section[aria-labelledby=expected] li").count();
  const other = await visitor({ lang: "ja", scheme: "light", width: 1280 }, plan.other);
  await other.goto(`${plan.url}/sites/${plan.site}/book?day=${plan.today}&from=18:00&to=19:00`);
  await other.locator(`form[action="/sites/${plan.site}/book"][method=post] button`).first().click();
  await other.waitForURL(/\/bookings\//);
  const made = other.url();
  await page.waitForFunction((count) => document.querySelectorAll("section[aria-labelledby=expected] li").length > count, lines);
  const after = await heading.evaluate((it) => it.getBoundingClientRect().top);
  assert.ok(Math.abs(after - before) <= 1, `what is read moved by ${after - before} px`);
  assert.ok(await page.evaluate(() => window.kept.isConnected), "a line that did not change is the same element");

  // Somebody types; the page waits for them and keeps what they opened.
  await page.locator("details summary").first().click();
  const field = page.locator("details[open] input[name=reason]").first();
  await field.fill("扉を");
  await other.goto(made);
  await other.locator("form[action$='/cancel'] button").first().click();
  await page.locator("#live-paused").waitFor({ state: "visible" });
  assert.equal(await field.inputValue(), "扉を");
  await field.blur();
  await page.locator("#live-paused").waitFor({ state: "hidden" });
  assert.equal(await page.locator("section[aria-labelledby=attention] details[open]").count(), 1, "what was opened stays open");
  await leave(other);

  // One button prints the roll-call, with everybody on it and nothing else of the page.
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.context().addInitScript(() => { window.prints = 0; window.print = () => { window.prints += 1; }; });
  await page.getByRole("link", { name: "在館者確認を印刷する" }).click();
  await page.waitForURL(/roll-call/);
  await page.waitForFunction(() => window.prints === 1);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("nav, button, .button").filter({ visible: true }).count(), 0, "no buttons on paper");
  assert.ok(await page.getByText("山田花子").isVisible());
  await page.screenshot({ path: join(plan.shots, "roll-call-paper.png"), fullPage: true });
  await leave(page);
}

try {
  await every();
  await today();
  console.log("ok");
} finally {
  await browser.close();
}
