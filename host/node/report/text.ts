// SPDX-License-Identifier: Apache-2.0
//
// What comes from a file is text, and is shown as text: here for a terminal and for one-line formats, in render-html.ts and
// host/web for a page. A location may hold anything that a plugin's file name may.

import stringWidth from "string-width";

// Controls and their kin (escape sequences begin with one), line separators, and what changes the direction of text or is not seen.
// eslint would warn of the controls; they are the point.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

/** For a terminal: what could do something is shown by its number, `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Columns that a printable text takes. */
export function width(text: string): number {
  return stringWidth(text);
}

/** A printable text cut to some columns; the beginning gives way, because a location's end says more. */
export function keepEnd(text: string, columns: number): string {
  return width(text) <= columns ? text : cut(text, columns, true);
}

/** Likewise the end gives way. */
export function keepStart(text: string, columns: number): string {
  return width(text) <= columns ? text : cut(text, columns, false);
}

function cut(text: string, columns: number, end: boolean): string {
  if (columns < 1) return "";
  const characters = [...text];
  while (characters.length && width(characters.join("")) > columns - 1) {
    // Far too long ones by many at a time: width() looks at all of it.
    const excess = Math.max(1, Math.floor((width(characters.join("")) - columns) / 2));
    characters.splice(end ? 0 : -excess, excess);
  }
  return end ? `…${characters.join("")}` : `${characters.join("")}…`;
}

/** Words in lines of some columns. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = "";
    }
    line += line ? ` ${word}` : word;
  }
  return [...lines, line];
}
