// SPDX-License-Identifier: Apache-2.0
//
// Makes text from a file safe to show on a terminal and on a page. A location may contain any character that a plugin's file name
// may contain.

// Control characters (an escape sequence begins with one), line separators, and characters that are invisible or change the
// direction of text. eslint warns about the control characters; they are intended.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

/** Replaces characters that are active or invisible by their number: `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
