// SPDX-License-Identifier: Apache-2.0
//
// Numbers and short texts of a dump's header that only the host knows. The host sets them before a dump; they persist until set
// again.

import { FACT_ARMED, FACT_COUNT, FACT_LEVEL, FACT_VERIFY, HOOK_INSTALLED, TEXT_COUNT, TEXT_SIZE } from "../abi";
import { DOUBLE_QUOTE, isControl, QUESTION_MARK } from "../base/chars";
import { facts, input, texts } from "../base/memory";
import { recordAt, setValueAt, valueAt } from "../base/regions";

/** The bytes of the text follow. */
@unmanaged
class FactText {
  length: u16;
}

const TEXT_MAX: u32 = TEXT_SIZE - offsetof<FactText>();

/** Sets a header number. Returns 0, or -1 if there is no such fact. */
export function setHeaderNumber(which: u32, value: u64): i32 {
  if (which >= FACT_COUNT) return -1;
  setValueAt<u64>(facts, which, value);
  return 0;
}

/** Sets a header text from the input region, cut to TEXT_SIZE. Returns 0 or -1. */
export function setHeaderText(which: u32, length: u32): i32 {
  if (which >= TEXT_COUNT) return -1;
  const n: u32 = length < TEXT_MAX ? length : TEXT_MAX;
  textAt(which).length = <u16>n;
  for (let i: u32 = 0; i < n; ++i) {
    const c = load<u8>(input + i);
    // Replaces characters that would end the quoted text or the line.
    store<u8>(factText(which) + i, isControl(c) || c == DOUBLE_QUOTE ? QUESTION_MARK : c);
  }
  return 0;
}

export function level(): u32 {
  return <u32>factOf(FACT_LEVEL);
}

/** Seconds since arming; 0 if nothing is tracked. */
export function armed(): u64 {
  return factOf(FACT_ARMED);
}

/** Whether a hook is installed. `hook` is a FACT_ of a hook's state. */
export function isInstalled(hook: u32): bool {
  return factOf(hook) == HOOK_INSTALLED;
}

export function verifying(): bool {
  return factOf(FACT_VERIFY) != 0;
}

export function factOf(which: u32): u64 {
  return valueAt<u64>(facts, which);
}

/** Address of a text's bytes. */
export function factText(which: u32): usize {
  return changetype<usize>(textAt(which)) + offsetof<FactText>();
}

export function factTextLength(which: u32): u32 {
  return textAt(which).length;
}

function textAt(which: u32): FactText {
  return recordAt<FactText>(texts, which, TEXT_SIZE);
}
