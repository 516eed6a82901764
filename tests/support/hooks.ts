// SPDX-License-Identifier: Apache-2.0
//
// The functions that memtrack replaces, by the names in its tables, read from the sources.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TOP } from "../../tools/build.ts";

/** Where the names are, and how they are written there. */
const TABLES: [file: string, pattern: RegExp][] = [
  ["hook/heap.c", /^ {2}X\((_Z\w+), /gm],
  ["hook/heap.c", /\b(?:X|REDIRECT_)\((\w+), (?:which##|other|plugin|shared)_\w+\)/g],
  ["hook/mapped.c", /\{"(\w+)", \(void \*\)/g],
  ["hook/undumped.c", /\{"(\w+)", \(void \*\)/g],
  ["hook/stack.c", /\{"(\w+)", \(void \*\)/g],
  ["hook/libc_objects.c", /^ {2}X\((\w+), /gm],
  ["hook/libc_objects.c", /\bREDIRECT\((?!name\b)(\w+)\)/g],
  ["hook/extensions.c", /^ {2}X\((\w+), /gm],
  ["hook/extensions.c", / X\((\w+)\)/g],
  ["hook/plugin.c", /\{"(\w+)", \(void \*\)/g],
  ["hook/loader.c", /\{"(\w+)", \(void \*\)/g],
  ["server/api.h", /\bX\((\w+), \w+, HOOKED,/g],
  ["hook/openssl.c", /"(CRYPTO_(?:malloc|realloc|free))"/g],
];

/** ResourceTracker::increment: its name depends on the server's version. */
const OF_THE_TRACKER = "increment";

export function hookedFunctions(): string[] {
  const found = TABLES.flatMap(([file, pattern]) => {
    const names = [...readFileSync(join(TOP, "host/ats", file), "utf8").matchAll(pattern)].map(([, name]) => name!);
    if (!names.length) throw new Error(`${file} has no names of the form ${pattern}`);
    return names;
  });
  return [...new Set([...found, OF_THE_TRACKER])].sort();
}
