// The pages about one's own seat in a real browser: the usual seat, the map, cancelling and taking it back, staying longer.
// Taps are counted against the goals; every page is looked at in both languages and themes, at phone and desktop width, with
// the keyboard and with text at 200 %. Called by tests/seat_browser.rs, which boots the server; by hand:
//   node seat.test.mjs '{"url": …, "site": …, "members": [links], "others": [links], "guests": [links], "shots": "directory"}'
// The member has a habit, the guest is inside; links are for one sign-in each.
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FIRST_LOAD_MAX = 100 * 1024;
const words = {
  ja: {
    signIn: "サインインする", usual: /^明日 09:30–17:30を予約する|^明日 10:00–18:00を予約する/, booked: "予約しました", show: "予約を見る", cancel: /^予約を取り消す/,
    cancelled: "予約を取り消しました", undo: "取り消しを元に戻す", undone: "予約を元に戻しました", book: /^席を予約する/, bookThis: /^この席を予約する/,
    refused: "予約できませんでした", longer: "11:00まで延長する", extended: "予約を延長しました", mine: "予約一覧", free: /空き$/, inside: "在室中",
  },
  en: {
    signIn: "Sign in", usual: /^Book Tomorrow/, booked: "Your seat is booked", show: "See the booking", cancel: /^Cancel this booking/,
    cancelled: "The booking is cancelled", undo: "Take the cancellation back", undone: "The booking is yours again", book: /^Book a seat/, bookThis: /^Book this seat/,
    refused: "This could not be booked", longer: "Stay until 12:00", extended: "Your booking is longer now", mine: "My bookings", free: /free$/, inside: "You are inside",
  },
};

// What was measured: to the output, and beside the pictures.
function say(line) {
  console.log(line);
  if (plan.shots) appendFileSync(join(plan.shots, "seat.txt"), `${line}\n`);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--disable-domain-reliability", "--no-pings", "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
  ],
});

// Somebody who is signed in. A page that asks another origin for anything, breaks the content policy or throws fails the run.
async function visitor(link, { lang, script = true, width = 1280, scheme = "light" }) {
  const context = await browser.newContext({
    locale: lang, timezoneId: "America/Los_Angeles", javaScriptEnabled: script, viewport: { width, height: 844 }, colorScheme: scheme,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  Object.assign(page, { wrong: [], taps: 0, script, label: `${lang}-${scheme}-${width}${script ? "" : "-plain"}` });
  page.on("request", (request) => { if (!request.url().startsWith(plan.url)) page.wrong.push(`request ${request.url()}`); });
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.wrong.push(`console ${message.text()}`); });
  page.on("pageerror", (error) => page.wrong.push(`error ${error}`));
  await page.goto(plan.url + new URL(link).pathname + new URL(link).search);
  await page.getByRole("button", { name: words[lang].signIn }).click();
  await page.waitForURL(`${plan.url}/`);
  return page;
}

async function leave(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function tap(page, target) {
  page.taps += 1;
  await target.click();
}

// From the home page, in at most so many taps.
async function task(page, goal, name, steps) {
  await page.goto(plan.url);
  page.taps = 0;
  await steps();
  assert.ok(page.taps <= goal, `${name}: ${page.taps} taps, the goal is ${goal}`);
  say(`taps ${name} ${page.label}: ${page.taps} of ${goal}`);
}

// What every page has to be: one heading of the first level, no sideways scrolling (also at 200 %), targets of 44 px, no finding of axe.
async function sound(page, name) {
  assert.equal(await page.locator("h1").count(), 1, name);
  if (plan.shots) await page.screenshot({ path: join(plan.shots, `seat-${name}-${page.label}.png`), fullPage: true });
  if (!page.script) return;
  const measure = () => page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll("button, .button, input:not([type=hidden]), .plain-list a, a.place")]
      .filter((it) => it.getClientRects().length && it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML),
  }));
  assert.deepEqual(await measure(), { wide: 0, small: [] }, `${name} ${page.label}`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html + node.failureSummary).join(" | ")}`), [], `${name} ${page.label}`);
  await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
  assert.equal((await measure()).wide, 0, `${name} ${page.label} at 200 %`);
  if (plan.shots && page.label === "ja-light-390") await page.screenshot({ path: join(plan.shots, `seat-${name}-200.png`), fullPage: true });
  await page.evaluate(() => { document.documentElement.style.fontSize = ""; });
}

const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();

// The whole way of a member: the usual seat, cancelled, taken back, cancelled; another one on the map.
async function member(link, options) {
  const w = words[options.lang];
  const page = await visitor(link, options);
  await sound(page, "home-usual");
  await task(page, 2, "usual seat", async () => {
    await tap(page, page.getByRole("button", { name: w.usual }));
    await heading(page, w.booked);
  });
  await sound(page, "booked");
  await page.goto(plan.url);
  await sound(page, "home-next");
  await task(page, 2, "cancel", async () => {
    await tap(page, page.getByRole("link", { name: w.show }).first());
    await tap(page, page.getByRole("button", { name: w.cancel }));
    await heading(page, w.cancelled);
  });
  await sound(page, "cancelled");
  await page.getByRole("button", { name: w.undo }).click();
  await heading(page, w.undone);
  await sound(page, "undone");
  await task(page, 2, "cancel from the list", async () => {
    await tap(page, page.getByRole("link", { name: w.mine }).first());
    await sound(page, "bookings");
    await tap(page, page.getByRole("button", { name: w.cancel }).first());
    await heading(page, w.cancelled);
  });
  const strip = () => page.locator(".days a").nth(3);
  const isWide = options.width !== 390;
  await task(page, 4, isWide ? "on the map" : "in the list", async () => {
    await tap(page, page.getByRole("link", { name: w.book }).last());
    await tap(page, strip());
    if (isWide) {
      await sound(page, "book");
      await tap(page, page.locator("a.place.free").nth(1));
      await page.locator("#chosen").waitFor();
      await sound(page, "book-chosen");
      await tap(page, page.locator("#chosen").getByRole("button", { name: w.bookThis }));
    } else {
      assert.ok(!(await page.locator(".map").isVisible()), "the list alone on a phone");
      await sound(page, "book");
      await tap(page, page.getByRole("button", { name: w.bookThis }).first());
    }
    await heading(page, w.booked);
  });
  await page.getByRole("button", { name: w.cancel }).click();
  await heading(page, w.cancelled);
  await leave(page);
}

// Refused on the page of somebody else: two alternatives, one tap.
async function refusal(link, options) {
  const w = words[options.lang];
  const page = await visitor(link, options);
  await page.goto(`${plan.url}/sites/${plan.site}/book`);
  await page.locator(".days a").nth(4).click();
  // Somebody is quicker: the same button in another window.
  const quicker = await page.context().newPage();
  await quicker.goto(page.url());
  await quicker.locator(".seat-row").first().getByRole("button").click();
  await heading(quicker, w.booked);
  await quicker.close();
  await page.locator(".seat-row").first().getByRole("button").click();
  await heading(page, w.refused);
  await sound(page, "refused");
  assert.equal(await page.locator(".offers button").count(), 2);
  await page.locator(".offers button").first().click();
  await heading(page, w.booked);
  for (let n = 0; n < 2; n += 1) {
    await page.goto(`${plan.url}/bookings`);
    await page.getByRole("button", { name: w.cancel }).first().click();
    await heading(page, w.cancelled);
  }
  await leave(page);
}

// During the visit: longer with one tap.
async function guest(link, options, extend) {
  const w = words[options.lang];
  const page = await visitor(link, options);
  await page.getByRole("heading", { name: w.inside }).waitFor();
  await sound(page, "home-inside");
  if (extend) {
    await task(page, 1, "stay longer", async () => {
      await tap(page, page.locator(".stay button").first());
      await heading(page, w.extended);
    });
    await sound(page, "extended");
  }
  await leave(page);
}

// The pass follows its booking: longer after an extension, a new one after a cancellation that was taken back.
async function pass(link) {
  const w = words.ja;
  const page = await visitor(link, { lang: "ja", width: 390 });
  const booking = await page.getByRole("link", { name: w.show }).first().getAttribute("href");
  const passes = () => page.evaluate((path) => fetch(path).then((answer) => answer.json()).then((it) => it.items.map((one) => `${one.state} ${one.end}`).sort()), `/api/v1${booking}/passes`);
  const shown = async (count) => {
    await page.goto(`${plan.url}${booking}/pass`);
    await page.locator("#qr[data-code]").waitFor();
    for (let n = 0; n < 50 && (await passes()).length < count; n += 1) await page.waitForTimeout(100);
    await page.locator("#qr[data-code]").waitFor();
    return passes();
  };
  await page.goto(`${plan.url}${booking}/pass`);
  await page.locator('section[data-view=register]:not([hidden]) button').click();
  await page.locator("#qr[data-code]").waitFor();
  const before = await shown(1);
  assert.equal(before.length, 1);
  await page.goto(plan.url);
  await page.locator(".stay button").first().click();
  await heading(page, w.extended);
  const longer = await shown(2);
  assert.equal(longer.length, 2);
  assert.ok(longer.every((it) => it.startsWith("active")) && longer[1] > longer[0], longer.join());
  await page.goto(plan.url + booking);
  await page.getByRole("button", { name: w.cancel }).click();
  await page.getByRole("button", { name: w.undo }).click();
  await heading(page, w.undone);
  const anew = await shown(3);
  assert.deepEqual(anew.map((it) => it.split(" ")[0]), ["active", "cancelled", "cancelled"], "what was revoked stays revoked");
  await leave(page);
}

// The map by keyboard alone: each seat is a stop with a name and a visible ring, Enter chooses, the way on is the next stop.
async function keyboard(link) {
  const page = await visitor(link, { lang: "ja" });
  await page.goto(`${plan.url}/sites/${plan.site}/book`);
  const seats = await page.locator("a.place").count();
  const focused = () => page.evaluate(() => {
    const it = document.activeElement;
    return { place: it.matches("a.place"), name: it.getAttribute("aria-label"), outline: getComputedStyle(it).outlineStyle, href: it.href?.baseVal };
  });
  let stops = 0;
  let last;
  for (let n = 0; n < 80 && stops < seats; n += 1) {
    await page.keyboard.press("Tab");
    const it = await focused();
    if (!it.place) continue;
    stops += 1;
    last = it;
    assert.ok(it.name && it.outline === "solid", JSON.stringify(it));
    if (plan.shots && stops === 2) await page.screenshot({ path: join(plan.shots, "seat-focus.png") });
  }
  assert.equal(stops, seats);
  await page.keyboard.press("Enter");
  await page.locator("#chosen").waitFor();
  assert.ok(page.url().includes("seat="), last.href);
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.getElementById("chosen").contains(document.activeElement)), "the next stop is in what was chosen");
  // Printed: what is booked stays, what one presses goes.
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator(".map").isVisible());
  assert.equal(await page.locator("button:visible").count(), 0);
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "seat-print.png"), fullPage: true });
  await leave(page);
}

// Everything that a first visit of a page brings along, as it goes over the wire.
async function weight(link) {
  const page = await visitor(link, { lang: "ja" });
  for (const path of ["/", "/bookings", `/sites/${plan.site}/book`]) {
    const client = await page.context().newCDPSession(page);
    await client.send("Network.enable");
    await client.send("Network.setCacheDisabled", { cacheDisabled: true });
    let bytes = 0;
    client.on("Network.loadingFinished", (it) => { bytes += it.encodedDataLength; });
    const answer = await page.goto(plan.url + path, { waitUntil: "networkidle" });
    await client.detach();
    const took = answer.request().timing().responseStart;
    say(`first load ${path.replace(plan.site, "…")}: ${bytes} bytes, first byte after ${took.toFixed(0)} ms`);
    assert.ok(bytes > 1000 && bytes <= FIRST_LOAD_MAX, `${path}: ${bytes} bytes`);
  }
  await leave(page);
}

try {
  await member(plan.members[0], { lang: "ja" });
  await member(plan.members[1], { lang: "en", scheme: "dark" });
  await member(plan.members[2], { lang: "ja", width: 390 });
  await member(plan.members[3], { lang: "en", script: false });
  await refusal(plan.others[0], { lang: "ja" });
  await refusal(plan.others[1], { lang: "en", width: 390, scheme: "dark" });
  await guest(plan.guests[0], { lang: "ja", width: 390 }, true);
  await guest(plan.guests[1], { lang: "en" }, true);
  await guest(plan.guests[2], { lang: "ja", scheme: "dark" }, false);
  await guest(plan.guests[3], { lang: "en", width: 390, scheme: "dark" }, false);
  await pass(plan.guests[4]);
  await keyboard(plan.others[2]);
  await weight(plan.members[4]);
  console.log("ok");
} finally {
  await browser.close();
}
