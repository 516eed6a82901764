// SPDX-License-Identifier: Apache-2.0
//
// When a block is lost: after LOST_PASSES complete passes in a row that found no reference to it. Before that it is probably lost. A pointer
// that moves as fast as it can escapes one pass in three at most, so all of these by one in 10^9.

import { LOST_PASSES } from "../abi";
import { Block, VALUE_HELD } from "./block";

export const PROBABLY_PASSES: u32 = 6;

export function isLost(block: Block): bool {
  return block.clean >= LOST_PASSES && block.thorough;
}

export function isProbablyLost(block: Block): bool {
  return block.clean >= PROBABLY_PASSES && !isLost(block) && !block.apart;
}

/** Held in the last pass that could tell, or too shortly before to tell that it is not. */
export function isHeld(block: Block): bool {
  return block.judged == VALUE_HELD;
}
