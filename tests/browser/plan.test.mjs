// The plan of a floor in a real browser: keys alone, the pointer, no script, two who draw at once; then what a member sees of it.
// Called by tests/plan_browser.rs, which boots the server with C-1 at 20,20 and C-2 at 60,20 (16 by 10) and C-3 on no spot.
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const plan = JSON.parse(process.argv[2]);
const FIRST_LOAD_MAX = 100 * 1024;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-sync", "--disable-domain-reliability", "--no-pings", "--metrics-recording-only",
    "--disable-features=OptimizationHints,MediaRouter,Translate,CertificateTransparencyComponentUpdater",
  ],
});
const path = `/sites/${plan.site}/settings/floors/${plan.floor}/plan`;

// Somebody who is signed in. A page that asks another origin for anything, breaks the content policy or throws fails the run.
async function visitor(link, { script = true, width = 1280 } = {}) {
  const context = await browser.newContext({ locale: "ja", timezoneId: "America/Los_Angeles", javaScriptEnabled: script, viewport: { width, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.wrong = [];
  page.on("request", (request) => { if (!request.url().startsWith(plan.url)) page.wrong.push(`request ${request.url()}`); });
  page.on("console", (message) => { if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.wrong.push(`console ${message.text()}`); });
  page.on("pageerror", (error) => page.wrong.push(`error ${error}`));
  await page.goto(plan.url + new URL(link).pathname + new URL(link).search);
  await page.getByRole("button", { name: "サインインする" }).click();
  await page.waitForURL(`${plan.url}/`);
  return page;
}

async function leave(page) {
  assert.deepEqual(page.wrong, []);
  await page.context().close();
}

const said = (page) => page.locator("#plan-said").innerText();
const numbers = (page, name) => page.locator(`.spot[data-name="${name}"] input[type=number]`).evaluateAll((all) => all.map((it) => it.value));
const focused = (page) => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.name ?? "");

// Nothing but keys, from the address to a saved plan.
async function keyboard(link) {
  const page = await visitor(link);
  await page.goto(plan.url + path);
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  for (let n = 0; n < 40 && !(await focused(page)).startsWith("C-1"); n += 1) await press("Tab");
  assert.equal(await said(page), "C-1: 左 20、上 20", "the live region says where it is");
  assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "solid");
  await press("ArrowRight");
  assert.equal(await said(page), "C-1: 左 25、上 20");
  await press("Shift+ArrowRight");
  assert.equal(await said(page), "C-1: 左 26、上 20");
  await press("ArrowRight");
  assert.equal(await said(page), "C-1: 左 30、上 20", "back on the grid");
  // Into the neighbour: said, marked, and away again.
  await press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight");
  assert.equal(await said(page), "C-1: 左 50、上 20, C-2と重なっています");
  assert.equal(await page.locator("a.place.clash").count(), 2);
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "plan-clash.png"), fullPage: true });
  // Taken back one by one.
  await press("Control+z");
  assert.ok((await said(page)).startsWith("移動を戻しました. C-1: 左 45"), await said(page));
  // Past the other one the order of the stops changes with the order of reading.
  await press("ArrowDown", "ArrowDown", "ArrowDown");
  assert.deepEqual(await numbers(page, "C-1"), ["45", "35", "16", "10"]);
  await press("Shift+Tab");
  assert.ok((await focused(page)).startsWith("C-2"), await focused(page));
  await press("Tab");
  assert.ok((await focused(page)).startsWith("C-1"), await focused(page));
  // The edge.
  for (let n = 0; n < 20; n += 1) await press("ArrowLeft");
  assert.equal(await said(page), "C-1: これ以上は動かせません");
  assert.equal((await numbers(page, "C-1"))[0], "0");
  // Enter leads to the numbers, and nothing is lost on the way.
  await press("Enter");
  assert.equal(await focused(page), "x");
  assert.equal(await page.evaluate(() => document.activeElement.closest(".spot").dataset.name), "C-1");
  assert.ok(await page.locator("#plan-unsaved").isVisible());
  // A seat without a spot is put on the plan.
  for (let n = 0; n < 40 && !(await page.evaluate(() => document.activeElement.matches(".put-there"))); n += 1) await press("Tab");
  await press("Enter");
  assert.ok((await focused(page)).startsWith("C-3"), await focused(page));
  assert.equal(await page.locator("a.place").count(), 3);
  assert.equal(await page.locator("a.place.clash").count(), 0);
  for (let n = 0; n < 40 && !(await page.evaluate(() => document.activeElement.matches("button.strong"))); n += 1) await press("Tab");
  await press("Enter");
  await page.getByText("保存しました。").waitFor();
  assert.deepEqual(await numbers(page, "C-1"), ["0", "35", "16", "10"]);
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "plan-saved.png"), fullPage: true });
  // One button leads back.
  await page.getByRole("button", { name: "変更を元に戻す" }).click();
  await page.getByText("保存しました。").waitFor();
  assert.deepEqual(await numbers(page, "C-1"), ["20", "20", "16", "10"]);
  assert.deepEqual(await numbers(page, "C-3"), ["", "", "", ""]);
  await leave(page);
}

// Dragged with the pointer; an overlap is refused with words when it is saved, and what was drawn is still there.
async function pointer(link) {
  const page = await visitor(link);
  await page.goto(plan.url + path);
  const seat = page.locator('a.place[aria-label^="C-1"]');
  const drag = async (dx, dy) => {
    const box = await seat.boundingBox();
    const scale = await page.locator("#plan-svg").evaluate((it) => Number(it.dataset.scale) / 1000);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + dx * scale / 2, y + dy * scale / 2, { steps: 4 });
    await page.mouse.move(x + dx * scale, y + dy * scale, { steps: 4 });
    await page.mouse.up();
  };
  await drag(0, 20);
  assert.deepEqual(await numbers(page, "C-1"), ["20", "40", "16", "10"]);
  assert.equal(await said(page), "C-1: 左 20、上 40");
  await drag(40, -20);
  assert.deepEqual(await numbers(page, "C-1"), ["60", "20", "16", "10"]);
  await page.getByRole("button", { name: "席図を保存する" }).first().click();
  await page.getByText("席が重なる位置には置けません。").waitFor();
  assert.ok((await page.getByRole("alert").innerText()).includes("(C-1 / C-2)"));
  assert.deepEqual(await numbers(page, "C-1"), ["60", "20", "16", "10"]);
  // Under the other one it is still reached with keys.
  await seat.focus();
  for (let n = 0; n < 4; n += 1) await page.keyboard.press("ArrowDown");
  await drag(-20, 0);
  assert.deepEqual(await numbers(page, "C-1"), ["40", "40", "16", "10"]);
  await page.getByRole("button", { name: "直前の移動を戻す" }).click();
  assert.deepEqual(await numbers(page, "C-1"), ["60", "40", "16", "10"]);
  // Somebody else is quicker.
  const other = await page.context().newPage();
  await other.goto(plan.url + path);
  await other.locator('.spot[data-name="C-2"] input[name=y]').fill("30");
  await other.getByRole("button", { name: "席図を保存する" }).first().click();
  await other.getByText("保存しました。").waitFor();
  await other.close();
  await page.getByRole("button", { name: "席図を保存する" }).first().click();
  await page.getByText("ほかの人が先に変更しました").waitFor();
  assert.deepEqual(await numbers(page, "C-1"), ["60", "40", "16", "10"], "what was drawn is kept");
  await page.goto(plan.url + path);
  assert.deepEqual(await numbers(page, "C-2"), ["60", "30", "16", "10"], "and nobody's work is lost");
  assert.deepEqual(await numbers(page, "C-1"), ["20", "20", "16", "10"]);
  await leave(page);
}

// The same without script: the list of numbers.
async function plain(link) {
  const page = await visitor(link, { script: false, width: 390 });
  await page.goto(plan.url + path);
  assert.equal(await page.locator("#plan-keys").isVisible(), false, "no promise that needs script");
  for (const [name, value] of [["x", "20"], ["y", "50"], ["w", "16"], ["h", "10"]]) {
    await page.locator(`.spot[data-name="C-3"] input[name=${name}]`).fill(value);
  }
  const wall = page.locator("fieldset.spot").last();
  await wall.locator("select").selectOption("wall");
  for (const [name, value] of [["x", "0"], ["y", "80"], ["w", "100"], ["h", "3"]]) await wall.locator(`input[name=${name}]`).fill(value);
  await page.getByRole("button", { name: "席図を保存する" }).first().click();
  await page.getByText("保存しました。").waitFor();
  assert.equal(await page.locator("a.place").count(), 3);
  assert.equal(await page.locator(".area-wall").count(), 1);
  await leave(page);
}

// Who books sees what was drawn; the weight of both pages.
async function shown(link, owner) {
  const page = await visitor(link);
  await page.goto(`${plan.url}/sites/${plan.site}/book?floor=${plan.floor}`);
  const rows = await page.locator("a.place").evaluateAll((all) => all.map((it) => [it.getAttribute("aria-label").slice(0, 3), it.getBoundingClientRect().top]));
  assert.deepEqual(rows.map(([name]) => name), ["C-1", "C-2", "C-3"]);
  assert.ok(rows[0][1] < rows[1][1] && rows[1][1] < rows[2][1], JSON.stringify(rows));
  assert.equal(await page.locator(".area-wall").count(), 1);
  if (plan.shots) await page.screenshot({ path: join(plan.shots, "plan-booking.png"), fullPage: true });
  await leave(page);
  const editor = await visitor(owner);
  const client = await editor.context().newCDPSession(editor);
  await client.send("Network.enable");
  await client.send("Network.setCacheDisabled", { cacheDisabled: true });
  let bytes = 0;
  client.on("Network.loadingFinished", (it) => { bytes += it.encodedDataLength; });
  await editor.goto(plan.url + path, { waitUntil: "networkidle" });
  console.log(`first load of the editor: ${bytes} bytes`);
  if (plan.shots) appendFileSync(join(plan.shots, "plan.txt"), `first load of the editor: ${bytes} bytes\n`);
  assert.ok(bytes > 1000 && bytes <= FIRST_LOAD_MAX, `${bytes} bytes`);
  await leave(editor);
}

try {
  await keyboard(plan.owners[0]);
  await pointer(plan.owners[1]);
  await plain(plan.owners[2]);
  await shown(plan.members[0], plan.owners[3]);
  console.log("ok");
} finally {
  await browser.close();
}
