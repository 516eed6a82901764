// SPDX-License-Identifier: Apache-2.0
//
// Reads text in linear memory: one cursor, one end, the counterpart of writer.ts. The bytes are a host's and may be any; nothing is
// read at or past the end, and no function fails.

/** What peek() returns at the end: no byte. */
export const END: u32 = 0x100;

let cursor: usize = 0;
let limit: usize = 0;

/** Starts reading `length` bytes at `from`. */
export function open(from: usize, length: usize): void {
  cursor = from;
  limit = from + length;
}

/** The address of the next byte. */
export function position(): usize {
  return cursor;
}

/** Bytes that are left. */
export function left(): u32 {
  return <u32>(limit - cursor);
}

/** The next byte, or END. */
export function peek(): u32 {
  return cursor < limit ? <u32>load<u8>(cursor) : END;
}

/** Takes the next byte, whatever it is. */
export function skip(): void {
  if (cursor < limit) ++cursor;
}

/** Takes the next byte where it is this one. */
export function take(byte: u32): bool {
  if (peek() != byte) return false;
  ++cursor;
  return true;
}

/** Takes this text where it comes next, whole. */
export function takeText(text: string): bool {
  const length = <usize>text.length;
  if (limit - cursor < length || !same(cursor, length, text)) return false;
  cursor += length;
  return true;
}

/** Goes on where this text stands next. False, and nothing is left, where it does not. */
export function skipTo(text: string): bool {
  const length = <usize>text.length;
  while (limit - cursor >= length) {
    if (same(cursor, length, text)) return true;
    ++cursor;
  }
  cursor = limit;
  return false;
}

/** Goes on behind the next line end, or at the end. */
export function skipLine(): void {
  while (cursor < limit) if (load<u8>(cursor++) == 0x0a) return;
}

/** What separates words: C's " \t\r\n". */
export function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09 || isLineEnd(byte);
}

export function isLineEnd(byte: u32): bool {
  return byte == 0x0d || byte == 0x0a;
}

export function isDigit(byte: u32): bool {
  return byte >= 0x30 && byte <= 0x39;
}

export function skipSpaces(): void {
  while (peek() == 0x20 || peek() == 0x09) ++cursor;
}

export function skipBlanks(): void {
  while (isBlank(peek())) ++cursor;
}

/** Takes the next word, behind blanks; its address, up to position(). Empty at the end. */
export function takeWord(): usize {
  skipBlanks();
  const from = cursor;
  while (cursor < limit && !isBlank(peek())) ++cursor;
  return from;
}

/** Leaves the blanks at the end unread. */
export function dropBlanksAtEnd(): void {
  while (limit > cursor && isBlank(load<u8>(limit - 1))) --limit;
}

/** Leaves unread what stands at and behind a byte, where there is one. */
export function endAt(byte: u32): void {
  for (let at = cursor; at < limit; ++at) {
    if (<u32>load<u8>(at) != byte) continue;
    limit = at;
    return;
  }
}

/** Takes decimal digits, at least one of which must be next (isDigit). A number beyond 64 bits is the largest. */
export function takeUnsigned(): u64 {
  let value: u64 = 0;
  for (; isDigit(peek()); ++cursor) {
    const digit = <u64>(peek() - 0x30);
    value = value > (u64.MAX_VALUE - digit) / 10 ? u64.MAX_VALUE : value * 10 + digit;
  }
  return value;
}

/** Whether `length` bytes at `from` are this text. */
export function same(from: usize, length: usize, text: string): bool {
  if (length != <usize>text.length) return false;
  for (let i: usize = 0; i < length; ++i) if (<u32>load<u8>(from + i) != <u32>text.charCodeAt(<i32>i)) return false;
  return true;
}

/** Whether the `length` bytes at `from` begin with a text. */
export function begins(from: usize, length: usize, text: string): bool {
  open(from, length);
  return takeText(text);
}

/** Whether a text stands somewhere in the `length` bytes at `from`. */
export function holds(from: usize, length: usize, text: string): bool {
  open(from, length);
  return skipTo(text);
}
