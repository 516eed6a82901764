// SPDX-License-Identifier: Apache-2.0
//
// What the package holds beside the command's code: the core, the page's script and style, the version. The paths are right two folders
// below the top, which is where this file is, and where the bundled command is (build/command): no other file looks beside itself.

import { readFileSync } from "node:fs";

const TOP = new URL("../../", import.meta.url);

/** Built by tools/build.ts from assembly/. */
export const WASM = new URL("build/memtrack.wasm", TOP);

/** Built by tools/build.ts from host/web. */
export const PAGE_SCRIPT = new URL("build/page.js", TOP);
export const PAGE_STYLE = new URL("build/page.css", TOP);

const { version } = JSON.parse(readFileSync(new URL("package.json", TOP), "utf8")) as { version: string };

export const VERSION = version;
