// SPDX-License-Identifier: Apache-2.0
//
// The page of `memtrack html` in a real browser, opened from file:// as its reader does: no request, no error, tables that sort and
// search, graphs that hover and zoom by mouse and by keyboard, nothing serious for axe, hostile text as text, in both themes and on
// paper. MEMTRACK_SCREENSHOTS=FOLDER keeps what it looked like.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { parseDumps } from "../../harness/dump.ts";
import {
  handmadeDump,
  handmadeLeak,
  HOSTILE_OWNER,
  HOSTILE_SHOWN,
  NEW_SECTIONS,
  NEW_SECTIONS_ROWS,
} from "../../harness/handmade.ts";
import { bytes } from "../../host/shared/units.ts";
import { buildCommand } from "../../tools/build.ts";
import { fixture, memtrack } from "../support/command.ts";

const CHROMIUM = "/usr/bin/chromium";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = process.env.MEMTRACK_SCREENSHOTS;

let folder: string;
let browser: Browser;

before(async () => {
  buildCommand(() => {});
  folder = mkdtempSync(join(tmpdir(), "memtrack-page-"));
  // As root, as in a container, Chromium has no sandbox of its own. What it opens is our own page.
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

interface Opened {
  page: Page;
  requests: string[];
  problems: string[];
}

/** Makes a page of a file and opens it. */
async function open(file: string, how: { dark?: boolean; width?: number } = {}): Promise<Opened> {
  const path = join(folder, "report.html");
  const { code, err } = await memtrack(["html", file, "-o", path]);
  assert.equal(code, 0, err);
  const page = await browser.newPage({
    viewport: { width: how.width ?? 1280, height: 1600 },
    colorScheme: how.dark ? "dark" : "light",
  });
  const requests: string[] = [];
  const problems: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("dialog", (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const url = pathToFileURL(path).href;
  await page.goto(url);
  await page.waitForSelector("h1");
  assert.deepEqual(requests, [url]);
  return { page, requests, problems };
}

function handmade(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** Cells of a column of a table, as they are shown. */
async function column(page: Page, table: string, title: string): Promise<string[]> {
  const heads = await page.locator(`table:has(caption:text-is("${table}")) thead th`).allInnerTexts();
  const index = heads.findIndex((head) => head.startsWith(title));
  assert.ok(index >= 0, `${title} in ${heads.join()}`);
  return page.locator(`table:has(caption:text-is("${table}")) tbody td:nth-child(${index + 1})`).allInnerTexts();
}

const sites = (page: Page) => page.getByRole("region", { name: "Sites", exact: true }).last();

describe("the page of a capture", () => {
  const dumps = parseDumps(readFileSync(fixture("memtrack-level2.out"), "utf8"));
  const last = dumps.at(-1)!.tables.flatMap((table) => table.rows);

  test("asks for nothing, says what was read, has the dump's rows", async () => {
    const { page, requests, problems } = await open(fixture("memtrack-level2.out"));
    assert.match(await page.locator(".summary").innerText(), /4 dumps of memtrack/);
    await page.getByRole("button", { name: "Show all rows" }).click();
    const shown = await column(page, "Sites", "Location");
    assert.deepEqual(shown.sort(), last.map((row) => row.location).sort());
    const inUse = await column(page, "Sites", "In use");
    assert.equal(inUse[0], bytes(Math.max(...last.map((row) => row.inUse))));
    assert.deepEqual(await column(page, "Owners", "Owner"), ["core"]);
    assert.equal(requests.length, 1);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("sorts by a column, by its title's button, and says so", async () => {
    const { page } = await open(fixture("memtrack-level2.out"));
    const head = page.locator('table:has(caption:text-is("Sites")) thead th', { hasText: "Allocated" });
    await head.getByRole("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    const most = Math.max(...last.map((row) => row.allocs));
    assert.equal((await column(page, "Sites", "Allocated"))[0], most.toLocaleString("en"));
    await head.getByRole("button").press("Enter");
    assert.equal(await head.getAttribute("aria-sort"), "ascending");
    await page.getByRole("button", { name: "Show all rows" }).click();
    assert.equal((await column(page, "Sites", "Allocated")).at(-1), most.toLocaleString("en"));
    await page.close();
  });

  test("searches, and says how many were found", async () => {
    const { page } = await open(fixture("memtrack-level2.out"));
    await page.getByLabel("Search").last().fill("OPENSSL asn1");
    const expected = last.filter((row) => /OpenSSL.*asn1/.test(row.location)).length;
    assert.ok(expected > 3);
    assert.equal((await column(page, "Sites", "Location")).length, expected);
    assert.match(await page.locator(".said").last().innerText(), new RegExp(`^${expected} of ${last.length} rows`));
    await page.getByLabel("Search").last().fill("nothing has this");
    assert.equal(await sites(page).locator("tbody tr").count(), 0);
    await page.close();
  });
});

describe("graphs", () => {
  test("hover shows the values at a dump; the keyboard goes from dump to dump and zooms", async () => {
    const { page, problems } = await open(handmade("leak.out", handmadeLeak(60)));
    const figure = page.locator("section.chart").first();
    const readout = figure.locator(".readout");
    const graph = figure.locator(".graph");
    const legend = figure.locator(".legend li", { hasText: "leaky.so" }).locator(".value");
    const atEnd = await legend.innerText();
    const box = (await graph.locator(".u-over").boundingBox())!;
    await page.mouse.move(box.x + 2, box.y + box.height / 2);
    await assert.doesNotReject(figure.locator(".readout", { hasText: "2026-11-22T18:28:56Z" }).waitFor());
    assert.notEqual(await legend.innerText(), atEnd);
    assert.equal(await legend.innerText(), bytes(104 * 1024));
    await graph.focus();
    await graph.press("End");
    assert.match(await readout.innerText(), /^2026-11-22T19:27:56Z: .* in all, /);
    assert.equal(await readout.getAttribute("aria-live"), "polite");
    await graph.press("ArrowLeft");
    assert.match(await readout.innerText(), /^2026-11-22T19:26:56Z/);
    await graph.press("+");
    assert.equal(await figure.getAttribute("data-zoomed"), "true");
    await graph.press("0");
    assert.equal(await figure.getAttribute("data-zoomed"), "false");
    await page.mouse.move(box.x + 100, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + 400, box.y + 60, { steps: 4 });
    await page.mouse.up();
    assert.equal(await figure.getAttribute("data-zoomed"), "true");
    await page.mouse.dblclick(box.x + 200, box.y + 50);
    assert.equal(await figure.getAttribute("data-zoomed"), "false");
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("stacked and lines, linear and logarithmic, single series: each draws something else", async () => {
    const { page, problems } = await open(handmade("leak.out", handmadeLeak(60)));
    const figure = page.locator("section.chart").last();
    const pixels = async () => (await figure.locator("canvas").screenshot()).toString("base64");
    const drawn = new Set([await pixels()]);
    assert.ok(await figure.getByLabel("Logarithmic").isDisabled());
    await figure.getByLabel("Lines").check();
    drawn.add(await pixels());
    await figure.getByLabel("Logarithmic").check();
    drawn.add(await pixels());
    const button = figure.locator(".legend button").first();
    await button.click();
    assert.equal(await button.getAttribute("aria-pressed"), "false");
    drawn.add(await pixels());
    assert.equal(drawn.size, 4);
    await figure.locator("summary").click();
    const rows = figure.locator("details tbody tr");
    await rows.first().waitFor(); // made when it opens, which the browser says a little later
    assert.equal(await rows.count(), 60);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("a file without times has its dumps by number, one with a single dump has no graph", async () => {
    const { page, problems } = await open(fixture("stock-level1.out"));
    await page.locator("section.chart").first().locator(".graph").press("Home");
    assert.match(await page.locator(".readout").first().innerText(), /^dump 1: /);
    await page.close();
    const single = await open(fixture("rotated-1.out"));
    assert.equal(await single.page.locator("section.chart").count(), 0);
    assert.match(await single.page.locator(".warning").innerText(), /there is one dump/);
    assert.deepEqual([...problems, ...single.problems], []);
    await single.page.close();
  });
});

describe("suspects", () => {
  test("stand first, with their evidence, and lead to their row", async () => {
    const { page } = await open(handmade("leak.out", handmadeLeak(800)));
    const item = page.locator(".suspects li");
    assert.equal(await item.count(), 1);
    assert.match(await item.innerText(), /leak memory\/plugin\/leaky\.so handler \(leaky\.c:42\)[^]*\+240 KiB\/h/);
    await item.getByRole("button", { name: "Show its row" }).click();
    assert.deepEqual(await column(page, "Sites", "Location"), ["memory/plugin/leaky.so handler (leaky.c:42)"]);
    assert.deepEqual(await column(page, "Sites", "Verdict"), ["leak"]);
    await page.close();
  });

  test("an owner's button shows its sites", async () => {
    const { page } = await open(handmade("leak.out", handmadeLeak(5)));
    await page.getByRole("button", { name: "leaky.so", exact: true }).click();
    assert.deepEqual(await column(page, "Sites", "Owner"), ["leaky.so"]);
    await page.close();
  });
});

test("markup, scripts and escapes in names are shown as text", async () => {
  const rows = [{ location: "memory/IOBuffer/x.cc:1", allocs: 2, frees: 1, inUse: 100 }];
  const sections = NEW_SECTIONS.replace("resident | of the process", "</script><img src=x onerror=alert(1)>");
  const named = handmade(
    "<img src=x onerror=alert(1)>.out",
    handmadeLeak(3) + handmadeDump({ number: 4, level: 2, rows, openssl: [], sections, sectionRows: NEW_SECTIONS_ROWS }),
  );
  const { page, requests, problems } = await open(named);
  assert.ok((await column(page, "Sites", "Location")).includes(HOSTILE_SHOWN));
  assert.ok((await column(page, "Owners", "Owner")).includes(HOSTILE_OWNER));
  assert.ok((await page.locator("h1").innerText()).includes("<img src=x"));
  assert.ok((await page.title()).includes("<img src=x onerror=alert(1)>.out"));
  assert.ok(
    (await page.locator("details", { hasText: "Reconciliation" }).locator("td").allTextContents()).includes(
      "</script><img src=x onerror=alert(1)>",
    ),
  );
  assert.equal(await page.locator("img, iframe, object, embed").count(), 0);
  assert.equal(requests.length, 1);
  assert.deepEqual(problems, []);
  await page.close();
});

async function assertAccessible(page: Page): Promise<void> {
  // By evaluate(), which the page's own policy does not forbid.
  await page.evaluate(AXE);
  const found = await page.evaluate<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>("axe.run()");
  const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(
    serious.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`),
    [],
  );
}

describe("for everyone", () => {
  for (const dark of [false, true]) {
    test(`axe finds nothing serious, ${dark ? "dark" : "light"}`, async () => {
      const { page } = await open(handmade("leak.out", handmadeLeak(800)), { dark });
      await page.locator("section.chart").first().getByLabel("Lines").check();
      await assertAccessible(page);
      if (SHOTS) await page.screenshot({ path: join(SHOTS, dark ? "dark.png" : "light.png"), fullPage: true });
      await page.close();
    });
  }

  test("nor in the tables that are closed at first", async () => {
    const sections = { sections: NEW_SECTIONS, sectionRows: NEW_SECTIONS_ROWS };
    const { page } = await open(
      handmade("sections.out", handmadeLeak(5) + handmadeDump({ number: 6, level: 2, rows: [], openssl: [], ...sections })),
    );
    for (const summary of await page.locator("summary").all()) await summary.click();
    for (const table of await page.locator("section.chart details").all()) await table.locator("tbody tr").first().waitFor();
    await assertAccessible(page);
    await page.close();
  });

  test("the theme is the system's, as it changes, until the button is pressed", async () => {
    const { page } = await open(fixture("memtrack-level2.out"), { dark: true });
    // The page hears of the system's theme before it next draws.
    const drawn = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))";
    const paper = async () => (await page.evaluate(drawn), page.evaluate("getComputedStyle(document.body).backgroundColor"));
    const [light, dark] = ["rgb(255, 255, 255)", "rgb(18, 22, 28)"];
    assert.equal(await paper(), dark);
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await paper(), light);
    await page.getByRole("button", { name: "Dark or light" }).click();
    assert.equal(await paper(), dark);
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.equal(await paper(), dark);
    }
    await page.close();
  });

  test("the button turns the theme over; a narrow screen does not scroll sideways", async () => {
    const { page } = await open(fixture("memtrack-level2.out"), { width: 380 });
    const paper = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    assert.equal(await paper(), "rgb(255, 255, 255)");
    await page.getByRole("button", { name: "Dark or light" }).click();
    assert.equal(await paper(), "rgb(18, 22, 28)");
    const [wide, seen] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
    assert.ok(wide! <= seen!, `${wide} of ${seen}`);
    if (SHOTS) await page.screenshot({ path: join(SHOTS, "narrow.png") });
    await page.close();
  });

  test("on paper it has its graphs and its rows, and no buttons", async () => {
    const { page } = await open(handmade("leak.out", handmadeLeak(800)), { dark: true });
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.getByRole("button", { name: "Dark or light" }).isVisible(), false);
    assert.ok(await page.locator("canvas").first().isVisible());
    assert.equal(await page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    const paper = await page.pdf({ printBackground: true });
    assert.ok(paper.length > 20_000);
    if (SHOTS) writeFileSync(join(SHOTS, "paper.pdf"), paper);
    await page.close();
  });
});
