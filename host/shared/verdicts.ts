// SPDX-License-Identifier: Apache-2.0
//
// The meaning of a verdict, and of a word of the search for references, in a few words.

import { proofs, verdicts } from "../../format/format.ts";

const MEANINGS: Record<string, string> = verdicts;
const PROOFS = new Map<string, string>(Object.values(proofs).map(({ word, meaning }) => [word, meaning]));

/** Undefined for a word that is no verdict. */
export function meaningOf(verdict: string): string | undefined {
  return MEANINGS[verdict];
}

/** Undefined for another word. */
export function meaningOfProof(word: string): string | undefined {
  return PROOFS.get(word);
}
