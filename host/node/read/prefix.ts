// SPDX-License-Identifier: Apache-2.0
//
// Removes text that other programs write around the lines of a server's output: turns a line of their text into the server's line
// and its stream.
//
//   CRI       2026-11-26T20:00:00.000000000Z stderr F text     P in place of F: the line goes on in the next one of the stream
//   JSON      {"log":"text\n","stream":"stderr","time":"..."}  an object a line: Docker's, the journal's, a log shipper's
//   a prefix  Nov 26 20:00:00 host traffic_manager[123]: text  any other: learned from the line that a dump begins with
//
// A prefix is learned: the times in it may change in the next line, the rest may not. This needs no list of formats, and lines of
// two processes, containers or hosts have different prefixes, which keeps them apart. It recognizes journalctl's -o short,
// short-iso, short-precise, short-full, short-unix, short-monotonic, with-unit, export and verbose, syslog by RFC 3164 and RFC
// 5424, kubectl logs --timestamps and --prefix, docker compose logs, and quoted text.
//
// Sources: journalctl(1), "Journal Export Formats" and "Journal JSON Format" of systemd; RFC 3164, 4.1; RFC 5424, 6; moby,
// daemon/logger/jsonfilelog/jsonlog; Kubernetes, "CRI: Log Format" (design proposal kubelet-cri-logging.md), and conmon, ctr_logging.c,
// which ends a P line wherever its buffer ends.

/** Contents of a line. */
export interface Unwrapped {
  /** Lines of one stream form one text. */
  stream: string;
  text: Buffer;
  /** The line continues in the next line of the stream. */
  partial: boolean;
}

/** A way of wrapping lines. */
export interface Wrapping {
  /** Undefined if the line, passed without its newline, is not wrapped in this way. */
  unwrap(line: Buffer): Unwrapped | undefined;
}

/** A longer prefix is not recognized. */
const PREFIX_MAX = 300;

const CRI_LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)?(?: |\r?$)/;

const CRI: Wrapping = {
  unwrap(line) {
    const found = CRI_LINE.exec(begin(line));
    if (!found) return undefined;
    const [{ length }, stream, tag] = found;
    return { stream: `CRI ${stream}`, text: line.subarray(length), partial: tag === "P" };
  },
};

/** Fields that contain the text, and fields that identify its origin: of Docker, of the journal, of log shippers. */
const TEXTS = ["log", "MESSAGE", "message"];
const SOURCES = ["stream", "_HOSTNAME", "_STREAM_ID", "_PID", "container_id", "container_name"];

const JSON_LINES: Wrapping = {
  unwrap(line) {
    if (line[0] !== 0x7b) return undefined;
    const object = parsed(line);
    const name = TEXTS.find((field) => object && field in object);
    if (!object || name === undefined) return undefined;
    const value = object[name];
    // The journal writes bytes that are not text as numbers, and null for a value that is too long.
    const all = typeof value === "string" ? Buffer.from(value) : Buffer.from(Array.isArray(value) ? (value as number[]) : HIDDEN);
    const ended = all.at(-1) === LF;
    const partial = "logtag" in object ? object.logtag === "P" : name === "log" && !ended;
    const stream = SOURCES.map((field) => (object[field] as string | undefined) ?? "").join(" ");
    return { stream: `JSON ${stream}`, text: ended ? all.subarray(0, -1) : all, partial };
  },
};

function parsed(line: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const LF = 0x0a;
const HIDDEN = "[too long: journalctl --all]";
/** Written by journalctl instead of a line that has a control character, is not UTF-8, or is too long for JSON. */
const HIDDEN_LINE = /^\[(?:\d+(?:\.\d+)?[BKMGTPE] blob data|too long: journalctl --all)\]\r?$/;

/** Whether journalctl shows a line's size instead of the line. */
export function isHidden(text: Buffer): boolean {
  return text[0] === 0x5b && HIDDEN_LINE.test(begin(text));
}

/** The wrapping that is recognizable from a single line. */
export function wrappingOf(line: Buffer): Wrapping | undefined {
  return [CRI, JSON_LINES].find((wrapping) => wrapping.unwrap(line));
}

const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const CLOCK = "\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d+)?";
/** Parts that may change in each line: times, and the elements of RFC 5424's structured data. */
const CHANGING = [
  `(?:${DAY} )?\\d{4}-\\d\\d-\\d\\d[T ]${CLOCK}(?:Z|[+-]\\d\\d:?\\d\\d)?`,
  `${MONTH} [ \\d]\\d (?:\\d{4} )?${CLOCK}`,
  CLOCK,
  "\\b\\d{10}\\.\\d{3,9}\\b",
  "\\[ *\\d+\\.\\d+(?: <[^>]*>)?\\]",
  "@[0-9a-f]{24}\\b",
  '\\[[\\w.@-]+(?: [\\w.@-]+="[^"]*")+\\]',
].join("|");

/** A prefix taken from the first line of a dump. */
export class Prefix implements Wrapping {
  /** It contains a time, so a line with the same prefix is no coincidence. */
  readonly timed: boolean;
  readonly #pattern: RegExp;

  /** Undefined if `text` cannot be a prefix. */
  static of(text: string): Prefix | undefined {
    return text.length === 0 || text.length > PREFIX_MAX || text.startsWith("memtrack ") ? undefined : new Prefix(text);
  }

  private constructor(text: string) {
    const parts = text.split(new RegExp(CHANGING));
    this.timed = parts.length > 1;
    const fixed = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"));
    // If the server's line is empty, the blank before it may be missing.
    const source = fixed.join(`(?:${CHANGING})`).replace(/ $/, "(?: |\\r?$)");
    this.#pattern = new RegExp(`^${source}`);
  }

  unwrap(line: Buffer): Unwrapped | undefined {
    const found = this.#pattern.exec(begin(line));
    return found ? { stream: this.#pattern.source, text: line.subarray(found[0].length), partial: false } : undefined;
  }
}

/** Bytes as characters, one per byte. */
function begin(line: Buffer): string {
  return line.toString("latin1", 0, 2 * PREFIX_MAX);
}
