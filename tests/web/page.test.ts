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
import { sections as format } from "../../format/format.ts";
import { parseDumps } from "../../harness/dump.ts";
import {
  handmadeDump,
  handmadeLeak,
  handmadeSearched,
  HOSTILE_OWNER,
  HOSTILE_SHOWN,
  NEW_SECTIONS,
  NEW_SECTIONS_ROWS,
} from "../../harness/handmade.ts";
import { CORE, placeOf } from "../../host/shared/place.ts";
import { bytes, signed } from "../../host/shared/units.ts";
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
    assert.match(await page.locator(".about").innerText(), /4 dumps of memtrack/);
    await page.getByRole("button", { name: "Show all rows" }).click();
    const shown = await column(page, "Sites", "Place");
    assert.deepEqual(shown.sort(), last.map((row) => placeOf(row.location, CORE)).sort());
    await page.locator('table:has(caption:text-is("Sites")) thead').getByRole("button", { name: "In use" }).click();
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
    assert.equal((await column(page, "Sites", "Place")).length, expected);
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
    assert.equal(await legend.innerText(), "0 B");
    await figure.getByLabel("In use, lines").check();
    await page.mouse.move(box.x + 3, box.y + box.height / 2);
    // The readout of the graph before is still there until the pointer's move is drawn.
    await figure.locator(".legend .value", { hasText: bytes(104 * 1024) }).waitFor();
    await graph.focus();
    await graph.press("End");
    assert.match(await readout.innerText(), /^2026-11-22T19:27:56Z: .* without core, leaky.so 340 KiB/);
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

  test("growth, a stack and lines, linear and logarithmic, single series: each draws something else", async () => {
    const { page, problems } = await open(handmade("leak.out", handmadeLeak(60)));
    const figure = page.locator("section.chart").last();
    const pixels = async () => (await figure.locator("canvas").screenshot()).toString("base64");
    const drawn = new Set([await pixels()]);
    await figure.getByLabel("Logarithmic").check();
    drawn.add(await pixels());
    await figure.getByLabel("In use, stacked").check();
    assert.ok(await figure.getByLabel("Logarithmic").isDisabled());
    assert.equal(await figure.getByLabel("Logarithmic").isChecked(), false);
    drawn.add(await pixels());
    await figure.getByLabel("In use, lines").check();
    drawn.add(await pixels());
    const button = figure.locator(".legend button").first();
    await button.click();
    assert.equal(await button.getAttribute("aria-pressed"), "false");
    drawn.add(await pixels());
    assert.equal(drawn.size, 5);
    await figure.locator("summary").click();
    const rows = figure.locator("details tbody tr");
    await rows.first().waitFor(); // made when it opens, which the browser says a little later
    assert.equal(await rows.count(), 60);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("show plugins alone, until core is asked for; where core is all there is, it is shown", async () => {
    const { page } = await open(handmade("leak.out", handmadeLeak(60)));
    const names = () => page.locator("section.chart").first().locator(".legend .name").allInnerTexts();
    assert.deepEqual(await names(), ["leaky.so", HOSTILE_OWNER]);
    await page.locator("section.chart").first().getByLabel("With core").check();
    assert.deepEqual(await names(), ["leaky.so", "core", HOSTILE_OWNER]);
    // What stands still has no line among what grew.
    const sitesChart = page.locator("section.chart").last();
    await sitesChart.getByLabel("With core").check();
    const still = sitesChart.locator(".legend .name", { hasText: "Cache.cc:2331" });
    assert.equal(await still.count(), 0);
    await sitesChart.getByLabel("In use, stacked").check();
    assert.equal(await still.count(), 1);
    await page.close();
    const alone = await open(fixture("memtrack-level2.out"));
    assert.deepEqual(await alone.page.locator("section.chart").first().locator(".legend .name").allInnerTexts(), ["core"]);
    assert.equal(await alone.page.getByLabel("With core").count(), 0);
    await alone.page.close();
  });

  test("zoom together, and the tables tell of that part of the time", async () => {
    const { page, problems } = await open(handmade("leak.out", handmadeLeak(61)));
    const charts = page.locator("section.chart");
    const change = async () => (await column(page, "Sites", "Change"))[0];
    const all = signed(60 * 4096, bytes);
    assert.equal(await change(), all);
    await charts.first().locator(".graph").press("Home");
    await charts.first().locator(".graph").press("+"); // the first quarter of an hour
    assert.deepEqual(await charts.evaluateAll((each) => each.map((chart) => chart.getAttribute("data-zoomed"))), ["true", "true"]);
    assert.equal((await column(page, "Sites", "In use"))[0], bytes((104 + 4 * 15) * 1024));
    assert.equal((await column(page, "Owners", "Per hour"))[0], signed(240 * 1024, bytes));
    assert.match(await page.locator(".hint").first().innerText(), /from 2026-11-22T18:28:56Z to 2026-11-22T18:43:56Z, as chosen/);
    await charts.last().getByRole("button", { name: "Show all dumps" }).click();
    assert.equal(await change(), all);
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

describe("what grows", () => {
  const factsOf = async (page: Page) =>
    (await page.locator(".facts > div").allInnerTexts()).map((text) => text.replaceAll("\n", " "));

  test("is said first: resident memory, the number of suspects, the largest growth that is not judged", async () => {
    const { page } = await open(fixture("leak.out.gz"));
    assert.deepEqual(await factsOf(page), [
      "Resident memory 204 MiB +148 MiB in 1 min 53 s rows explain 69 % of the growth 1 % of 23.5 GiB, the machine's memory",
      "In use, tracked 108 MiB +102 MiB in 1 min 53 s",
      "Not accounted 75.4 MiB +45.5 MiB in 1 min 53 s 37 % of resident memory",
      "Suspects 2 leaky.so",
      "Largest growth not judged yet +97.3 MiB, +3.0 GiB/h leak_at_init.so behave (leak_at_init.c:11) too soon " +
        "1,315,474 allocated, 0 released",
    ]);
    // What the facts say is not repeated above them, and the dump's section is not shown again.
    assert.match(await page.locator(".about").innerText(), /^26 dumps of memtrack, \S+ to \S+ \(1 min 53 s\)$/);
    assert.equal(await page.locator("summary", { hasText: "Suspects" }).count(), 0);
    await page.locator(".undecided button").click();
    assert.deepEqual(await column(page, "Sites", "Place"), ["behave (leak_at_init.c:11)"]);
    await page.close();
  });

  test("format 2: a suspect once, its rows below it; when the largest growth will be judged", async () => {
    const { page, problems } = await open(fixture("format2.out.gz"));
    const facts = await factsOf(page);
    assert.match(facts[3]!, /^Suspects 1 leaky\.so$/);
    assert.match(facts[4]!, /leak_at_init\.so behave \(leak_at_init\.c:11\) too soon; verdict in \d+ min at the earliest \d/);
    const suspect = page.locator(".suspects > ul > li");
    assert.equal(await suspect.count(), 1);
    assert.match(await suspect.innerText(), /^leaky\.so on_transaction \(leaky\.c:\d+\)\s+\+[\d.]+ MiB\/h for /);
    const rows = await suspect.locator("li").allInnerTexts();
    assert.equal(rows.length, 2);
    assert.match(rows[0]!, /^IOBuffer: \+[\d.]+ MiB\/h for .* allocated, .* freed/);
    assert.match(rows[1]!, /^TSIOBuffer: \+[\d.]+ MiB\/h for .* created, .* destroyed/);
    await suspect.getByRole("button", { name: "Show its rows" }).click();
    assert.deepEqual((await column(page, "Sites", "Class")).sort(), ["IOBuffer", "TSIOBuffer"]);
    assert.deepEqual(problems, []);
    await page.close();
    // Rows of several lines name them.
    const lines = await open(fixture("plugins25.out.gz"));
    const parse = lines.page.locator(".suspects > ul > li", { hasText: "compress.so" });
    assert.match(await parse.innerText(), /^compress\.so Gzip::Configuration::Parse\s+\+/);
    assert.match(await parse.locator("li").first().innerText(), /^Gzip::Configuration::Parse\+0x14a, Heap: \+/);
    await lines.page.close();
  });

  test("stands on top of the tables: a leak, then what changed most", async () => {
    const { page } = await open(fixture("leak.out.gz"));
    assert.deepEqual((await column(page, "Sites", "Owner")).slice(0, 2), ["leaky.so", "leak_at_init.so"]);
    assert.deepEqual((await column(page, "Sites", "Verdict")).slice(0, 2), ["leak", "filling: too soon"]);
    const head = page.locator('table:has(caption:text-is("Sites")) thead th', { hasText: "Change" });
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    // Once the reader sorts, the order is the column's alone.
    for (const order of ["ascending", "descending"]) {
      await head.getByRole("button").click();
      assert.equal(await head.getAttribute("aria-sort"), order);
    }
    assert.equal((await column(page, "Sites", "Owner"))[0], "leak_at_init.so");
    await page.close();
  });

  test("a suspect leads to its row", async () => {
    const { page } = await open(handmade("leak.out", handmadeLeak(800)));
    const item = page.locator(".suspects li");
    assert.equal(await item.count(), 1);
    assert.match(await item.innerText(), /^leaky\.so handler \(leaky\.c:42\)[^]*\+240 KiB\/h/);
    await item.getByRole("button", { name: "Show its row" }).click();
    assert.deepEqual(await column(page, "Sites", "Place"), ["handler (leaky.c:42)"]);
    assert.deepEqual(await column(page, "Sites", "Verdict"), ["leak"]);
    await page.close();
  });

  test("an owner's button shows its sites, and none of an owner whose name contains it", async () => {
    const named = ["header_rewrite.so a (a.c:1)", "header_rewrite.so#2 a (a.c:1)", "header_rewrite.so(remap) a (a.c:1)"];
    const locations = [
      ...named.map((name) => `memory/plugin/${name}`),
      "memory/OpenSSL/ssl/ssl_lib.c:7 [via core_dump.so]",
      "memory/IOBuffer/HttpSM.cc:1",
    ];
    const rows = locations.map((location) => ({ location, allocs: 2, frees: 1, inUse: 64 }));
    const { page } = await open(handmade("owners.out", handmadeDump({ level: 2, rows, openssl: [] })));
    for (const owner of ["header_rewrite.so", CORE]) {
      await page.getByRole("button", { name: owner, exact: true }).click();
      assert.deepEqual(await column(page, "Sites", "Owner"), [owner]);
    }
    assert.match(await page.locator(".chip:visible").innerText(), /^Only core/);
    await page.locator(".chip:visible").click();
    assert.equal((await column(page, "Sites", "Owner")).length, rows.length);
    await page.close();
  });
});

describe("the last dump's sections", () => {
  /** Opens a section; its table is made a little later. */
  const opened = async (page: Page, title: RegExp) => {
    const section = page.locator("details", { has: page.locator("summary", { hasText: title }) });
    await section.locator("summary").click();
    await section.locator("tbody tr").first().waitFor();
    return section;
  };

  test("the reconciliation is open: a bar, and a table of the parts", async () => {
    const { page } = await open(fixture("leak.out.gz"));
    const part = page.locator(".reconciliation");
    const row = (name: string) => part.locator("tbody tr", { hasText: name }).locator("td").allInnerTexts();
    assert.deepEqual(await row("plugins' TSmalloc alive"), ["102 MiB", "49.8 %", "+97.3 MiB"]);
    assert.deepEqual(await row("not accounted"), ["75.4 MiB", "36.9 %", "+45.5 MiB"]);
    const widths = await part
      .locator(".bar > *")
      .evaluateAll((pieces) =>
        pieces.map((piece) => [piece.getAttribute("title")!, Math.round(piece.getBoundingClientRect().width)] as const),
      );
    const whole = (await part.locator(".bar").boundingBox())!.width;
    const [, tsmalloc] = widths.find(([title]) => title.startsWith("plugins' TSmalloc"))!;
    assert.ok(Math.abs(tsmalloc - 0.498 * whole) < 3, `${tsmalloc} of ${whole}`);
    await page.close();
  });

  test("the others have a title, units, and sort", async () => {
    const { page } = await open(fixture("leak.out.gz"));
    assert.ok((await page.locator("details summary").allInnerTexts()).includes("Memory allocated and freed since the start"));
    const growth = await opened(page, /^Growth since/);
    const first = await growth.locator("tbody tr").first().locator("td").allInnerTexts();
    assert.deepEqual(first.slice(0, 7), [
      "memory/plugin/leak_at_init.so behave (leak_at_init.c:11)",
      "102 MiB",
      "3.1 GiB",
      "80.5 KiB",
      "1,315,474",
      "0",
      "44 %",
    ]);
    await growth.getByRole("button", { name: "Frees" }).click();
    assert.match(await growth.locator("tbody tr").first().innerText(), /leaky\.so on_transaction/);
    await page.close();
  });

  test("format 2: the columns behind the name have their units as well", async () => {
    const { page } = await open(fixture("format2.out.gz"));
    const growth = await opened(page, /^Growth since/);
    const heads = await growth.locator("thead th").allInnerTexts();
    const cells = await growth.locator("tbody tr", { hasText: "leak_at_init.so" }).first().locator("td").allInnerTexts();
    const cell = (head: string) => cells[heads.indexOf(head)]!;
    assert.equal(heads[0], "Location");
    assert.match(cell("Change"), /MiB$/);
    assert.match(cell("Per 1000 tx"), /KiB$/);
    assert.match(cell("Old %"), /^\d+ %$/);
    await page.close();
  });

  test("objects whose bytes the dump has are shown in bytes", async () => {
    const { page } = await open(fixture("format2.out.gz"));
    const growth = await opened(page, /^Growth since/);
    const change = async (kind: string): Promise<string> => {
      const cells = await growth
        .locator("tbody tr", { hasText: "leaky.so" })
        .filter({ hasText: kind })
        .first()
        .locator("td")
        .allInnerTexts();
      return cells[3]!;
    };
    assert.match(await change("iobuffer"), /^[\d.]+ [KM]iB$/);
    assert.match(await change("TSIOBuffer"), /^[\d.]+ [KM]iB$/);
    await page.close();
  });
});

describe("the search for references", () => {
  test("has a table with proof and holder, and the call stacks, to be opened", async () => {
    const { page, problems } = await open(handmade("searched", handmadeSearched()));
    const title = "Searched for references";
    assert.match(await page.locator("section:has(#searched) .hint").innerText(), /The last pass ended 1 s before the last dump\.$/);
    assert.deepEqual(await column(page, title, "Proof"), ["lost", "held", "blind"]);
    assert.deepEqual(await column(page, title, "Lost, at least"), ["2,750", "0", "0"]);
    assert.deepEqual(await column(page, title, "Holder"), [
      "-",
      "held by foo.so insert (foo.c:120) <- foo.so table (.bss) (83 % of what is held)",
      "-",
    ]);
    assert.match((await column(page, title, "Found"))[0]!, /^at least 2,750 of 3,154 blocks lost; of 64 watched 61 lost, 3 held/);
    const blind = page.locator("section:has(#searched) .verdict", { hasText: "blind" });
    assert.match((await blind.getAttribute("title"))!, /^a block that seemed lost was released or handed out again/);
    const stacks = page.locator("section.stacks details");
    assert.equal(await stacks.count(), 1);
    assert.equal(await stacks.locator("li").first().isVisible(), false);
    await stacks.locator("summary").click();
    assert.deepEqual(await stacks.locator("li").allInnerTexts(), [
      ...["leaky.so lose (leaky.c:17) [inlined]", "leaky.so wrapper (leaky.c:30)", "leaky.so handler (leaky.c:44)", "..."],
    ]);
    assert.match(await stacks.locator("div p").innerText(), /^83 % of what is alive, 40 samples$/);
    await assertAccessible(page);
    // They are not shown a second time, and an accepted row is marked as such.
    const further = await page.locator("section:has(#sections) summary").allInnerTexts();
    assert.ok(!further.some((text) => /^(Search|Holders|Stacks)/.test(text)), further.join());
    assert.equal(await page.locator(".verdict.accepted").first().innerText(), "accepted");
    assert.deepEqual(problems, []);
    await page.close();
  });

  test("is not there if nothing was searched", async () => {
    const { page } = await open(fixture("memtrack-level2.out"));
    assert.equal(await page.locator("#searched, #stacks").count(), 0);
    await page.close();
  });
});

test("markup, scripts and escapes in names are shown as text", async () => {
  const rows = [{ location: "memory/IOBuffer/x.cc:1", allocs: 2, frees: 1, inUse: 100 }];
  const title = format.reconciliation.title;
  const sections = NEW_SECTIONS.replace("Reconciliation", title) + "                  64 | </script><img src=x onerror=alert(1)>\n";
  const named = handmade(
    "<img src=x onerror=alert(1)>.out",
    handmadeLeak(3) + handmadeDump({ number: 4, level: 2, rows, openssl: [], sections, sectionRows: NEW_SECTIONS_ROWS }),
  );
  const { page, requests, problems } = await open(named);
  assert.ok((await column(page, "Sites", "Place")).includes(placeOf(HOSTILE_SHOWN, HOSTILE_OWNER)));
  assert.ok((await column(page, "Owners", "Owner")).includes(HOSTILE_OWNER));
  assert.ok((await page.locator("h1").innerText()).includes("<img src=x"));
  assert.ok((await page.title()).includes("<img src=x onerror=alert(1)>.out"));
  const parts = await page.locator(".reconciliation tbody th").allInnerTexts();
  assert.ok(parts.map((name) => name.trim()).includes("</script><img src=x onerror=alert(1)>"), String(parts));
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
      await page.locator("section.chart").first().getByLabel("In use, lines").check();
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
    for (const table of await page.locator("details").all()) await table.locator("tbody tr").first().waitFor();
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
    await page.getByRole("button", { name: "Dark theme" }).click();
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
    await page.getByRole("button", { name: "Dark theme" }).click();
    assert.equal(await paper(), "rgb(18, 22, 28)");
    assert.ok(await page.getByRole("button", { name: "Light theme" }).isVisible());
    const [wide, seen] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
    assert.ok(wide! <= seen!, `${wide} of ${seen}`);
    if (SHOTS) await page.screenshot({ path: join(SHOTS, "narrow.png") });
    await page.close();
  });

  test("at 1400 pixels every column of Sites is seen; at 390 a row is a card; no name is broken within a word", async () => {
    for (const width of [1400, 390]) {
      const { page } = await open(fixture("leak.out.gz"), { width });
      const fits = await sites(page).evaluate((region) => region.scrollWidth <= region.clientWidth);
      assert.ok(fits, `sideways scrolling at ${width}`);
      const broken = await page
        .locator(".word")
        .evaluateAll((words) => words.filter((word) => word.getClientRects().length > 1).map((word) => word.textContent));
      assert.deepEqual(broken, []);
      const card = sites(page).locator("tbody tr").first();
      const tops = await card
        .locator("td")
        .evaluateAll((cells) => cells.map((cell) => Math.round(cell.getBoundingClientRect().top)));
      assert.equal(new Set(tops).size, width === 390 ? 5 : 1, String(tops));
      // It is a table to a screen reader all the same.
      assert.equal(await sites(page).getByRole("columnheader").count(), 11);
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `${width}.png`), fullPage: true });
      await page.close();
    }
  });

  test("on paper it has its graphs and its rows, and no buttons", async () => {
    const { page } = await open(handmade("leak.out", handmadeLeak(800)), { dark: true });
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.getByRole("button", { name: "Dark theme" }).isVisible(), false);
    assert.ok(await page.locator("canvas").first().isVisible());
    assert.equal(await page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    const paper = await page.pdf({ printBackground: true });
    assert.ok(paper.length > 20_000);
    if (SHOTS) writeFileSync(join(SHOTS, "paper.pdf"), paper);
    await page.close();
  });
});
