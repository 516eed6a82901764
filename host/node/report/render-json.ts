// SPDX-License-Identifier: Apache-2.0
//
// JSON for programs: what the report holds, with exact integers. Text from a file is escaped by JSON itself; beyond that, what a
// terminal or a page might act on is written as \u escapes, so that the text is safe wherever it ends up.

const FORMAT = 1;

export function toJson(value: object): string {
  const body = Array.isArray(value) ? { format: FORMAT, findings: value } : { format: FORMAT, ...value };
  return `${inert(JSON.stringify(body, undefined, 2))}\n`;
}

/** JSON in which nothing is a control, changes the direction of text, or ends a script element. */
export function inert(json: string): string {
  return json.replace(/[<>&]|[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
