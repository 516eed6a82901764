// SPDX-License-Identifier: Apache-2.0
//
// Parses the dumps in the bytes of traffic.out, of memtrack and of the built-in tracker.
//
//   chunks -> lines -> dumps: memtrack's, from the header to `memtrack end`
//                             the built-in tracker's: a table with its header, which is in no dump of memtrack's
//
// Total: no text makes it throw. A line of no known form is skipped and counted; a truncated or damaged dump is marked as such. Memory is
// constant: it holds one line and the open dumps, never the file. Most of a file consists of rows, so a row is parsed from its bytes,
// without a string; other lines of a dump are few.

import { classes, sections, SUMMARY_LINES_MAX, SUMMARY_PREFIX } from "../../../format/format.ts";
import { endsOf, SEPARATOR, titlesOf } from "../../../format/layout.ts";
import { CLASSES, holdsMemory, titleOf, type ClassName } from "../../shared/classes.ts";
import { cellsOf, headsOf, textColumn } from "./cells.ts";
import { parsePairs, type Counts, type Dump, type Header, type Section, type Table } from "./dump.ts";
import { Scratch } from "./rows.ts";
import type { Sites } from "./sites.ts";

/** Maximum number of warnings kept from outside dumps: a server logs the first 20 of a kind. */
const ALARMS_MAX = 100;

/** Maximum number of open dumps, each of another process. */
const OPEN_MAX = 4;
/** An open dump is given up after this many foreign lines: it was written in one piece, so its end is lost. */
const FOREIGN_MAX = 1000;
/** A longer line is no line of a dump. */
const LINE_MAX = 64 * 1024;
/** End of a row's cells and start of its location, with columns of the usual widths. */
const [ALLOCS_END, FREES_END, IN_USE_END, AVERAGE_END] = endsOf(sections.memory) as [number, number, number, number];
const LOCATION_AT = AVERAGE_END + SEPARATOR;
/** Maximum number of rows of a section that is kept as text. */
const SECTION_ROWS_MAX = 10_000;
const SECTIONS_MAX = 32;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const BAR = 0x7c;

const HEADER = Buffer.from("memtrack format=");
const MEMTRACK = Buffer.from("memtrack ");
const ALLOCS = Buffer.from(`${sections.memory.columns[0].title} `);
const SUMMARY = Buffer.from(`${sections.summary.columns[0].title} `);

const END_LINE = /^memtrack end dump=\d+ rows=\d+\r?$/;
/** Required for a header within a line, where other text may mention a header. */
const GLUED = /^memtrack format=\d+ dump=\d+ time=\d/;
const TABLE_HEAD = new RegExp(`^${titlesOf(sections.memory).join(" +\\| ")} *$`);
const FREELIST_HEAD = /^ *Allocated +\| +In-Use +\| Type Size +\| +Free List Name *$/;
const SUMMARY_HEAD = new RegExp(`^${sections.summary.columns[0].title} +\\|`);
const TOTAL_ROW = /^ +(-?\d+) \| +\| TOTAL *$/;
const OBJECT_BYTES = "Size In-use";
/** Columns of a table of objects. Dumps of older versions have no bytes. */
const OBJECTS_HEAD = titlesOf(sections.objects).filter((title) => title !== OBJECT_BYTES);
const RULE = /^-[-|]*$/;

/** The class of a table by its title. */
function classOf(title: string): ClassName | undefined {
  return CLASSES.find((cls) => CLASS_TITLES[cls].test(title));
}

const CLASS_TITLES = Object.fromEntries(CLASSES.map((cls) => [cls, new RegExp(`^${titleOf(cls)}s?\\b`, "i")])) as Record<
  ClassName,
  RegExp
>;

const OPENSSL = CLASSES.indexOf("openssl");

/** A dump without its end so far. */
class Open implements Dump {
  readonly origin: Dump["origin"];
  readonly number: number;
  readonly time: number;
  readonly header: Header;
  readonly rows: Scratch;
  readonly summary: string[] = [];
  readonly notes: ReadonlyMap<string, string>[] = [];
  readonly tables: Table[] = [];
  readonly sections: Section[] = [];
  state: Dump["state"] = "complete";
  foreign = 0;
  /** The same since the last known line. */
  strayed = 0;
  /** The table or section that may continue with rows. */
  table: Table | undefined;
  section: Section | undefined;
  /** Index of the section's text column. */
  text = 0;
  /** The table's prefix of keys in Sites, and its sum so far. */
  prefix = 0;
  sum = 0;
  /** The last unknown lines, which may become a section's title and header. */
  title = "";
  head = "";

  constructor(origin: Dump["origin"], number: number, header: Header, rows: Scratch) {
    this.origin = origin;
    this.number = number;
    this.header = header;
    this.time = Date.parse(header.get("time") ?? "") / 1000;
    this.rows = rows;
  }
}

/** Counts shared by the parsers of one text. */
class Shared {
  readonly alarms: string[] = [];
  readonly counts: Counts = { bytes: 0, lines: 0, foreign: 0, dumps: 0, cut: 0, damaged: 0 };
  builtIn = 0;
}

export class Parser {
  /** Warnings that memtrack wrote outside dumps. */
  readonly alarms: string[];
  readonly counts: Counts;
  readonly #shared: Shared;
  readonly #sites: Sites;
  readonly #take: (dump: Dump) => void;
  /** The open dumps, the outermost first. */
  readonly #open: Open[] = [];
  readonly #spare: Scratch[] = [];
  /** The beginning of an incomplete line. */
  #rest = Buffer.alloc(0);
  /** Whether the current line is longer than LINE_MAX. */
  #skipping = false;
  /** A parsed number of a row, and the position after it. */
  #value = 0;
  #at = 0;

  /** @param take receives each dump when it ends. Its rows are reused after that, so it copies what it keeps. */
  constructor(sites: Sites, take: (dump: Dump) => void, shared = new Shared()) {
    this.#sites = sites;
    this.#take = take;
    this.#shared = shared;
    this.alarms = shared.alarms;
    this.counts = shared.counts;
  }

  /** A parser for another stream of the same text, with shared counts. */
  sibling(): Parser {
    return new Parser(this.#sites, this.#take, this.#shared);
  }

  push(chunk: Buffer): void {
    this.counts.bytes += chunk.length;
    let start = 0;
    if (this.#rest.length || this.#skipping) {
      const end = chunk.indexOf(LF);
      const part = end < 0 ? chunk : chunk.subarray(0, end + 1);
      start = part.length;
      if (!this.#skipping) {
        this.#rest = Buffer.concat([this.#rest, part]);
        if (end >= 0) this.#lines(this.#rest, 0);
        else if (this.#rest.length > LINE_MAX) this.#skip();
      }
      if (end < 0) return;
      if (this.#skipping) ++this.counts.lines;
      this.#skipping = false;
      this.#rest = EMPTY;
    }
    start = this.#lines(chunk, start);
    if (chunk.length - start > LINE_MAX) this.#skip();
    else if (start < chunk.length) this.#rest = Buffer.from(chunk.subarray(start));
  }

  /**
   * Called between two files. The pieces of a rotated file are one text and may be split within a line; text that begins like a line is
   * treated as one.
   */
  boundary(next: Buffer): void {
    const begins = startsWith(next, 0, next.length, MEMTRACK) || startsWith(next, 0, next.length, ALLOCS) || next[0] === 0x5b;
    if (begins && this.#rest.length) this.push(Buffer.from("\n"));
  }

  /**
   * Called when no more input is available now: a dump of the built-in tracker that could continue is complete. For a file that is
   * followed.
   */
  idle(): void {
    const open = this.#open.at(-1);
    if (open?.origin === "built-in" && !open.table && !open.section) this.#close(open);
  }

  /** Ends the input. */
  end(): void {
    // The last line may lack its newline, if a file was copied by hand. A row may be truncated anywhere.
    if (this.#rest.length && !this.#skipping && END_LINE.test(this.#rest.toString("latin1"))) {
      this.push(Buffer.from("\n"));
    } else if (this.#rest.length || this.#skipping) {
      ++this.counts.lines;
      ++this.counts.foreign;
      this.#rest = EMPTY;
    }
    this.idle();
    while (this.#open.length) this.#abandon(this.#open.at(-1)!);
  }

  /** Processes the complete lines from `start` on. @returns the start of the rest */
  #lines(bytes: Buffer, start: number): number {
    let header = bytes.indexOf(HEADER, start);
    for (let end; (end = bytes.indexOf(LF, start)) >= 0; start = end + 1) {
      if (header >= 0 && header < end) {
        start = this.#torn(bytes, start, end);
        header = bytes.indexOf(HEADER, end);
      }
      this.#line(bytes, start, end);
    }
    return start;
  }

  /**
   * Finds a header within a line: a server died in the middle of a dump, and the next one continued on that line. The text before the
   * header is no line, and its dump has no end. @returns the position of the header, or of the line if it has none
   */
  #torn(bytes: Buffer, start: number, end: number): number {
    const at = bytes.subarray(start, end).lastIndexOf(HEADER) + start;
    if (at <= start || !GLUED.test(text(bytes, at, end))) return start;
    // The last line may be complete except for its newline.
    if (END_LINE.test(text(bytes, start, at))) this.#line(bytes, start, at);
    else {
      const open = this.#open.at(-1);
      ++this.counts.lines;
      ++this.counts.foreign;
      if (open) this.#abandon(open);
    }
    return at;
  }

  #skip(): void {
    this.#skipping = true;
    this.#rest = EMPTY;
    this.#foreign(this.#open.at(-1));
  }

  #line(bytes: Buffer, start: number, end: number): void {
    ++this.counts.lines;
    if (end > start && bytes[end - 1] === CR) --end;
    const open = this.#open.at(-1);
    const first = bytes[start]!;
    if (open?.table && (first === SPACE || (first >= ZERO && first <= NINE)) && this.#row(open, bytes, start, end)) return;
    if (first === 0x6d && startsWith(bytes, start, end, MEMTRACK)) return this.#memtrack(bytes, start, end);
    if (first === 0x41 && startsWith(bytes, start, end, ALLOCS) && TABLE_HEAD.test(text(bytes, start, end))) return this.#head();
    if (open) this.#other(open, bytes, start, end);
    else if (startsWith(bytes, start, end, SUMMARY) && SUMMARY_HEAD.test(text(bytes, start, end))) this.#summary(bytes, start, end);
    else if (end > start) ++this.counts.foreign;
  }

  /** A row or the TOTAL of a table. The columns are numbers separated by ` | `, usually of the usual widths, which long numbers exceed. */
  #row(open: Open, bytes: Buffer, start: number, end: number): boolean {
    const usual =
      end - start > LOCATION_AT &&
      bytes[start + ALLOCS_END + 1] === BAR &&
      bytes[start + FREES_END + 1] === BAR &&
      bytes[start + IN_USE_END + 1] === BAR &&
      bytes[start + AVERAGE_END + 1] === BAR;
    if (usual) {
      const allocs = rightmost(bytes, start - 1, start + ALLOCS_END);
      const frees = rightmost(bytes, start + ALLOCS_END + 2, start + FREES_END);
      const inUse = rightmost(bytes, start + FREES_END + 2, start + IN_USE_END);
      if (allocs >= 0 && frees >= 0 && inUse >= 0 && rightmost(bytes, start + IN_USE_END + 2, start + AVERAGE_END) >= 0) {
        return this.#count(open, bytes, start + LOCATION_AT, end, allocs, frees, inUse);
      }
    }
    let at = start;
    if (!this.#number(bytes, at, end)) return this.#total(open, text(bytes, start, end));
    const allocs = this.#value;
    at = this.#at;
    if (!bar(bytes, at, end) || !this.#number(bytes, at + 3, end)) return this.#total(open, text(bytes, start, end));
    const frees = this.#value;
    at = this.#at;
    if (!bar(bytes, at, end) || !this.#number(bytes, at + 3, end)) return false;
    const inUse = this.#value;
    at = this.#at;
    if (!bar(bytes, at, end) || !this.#number(bytes, at + 3, end)) return false;
    at = this.#at;
    return bar(bytes, at, end) && this.#count(open, bytes, at + 3, end, allocs, frees, inUse);
  }

  /** A row whose location begins at `at`. */
  #count(open: Open, bytes: Buffer, at: number, end: number, allocs: number, frees: number, inUse: number): boolean {
    while (end > at && bytes[end - 1] === SPACE) --end;
    const table = open.table!;
    if (at === end || table.total !== undefined) return false;
    if (table.rows++ === 0 && !table.title && startsWith(bytes, at, end, OPENSSL_PLACE)) {
      // Tables in the built-in tracker's form are IOBuffers, then OpenSSL; the first may be missing.
      table.class = "openssl";
      open.prefix = OPENSSL;
    }
    const site = this.#sites.find(open.prefix, bytes, at, end);
    if (!open.rows.add(site, allocs, frees, inUse)) open.state = "damaged";
    open.sum += inUse;
    open.strayed = 0;
    return true;
  }

  #total(open: Open, line: string): boolean {
    const [, digits] = TOTAL_ROW.exec(line) ?? [];
    if (digits === undefined || open.table!.total !== undefined) return false;
    open.table!.total = Number(digits);
    if (open.table!.total !== open.sum && holdsMemory(open.table!.class)) open.state = "damaged";
    open.strayed = 0;
    return true;
  }

  /** Parses an integer after spaces, if JavaScript holds it exactly: its value into #value, the position after it into #at. */
  #number(bytes: Buffer, at: number, end: number): boolean {
    while (at < end && bytes[at] === SPACE) ++at;
    const negative = bytes[at] === MINUS;
    if (negative) ++at;
    let value = 0;
    const from = at;
    for (let c; at < end && (c = bytes[at]!) >= ZERO && c <= NINE; ++at) value = value * 10 + (c - ZERO);
    this.#value = negative ? -value : value;
    this.#at = at;
    return at > from && value <= Number.MAX_SAFE_INTEGER;
  }

  #memtrack(bytes: Buffer, start: number, end: number): void {
    const line = text(bytes, start, end);
    const open = this.#open.at(-1);
    if (startsWith(bytes, start, end, HEADER)) {
      const header = parsePairs(line);
      const number = Number(header.get("dump"));
      if (!Number.isSafeInteger(number)) return this.#foreign(open);
      this.#begin("memtrack", number, header);
    } else if (line.startsWith("memtrack end ")) {
      this.#ended(line);
    } else if (open?.origin === "memtrack" && line.startsWith(SUMMARY_PREFIX)) {
      if (open.summary.length < SUMMARY_LINES_MAX) open.summary.push(line.slice(SUMMARY_PREFIX.length));
      open.strayed = 0;
    } else if (open?.origin === "memtrack") {
      open.notes.push(parsePairs(line));
      open.strayed = 0;
    } else if (line.startsWith("memtrack warning=")) {
      if (this.alarms.length < ALARMS_MAX) this.alarms.push(parsePairs(line).get("warning") ?? "");
      ++this.counts.foreign;
    } else {
      this.#foreign(open);
    }
  }

  #ended(line: string): void {
    const pairs = parsePairs(line);
    const number = Number(pairs.get("dump"));
    const at = this.#open.findLastIndex((open) => open.origin === "memtrack" && open.number === number);
    if (at < 0) return this.#foreign(this.#open.at(-1));
    while (this.#open.length > at + 1) this.#abandon(this.#open.at(-1)!);
    const open = this.#open[at]!;
    this.#settle(open);
    let rows = 0;
    let objects = 0;
    for (const table of open.tables) {
      if (holdsMemory(table.class)) rows += table.rows;
      else objects += table.rows;
      if (holdsMemory(table.class) && table.total === undefined) open.state = "damaged";
    }
    const said = Number(pairs.get("rows"));
    if (said !== rows && said !== rows + objects) open.state = "damaged";
    this.#close(open);
  }

  /** The header line of a table in the built-in tracker's form. */
  #head(): void {
    let open = this.#open.at(-1);
    if (open?.origin === "built-in") {
      // Within a table it belongs to another process: the two cannot be separated any more.
      if (open.table) {
        open.state = "damaged";
        return;
      }
      this.#close(open);
      open = this.#open.at(-1);
    }
    // A dump is written in one piece, so a table after foreign lines is not part of it.
    const plain = open?.tables.filter((table) => !table.title).length ?? 0;
    if (open && !open.title && (open.strayed || plain === 2)) {
      this.#abandon(open);
      return this.#head();
    }
    open ??= this.#begin("built-in", ++this.#shared.builtIn, new Map());
    const title = open.title;
    const cls = classOf(title) ?? (plain ? "openssl" : "iobuffer");
    open.table = { class: cls, title, rows: 0, total: undefined };
    open.tables.push(open.table);
    open.prefix = this.#sites.prefix(cls);
    open.sum = 0;
    open.section = undefined;
    open.title = open.head = "";
    open.strayed = 0;
  }

  /** The built-in tracker prints no table without rows, but always its summary: a dump in which nothing is in use. */
  #summary(bytes: Buffer, start: number, end: number): void {
    const open = this.#begin("built-in", ++this.#shared.builtIn, new Map());
    open.tables.push({ class: "iobuffer", title: "", rows: 0, total: 0 });
    this.#other(open, bytes, start, end);
  }

  /** A line of a dump that is neither a row of a table nor begins with `memtrack`. */
  #other(open: Open, bytes: Buffer, start: number, end: number): void {
    if (start === end) return this.#blank(open);
    const line = text(bytes, start, end);
    // The server prints this before a dump, never within one.
    if (FREELIST_HEAD.test(line)) {
      ++this.counts.foreign;
      return this.#abandon(open);
    }
    // After the built-in tracker's table only its summary at level 2 can follow.
    if (open.origin === "built-in" && !open.table && !open.section && !open.head && !SUMMARY_HEAD.test(line)) {
      ++this.counts.foreign;
      return this.#close(open);
    }
    if (RULE.test(line)) return this.#rule(open);
    // The journal keeps no blank lines, so a line that is no row may be the next section's title, if a header and a rule follow.
    if (open.section && open.head) this.#settle(open);
    if (open.section && !open.title && this.#sectionRow(open, open.section, line)) return;
    if (open.table) return this.#foreign(open);
    // The line before a header is the title. Lines that become neither were foreign.
    if (open.title && !open.head && line.includes(" | ")) open.head = line;
    else {
      if (open.title || open.head) this.#foreign(open);
      if (line.includes(" | ")) [open.title, open.head] = ["", line];
      else [open.title, open.head] = [line, ""];
    }
  }

  #blank(open: Open): void {
    this.#settle(open);
    open.section = undefined;
    if (open.origin === "memtrack") open.table = undefined;
  }

  /** Lines that could have been a title and a header, but are not. The second may be a row of the section, which continues. */
  #settle(open: Open): void {
    const { title, head, section } = open;
    open.title = open.head = "";
    const isRow = section && title && head && this.#sectionRow(open, section, head);
    if (isRow || title || head) this.#foreign(open);
  }

  #rule(open: Open): void {
    if (open.head) return this.#section(open);
    const { table, section } = open;
    // First the rule below a table's header, then the rule below its TOTAL.
    if (table?.total !== undefined || (section && section.rows.length)) open.table = open.section = undefined;
    else if (!table && !section) return this.#foreign(open);
    open.strayed = 0;
    if (section && open.origin === "built-in") this.#close(open);
  }

  #section(open: Open): void {
    const columns = headsOf(open.head);
    open.text = textColumn(columns);
    const section: Section = { title: open.title, columns, rows: [] };
    open.section = section;
    open.table = undefined;
    if (isOfObjects(columns)) {
      open.tables.push({ class: "object", title: open.title, rows: 0, total: undefined });
    } else if (open.sections.length < SECTIONS_MAX) {
      open.sections.push(section);
    }
    open.title = open.head = "";
    open.strayed = 0;
  }

  /** The text may contain anything. */
  #sectionRow(open: Open, section: Section, line: string): boolean {
    const cells = cellsOf(line, section.columns.length, open.text);
    if (!cells) return false;
    open.strayed = 0;
    if (isOfObjects(section.columns)) return this.#objectRow(open, section.columns, cells);
    if (section.rows.length < SECTION_ROWS_MAX) section.rows.push(cells);
    return true;
  }

  #objectRow(open: Open, columns: string[], cells: string[]): boolean {
    const cell = (title: string): string => cells[columns.indexOf(title)] ?? "0";
    const [kind, location] = [cell("Kind"), cell(sections.objects.text.title)];
    if (location === "TOTAL" || kind === "TOTAL") return true;
    const counts = [Number(cell("Created")), Number(cell("Destroyed")), Number(cell(OBJECT_BYTES))] as const;
    if (!counts.every(Number.isSafeInteger)) return false;
    const site = this.#sites.findText("object", location, kind);
    if (!open.rows.add(site, ...counts)) open.state = "damaged";
    ++open.tables.at(-1)!.rows;
    return true;
  }

  #begin(origin: Dump["origin"], number: number, header: Header): Open {
    if (this.#open.length === OPEN_MAX) this.#abandon(this.#open[0]!);
    const open = new Open(origin, number, header, this.#spare.pop() ?? new Scratch());
    this.#open.push(open);
    return open;
  }

  #foreign(open: Open | undefined): void {
    ++this.counts.foreign;
    if (!open) return;
    ++open.strayed;
    if (++open.foreign >= FOREIGN_MAX) this.#abandon(open);
  }

  #abandon(open: Open): void {
    if (open.origin === "memtrack") open.state = "cut";
    this.#close(open);
  }

  #close(open: Open): void {
    if (open.origin === "built-in" && open.tables[0]?.total === undefined) open.state = "cut";
    ++this.counts.dumps;
    if (open.state !== "complete") ++this.counts[open.state];
    this.#open.splice(this.#open.indexOf(open), 1);
    this.#take(open);
    open.rows.clear();
    this.#spare.push(open.rows);
  }
}

const EMPTY = Buffer.alloc(0);
const OPENSSL_PLACE = Buffer.from(classes.openssl.prefix);

function text(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("utf8", start, end);
}

function startsWith(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; ++i) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

/** A positive integer that ends at `end` - 1, after a space or at `edge` + 1; -1 for anything else, and for one that is too long. */
function rightmost(bytes: Uint8Array, edge: number, end: number): number {
  let value = 0;
  let scale = 1;
  let at = end - 1;
  for (let c; at > edge && (c = bytes[at]!) >= ZERO && c <= NINE; --at) {
    value += (c - ZERO) * scale;
    scale *= 10;
  }
  if (scale === 1 || scale > 1e15 || (at > edge && bytes[at] !== SPACE)) return -1;
  return value;
}

function bar(bytes: Uint8Array, at: number, end: number): boolean {
  return at + 3 <= end && bytes[at] === SPACE && bytes[at + 1] === BAR && bytes[at + 2] === SPACE;
}

function isOfObjects(columns: readonly string[]): boolean {
  return OBJECTS_HEAD.every((title) => columns.includes(title));
}
