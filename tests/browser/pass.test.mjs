// The pass in a real browser: a phone registers, shows codes that a door takes, works without a network, is replaced by another
// phone. Called by tests/pass_page.rs, whose server has levers below /test: the clock, the gateway's answer, a door that judges.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const words = {
  ja: { signIn: "サインインする", pass: "入館証", register: "このスマートフォンを登録する", early: "まだ使えません", other: "別のスマートフォンが登録されています", offline: "通信なしでも使えます", revoked: "この入館証は失効しました", again: "入館証をもう一度受け取る", ended: "この予約は終わりました", clock: "端末の時計が正しくありません", own: "端末の時計で表示しています" },
  en: { signIn: "Sign in", pass: "Your pass", register: "Register this phone", early: "Too early", other: "Another phone is registered", offline: "Works without a connection", revoked: "This pass was revoked", again: "Get the pass once more", ended: "This booking is over", clock: "This phone's clock is wrong", own: "Shown by this phone's own clock" },
};
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--disable-domain-reliability", "--no-pings", "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
  ],
});

async function phone(lang, link, scheme = "light") {
  const context = await browser.newContext({ locale: lang, viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: scheme });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.wrong = [];
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d|ERR_INTERNET_DISCONNECTED/.test(message.text())) page.wrong.push(message.text()); });
  page.on("pageerror", (error) => page.wrong.push(`${error.stack}`));
  await page.goto(plan.url + new URL(link).pathname + new URL(link).search);
  await page.getByRole("button", { name: words[lang].signIn }).click();
  await page.waitForURL(`${plan.url}/`);
  return page;
}

async function lever(path, body) {
  const response = await fetch(`${plan.url}/test/${path}`, { method: "POST", body });
  assert.equal(response.status, 200, path);
  return response;
}

const code = async (page, form, not) => {
  await page.waitForFunction(([start, old]) => { const text = document.getElementById("qr").dataset.code; return text?.startsWith(start) && text !== old; }, [form, not]);
  return page.getAttribute("#qr", "data-code");
};
const judged = async (door, text) => (await (await lever(`judge/${door}`, text)).json()).reasons;
const heading = (page, name) => page.getByRole("heading", { name }).waitFor();
const shot = (page, name) => page.screenshot({ path: join(plan.shots, `pass-${name}.png`), fullPage: true });

async function sound(page, name) {
  assert.equal(await page.locator("h1").count(), 1, name);
  const seen = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll("button, .button")].filter((it) => it.getClientRects().length && it.getBoundingClientRect().height < 43.5).map((it) => it.outerHTML),
  }));
  assert.deepEqual(seen, { wide: 0, small: [] }, name);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html + node.failureSummary).join(" | ")}`), [], name);
}

async function leave(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

async function run({ lang, booking, opens }, [page, other]) {
  const w = words[lang];
  const first = lang === "ja";
  const path = `${plan.url}/bookings/${booking}/pass`;
  await page.goto(plan.url);
  await page.screenshot({ path: join(plan.shots, `home-phone-${lang}.png`), fullPage: true });
  await page.goto(path);
  // The first run finds no phone; the second run's is a new one, and says what it does to the one before.
  await heading(page, first ? w.register.replace("する", "します") : w.other);
  await sound(page, "register");
  await shot(page, `register-${lang}`);
  await page.getByRole("button", { name: w.register }).click();
  await heading(page, w.early);
  await sound(page, "early");
  await shot(page, `early-${lang}`);

  // It opens by itself; the gateway has not heard of it, so the pass is carried.
  await lever(`clock/${opens + 1_000}`);
  const carried = await code(page, "K2:");
  assert.deepEqual(await judged("new", carried), []);
  await page.getByText(w.offline, { exact: true }).waitFor();
  await sound(page, "code");
  await shot(page, `k2-${lang}`);
  await lever("acknowledge");
  const short = await code(page, "K3:");
  assert.deepEqual(await judged("known", short), []);
  assert.deepEqual(await judged("new", short), ["credential_unknown"]);
  const next = await code(page, "K3:", short);
  assert.deepEqual(await judged("known", next), []);
  await shot(page, `k3-${lang}`);

  // The network goes, the page is opened anew: still a good code, by the server's time. And as the installed page opens it.
  await page.context().setOffline(true);
  await page.reload();
  assert.deepEqual(await judged("new", await code(page, "K2:")), []);
  await page.getByText(w.offline, { exact: true }).waitFor();
  await page.goto(`${plan.url}/bookings/pass`);
  await page.waitForURL(path);
  assert.deepEqual(await judged("new", await code(page, "K2:")), []);
  await shot(page, `offline-${lang}`);
  // A clock that was turned back since: what was kept of it says nothing any more. Where the phone's own time can be right, it is
  // used and the page says so; where it lies before the pass was made, there are words.
  await page.addInitScript(() => { const real = Date.now; Date.now = () => real() - Number(sessionStorage.back ?? 0); });
  const turnBack = async (ms) => {
    await page.evaluate((back) => { sessionStorage.back = back; }, ms);
    await page.reload();
  };
  if (Date.now() > opens + 60_000) {
    await turnBack(Date.now() - opens - 5_000);
    await page.getByText(w.own).waitFor();
    assert.deepEqual(await judged("new", await code(page, "K2:")), []);
  }
  await turnBack(100 * 365 * 86_400_000);
  await heading(page, w.clock);
  await sound(page, "clock");
  await page.context().setOffline(false);
  await turnBack(0);
  await code(page, "K3:");

  // A manager takes the pass away: words, and one button to another one.
  await lever(`revoke/${booking}`);
  await page.reload();
  await heading(page, w.revoked);
  await sound(page, "revoked");
  await shot(page, `revoked-${lang}`);
  await page.getByRole("button", { name: w.again }).click();
  await code(page, "K2:");

  // A new phone ends the old one, which says so.
  if (other) {
    await other.goto(path);
    await heading(other, w.other);
    await shot(other, `other-${lang}`);
    await other.getByRole("button", { name: w.register }).click();
    await code(other, "K2:");
    await heading(page, w.other);
    assert.equal(await page.getAttribute("#qr", "data-code"), null);
    await page.reload();
    await heading(page, w.other);
    await sound(page, "other");
    await lever(`clock/${opens + 3 * 3_600_000}`);
    await other.reload();
    await heading(other, w.ended);
    await lever(`clock/${opens}`);
    await leave(other);
  }
  await leave(page);
}

try {
  // All sign in at once: links live for a quarter of an hour, and the clock will move.
  const [one, two, three, page] = [await phone("ja", plan.links[0]), await phone("ja", plan.links[1]), await phone("en", plan.links[2], "dark"), await phone("ja", plan.links[3])];
  await run(plan.runs[0], [one, two]);
  await run(plan.runs[1], [three]);
  // Without a network and without a pass: words.
  await page.goto(`${plan.url}/bookings/${plan.runs[1].booking}/pass`);
  await heading(page, words.ja.other);
  await page.context().setOffline(true);
  await page.getByRole("button", { name: words.ja.register }).click();
  await heading(page, "通信が必要です");
  await page.context().setOffline(false);
  await page.goto(`${plan.url}/bookings/${plan.runs[1].booking}/pass/print`);
  await page.getByRole("button", { name: "印刷用の入館証を発行する" }).click();
  await page.getByRole("img").waitFor();
  await sound(page, "print");
  await shot(page, "print");
  // Without script: the reason, and the printed pass.
  const plain = await (await browser.newContext({ locale: "ja", viewport: { width: 390, height: 844 }, javaScriptEnabled: false, storageState: await page.context().storageState() })).newPage();
  await plain.goto(`${plan.url}/bookings/${plan.runs[1].booking}/pass`);
  await heading(plain, "このままでは表示できません");
  await shot(plain, "plain");
  await plain.getByRole("link", { name: "印刷用の入館証へ" }).click();
  await heading(plain, "印刷用の入館証");
  await plain.context().close();
  await leave(page);
  console.log("ok");
} finally {
  await browser.close();
}
