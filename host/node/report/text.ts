// SPDX-License-Identifier: Apache-2.0
//
// Printable text on a terminal: its width, shortening, wrapping, colors.

import picocolors from "picocolors";
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

const ASCII = /^[ -~]*$/;

/** Width of a printable text in columns. Nearly all text is ASCII, and tables can have 65,408 rows. */
export function width(text: string): number {
  return ASCII.test(text) ? text.length : stringWidth(text);
}

const characters = new Intl.Segmenter();

/** Shortens a printable text to some columns, with `…` for the removed part. (cli-truncate 4 miscounts emoji; later ones need Node 22.) */
export function cut(text: string, columns: number, where: "start" | "middle" | "end"): string {
  if (width(text) <= columns) return text;
  if (columns < 1) return "";
  const all = Array.from(characters.segment(text), ({ segment }) => segment);
  const head = { start: 0, middle: Math.floor(columns / 2), end: columns - 1 }[where];
  return `${first(all, head).join("")}…${first(all.reverse(), columns - 1 - head)
    .reverse()
    .join("")}`;
}

/** As many of the first characters as fit. */
function first(all: string[], columns: number): string[] {
  let left = columns;
  const end = all.findIndex((character) => (left -= width(character)) < 0);
  return end < 0 ? all : all.slice(0, end);
}

/** Prevents a line break between a number and its unit. */
const BEFORE_UNIT = /(?<=\d) (?=(?:[KMGTP]?i?B|s|min|h|d|%)(?!\w))/g;
const HELD = "\u00a0";

/** Wraps words into lines of some columns; a word that is longer than a line is broken. */
export function wrap(text: string, columns: number): string[] {
  if (columns === Infinity) return [text];
  return wrapAnsi(text.replace(BEFORE_UNIT, HELD), columns, { hard: true }).replaceAll(HELD, " ").split("\n");
}

const WRAP_LEAST = 20;

/** Wraps a text: the first line after `head`, the others indented. */
export function hanging(head: string, indent: number, text: string, { columns }: { columns: number }): string[] {
  const [begin = "", ...rest] = wrap(text, Math.max(WRAP_LEAST, columns - indent));
  return [head + begin, ...rest.map((line) => " ".repeat(indent) + line)];
}

export interface TextOptions {
  colour: boolean;
}

const colours = picocolors.createColors(true);
export const bold = painter(colours.bold);
export const red = painter(colours.red);
export const green = painter(colours.green);
export const yellow = painter(colours.yellow);

function painter(paint: (text: string) => string): (text: string, options: TextOptions) => string {
  return (text, { colour }) => (colour ? paint(text) : text);
}
