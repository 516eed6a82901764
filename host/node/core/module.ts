// SPDX-License-Identifier: Apache-2.0
//
// Loads and identifies the core's module: the Wasm from which memtrack.so was made.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { WASM } from "../package.ts";

/** The core's module, for any number of instances. */
export function loadCore(wasm: URL | string = WASM): WebAssembly.Module {
  return new WebAssembly.Module(readFileSync(wasm));
}

/** The digest in memtrack.so and in a dump's header: the first 16 hex digits of the SHA-256 of the release Wasm. */
export function coreDigest(): string {
  return createHash("sha256").update(readFileSync(WASM)).digest("hex").slice(0, 16);
}
