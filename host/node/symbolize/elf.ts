// SPDX-License-Identifier: Apache-2.0
//
// What a module's file says of itself: its build id, and whether it has debug information. Total: a file that is no 64-bit ELF file of
// this byte order, or is damaged, is none.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export interface ElfFile {
  /** In hexadecimal; undefined if it has none. */
  buildId: string | undefined;
  /** Whether it has functions with their lines, or at least all functions. */
  holds: "lines" | "functions" | "neither";
}

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const HEADER_SIZE = 64;
const SECTION_SIZE = 64;
const SECTIONS_MAX = 65_536;
/** Most bytes that are read of a table of names, or of a note. */
const PART_MAX = 1024 * 1024;

const PROGBITS = 1;
const SYMTAB = 2;
const NOTE = 7;
const GNU_BUILD_ID = 3;
const GNU = Buffer.from("GNU\0");

/** Undefined if it cannot be opened, or is no ELF file. */
export function readElf(path: string): ElfFile | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    return fstatSync(fd).isFile() ? read(fd) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function read(fd: number): ElfFile | undefined {
  const header = part(fd, 0, HEADER_SIZE);
  if (header?.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return undefined;
  const count = Math.min(header.readUInt16LE(60), SECTIONS_MAX);
  const table = part(fd, Number(header.readBigUInt64LE(40)), count * SECTION_SIZE);
  if (!table || header.readUInt16LE(58) !== SECTION_SIZE) return { buildId: undefined, holds: "neither" };
  const sections = Array.from({ length: count }, (_, index) => sectionAt(table, index));
  const names = contentOf(fd, sections[header.readUInt16LE(62)]);
  const nameOf = ({ name }: Section): string => {
    const end = names ? names.indexOf(0, name) : -1;
    return end < 0 ? "" : names!.toString("latin1", name, end);
  };
  const has = (type: number, name: RegExp): boolean =>
    sections.some((section) => section.type === type && section.size > 0 && name.test(nameOf(section)));
  const holds = has(PROGBITS, /^\.z?debug_info$/) ? "lines" : has(SYMTAB, /^/) ? "functions" : "neither";
  const notes = sections.filter(({ type }) => type === NOTE).map((section) => contentOf(fd, section));
  return { buildId: notes.map((note) => note && buildIdIn(note)).find((id) => id !== undefined), holds };
}

interface Section {
  name: number;
  type: number;
  offset: number;
  size: number;
}

function sectionAt(table: Buffer, index: number): Section {
  const at = index * SECTION_SIZE;
  return {
    name: table.readUInt32LE(at),
    type: table.readUInt32LE(at + 4),
    offset: Number(table.readBigUInt64LE(at + 24)),
    size: Number(table.readBigUInt64LE(at + 32)),
  };
}

function contentOf(fd: number, section: Section | undefined): Buffer | undefined {
  return section && part(fd, section.offset, Math.min(section.size, PART_MAX));
}

/** Undefined if the file ends before. */
function part(fd: number, at: number, size: number): Buffer | undefined {
  const bytes = Buffer.alloc(size);
  return Number.isSafeInteger(at) && readSync(fd, bytes, 0, size, at) === size ? bytes : undefined;
}

/** A note is the sizes of its name and its description, its type, and both, each padded to four bytes. */
function buildIdIn(notes: Buffer): string | undefined {
  const padded = (size: number) => (size + 3) & ~3;
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = notes.readUInt32LE(at);
    const size = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const description = at + 12 + padded(nameSize);
    if (nameSize > notes.length || size > notes.length || description + size > notes.length) return undefined;
    if (type === GNU_BUILD_ID && notes.subarray(at + 12, at + 12 + nameSize).equals(GNU)) {
      return notes.toString("hex", description, description + size);
    }
    at = description + padded(size);
  }
  return undefined;
}
