// SPDX-License-Identifier: Apache-2.0
//
// A finding of the doctor about an installation.

export interface Finding {
  state: "ok" | "note" | "problem";
  what: string;
  /** What to change. */
  fix?: string;
}

export function ok(what: string): Finding {
  return { state: "ok", what };
}

export function note(what: string, fix?: string): Finding {
  return { state: "note", what, ...(fix !== undefined && { fix }) };
}

export function problem(what: string, fix?: string): Finding {
  return { state: "problem", what, ...(fix !== undefined && { fix }) };
}
