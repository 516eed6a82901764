// SPDX-License-Identifier: Apache-2.0
//
// Passes files to parsers: removes text that other programs wrote around the server's lines, and gives each stream of lines its own
// parser.
//
//   chunks -> plain:    to the first parser as they come
//             wrapped:  lines -> (stream, text) -> the stream's parser
//
// A text is plain until the first line of a dump, or the head of a table, occurs within a line: the text before it is then the
// prefix of the following lines (prefix.ts), if one of them has it too. The text is plain again at the first dump that begins at
// the start of a line. In a plain text a chunk is searched for these few words and passed on unchanged.
//
// NULs are a hole: a file was truncated (logrotate's copytruncate) while its writer continued at its old position. They end a line.

import { sections } from "../../../format/format.ts";
import { headOf } from "../../../format/layout.ts";
import type { Counts, Dump } from "./dump.ts";
import { Parser } from "./parse.ts";
import { isHidden, Prefix, wrappingOf, type Unwrapped, type Wrapping } from "./prefix.ts";
import type { Sites } from "./sites.ts";
import { Sniffer } from "./sniff.ts";

/** Marks: the beginnings of dumps by both trackers, and of warnings beside dumps. */
const HEADER = Buffer.from("memtrack format=");
const WARNING = Buffer.from("memtrack warning=");
const HEADS = [sections.memory, sections.summary].map((section) => Buffer.from(headOf(section).trimEnd()));
const HEADER_LINE = /^memtrack format=\d+ dump=\d+ time=\d/;
/** Beginnings of a dump's lines. */
const DUMP_LINE = new RegExp(`^(?:memtrack |----|${sections.memory.columns[0].title} +\\|)`);

/** Number of lines within which another must have the same prefix. */
const LOOKAHEAD = 128;
/** A longer line is passed on in pieces. */
const LINE_MAX = 256 * 1024;
/** Most wrappings in use, and most streams read, at the same time. */
const WRAPPINGS_MAX = 32;
const STREAMS_MAX = 32;

const LF = 0x0a;
const CR = 0x0d;
const NEWLINE = Buffer.from("\n");
const EMPTY = Buffer.alloc(0);

/** Position at which a dump begins. */
export interface Place {
  file: string;
  line: number;
  /** Text before it that could not be removed. */
  prefix?: string;
  /** It is the head of a table, which a parser recognizes only at the start of a line. */
  table: boolean;
}

/** A file being read. */
export interface Source {
  name: string;
  /** Its first bytes. */
  sniffer: Sniffer;
  /** Its first dump, or the first dump that could not be read. */
  place: Place | undefined;
}

export class Streams {
  /** In input order. */
  readonly sources: Source[] = [];
  readonly #plain: Parser;
  readonly #parsers = new Map<string, Parser>();
  /** The most recently learned first. */
  #wrappings: Wrapping[] = [];
  #wrapped = false;
  /** Lines that wait for the next line, and the beginning of an incomplete line. */
  #rest: Buffer = EMPTY;
  #begins = true;
  #ending = false;
  /** Texts for one parser that are not passed on yet, and their number of lines. */
  #texts: Buffer[] = [];
  #parser: Parser;
  #lines = 0;
  /** Lines of the input, minus lines counted by parsers; and the same for all previous files. */
  #more = 0;
  #before = 0;
  /** Lines that journalctl replaced by their sizes. */
  #hidden = 0;

  constructor(sites: Sites, take: (dump: Dump) => void) {
    this.#plain = this.#parser = new Parser(sites, take);
  }

  /** Of all streams. */
  get counts(): Counts {
    return this.#plain.counts;
  }

  get alarms(): string[] {
    return this.#plain.alarms;
  }

  /** Describes lines that could not be read. */
  get problems(): string[] {
    const n = this.#hidden;
    if (!n) return [];
    const lines = n === 1 ? "1 line" : `${n} lines`;
    return [`journalctl hides ${lines} with unprintable characters ("[123B blob data]"): use journalctl -o cat`];
  }

  /** Starts a file. The pieces of a rotated file form one text. */
  begin(name: string): void {
    this.sources.push({ name, sniffer: new Sniffer(), place: undefined });
    this.#begins = true;
    this.#before = this.counts.lines + this.#more;
  }

  push(bytes: Buffer): void {
    this.sources.at(-1)?.sniffer.push(bytes);
    if (!bytes.length) return;
    if (this.#begins) this.#boundary(bytes);
    let chunk = bytes;
    let start = 0;
    if (this.#rest.length) {
      start = chunk.indexOf(LF) + 1;
      if (!start) return this.#keep(this.#rest, chunk);
      const joined = Buffer.concat([this.#rest, chunk.subarray(0, start)]);
      this.#rest = EMPTY;
      this.#take(joined);
      if (this.#rest.length) {
        chunk = Buffer.concat([this.#rest, chunk.subarray(start)]);
        this.#rest = EMPTY;
        start = 0;
      }
    }
    const end = chunk.lastIndexOf(LF) + 1;
    if (end > start) this.#take(chunk.subarray(start, end));
    if (end < chunk.length) this.#keep(this.#rest, chunk.subarray(end));
  }

  /** Treats a dump that could have continued as complete: a followed file has no more lines at present. */
  idle(): void {
    for (const parser of this.#all) parser.idle();
  }

  /** Ends the input. */
  end(): void {
    this.#ending = true;
    const whole = this.#rest.lastIndexOf(LF) + 1;
    const last = this.#rest.subarray(whole);
    const lines = this.#rest.subarray(0, whole);
    this.#rest = EMPTY;
    this.#take(lines);
    if (last.length) this.#last(last);
    for (const parser of this.#all) parser.end();
  }

  get #all(): Parser[] {
    return [this.#plain, ...this.#parsers.values()];
  }

  /** Joins two files: the last line of the first may continue in the second. */
  #boundary(chunk: Buffer): void {
    this.#begins = false;
    const newline = chunk.indexOf(LF);
    const line = newline < 0 ? chunk : chunk.subarray(0, newline);
    const wrapping = wrappingOf(line);
    if (this.#rest.length && !this.#rest.includes(LF)) {
      const starts = !this.#wrapped || wrapping || beginsDump(line) || this.#wrappings.some((entry) => entry.unwrap(line));
      const rest = this.#rest;
      if (starts) this.#rest = EMPTY;
      if (starts && this.#wrapped) this.#take(Buffer.concat([rest, NEWLINE]));
      else if (starts) this.#plain.push(rest);
    }
    if (wrapping) this.#use(wrapping);
    else if (!this.#wrapped) this.#plain.boundary(chunk);
  }

  /** Copies an incomplete line until its end arrives. */
  #keep(rest: Buffer, more: Buffer): void {
    if (rest.length + more.length < LINE_MAX) {
      this.#rest = Buffer.concat([rest, more]);
      return;
    }
    this.#rest = EMPTY;
    this.#plain.push(rest);
    this.#plain.push(more);
  }

  /** Reads complete lines. */
  #take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at = this.#wrapped ? this.#takeWrapped(bytes, at) : this.#takePlain(bytes, at);
    this.#flush();
  }

  /** Passes on a last line that has no newline; the parser decides what it is. */
  #last(line: Buffer): void {
    const found = this.#wrapped ? this.#unwrap(line) : undefined;
    if (found) this.#parserOf(found.stream).push(found.text);
    else this.#plain.push(line);
  }

  /** @returns the position at which wrapped lines begin, or the end */
  #takePlain(bytes: Buffer, start: number): number {
    let from = start;
    for (const mark of marksIn(bytes, start, this.#writesHeaders)) {
      const line = lineOf(bytes, mark);
      if (mark < from || (mark === line && this.#known && bytes[line - 1] !== 0)) continue;
      const verdict = mark === line ? "plain" : this.#learn(bytes, line, mark);
      from = this.#hand(bytes, from, line);
      if (bytes[line - 1] === 0) this.#endHole();
      if (verdict === "plain") this.#note(isHead(bytes, mark));
      else if (verdict === "none") this.#note(isHead(bytes, mark), bytes.toString("utf8", line, mark));
      else if (verdict === "wait") {
        this.#rest = Buffer.from(bytes.subarray(line));
        return bytes.length;
      } else {
        this.#use(verdict);
        return line;
      }
      from = this.#hand(bytes, line, bytes.indexOf(LF, mark) + 1);
    }
    return this.#hand(bytes, from, bytes.length);
  }

  /** Ends the line before a hole of NUL bytes, so that the text behind the hole starts a line. */
  #endHole(): void {
    this.#plain.push(NEWLINE);
    --this.#more;
  }

  #hand(bytes: Buffer, start: number, end: number): number {
    if (end > start) this.#plain.push(bytes.subarray(start, end));
    return Math.max(start, end);
  }

  /** @returns the position at which plain lines begin again, or the end */
  #takeWrapped(bytes: Buffer, start: number): number {
    const marks = marksIn(bytes, start);
    for (let end; (end = bytes.indexOf(LF, start)) >= 0; start = end + 1) {
      while (bytes[start] === 0) ++start;
      while (marks.length && marks[0]! < start) marks.shift();
      const mark = marks.length && marks[0]! < end ? marks[0] : undefined;
      const line = bytes.subarray(start, bytes[end - 1] === CR ? end - 1 : end);
      let found = this.#unwrap(line);
      if (mark === start && !found) {
        this.#flush();
        this.#wrapped = false;
        return start;
      }
      if (mark !== undefined && !(found && beginsDump(found.text))) {
        const verdict = this.#learn(bytes, start, mark);
        if (verdict === "wait") {
          this.#rest = Buffer.from(bytes.subarray(start));
          return bytes.length;
        }
        if (verdict === "none") this.#note(isHead(bytes, mark), bytes.toString("utf8", start, mark));
        else this.#use(verdict);
        found = this.#unwrap(line);
      }
      if (!found) {
        this.#add(this.#plain, line, false);
        continue;
      }
      if (isHidden(found.text)) ++this.#hidden;
      this.#add(this.#parserOf(found.stream), found.text, found.partial);
      if (mark !== undefined) this.#note(isHead(bytes, mark));
    }
    return bytes.length;
  }

  /** Identifies the text between `start` and the mark in the same line. "wait": more lines are needed to decide. */
  #learn(bytes: Buffer, start: number, mark: number): Wrapping | "wait" | "none" {
    const own = wrappingOf(bytes.subarray(start, bytes.indexOf(LF, start)));
    if (own) return own;
    const prefix = Prefix.of(bytes.toString("latin1", start, mark));
    if (!prefix) return "none";
    let at = bytes.indexOf(LF, mark) + 1;
    for (let n = 0; n < LOOKAHEAD; ++n) {
      const end = bytes.indexOf(LF, at);
      if (end < 0) return this.#ending ? "none" : "wait";
      const line = bytes.subarray(at, end);
      if (DUMP_LINE.test(beginOf(line))) return "none";
      const found = prefix.unwrap(line);
      if (found && (prefix.timed || DUMP_LINE.test(beginOf(found.text)))) return prefix;
      at = end + 1;
    }
    return "none";
  }

  #use(wrapping: Wrapping): void {
    this.#wrapped = true;
    this.#wrappings = [wrapping, ...this.#wrappings.filter((other) => other !== wrapping)].slice(0, WRAPPINGS_MAX);
  }

  /** Uses the wrapping that removes most: a time alone is also the beginning of longer prefixes. */
  #unwrap(line: Buffer): Unwrapped | undefined {
    let best: Unwrapped | undefined;
    for (const wrapping of this.#wrappings) {
      const found = wrapping.unwrap(line);
      if (found && !(best && best.text.length <= found.text.length)) best = found;
    }
    return best;
  }

  #parserOf(stream: string): Parser {
    let parser = this.#parsers.get(stream);
    if (parser) return parser;
    for (const [oldest, ending] of this.#parsers) {
      if (this.#parsers.size < STREAMS_MAX) break;
      this.#flush();
      ending.end();
      this.#parsers.delete(oldest);
    }
    this.#parsers.set(stream, (parser = this.#plain.sibling()));
    return parser;
  }

  #add(parser: Parser, text: Buffer, partial: boolean): void {
    if (parser !== this.#parser) this.#flush();
    this.#parser = parser;
    this.#texts.push(text);
    if (!partial) this.#texts.push(NEWLINE);
    ++this.#lines;
  }

  #flush(): void {
    if (!this.#lines) return;
    const { lines } = this.counts;
    this.#parser.push(Buffer.concat(this.#texts));
    this.#more += this.#lines - (this.counts.lines - lines);
    this.#texts = [];
    this.#lines = 0;
  }

  /** The file is plain text by memtrack, so only headers need to be searched for. The search is most of the cost. */
  get #writesHeaders(): boolean {
    const place = this.sources.at(-1)?.place;
    return place !== undefined && !place.table && place.prefix === undefined;
  }

  get #known(): boolean {
    return this.sources.at(-1)?.place !== undefined;
  }

  /**
   * A dump begins in the line to come, or in the one that was added last.
   * @param prefix what is before it and could not be taken off
   */
  #note(table: boolean, prefix?: string): void {
    const source = this.sources.at(-1);
    if (!source || (source.place && (prefix === undefined || source.place.prefix !== undefined))) return;
    const added = prefix === undefined && this.#lines > 0;
    this.#flush();
    const line = this.counts.lines + this.#more - this.#before + (added ? 0 : 1);
    source.place = { file: source.name, line, table, ...(prefix !== undefined && { prefix }) };
  }
}

/** Position at which the line of a byte begins. */
function lineOf(bytes: Buffer, at: number): number {
  const line = at === 0 ? 0 : bytes.lastIndexOf(LF, at - 1) + 1;
  return line + bytes.subarray(line, at).lastIndexOf(0) + 1;
}

function beginOf(line: Buffer): string {
  return line.toString("latin1", 0, 64);
}

/** Whether the line begins a dump, or is a warning beside one. */
function beginsDump(line: Buffer): boolean {
  return [HEADER, WARNING, ...HEADS].some((mark) => line.subarray(0, mark.length).equals(mark));
}

function isHead(bytes: Buffer, mark: number): boolean {
  return HEADS.some((head) => bytes.subarray(mark, mark + head.length).equals(head));
}

/** Positions of the marks, in ascending order. @param headers search for headers alone */
function marksIn(bytes: Buffer, start: number, headers = false): number[] {
  const marks: number[] = [];
  for (const mark of headers ? [HEADER] : [HEADER, WARNING]) {
    // From the end: so the search looks for `=`, which no row has.
    for (let at = bytes.length; at > start && (at = bytes.lastIndexOf(mark, at - 1)) >= start;) {
      if (mark === WARNING || HEADER_LINE.test(beginOf(bytes.subarray(at)))) marks.push(at);
    }
  }
  if (headers) return marks.reverse();
  for (const mark of HEADS) for (let at = start - 1; (at = bytes.indexOf(mark, at + 1)) >= 0;) marks.push(at);
  return marks.sort((a, b) => a - b);
}
