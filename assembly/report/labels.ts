// SPDX-License-Identifier: Apache-2.0
//
// The words that a dump uses for classes, kinds of objects, verdicts, explanations and states of hooks. An unknown number gets a
// default word.

import { DUMP_REASON_OTHER, EXPLAINED_BY_NOTHING, HOOK_OFF, KIND_OTHER, PROOF_NONE, VERDICT_NEW, CLASS_OBJECT } from "../abi";
import { Row } from "../base/types";
import {
  CLASS_NAMES,
  DUMP_REASON_NAMES,
  EXPLANATION_NAMES,
  HOOK_NAMES,
  KIND_NAMES,
  LIMIT_NAMES,
  PROOF_NAMES,
  VERDICT_NAMES,
} from "../format";
import { siteClass } from "../model/model";
import { kindOf } from "../registry/name";

export function className(cls: u32): string {
  return word(CLASS_NAMES, cls, CLASS_OBJECT);
}

export function kindName(kind: u32): string {
  return word(KIND_NAMES, kind, KIND_OTHER);
}

/** The class of a row, or the kind of its objects. */
export function rowKindName(row: Row): string {
  return siteClass(row) == CLASS_OBJECT ? kindName(kindOf(row)) : className(siteClass(row));
}

export function verdictName(verdict: u32): string {
  return word(VERDICT_NAMES, verdict, VERDICT_NEW);
}

/** Why a growing row is not a suspect. */
export function explanationName(explanation: u32): string {
  return word(EXPLANATION_NAMES, explanation, EXPLAINED_BY_NOTHING);
}

/** What the search for references says of a row: PROOF_.... */
export function proofName(proof: u32): string {
  return word(PROOF_NAMES, proof, PROOF_NONE);
}

/** @param state HOOK_... */
export function hookName(state: u32): string {
  return word(HOOK_NAMES, state, HOOK_OFF);
}

/** @param reason DUMP_REASON_... */
export function dumpReasonName(reason: u32): string {
  return word(DUMP_REASON_NAMES, reason, DUMP_REASON_OTHER);
}

function word(words: StaticArray<string>, number: u32, otherwise: u32): string {
  return unchecked(words[number < <u32>words.length ? number : otherwise]);
}

/** @param limit LIMIT_... */
export function limitName(limit: u32): string {
  return unchecked(LIMIT_NAMES[limit]);
}
