// SPDX-License-Identifier: Apache-2.0
//
// The core's module: loaded, and identified. It is the Wasm that memtrack.so was made from.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { WASM } from "../package.ts";

/** The core's module, from which any number of instances can be made. */
export function loadCore(wasm: URL | string = WASM): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(wasm));
}

/** What memtrack.so carries and a dump's header says: the first 16 hex digits of the SHA-256 of the release Wasm. */
export function coreDigest(): string {
  return createHash("sha256").update(readFileSync(WASM)).digest("hex").slice(0, 16);
}
