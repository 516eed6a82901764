// SPDX-License-Identifier: Apache-2.0
//
// The meaning of a verdict, in a few words.

import { verdicts } from "../../format/format.ts";

const MEANINGS: Record<string, string> = verdicts;

/** Undefined for a word that is no verdict. */
export function meaningOf(verdict: string): string | undefined {
  return MEANINGS[verdict];
}
