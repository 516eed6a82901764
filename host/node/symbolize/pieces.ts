// SPDX-License-Identifier: Apache-2.0
//
// Splits a text as it comes into dumps and what is between them. The modules that a dump's rows name are at its end, so it is needed as a
// whole.

const BEGIN = /memtrack format=\d+ dump=\d+ time=/;
const END = /memtrack end dump=\d+ rows=\d+/;
/** A dump without an end is given up after so many characters. */
const DUMP_MAX = 64 * 1024 * 1024;

export class Pieces {
  /** The beginning of an incomplete line. */
  #rest = "";
  /** The lines of an open dump. */
  #dump = "";

  /** Returns the pieces that are complete, in order; together they are the text. */
  push(text: string): string[] {
    const lines = (this.#rest + text).split(/(?<=\n)/);
    this.#rest = lines.at(-1)?.endsWith("\n") ? "" : (lines.pop() ?? "");
    return lines.flatMap((line) => this.#take(line));
  }

  /** The rest of the text. */
  end(): string[] {
    const last = [...(this.#rest ? this.#take(this.#rest) : []), this.#dump];
    this.#rest = this.#dump = "";
    return last.filter((piece) => piece);
  }

  #take(line: string): string[] {
    if (BEGIN.test(line)) {
      const before = this.#dump;
      this.#dump = line;
      return before ? [before] : [];
    }
    if (!this.#dump) return [line];
    this.#dump += line;
    if (!END.test(line) && this.#dump.length < DUMP_MAX) return [];
    const whole = this.#dump;
    this.#dump = "";
    return [whole];
  }
}
