// The pages in a real browser: signs in, books, is refused, cancels, and watches today at the site, in Japanese and English,
// with script and without. Called by tests/browser.rs, which boots the server; by hand:
//   node page.test.mjs '{"url": …, "site": …, "day": …, "members": [links], "owners": [links], "shots": "directory"}'
// Links are for one sign-in each: four of a member, four of an owner.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const words = {
  ja: {
    signIn: "サインインする", book: "席を予約する", show: "この時間の空きを見る", bookThis: /^この席を予約する/, booked: "予約しました",
    refused: "予約できませんでした", cancel: "予約を取り消す", cancelled: "予約を取り消しました", today: "今日の施設", expected: "これから来る人",
    nobody: "在室者はいません。", live: "自動更新中", unlock: /^解錠する/, signOut: "サインアウトする", date: "2026年11月21日(土)",
  },
  en: {
    signIn: "Sign in", book: "Book a seat", show: "Show what is free then", bookThis: /^Book this seat/, booked: "Your seat is booked",
    refused: "This could not be booked", cancel: "Cancel this booking", cancelled: "The booking is cancelled", today: "Today at the site", expected: "Expected, not here yet",
    nobody: "Nobody is inside.", live: "updating by itself", unlock: /^Unlock the door/, signOut: "Sign out", date: "Saturday 21 November 2026",
  },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--disable-domain-reliability", "--no-pings", "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
  ],
});

// A page that fails the run when it asks another origin for anything, breaks the content policy or throws.
async function visitor({ lang, script, width = 1024, scheme = "light" }) {
  const context = await browser.newContext({
    locale: lang, timezoneId: "America/Los_Angeles", javaScriptEnabled: script, viewport: { width, height: 800 }, colorScheme: scheme,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.wrong = [];
  page.on("request", (request) => { if (!request.url().startsWith(plan.url)) page.wrong.push(`request ${request.url()}`); });
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.wrong.push(`console ${message.text()}`); });
  page.on("pageerror", (error) => page.wrong.push(`error ${error}`));
  return page;
}

async function leave(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function signIn(page, link, w) {
  await page.goto(plan.url + new URL(link).pathname + new URL(link).search);
  await page.getByRole("button", { name: w.signIn }).click();
  await page.waitForURL(`${plan.url}/`);
}

async function shot(page, name) {
  if (plan.shots) await page.screenshot({ path: join(plan.shots, `${name}.png`), fullPage: true });
}

// What every page has to be: one heading of the first level, a language, no sideways scrolling, targets of 44 px, no finding of axe.
async function sound(page, name, script) {
  assert.equal(await page.locator("h1").count(), 1, name);
  if (!script) return;
  const seen = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll("button, .button, input:not([type=hidden])")].filter((it) => it.getClientRects().length && it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML),
  }));
  assert.deepEqual(seen, { wide: 0, small: [] }, name);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html + node.failureSummary).join(" | ")}`), [], name);
}

// Signed in, three actions: the site, the time (kept as offered but for the day), the seat.
async function book(page, w, from, to) {
  await page.goto(`${plan.url}/sites/${plan.site}/book?day=${plan.day}`);
  await page.locator("form.times input[name=from]").fill(from);
  await page.locator("form.times input[name=to]").fill(to);
  await page.getByRole("button", { name: w.show }).click();
  await page.getByText(w.date, { exact: true }).waitFor();
}

async function member(lang, script, link, hour) {
  const w = words[lang];
  const name = `${lang}-${script ? "script" : "plain"}`;
  const page = await visitor({ lang, script });
  await signIn(page, link, w);
  await sound(page, `home ${name}`, script);
  await page.getByRole("link", { name: w.book }).first().click();
  await page.waitForURL(/\/book$/);
  const at = (h) => `${String(h).padStart(2, "0")}:00`;
  await book(page, w, at(hour), at(hour + 1));
  await sound(page, `book ${name}`, script);
  await shot(page, `book-${name}`);
  await page.getByRole("button", { name: w.bookThis }).first().click();
  await page.getByRole("heading", { name: w.booked }).waitFor();
  assert.ok((await page.textContent("main")).includes(`${at(hour)}–${at(hour + 1)}`));
  await sound(page, `booked ${name}`, script);
  await shot(page, `booked-${name}`);
  const made = page.url();

  // The same hour again: refused, with the rule.
  await book(page, w, at(hour), at(hour + 1));
  await page.getByRole("button", { name: w.bookThis }).first().click();
  await page.getByRole("heading", { name: w.refused }).waitFor();
  await sound(page, `refused ${name}`, script);
  await shot(page, `refused-${name}`);

  await page.goto(plan.url);
  await sound(page, `home with a booking ${name}`, script);
  await shot(page, `home-${name}`);
  await page.goto(made);
  await page.getByRole("button", { name: w.cancel }).click();
  await page.getByRole("heading", { name: w.cancelled }).waitFor();
  await page.getByRole("button", { name: w.signOut }).click();
  await page.waitForURL(/\/sign-in/);
  await leave(page);
}

async function owner(lang, script, link, others) {
  const w = words[lang];
  const name = `${lang}-${script ? "script" : "plain"}`;
  const page = await visitor({ lang, script, scheme: lang === "en" ? "dark" : "light" });
  await signIn(page, link, w);
  await page.goto(`${plan.url}/sites/${plan.site}/today`);
  await page.getByRole("heading", { name: w.today }).waitFor();
  await page.getByText(w.nobody).waitFor();
  await sound(page, `today ${name}`, script);
  if (script) {
    // Somebody books for today: the page shows it by itself.
    await page.getByText(w.live).waitFor();
    const before = await page.locator("#live").innerText();
    await others();
    await page.waitForFunction((text) => document.getElementById("live").innerText !== text && document.querySelectorAll("section[aria-labelledby=expected] li").length === 1, before);
  }
  await page.locator(".orders summary").first().click();
  await page.getByRole("button", { name: w.unlock }).first().waitFor();
  await sound(page, `door orders ${name}`, script);
  await shot(page, `today-${name}`);
  await leave(page);
}

// Books the last hour of today as a member; what the owner's page then shows.
async function bookToday(lang, link) {
  const page = await visitor({ lang, script: false });
  await signIn(page, link, words[lang]);
  await page.goto(`${plan.url}/sites/${plan.site}/book?day=${plan.today}&from=18:00&to=19:00`);
  await page.getByRole("button", { name: words[lang].bookThis }).first().click();
  await page.getByRole("heading", { name: words[lang].booked }).waitFor();
  const path = page.url();
  return async () => {
    await page.goto(path);
    await page.getByRole("button", { name: words[lang].cancel }).click();
    await page.getByRole("heading", { name: words[lang].cancelled }).waitFor();
    await leave(page);
  };
}

async function phone(link) {
  const page = await visitor({ lang: "ja", script: true, width: 320, scheme: "dark" });
  await signIn(page, link, words.ja);
  await sound(page, "home on a phone", true);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip", "the first stop is the link to the content");
  await page.goto(`${plan.url}/sites/${plan.site}/book?day=${plan.day}`);
  await sound(page, "book on a phone", true);
  await shot(page, "book-phone-dark");
  // The switch keeps the page.
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("heading", { name: words.en.book, level: 1 }).waitFor();
  assert.ok(page.url().includes(`day=${plan.day}`));
  await leave(page);
}

try {
  let n = 0;
  for (const lang of ["ja", "en"]) {
    for (const script of [false, true]) {
      await member(lang, script, plan.members[n], 10 + n);
      let undo;
      await owner(lang, script, plan.owners[n], async () => { undo = await bookToday(lang, plan.members[4 + n]); });
      await undo?.();
      n += 1;
    }
  }
  await phone(plan.members[8]);
  const page = await visitor({ lang: "ja", script: true });
  await page.goto(`${plan.url}/sign-in`);
  await sound(page, "sign-in", true);
  await shot(page, "sign-in");
  await leave(page);
  console.log("ok");
} finally {
  await browser.close();
}
