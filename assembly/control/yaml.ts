// SPDX-License-Identifier: Apache-2.0
//
// Reads the scalar fields of a YAML text, one at a call, as the server does: block and flow mappings, quotes, tags, comments, several
// documents. A field's path is its keys: `plugin: { memtrack: { heap: 1 } }` is plugin.memtrack.heap, and so is a key with dots.
//
// It skips what no record of memtrack's is: sequences, block scalars, aliases, values of several lines or with escapes. At anything
// that it does not understand it ends: what it finds is to be right, not complete.

import {
  AMPERSAND,
  ASTERISK,
  BACKSLASH,
  BAR,
  CLOSING_BRACE,
  CLOSING_BRACKET,
  COLON,
  COMMA,
  DASH,
  DOT,
  DOUBLE_QUOTE,
  EXCLAMATION_MARK,
  GREATER_THAN,
  HASH,
  NEWLINE,
  OPENING_BRACE,
  OPENING_BRACKET,
  QUESTION_MARK,
  SINGLE_QUOTE,
  isDigit,
} from "../base/chars";
import * as reader from "../base/reader";

/** Most bytes of a path, and most mappings in each other. */
export const PATH_MAX: u32 = 512;
const DEPTH_MAX: u32 = 32;

// The field found by next(): addresses and lengths.
export const path: usize = memory.data(PATH_MAX);
export let pathLength: u32 = 0;
/** Length of the path's first key. */
export let firstLength: u32 = 0;
/** The last key. */
export let key: usize = 0;
export let keyLength: u32 = 0;
/** As it stands in the text: `!!int`. Empty without a tag. */
export let tag: usize = 0;
export let tagLength: u32 = 0;
/** As it stands in the text, with quotes. */
export let value: usize = 0;
export let valueLength: u32 = 0;
export let isQuoted: bool = false;
/** Number of its line, from 1. */
export let line: u32 = 0;
/** How often the root has been a first key in its document. */
export let rootCount: u32 = 0;

// The open mappings: the column of the keys, or IN_BRACES; the length of the path that leads to the mapping.
const IN_BRACES: i32 = i32.MAX_VALUE;
const columns = memory.data(DEPTH_MAX * 4, 4);
const lengths = memory.data(DEPTH_MAX * 4, 4);
let depth: u32 = 0;
/** The last key had no value on its line: deeper lines are its value. */
let isAwaited: bool = true;

let root: string = "";
let cursor: usize = 0;
let end: usize = 0;
/** Where `line` was counted up to. */
let counted: usize = 0;

// What a step found.
const MORE: u32 = 0;
const FIELD: u32 = 1;
const STOP: u32 = 2;

/** Starts to read a text, which must stay where it is. `first` is the root: a key to count. */
export function begin(text: usize, length: u32, first: string): void {
  end = text + length;
  goTo(text);
  reader.takeText("\xef\xbb\xbf"); // a byte order mark
  cursor = counted = reader.position();
  line = 1;
  root = first;
  beginDocument();
}

/** Finds the next field. Returns false at the end, and at what it does not understand. */
export function next(): bool {
  let found = MORE;
  goTo(cursor);
  while (found == MORE) found = inBraces() ? stepInBraces() : stepInLines();
  cursor = found == FIELD ? reader.position() : end;
  return found == FIELD;
}

function beginDocument(): void {
  rootCount = 0;
  depth = 0;
  pathLength = 0;
  isAwaited = true;
}

function goTo(at: usize): void {
  reader.open(at, end - at);
}

function topColumn(): i32 {
  return load<i32>(columns + (depth - 1) * 4);
}

function inBraces(): bool {
  return depth > 0 && topColumn() == IN_BRACES;
}

/** Opens a mapping that is the value of the last key. */
function open(column: i32): bool {
  if (depth == DEPTH_MAX) return false;
  store<i32>(columns + depth * 4, column);
  store<u32>(lengths + depth * 4, pathLength);
  ++depth;
  return true;
}

/** One line, or some, from its beginning; or from behind a brace to the line's end. */
function stepInLines(): u32 {
  const column = toContent();
  if (column < 0) return STOP;
  if (column == 0 && (isMarker("---") || isMarker("..."))) {
    beginDocument();
    return endLine(MORE);
  }
  const before = depth;
  while (depth && topColumn() > column) --depth;
  if (isDash()) return skipDeeper(column);
  if (!depth || topColumn() < column) {
    if (depth < before || !isAwaited) return STOP;
    if (reader.take(OPENING_BRACE)) return open(IN_BRACES) ? MORE : STOP;
    const parent = depth ? topColumn() : -1;
    if (!open(column)) return STOP;
    if (takeKey(false)) return takeValueInLines(column);
    --depth;
    return parent < 0 ? STOP : skipDeeper(parent); // a scalar below its key
  }
  return takeKey(false) ? takeValueInLines(column) : STOP;
}

// No column.
const AT_END: i32 = -1;
const AFTER_TAB: i32 = -2;

/** Moves to the first character of the next line that has one, comments apart. Returns its column. */
function toContent(): i32 {
  while (true) {
    const start = reader.position();
    while (reader.take(0x20)) {}
    const char = reader.peek();
    if (char == reader.END) return AT_END;
    if (char == 0x09) return AFTER_TAB;
    if (char != HASH && !reader.isLineEnd(char)) return <i32>(reader.position() - start);
    reader.skipLine();
  }
}

/** The same without moving, from the next line on. */
function nextColumn(): i32 {
  const at = reader.position();
  reader.skipLine();
  const column = toContent();
  goTo(at);
  return column;
}

/** Skips this line, and those after it whose column is greater. */
function skipDeeper(column: i32): u32 {
  while (nextColumn() > column) reader.skipLine();
  reader.skipLine();
  isAwaited = false;
  return MORE;
}

/** `found` if nothing follows in this line. */
function endLine(found: u32): u32 {
  if (!isRestEmpty()) return STOP;
  reader.skipLine();
  return found;
}

function isRestEmpty(): bool {
  reader.skipSpaces();
  const char = reader.peek();
  return isEnd(char) || (char == HASH && isGap(load<u8>(reader.position() - 1)));
}

function isEnd(char: u32): bool {
  return char == reader.END || reader.isLineEnd(char);
}

/** Whether a character ends a plain scalar after a colon, or an indicator such as `-`. */
function isGap(char: u32): bool {
  return char == reader.END || reader.isBlank(char);
}

function charAt(at: usize): u32 {
  return at < end ? <u32>load<u8>(at) : reader.END;
}

function isMarker(text: string): bool {
  const at = reader.position();
  if (reader.takeText(text) && isGap(reader.peek())) return true;
  goTo(at);
  return false;
}

function isDash(): bool {
  return reader.peek() == DASH && isGap(charAt(reader.position() + 1));
}

function stepInBraces(): u32 {
  skipBetween();
  if (reader.take(COMMA)) return MORE;
  if (!reader.take(CLOSING_BRACE)) return takeKey(true) ? takeValueInBraces() : STOP;
  --depth;
  isAwaited = false;
  return inBraces() ? endValue(MORE) : endLine(MORE);
}

/** `found` if a value in braces ends here. */
function endValue(found: u32): u32 {
  skipBetween();
  return reader.peek() == COMMA || reader.peek() == CLOSING_BRACE ? found : STOP;
}

/** Skips blanks, line ends and comments. */
function skipBetween(): void {
  while (true) {
    reader.skipBlanks();
    if (reader.peek() != HASH) return;
    reader.skipLine();
  }
}

/** Takes a key with its colon, and appends it to the path of the mapping. */
function takeKey(isInBraces: bool): bool {
  const first = reader.peek();
  key = reader.position();
  if (first == DOUBLE_QUOTE || first == SINGLE_QUOTE) {
    if (!takeQuoted() || !isSimple()) return false;
    ++key;
    keyLength = valueLength - 2;
    reader.skipSpaces();
  } else {
    if (!beginsPlain(first)) return false;
    takePlain(isInBraces);
    keyLength = valueLength;
  }
  const isPair = reader.take(COLON) && (isInBraces || isGap(reader.peek()));
  return isPair && appendKey();
}

function appendKey(): bool {
  const length = load<u32>(lengths + (depth - 1) * 4);
  if (length + 1 + keyLength > PATH_MAX) return false;
  pathLength = length;
  if (length) store<u8>(path + pathLength++, DOT);
  memory.copy(path + pathLength, key, keyLength);
  pathLength += keyLength;
  if (!length) {
    firstLength = pathLength;
    if (reader.same(path, pathLength, root)) ++rootCount;
  }
  for (; counted < key; ++counted) line += u32(load<u8>(counted) == NEWLINE);
  return true;
}

/** Whether a plain scalar may begin with a character. */
function beginsPlain(char: u32): bool {
  if (char == QUESTION_MARK || char == DASH || char == COLON) return !isGap(charAt(reader.position() + 1));
  return !isIndicator(char) && !isFlowIndicator(char) && !isEnd(char);
}

/** & * ! | > % @ ` # and quotes. */
function isIndicator(char: u32): bool {
  return (
    char == AMPERSAND ||
    char == ASTERISK ||
    char == EXCLAMATION_MARK ||
    char == BAR ||
    char == GREATER_THAN ||
    char == 0x25 ||
    char == 0x40 ||
    char == 0x60 ||
    char == HASH ||
    char == DOUBLE_QUOTE ||
    char == SINGLE_QUOTE
  );
}

function isFlowIndicator(char: u32): bool {
  return char == COMMA || char == OPENING_BRACE || char == CLOSING_BRACE || char == OPENING_BRACKET || char == CLOSING_BRACKET;
}

/** Takes a plain scalar as the value, without blanks at its end. It ends before a colon that makes it a key. */
function takePlain(isInBraces: bool): void {
  value = reader.position();
  let last = value;
  for (; !isEnd(reader.peek()); reader.skip()) {
    const char = reader.peek();
    const isBlank = reader.isBlank(char);
    if (isInBraces && isFlowIndicator(char)) break;
    if (char == HASH && last < reader.position()) break;
    const after = charAt(reader.position() + 1);
    if (char == COLON && (isGap(after) || (isInBraces && isFlowIndicator(after)))) break;
    if (!isBlank) last = reader.position() + 1;
  }
  valueLength = <u32>(last - value);
  isQuoted = false;
}

/** Takes a scalar in quotes as the value. False without the closing quote. */
function takeQuoted(): bool {
  const quote = reader.peek();
  value = reader.position();
  reader.skip();
  while (true) {
    const char = reader.peek();
    if (char == reader.END) return false;
    reader.skip();
    if (char == quote && !(quote == SINGLE_QUOTE && reader.peek() == quote)) break;
    if (char == quote || (char == BACKSLASH && quote == DOUBLE_QUOTE)) reader.skip();
  }
  valueLength = <u32>(reader.position() - value);
  isQuoted = true;
  return true;
}

/** Whether a scalar in quotes is on one line, without escapes. */
function isSimple(): bool {
  const last = value + valueLength - 1;
  for (let at = value + 1; at < last; ++at) {
    const char = <u32>load<u8>(at);
    if (char == BACKSLASH || reader.isLineEnd(char) || char == <u32>load<u8>(value)) return false;
  }
  return true;
}

/** Takes the tag, and an anchor, which is of no interest. False if something else follows without a blank. */
function takeProperties(isInBraces: bool): bool {
  tagLength = 0;
  while (true) {
    reader.skipSpaces();
    const char = reader.peek();
    if (char != EXCLAMATION_MARK && char != AMPERSAND) return true;
    const at = reader.position();
    if (reader.takeText("!<")) reader.skipTo(">");
    reader.skip();
    while (isWord(reader.peek())) reader.skip();
    const after = reader.peek();
    if (!isGap(after) && !(isInBraces && isFlowIndicator(after))) return false;
    if (char == AMPERSAND) continue;
    tag = at;
    tagLength = <u32>(reader.position() - at);
  }
}

/** Letters, digits and ! . _ - of a tag. */
function isWord(char: u32): bool {
  const letter = char | 0x20;
  return (
    isDigit(char) || (letter >= 0x61 && letter <= 0x7a) || char == EXCLAMATION_MARK || char == DASH || char == DOT || char == 0x5f
  );
}

function takeValueInLines(column: i32): u32 {
  if (!takeProperties(false)) return STOP;
  const char = reader.peek();
  isAwaited = false;
  if (isRestEmpty()) return takeNothing(column);
  if (reader.take(OPENING_BRACE)) return open(IN_BRACES) ? MORE : STOP;
  if (char == OPENING_BRACKET) return skipBrackets() ? endLine(MORE) : STOP;
  if (char == BAR || char == GREATER_THAN || char == ASTERISK) return skipDeeper(column);
  if (char == DOUBLE_QUOTE || char == SINGLE_QUOTE) return takeQuoted() ? endLine(isSimple() ? FIELD : MORE) : STOP;
  if (!beginsPlain(char)) return STOP;
  takePlain(false);
  if (!isRestEmpty()) return STOP; // a second colon
  const below = nextColumn();
  if (below > column) return skipDeeper(column); // goes on there
  if (below == AFTER_TAB) return STOP;
  reader.skipLine();
  return FIELD;
}

/** After a key alone on its line. */
function takeNothing(column: i32): u32 {
  const below = nextColumn();
  if (below == AFTER_TAB) return STOP;
  reader.skipLine();
  if (below > column) {
    isAwaited = true;
    return MORE;
  }
  const at = reader.position();
  const isList = toContent() == column && isDash();
  goTo(at);
  return isList ? MORE : noValue();
}

function noValue(): u32 {
  value = reader.position();
  valueLength = 0;
  isQuoted = false;
  return FIELD;
}

function takeValueInBraces(): u32 {
  skipBetween();
  if (!takeProperties(true)) return STOP;
  skipBetween();
  const char = reader.peek();
  if (char == COMMA || char == CLOSING_BRACE) return noValue();
  if (reader.take(OPENING_BRACE)) return open(IN_BRACES) ? MORE : STOP;
  if (char == OPENING_BRACKET) return skipBrackets() ? endValue(MORE) : STOP;
  let found = char == ASTERISK ? MORE : FIELD;
  if (char == DOUBLE_QUOTE || char == SINGLE_QUOTE) {
    if (!takeQuoted()) return STOP;
    if (!isSimple()) found = MORE;
  } else {
    if (!beginsPlain(char) && char != ASTERISK) return STOP;
    takePlain(true);
  }
  return endValue(found);
}

/** Skips a flow sequence. */
function skipBrackets(): bool {
  let nesting = 0;
  do {
    const char = reader.peek();
    if (char == reader.END) return false;
    const before = <u32>load<u8>(reader.position() - 1);
    if ((char == DOUBLE_QUOTE || char == SINGLE_QUOTE) && (isGap(before) || isFlowIndicator(before))) {
      if (!takeQuoted()) return false;
      continue;
    }
    reader.skip();
    if (char == OPENING_BRACKET) ++nesting;
    if (char == CLOSING_BRACKET) --nesting;
  } while (nesting);
  return true;
}
