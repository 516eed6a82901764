// SPDX-License-Identifier: Apache-2.0
//
// The classes of memory, in the order of a dump's sections, and the format of their amounts.

import { classes, kinds, type MemoryClass } from "../../format/format.ts";
import { bytes, count } from "./units.ts";

export type ClassName = keyof typeof classes;
/** Classes measured in bytes. Objects are only counted: they belong to the server, and have no size. */
export type MemoryName = { [Name in ClassName]: (typeof classes)[Name]["holds"] extends "memory" ? Name : never }[ClassName];

const ENTRIES: Record<ClassName, MemoryClass> = classes;

export const CLASSES = Object.keys(classes) as ClassName[];

export function holdsMemory(cls: ClassName): cls is MemoryName {
  return ENTRIES[cls].holds === "memory";
}

/** What a column `Kind` says of objects; of memory it says the class. */
export const OBJECT_KINDS: ReadonlySet<string | undefined> = new Set(Object.values(kinds).map(({ name }) => name));

export const MEMORY_CLASSES = CLASSES.filter(holdsMemory);

export function titleOf(cls: ClassName): string {
  return ENTRIES[cls].title;
}

/** The text in a column for the class: of objects, their kind. */
export function classOf({ class: cls, kind }: { class: ClassName; kind?: string }): string {
  return kind || titleOf(cls);
}

/** Format of a row's amount: bytes, or for objects their number. */
export function formatOf(row: { class?: ClassName }): (value: number) => string {
  return row.class && !holdsMemory(row.class) ? count : bytes;
}
