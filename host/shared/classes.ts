// SPDX-License-Identifier: Apache-2.0
//
// The classes of memory, in the order of a dump's sections, and how their amounts are written.

import { classes, type MemoryClass } from "../../format/format.ts";
import { bytes, count } from "./units.ts";

export type ClassName = keyof typeof classes;
/** Of a class that is counted in bytes. Objects are counted alone: they are the server's, and have no size. */
export type MemoryName = { [Name in ClassName]: (typeof classes)[Name]["holds"] extends "memory" ? Name : never }[ClassName];

const ENTRIES: Record<ClassName, MemoryClass> = classes;

export const CLASSES = Object.keys(classes) as ClassName[];

export function holdsMemory(cls: ClassName): cls is MemoryName {
  return ENTRIES[cls].holds === "memory";
}

export const MEMORY_CLASSES = CLASSES.filter(holdsMemory);

export function titleOf(cls: ClassName): string {
  return ENTRIES[cls].title;
}

/** How an amount of a row is written: bytes, or of objects how many. */
export function formatOf(row: { class?: ClassName }): (value: number) => string {
  return row.class && !holdsMemory(row.class) ? count : bytes;
}
