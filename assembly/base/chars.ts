// SPDX-License-Identifier: Apache-2.0
//
// ASCII codes of the characters that the core writes or searches for.

export const NEWLINE: u32 = 0x0a;
export const SPACE: u32 = 0x20;
export const EXCLAMATION_MARK: u32 = 0x21;
export const DOUBLE_QUOTE: u32 = 0x22;
export const HASH: u32 = 0x23;
export const AMPERSAND: u32 = 0x26;
export const SINGLE_QUOTE: u32 = 0x27;
export const OPENING_PARENTHESIS: u32 = 0x28;
export const CLOSING_PARENTHESIS: u32 = 0x29;
export const ASTERISK: u32 = 0x2a;
export const PLUS: u32 = 0x2b;
export const COMMA: u32 = 0x2c;
export const DASH: u32 = 0x2d;
export const DOT: u32 = 0x2e;
export const SLASH: u32 = 0x2f;
export const ZERO: u32 = 0x30;
export const COLON: u32 = 0x3a;
export const EQUALS: u32 = 0x3d;
export const GREATER_THAN: u32 = 0x3e;
export const QUESTION_MARK: u32 = 0x3f;
export const LETTER_T: u32 = 0x54;
export const LETTER_Z: u32 = 0x5a;
export const OPENING_BRACKET: u32 = 0x5b;
export const BACKSLASH: u32 = 0x5c;
export const CLOSING_BRACKET: u32 = 0x5d;
export const LETTER_X: u32 = 0x78;
export const OPENING_BRACE: u32 = 0x7b;
export const BAR: u32 = 0x7c;
export const CLOSING_BRACE: u32 = 0x7d;
const DELETE: u32 = 0x7f;

/** True for line ends, terminal escapes and other control characters. */
// @ts-ignore: decorator
@inline
export function isControl(char: u32): bool {
  return char < SPACE || char == DELETE;
}

// @ts-ignore: decorator
@inline
export function isDigit(char: u32): bool {
  return char - ZERO < 10;
}
