// SPDX-License-Identifier: Apache-2.0
//
// `npm run picture`: makes docs/page.png, the picture of the page in README: the page of tests/fixtures/format2.out.gz from its top to
// its graphs, in the light theme. Run it by hand after a change of the page. It needs Chromium, like the tests of the page.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { BUILD, buildCommand, TOP } from "./build.ts";

const CHROMIUM = "/usr/bin/chromium";
const WIDTH = 1280;
const PICTURE = join(TOP, "docs", "page.png");
/** It comes with every clone. */
const BYTES_MAX = 150 * 1024;

buildCommand(() => {});
const folder = mkdtempSync(join(tmpdir(), "memtrack-picture-"));
try {
  // The page's title is the file's name.
  writeFileSync(join(folder, "traffic.out"), gunzipSync(readFileSync(join(TOP, "tests", "fixtures", "format2.out.gz"))));
  execFileSync(process.execPath, [join(BUILD, "command", "memtrack.js"), "html", "traffic.out", "-o", "page.html"], {
    cwd: folder,
  });
  await takePicture(join(folder, "page.html"));
} finally {
  rmSync(folder, { recursive: true });
}
const { size } = statSync(PICTURE);
console.log(`docs/page.png: ${size} bytes`);
if (size > BYTES_MAX) throw new Error(`docs/page.png has ${size} bytes, at most ${BYTES_MAX} are wanted`);

async function takePicture(html: string): Promise<void> {
  // As root, as in a container, Chromium has no sandbox of its own. What it opens is our own page.
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: WIDTH, height: 1024 }, colorScheme: "light" });
    await page.goto(pathToFileURL(html).href);
    const charts = (await page.locator(".charts").boundingBox())!;
    const height = Math.ceil(charts.y + charts.height);
    await page.screenshot({ path: PICTURE, fullPage: true, clip: { x: 0, y: 0, width: WIDTH, height } });
  } finally {
    await browser.close();
  }
}
