// SPDX-License-Identifier: Apache-2.0
//
// Which watched block an address lies in: the index of parts against a search in the order of addresses, and against all blocks one by one.

import { BLOCKS_COUNT } from "../../../assembly/base/memory";
import { blockAt, blockWith, forgetBlocks, NO_BLOCK, sortBlocks, Watched } from "../../../assembly/search/block";
import { fillFilter, lowest, span, watchedWith } from "../../../assembly/search/filter";
import { Random, seed } from "../support";
import { memoryOf } from "./support";

let random: Random = new Random(1);

/** Watches a block. Blocks with one address cannot be. */
function watch(block: Watched, address: u64, size: u64): void {
  blockAt(block).address = address;
  blockAt(block).end = address + size;
}

/** The block with the highest address of those that begin at an address or before, if that lies in it. */
function inOrder(address: u64, count: u32): Watched {
  let found = NO_BLOCK;
  for (let i: Watched = 0; i < count; ++i) {
    if (blockAt(i).address <= address && (found == NO_BLOCK || blockAt(i).address > blockAt(found).address)) found = i;
  }
  return found != NO_BLOCK && address < blockAt(found).end ? found : NO_BLOCK;
}

/** Asks for addresses in, at the bounds of, and near blocks, and for some anywhere. */
function compare(count: u32, asked: u32, oneByOne: bool): void {
  let wrong: u32 = 0;
  let found: u32 = 0;
  sortBlocks();
  fillFilter(0, 0);
  for (let i: u32 = 0; i < asked; ++i) {
    const block = blockAt(random.below(count));
    let address: u64 = block.address + (random.next() % (block.end - block.address));
    if (i % 4 == 1) address = block.end + random.below(3) - 1;
    else if (i % 4 == 2) address = block.address + random.below(3) - 1;
    else if (i % 4 == 3) address = lowest + (random.next() % (span + 4096));
    const expected = oneByOne ? inOrder(address, count) : blockWith(address);
    if (watchedWith(address) != expected) ++wrong;
    if (expected != NO_BLOCK) ++found;
  }
  expect(wrong).toBe(0);
  expect(found > asked / 4).toBe(true);
}

describe("the block that an address lies in", () => {
  test("is found among few blocks, of which some lie in others", () => {
    random = new Random(seed());
    memoryOf(0x1000);
    for (let round = 0; round < 200; ++round) {
      forgetBlocks();
      const count: u32 = 1 + random.below(40);
      let address: u64 = 0x7f12_0000_0000 + (random.next() & 0xffff_fff0);
      for (let i: Watched = 0; i < count; ++i) {
        watch(i, address, 1 + ((random.next() & 0xffff_ffff) >> random.below(32)));
        address += 16 + ((random.next() & 0xff_fff0) >> random.below(20));
      }
      compare(count, 300, true);
    }
  });

  test("is found among as many as there can be: close to one another, far apart, or so large that parts must be", () => {
    random = new Random(seed());
    memoryOf(0x1000);
    const gaps: u64[] = [16, 4096, 1 << 20, 1 << 30];
    const sizes: u64[] = [16, 1000, 1 << 16, 1 << 29];
    for (let i = 0; i < gaps.length; ++i) {
      for (let k = 0; k < sizes.length; ++k) {
        forgetBlocks();
        let address: u64 = 0x10_0000;
        for (let block: Watched = 0; block < BLOCKS_COUNT; ++block) {
          const size = 1 + (random.next() % sizes[k]);
          watch(block, address, size);
          address += (size + (random.next() % gaps[i]) + 16) & ~15;
        }
        compare(BLOCKS_COUNT, 2000, false);
      }
    }
  });

  test("is none where no block is watched, and none that was cleared", () => {
    memoryOf(0x1000);
    forgetBlocks();
    sortBlocks();
    fillFilter(0, 0);
    expect(watchedWith(0)).toBe(NO_BLOCK);
    expect(watchedWith(0x1234)).toBe(NO_BLOCK);
    watch(7, 0x5000, 0x100);
    sortBlocks();
    fillFilter(0, 0);
    expect(watchedWith(0x50ff)).toBe(7);
    blockAt(7).address = blockAt(7).end = 0;
    expect(watchedWith(0x50ff)).toBe(NO_BLOCK);
  });
});
