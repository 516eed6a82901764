// SPDX-License-Identifier: Apache-2.0
//
// The core's functions and their calls, from the text form (build/*.wat) that asc writes beside the Wasm module.

import { readFileSync } from "node:fs";

export interface WatFunction {
  /** The names under which it is exported. */
  exports: string[];
  /** Names, in the module, of the functions that it calls. */
  calls: Set<string>;
  /** The function's text. */
  code: string;
}

export interface Wat {
  functions: Map<string, WatFunction>;
  /** The exported globals: their names in the module, with the names under which they are exported. */
  globals: Map<string, string>;
}

export function readWat(path: string): Wat {
  const functions = new Map<string, WatFunction>();
  const globals = new Map<string, string>();
  const text = readFileSync(path, "utf8");
  // A field of the module is indented by one space, its contents by more.
  for (const code of text.split(/^ (?=\()/m)) {
    const [, name] = /^\(func \$([^\s()]+)/.exec(code) ?? [];
    if (!name) continue;
    const calls = [...code.matchAll(/\b(?:return_)?call \$([^\s()]+)/g)].map(([, callee]) => callee!);
    functions.set(name, { exports: [], calls: new Set(calls), code });
  }
  for (const [, name, kind, own] of text.matchAll(/^ \(export "(.+?)" \((func|global) \$([^\s()]+)\)\)/gm)) {
    if (kind === "func") functions.get(own!)!.exports.push(name!);
    else globals.set(own!, name!);
  }
  return { functions, globals };
}
