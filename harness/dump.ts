// SPDX-License-Identifier: Apache-2.0
//
// Parses the dumps in traffic.out, in format 1 and 2. It is strict: a line inside a dump that has no known form is kept in `foreign`, so
// that a test can assert that no other output was interleaved. It also parses the tables of the built-in tracker, which have no header.

import {
  classes,
  kinds,
  sections,
  SERVER_HEAP_TITLE,
  SUMMARY_LINES_MAX,
  SUMMARY_PREFIX,
  type MemoryClass,
  type Section,
} from "../format/format.ts";
import { titlesOf } from "../format/layout.ts";
import { cellsOf, headsOf, textColumn } from "../host/node/read/cells.ts";
import { TITLES_OF_FORMAT_1 } from "../host/node/read/format1.ts";
import { CLASSES, MEMORY_CLASSES, titleOf, type ClassName, type MemoryName } from "../host/shared/classes.ts";
import { isAnalysisTitle } from "./analysis.ts";

type KindName = (typeof kinds)[keyof typeof kinds]["name"];

/** A site's row in a table, in the built-in tracker's columns. */
export interface Row {
  allocs: number;
  frees: number;
  inUse: number;
  average: number;
  location: string;
}

export interface Table {
  /** The line before the column heads; empty for the IOBuffer and OpenSSL tables, which have no title. */
  title: string;
  rows: Row[];
  /** The number in the TOTAL line, not a sum of the rows. */
  total: number;
}

/** The row `SSL Allocated Memory` of the summary that follows the tables at level 2. */
export interface Summary {
  allocated: number;
  freed: number;
  current: number;
}

/** Objects of the plugin API, by kind and call site. */
interface ObjectRow {
  created: number;
  destroyed: number;
  alive: number;
  inUse: number;
  kind: string;
  location: string;
}

/** Address space of a row of mapped memory. */
interface SpanRow {
  ranges: number;
  mapped: number;
  resident: number;
  location: string;
}

/** Memory of an owner: bytes by class, live objects. */
interface Holdings extends Record<ClassName, number> {
  total: number;
  /** Change of `total` since the last dump; undefined if counting began anew. */
  change: number | undefined;
  /** Live objects of all kinds. */
  objects: number;
  kinds: Record<KindName, number>;
}

const KINDS = Object.values(kinds);

export interface OwnerRow extends Holdings {
  state: string;
  owner: string;
}

/** Releases of memory that no row counts. */
interface Prior {
  frees: number;
  bytes: number;
  class: string;
  /** The owner that freed it; undefined in dumps of older versions. */
  by?: string;
}

/** The server, a plugin or a library, and its file. */
export interface Module {
  /** "-" if it has none. */
  buildId: string;
  name: string;
  path: string;
}

interface VerifyRow {
  allocs: number;
  frees: number;
  inUse: number;
  accountant: "memtrack" | "built-in";
  location: string;
}

interface Tables {
  tables: Table[];
  summary?: Summary;
  objects: ObjectRow[];
  spans: SpanRow[];
  owners: OwnerRow[];
  /** The numbers in the owners' TOTAL line, not a sum of the rows. */
  ownersTotal?: Holdings;
  prior: Prior[];
  modules: Module[];
  verify?: { differing: number; compared: number; rows: VerifyRow[] };
  /** Lines of no known form. */
  foreign: string[];
}

/** A parsed dump. The table of each memory class is stored under the class's name. */
export interface Dump extends Tables, Record<MemoryName, Table> {
  number: number;
  /** The key=value pairs of the header line. */
  header: Map<string, string>;
  /** The summary lines, without their prefix. */
  summaryLines: string[];
  /** Key=value pairs of each further line that begins with "memtrack": warnings, notes, hooks that could not be installed. */
  notes: Map<string, string>[];
  /** The value of `rows` in the last line. */
  endRows: number;
  /** The text of the dump as in traffic.out, from the first line to the last. */
  text: string;
}

const FIRST = /^memtrack format=\d+ dump=(\d+)\b/;
const LAST = /^memtrack end dump=(\d+) rows=(\d+)$/;

const CLASS_TITLES = Object.values<MemoryClass>(classes).flatMap(({ section }) => (section ? [section] : []));
const OBJECTS_TITLE = classes.object.section;
/** The whole title line. In format 2 it includes the start of the interval to which Change refers. */
const OWNERS_TITLE = new RegExp(
  `^(?:${TITLES_OF_FORMAT_1.owners}|${sections.owners.title} (?:change since (?:tracking began|the previous dump)|` +
    `counting began anew since the previous dump, so Change is not known))$`,
);

const EMPTY: Table = { title: "", rows: [], total: 0 };

/** The complete dumps in a text, in order. A dump that is truncated, or that another dump interrupts, is skipped. */
export function parseDumps(text: string): Dump[] {
  const dumps: Dump[] = [];
  let begin = -1;
  const lines = text.split("\n");
  // The text after the last newline is a line that is still being written.
  lines.pop();
  for (const [index, line] of lines.entries()) {
    if (FIRST.test(line)) begin = index;
    const last = LAST.exec(line);
    if (!last || begin < 0) continue;
    const dump = parseDump(lines.slice(begin, index + 1), Number(last[2]));
    if (dump.number === Number(last[1])) dumps.push(dump);
    begin = -1;
  }
  return dumps;
}

function parseDump(lines: string[], endRows: number): Dump {
  const [first = "", ...rest] = lines;
  const summary = rest.filter((line) => line.startsWith(SUMMARY_PREFIX));
  const notes = rest.filter((line) => line.startsWith("memtrack ") && !line.startsWith(SUMMARY_PREFIX));
  const tables = parseTables(rest.filter((line) => !line.startsWith("memtrack ")).join("\n"));
  // Tables without a title are identified by their order.
  const untitled = tables.tables.filter(({ title }) => title === "");
  const tableOf = ({ section }: MemoryClass): Table | undefined =>
    section ? tables.tables.find(({ title }) => title === section) : untitled.shift();
  const byClass = Object.fromEntries(MEMORY_CLASSES.map((cls) => [cls, tableOf(classes[cls]) ?? EMPTY]));
  const inPlace = rest.slice(0, summary.length).every((line) => line.startsWith(SUMMARY_PREFIX));
  if (!inPlace || summary.length > SUMMARY_LINES_MAX) tables.foreign.push(...summary);
  return {
    ...(byClass as Record<MemoryName, Table>),
    ...tables,
    summaryLines: summary.map((line) => line.slice(SUMMARY_PREFIX.length)),
    number: Number(FIRST.exec(first)?.[1]),
    header: parsePairs(first),
    notes: notes.slice(0, -1).map(parsePairs),
    endRows,
    text: lines.join("\n") + "\n",
  };
}

/** The key=value pairs of a line that begins with "memtrack". A value with spaces is in double quotes. */
export function parsePairs(line: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [, key = "", quoted, bare] of line.matchAll(/(?<= )([\w-]+)=(?:"([^"]*)"|(\S*))/g))
    pairs.set(key, quoted ?? bare ?? "");
  return pairs;
}

/** Matches the line of a section's column heads. */
function head(section: Section): RegExp {
  return new RegExp(`^${titlesOf(section).join(" +\\| ")} *\\|? *$`);
}

const TABLE_HEAD = head(sections.memory);
const TABLE_ROW = /^ *(\d+) \| +(\d+) \| +(-?\d+) \| +(-?\d+) \| (\S.*?) *$/;
const TABLE_TOTAL = /^ +(-?\d+) \| +\| TOTAL *$/;
const SUMMARY_HEAD = head(sections.summary);
const SUMMARY_ROW = new RegExp(`^ *(\\d+) \\| +(\\d+) \\| +(-?\\d+) \\| ${classes.openssl.summary} *$`);
const OBJECTS_HEADS = [head(sections.objects), /^Created +\| Destroyed +\| Alive +\| Kind +\| Location *$/];
/** Dumps of older versions have no bytes of objects. */
const OBJECTS_ROW = new RegExp(
  `^ *(\\d+) \\| +(\\d+) \\| +(-?\\d+) \\| (?: *(-?\\d+) \\| )?(${KINDS.map(({ name }) => name).join("|")}) +\\| (\\S.*?) *$`,
);
const SPANS_TITLE = sections.spans.title;
const SPANS_HEAD = head(sections.spans);
const SPANS_ROW = /^ *(\d+) \| +(\d+) \| +(-?\d+) \| (\S.*?) *$/;
const PRIOR_TITLES: string[] = [sections.preArming.title, TITLES_OF_FORMAT_1.preArming!];
const PRIOR_HEAD = head(sections.preArming);
const PRIOR_CELLS = `^ *(\\d+) \\| +(\\d+) \\| (${CLASSES.join("|")})`;
const PRIOR_ROW = new RegExp(`${PRIOR_CELLS} +\\| (\\S.*?) *$`);
/** Dumps of older versions do not say who freed. */
const OLD_PRIOR_HEAD = /^Frees +\| Size +\| Class *$/;
const OLD_PRIOR_ROW = new RegExp(`${PRIOR_CELLS}$`);
const VERIFY_TITLE = new RegExp(
  `^${sections.verify.title} (\\d+) of (\\d+) rows differ(?:; without .* of buffers from before counting began)?$`,
);
const VERIFY_HEAD = head(sections.verify);
const VERIFY_ROW = /^ *(-?\d+) \| +(-?\d+) \| +(-?\d+) \| (memtrack|built-in) +\| (.*)$/;
const MODULES_TITLE = sections.modules.title;
const MODULES_HEAD = head(sections.modules);
const MODULES_ROW = /^([0-9a-f]+|-) +\| ([^/]+) (\/.*)$/;
/** Sections whose heads follow a title that is all of its line. */
interface Titled {
  titles: string[];
  heads: RegExp[];
  row: RegExp;
  read(found: Tables, match: RegExpExecArray): unknown;
}
const readPrior = ({ prior }: Tables, match: RegExpExecArray): unknown => prior.push(priorOf(match));
const TITLED: Titled[] = [
  {
    titles: [OBJECTS_TITLE],
    heads: OBJECTS_HEADS,
    row: OBJECTS_ROW,
    read: ({ objects }, match) => objects.push(objectOf(match)),
  },
  { titles: [SPANS_TITLE], heads: [SPANS_HEAD], row: SPANS_ROW, read: ({ spans }, match) => spans.push(spanOf(match)) },
  { titles: PRIOR_TITLES, heads: [PRIOR_HEAD], row: PRIOR_ROW, read: readPrior },
  { titles: PRIOR_TITLES, heads: [OLD_PRIOR_HEAD], row: OLD_PRIOR_ROW, read: readPrior },
  {
    titles: [MODULES_TITLE],
    heads: [MODULES_HEAD],
    row: MODULES_ROW,
    read: ({ modules }, match) => modules.push({ buildId: match[1]!, name: match[2]!, path: match[3]! }),
  },
];
const TITLES = [...CLASS_TITLES, ...TITLED.flatMap(({ titles }) => titles)];
const RULE = /^[-|]*$/; // also the empty line

/** Lines without information: column heads of sections that are recognized by their rows. */
const SILENT = [RULE, VERIFY_HEAD, SUMMARY_HEAD];

/** Parses the tables and sections in a text, written by memtrack or by the built-in tracker. */
export function parseTables(text: string): Tables {
  const found: Tables = { tables: [], objects: [], spans: [], owners: [], prior: [], modules: [], foreign: [] };
  let match: RegExpExecArray | null;
  let next: Titled | undefined;
  // The last title, and the section whose column heads came last: rows are accepted only after the heads.
  let [title, section] = ["", ""];
  let owners: string[] | undefined;
  let holding: OwnerRow | undefined;
  let titled: Titled | undefined;
  let analysis = false; // within a section that analysis.ts reads
  for (const line of text.split("\n")) {
    analysis = line !== "" && (analysis || isAnalysisTitle(line));
    if (analysis) continue;
    const table = section === "table" ? found.tables.at(-1) : undefined;
    if (SILENT.some((pattern) => pattern.test(line))) {
      continue;
    } else if (TITLES.includes(classTitle(line)) || OWNERS_TITLE.test(line)) {
      title = classTitle(line);
    } else if (TABLE_HEAD.test(line)) {
      found.tables.push({ title, rows: [], total: 0 });
      [title, section] = ["", "table"];
    } else if ((next = TITLED.find((known) => isBegun(known, title, line)))) {
      [title, section, titled] = ["", "titled", next];
    } else if (OWNERS_TITLE.test(title) && (owners = ownersForm(line))) {
      [title, section] = ["", "owners"];
    } else if (table && (match = TABLE_ROW.exec(line))) {
      const [allocs, frees, inUse, average] = integers(match, 1, 4) as [number, number, number, number];
      table.rows.push({ allocs, frees, inUse, average, location: match[5]! });
    } else if (table && (match = TABLE_TOTAL.exec(line))) {
      table.total = integers(match, 1, 1)[0]!;
    } else if (section === "titled" && titled && (match = titled.row.exec(line))) {
      titled.read(found, match);
    } else if (section === "owners" && owners && (holding = holdings(line, owners))) {
      const { state, owner, ...sums } = holding;
      if (state) found.owners.push(holding);
      else if (owner === "TOTAL") found.ownersTotal = sums;
      else found.foreign.push(line);
    } else if ((match = SUMMARY_ROW.exec(line))) {
      const [allocated, freed, current] = integers(match, 1, 3) as [number, number, number];
      found.summary = { allocated, freed, current };
    } else if ((match = VERIFY_TITLE.exec(line))) {
      const [differing, compared] = integers(match, 1, 2) as [number, number];
      found.verify = { differing, compared, rows: [] };
    } else if (found.verify && (match = VERIFY_ROW.exec(line))) {
      const [allocs, frees, inUse] = integers(match, 1, 3) as [number, number, number];
      found.verify.rows.push({ allocs, frees, inUse, accountant: match[4] as VerifyRow["accountant"], location: match[5]! });
    } else {
      found.foreign.push(line);
    }
  }
  return found;
}

/** Whether these are the title and the heads of a section. */
function isBegun({ titles, heads }: Titled, title: string, line: string): boolean {
  return titles.includes(title) && heads.some((pattern) => pattern.test(line));
}

function objectOf(match: RegExpExecArray): ObjectRow {
  const [created, destroyed, alive] = integers(match, 1, 3) as [number, number, number];
  const inUse = match[4] === undefined ? 0 : integer(match[4]);
  return { created, destroyed, alive, inUse, kind: match[5]!, location: match[6]! };
}

function priorOf(match: RegExpExecArray): Prior {
  const [frees, bytes] = integers(match, 1, 2) as [number, number];
  return { frees, bytes, class: match[3]!, ...(match[4] ? { by: match[4] } : {}) };
}

function spanOf(match: RegExpExecArray): SpanRow {
  const [ranges, mapped, resident] = integers(match, 1, 3) as [number, number, number];
  return { ranges, mapped, resident, location: match[4]! };
}

/** The title of a class's section: the heap's has an end while it has rows of the server. */
function classTitle(line: string): string {
  const title = line.trimEnd();
  return title === classes.heap.section + SERVER_HEAP_TITLE ? classes.heap.section : title;
}

/** The column heads of an owners section. Each class has a column, so a dump of another version may lack some. */
function ownersForm(line: string): string[] | undefined {
  const columns = headsOf(line);
  const known = titlesOf(sections.owners);
  return columns.every((column) => known.includes(column)) && columns.includes(sections.owners.text.title) ? columns : undefined;
}

/** Parses a line of the owners section: its numbers, state and owner. */
function holdings(line: string, columns: string[]): OwnerRow | undefined {
  const cells = cellsOf(line, columns.length, textColumn(columns));
  const cell = (title: string): string => cells?.[columns.indexOf(title)] ?? "0";
  const numbers = columns.filter((column) => column !== "State" && column !== sections.owners.text.title);
  const isNumber = (title: string): boolean => /^-?\d+$/.test(cell(title)) || (title === "Change" && cell(title) === "-");
  if (!cells || !numbers.every(isNumber) || !/^(?:loaded|retired|)$/.test(cell("State")) || !cell("Owner")) return undefined;
  const number = (title: string): number => integer(cell(title));
  const byClass = Object.fromEntries(CLASSES.map((cls) => [cls, number(titleOf(cls))])) as Record<ClassName, number>;
  const byKind = Object.fromEntries(KINDS.map(({ name, title }) => [name, number(title)])) as Record<KindName, number>;
  return {
    ...byClass,
    total: number("Total"),
    change: cell("Change") === "-" ? undefined : number("Change"),
    objects: Object.values(byKind).reduce((sum, count) => sum + count, 0),
    kinds: byKind,
    state: cell("State"),
    owner: cell("Owner"),
  };
}

/** The match's groups from first to last as integers. */
function integers(match: RegExpExecArray, first: number, last: number): number[] {
  return match.slice(first, last + 1).map(integer);
}

/** Throws above 2^53: a larger number would lose bytes silently. */
function integer(digits: string): number {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${digits.trim()}`);
  return value;
}
