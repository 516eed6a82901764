// SPDX-License-Identifier: Apache-2.0
//
// Writes a report as one HTML file: the script and style built from host/web, and the data. The page loads nothing and makes no
// connection: its content security policy allows only its own script and style, by their digests. The data is JSON without characters
// that could end the element around it.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { printable } from "../../shared/printable.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "../package.ts";
import type { Run } from "../read/history.ts";
import type { Sites } from "../read/sites.ts";
import { pageData } from "./page.ts";
import { inert } from "./render-json.ts";
import type { Report } from "./report.ts";

export function renderHtml(report: Report, sites: Sites, run: Run): string {
  const script = readFileSync(PAGE_SCRIPT, "utf8");
  const style = readFileSync(PAGE_STYLE, "utf8");
  const policy = `default-src 'none'; img-src data:; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
  const title = escape(printable(`memtrack: ${report.files.join(", ")}`));
  const data = inert(JSON.stringify(pageData(report, sites, run)));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main id="main"><noscript>This page needs JavaScript: a script in the page draws its graphs and tables.</noscript></main>
<script type="application/json" id="data">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
