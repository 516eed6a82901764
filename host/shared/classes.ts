// SPDX-License-Identifier: Apache-2.0
//
// The classes of memory, in the order of a dump's tables, and what they are called.

import { bytes, count } from "./units.ts";

export const CLASSES = ["iobuffer", "openssl", "tsapi", "heap", "object"] as const;
export type ClassName = (typeof CLASSES)[number];

/** Those that are counted in bytes. Objects are counted alone: they are the server's, and have no size. */
export const BYTE_CLASSES = CLASSES.filter((name) => name !== "object");

export const CLASS_TITLES: Record<ClassName, string> = {
  iobuffer: "IOBuffer",
  openssl: "OpenSSL",
  tsapi: "TSmalloc",
  heap: "Heap",
  object: "Objects",
};

/** How an amount of a row is written: bytes, or of objects how many. */
export function formatOf(row: { class?: ClassName }): (value: number) => string {
  return row.class === "object" ? count : bytes;
}
