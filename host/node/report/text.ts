// SPDX-License-Identifier: Apache-2.0
//
// Printable text on a terminal: the columns that it takes, cut to so many, in lines; and its colours.

import stringWidth from "string-width";

/** Columns that a printable text takes. */
export function width(text: string): number {
  return stringWidth(text);
}

/** A printable text cut to some columns; the beginning gives way, because a location's end says more. */
export function keepEnd(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  if (columns < 1) return "";
  const characters = [...text];
  while (characters.length && width(characters.join("")) > columns - 1) {
    // Far too long ones by many at a time: width() looks at all of it.
    const excess = Math.max(1, Math.floor((width(characters.join("")) - columns) / 2));
    characters.splice(0, excess);
  }
  return `…${characters.join("")}`;
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

export interface TextOptions {
  colour: boolean;
}

export const bold = painter(1);
export const red = painter(31);
export const green = painter(32);
export const yellow = painter(33);

function painter(code: number): (text: string, options: TextOptions) => string {
  return (text, { colour }) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
}
