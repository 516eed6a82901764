// SPDX-License-Identifier: Apache-2.0
//
// What comes from a file is text, and is shown as text, on a terminal and on a page. A location may hold anything that a plugin's file
// name may.

// Controls and their kin (escape sequences begin with one), line separators, and what changes the direction of text or is not seen.
// eslint would warn of the controls; they are the point.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

/** What could do something, or cannot be seen, is shown by its number: `\x1b` or `\u202e`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0)!;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
