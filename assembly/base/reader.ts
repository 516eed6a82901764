// SPDX-License-Identifier: Apache-2.0
//
// Reads text in linear memory with a cursor and an end, as the counterpart of writer.ts. The host supplies the bytes, and they may
// have any value. Nothing at or past the end is read, and no function fails.

/** Returned by peek() at the end; not a byte value. */
export const END: u32 = 0x100;

let cursor: usize = 0;
let limit: usize = 0;

/** Starts reading `length` bytes at `from`. */
export function open(from: usize, length: usize): void {
  cursor = from;
  limit = from + length;
}

/** Address of the next byte. */
export function position(): usize {
  return cursor;
}

/** Number of unread bytes. */
export function left(): u32 {
  return <u32>(limit - cursor);
}

/** Returns the next byte, or END. */
export function peek(): u32 {
  return cursor < limit ? <u32>load<u8>(cursor) : END;
}

/** Skips the next byte. */
export function skip(): void {
  if (cursor < limit) ++cursor;
}

/** Takes the next byte if it equals `byte`. */
export function take(byte: u32): bool {
  if (peek() != byte) return false;
  ++cursor;
  return true;
}

/** Takes `text` if it comes next in full. */
export function takeText(text: string): bool {
  const length = <usize>text.length;
  if (limit - cursor < length || !same(cursor, length, text)) return false;
  cursor += length;
  return true;
}

/** Moves to the next occurrence of `text`. Without an occurrence: moves to the end and returns false. */
export function skipTo(text: string): bool {
  const length = <usize>text.length;
  while (limit - cursor >= length) {
    if (same(cursor, length, text)) return true;
    ++cursor;
  }
  cursor = limit;
  return false;
}

/** Moves behind the next line end, or to the end. */
export function skipLine(): void {
  while (cursor < limit) if (load<u8>(cursor++) == 0x0a) return;
}

/** Separators of words: C's " \t\r\n". */
export function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09 || isLineEnd(byte);
}

export function isLineEnd(byte: u32): bool {
  return byte == 0x0d || byte == 0x0a;
}

export function isDigit(byte: u32): bool {
  return byte >= 0x30 && byte <= 0x39;
}

export function isHexadecimal(byte: u32): bool {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

export function skipSpaces(): void {
  while (peek() == 0x20 || peek() == 0x09) ++cursor;
}

export function skipBlanks(): void {
  while (isBlank(peek())) ++cursor;
}

/** Takes the next word after blanks and returns its address; it ends at position(). Empty at the end. */
export function takeWord(): usize {
  skipBlanks();
  const from = cursor;
  while (cursor < limit && !isBlank(peek())) ++cursor;
  return from;
}

/** Excludes trailing blanks from the text. */
export function dropBlanksAtEnd(): void {
  while (limit > cursor && isBlank(load<u8>(limit - 1))) --limit;
}

/** Ends the text before the first occurrence of `byte`, if there is an occurrence. */
export function endAt(byte: u32): void {
  for (let at = cursor; at < limit; ++at) {
    if (<u32>load<u8>(at) != byte) continue;
    limit = at;
    return;
  }
}

/** Takes decimal digits. At least one must come next (isDigit). A number beyond 64 bits becomes the largest. */
export function takeUnsigned(): u64 {
  let value: u64 = 0;
  for (; isDigit(peek()); ++cursor) {
    const digit = <u64>(peek() - 0x30);
    value = value > (u64.MAX_VALUE - digit) / 10 ? u64.MAX_VALUE : value * 10 + digit;
  }
  return value;
}

/** Takes hexadecimal digits; of a number beyond 64 bits the last ones count. */
export function takeHexadecimal(): u64 {
  let value: u64 = 0;
  for (; isHexadecimal(peek()); ++cursor) value = (value << 4) | (isDigit(peek()) ? peek() - 0x30 : (peek() | 0x20) - 0x61 + 10);
  return value;
}

/** Whether the `length` bytes at `from` equal `text`. */
export function same(from: usize, length: usize, text: string): bool {
  if (length != <usize>text.length) return false;
  for (let i: usize = 0; i < length; ++i) if (<u32>load<u8>(from + i) != <u32>text.charCodeAt(<i32>i)) return false;
  return true;
}

/** Whether the `length` bytes at `from` begin with `text`. */
export function begins(from: usize, length: usize, text: string): bool {
  open(from, length);
  return takeText(text);
}

/** Whether the `length` bytes at `from` contain `text`. */
export function holds(from: usize, length: usize, text: string): bool {
  open(from, length);
  return skipTo(text);
}
