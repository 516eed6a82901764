// SPDX-License-Identifier: Apache-2.0
//
// Which of several holders is told. A block can be referred to from a named variable, from the server's heap, of which nobody knows whose
// memory it is, and from blocks that are held themselves. The name tells most; then a chain of blocks that ends at a name. This changes
// what is said of a block, never whether it is held.

import { BLOCKS_COUNT } from "../base/memory";
import { Block, blockAt, blockWith, NO_BLOCK, VALUE_HELD, Watched } from "./block";
import { strengthOf } from "./mark";
import { Edge, edgeAt, edgeCount } from "./reference";
import { isNamed } from "./root";

/** Finds for each held block one that holds it, and whose chain ends at a named root. After markBlocks(). */
export function markTellers(): void {
  let changed = true;
  for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) blockAt(block).teller = 0;
  while (changed) {
    changed = false;
    for (let i: u32 = 0; i < edgeCount; ++i) if (followTelling(edgeAt(i))) changed = true;
  }
}

/** Whether a named root refers to a block itself. A root is that of an earlier pass if this one has found no reference from outside. */
export function hasName(block: Block): bool {
  return block.places != 0 && isNamed(block.rootText);
}

/** The block that tells most of what holds another; NO_BLOCK if none does. */
export function tellerOf(block: Block): Watched {
  return block.teller ? blockWith(block.teller) : NO_BLOCK;
}

function followTelling(edge: Edge): bool {
  const from = blockAt(edge.from);
  const to = blockAt(edge.to);
  if (to.teller || hasName(to) || !isTelling(from) || strengthOf(edge) != VALUE_HELD) return false;
  to.teller = from.address;
  return true;
}

/** An object of the plugin API, or a mapping, which have no tag, tells by itself whose it is. */
function isTelling(block: Block): bool {
  return block.seen && !block.spent && block.value == VALUE_HELD && (!block.tag || block.teller != 0 || hasName(block));
}
