// SPDX-License-Identifier: Apache-2.0
//
// The search on made-up memories: what is lost, held or neither, block by block.

import {
  CLASS_HEAP,
  FINDING_BLOCKS,
  FINDING_CHAINED,
  FINDING_EPOCHS,
  FINDING_ESTIMATE,
  FINDING_FLAGS,
  FINDING_HELD,
  FINDING_LOST,
  FINDING_PASSES,
  FINDING_PROBABLY,
  FINDING_UNSURE,
  FINDING_WATCHED,
  TAG_SIZE,
  WATCHED_MAX,
} from "../../../assembly/abi";
import { PHI } from "../../../assembly/base/hash";
import {
  BASE,
  birth,
  block,
  bytesAsked,
  chain,
  found,
  foundLong,
  hole,
  memoryOf,
  objectAt,
  OPENSSL_KEY,
  pass,
  passes,
  peek,
  placesAsked,
  poke,
  release,
  setEpochNow,
  SITE,
  tag,
  tellRooms,
  usableOf,
  watch,
} from "./support";

/** Pieces of memory without blocks, for roots. */
const ROOTS: u64 = BASE + 0x30000;

/** "watched/lost/probably/held/unsure" of a site. */
function classes(index: u32 = 0): string {
  const watched = found(FINDING_WATCHED, index);
  const probably = found(FINDING_PROBABLY, index);
  return `${watched}/${found(FINDING_LOST, index)}/${probably}/${found(FINDING_HELD, index)}/${found(FINDING_UNSURE, index)}`;
}

/** A block of the second site that begins and ends at any addresses. Returns its address. */
function table(start: u64, size: u64): u64 {
  tag(start, size, size - TAG_SIZE, birth(SITE + 1, 1));
  return start;
}

/** A block of more than 64 MiB by malloc, of the second site, of which the middle was never touched. Returns its address. */
const GIANT: u64 = 0x4100000;
const GIANT_END: u32 = <u32>GIANT + 0x50000;
function giant(alignment: u64, size: u64 = GIANT, usable: u64 = GIANT - alignment): u64 {
  const header = BASE + 0x40000;
  hole(header + 0x10000, header + GIANT - 0x10000);
  poke(header + 8, size | 2);
  tag(header + alignment, usable, usable - 100, birth(SITE + 1, 1));
  return header + alignment;
}

describe("a block", () => {
  test("is watched from the second pass on, and lost after 21 passes without a reference", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    passes(1);
    expect(classes()).toBe("0/0/0/0/0", "found by the first");
    passes(5);
    expect(classes()).toBe("1/0/0/0/0");
    passes(1);
    expect(classes()).toBe("1/0/1/0/0", "probably from 6 on");
    passes(14);
    expect(classes()).toBe("1/0/1/0/0");
    passes(1);
    expect(classes()).toBe("1/1/0/0/0");
    expect(found(FINDING_PASSES)).toBe(22);
    expect(foundLong(FINDING_ESTIMATE)).toBe(1);
    expect(foundLong(FINDING_EPOCHS)).toBe(1 << 1);
  });

  test("is held by a word to its start, with flags in its lowest or highest bits too", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 4; ++i) block(BASE + 0x100 + i * 0x100);
    poke(ROOTS, BASE + 0x100);
    poke(ROOTS + 0x100, BASE + 0x205);
    poke(ROOTS + 0x208, (BASE + 0x300) | (0xfffb << 48));
    passes(23);
    expect(classes()).toBe("4/1/0/3/0");
  });

  test("is held by a word that only a thorough pass reads, until a thorough pass does not find it", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    poke(ROOTS + 3, BASE + 0x100); // unaligned
    let probably: u32 = 0;
    for (let i: u32 = 0; i < 60; ++i) {
      pass();
      expect(found(FINDING_LOST)).toBe(0);
      if (i >= 23) expect(classes()).toBe("1/0/0/1/0");
      probably += found(FINDING_PROBABLY);
    }
    expect(probably).toBe(15, "before the first thorough pass");
    poke(ROOTS + 3, 0);
    passes(40);
    expect(classes()).toBe("1/1/0/0/0");
  });

  test("is not held by a word behind what another block's user asked for, which an earlier block left", () => {
    // Of 24 bytes the allocator gives 40: one word is left before the tag. Of 20 the third word is half the user's. Of 64 in 120 the
    // word before the tag has the slack.
    for (let turn: u32 = 0; turn < 4; ++turn) {
      memoryOf(0x40000);
      watch([SITE]);
      const lost = block(BASE + 0x100);
      const holder = BASE + 0x1000;
      if (turn == 0) tag(holder, 40, 24, birth(SITE + 1, 1));
      if (turn == 1) tag(holder, 40, 28, birth(SITE + 1, 1));
      if (turn == 2) tag(holder, 120, 64, birth(SITE + 1, 1));
      if (turn == 3) tag(holder, 40, 24, birth(SITE + 1, 1), OPENSSL_KEY);
      poke(ROOTS, holder);
      poke(turn == 2 ? holder + 64 : holder + 24, lost);
      if (turn == 2) poke(holder + 96, lost + 4);
      passes(23);
      expect(classes()).toBe("1/1/0/0/0", turn.toString());
      poke(holder + 16, lost); // that is the user's
      passes(1);
      expect(classes()).toBe("1/0/0/1/0", turn.toString());
    }
  });

  test("is held by a word behind what was asked for, if programs were told how much room blocks have", () => {
    memoryOf(0x40000);
    watch([SITE]);
    tellRooms();
    tag(BASE + 0x1000, 40, 24, birth(SITE + 1, 1));
    poke(ROOTS, BASE + 0x1000);
    poke(BASE + 0x1018, block(BASE + 0x100));
    passes(23);
    expect(classes()).toBe("1/0/0/1/0");
  });

  test("is not held by itself", () => {
    memoryOf(0x40000);
    watch([SITE]);
    const at = block(BASE + 0x100);
    poke(at, at);
    poke(at + 8, at + 16);
    passes(23);
    expect(classes()).toBe("1/1/0/0/0");
  });

  test("is unsure if only words to its middle are found, and held if the site's other blocks have them at the same offset", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 8; ++i) block(BASE + 0x100 + i * 0x100);
    poke(ROOTS, BASE + 0x118);
    passes(23);
    expect(classes()).toBe("8/7/0/0/1");
    for (let i: u64 = 1; i < 4; ++i) poke(ROOTS + i * 8, BASE + 0x100 + i * 0x100 + 0x10);
    passes(1);
    expect(classes()).toBe("8/4/0/3/1");
  });

  test("is not held by an address before it, behind it, or behind what its user asked for", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    poke(ROOTS, BASE + 0xf8);
    poke(ROOTS + 8, BASE + 0x100 + 56);
    poke(ROOTS + 16, BASE + 0x100 + 48); // where the allocator has its header of the next block
    passes(23);
    expect(classes()).toBe("1/1/0/0/0");
  });

  test("of the present epoch is not watched", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100, SITE, 40, 5);
    passes(2);
    expect(classes()).toBe("0/0/0/0/0");
    setEpochNow(6);
    passes(2);
    expect(classes()).toBe("1/0/0/0/0");
    expect(foundLong(FINDING_BLOCKS)).toBe(1);
  });

  test("of another site is not watched", () => {
    memoryOf(0x40000);
    watch([SITE, SITE + 1]);
    block(BASE + 0x100, SITE + 1);
    block(BASE + 0x200, SITE + 2);
    passes(2);
    expect(classes(0)).toBe("0/0/0/0/0");
    expect(classes(1)).toBe("1/0/0/0/0");
    watch([SITE + 1, SITE + 2]);
    passes(2);
    expect(found(FINDING_PASSES, 0)).toBe(2, "the entry of a site that left the list");
    expect(found(FINDING_PASSES, 1)).toBe(4);
  });

  test("is found wherever a piece ends", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x10000 - 32);
    block(BASE + 0x20000 - 48);
    block(BASE + 0x2fff0, SITE, 4000);
    passes(2);
    expect(classes()).toBe("3/0/0/0/0");
  });

  test("with any size and slack is found", () => {
    memoryOf(0x40000);
    watch([SITE]);
    let at = BASE + 0x10;
    for (let size: u64 = 0; size < 60; ++size) {
      block(at, SITE, size);
      at += (size + 16 + 31) & ~15;
    }
    block(at, SITE, 100000);
    passes(2);
    expect(classes()).toBe("61/0/0/0/0");
  });
});

describe("a large block", () => {
  test("is found wherever it begins, if blocks of its site are large on average", () => {
    memoryOf(0x200000);
    watch([SITE], CLASS_HEAP, 300_000);
    for (let i: u64 = 0; i < 3; ++i) block(BASE + 0x40120 + i * 0x80000, SITE, i ? 300_000 : 500_000);
    poke(ROOTS, BASE + 0x40120 + 0x80000);
    passes(22);
    expect(classes()).toBe("3/2/0/1/0");
  });
});

describe("a large table", () => {
  test("is found as the holder from each of its words, where memory ends behind it", () => {
    for (let offset: u32 = 0; offset < 0x28000; offset += 0x2000) {
      memoryOf(0x70000);
      watch([SITE]);
      const holder = table(BASE + 0x40010, 0x2ffe0);
      poke(holder + offset, block(BASE + 0x100));
      poke(ROOTS, holder);
      passes(3);
      expect(chain()).toBe("[301] <- foo.so variable48 (.bss)");
    }
  });
});

describe("large tables", () => {
  test("that begin anywhere are found as holders, also those whose turn is in a later pass", () => {
    memoryOf(0x300000);
    watch([SITE]);
    for (let i: u64 = 0; i < 12; ++i) {
      const holder = BASE + 0x40120 + i * 0x30000;
      tag(holder, 0x28000, 0x28000 - 1000, birth(SITE + 1, 1));
      poke(holder, block(BASE + 0x100 + i * 64));
      poke(ROOTS + 8 * i, holder);
    }
    passes(12);
    expect(chain()).toBe("[301] <- foo.so variable48 (.bss)");
    expect(found(FINDING_CHAINED)).toBe(12);
  });
});

describe("a block of more than 64 MiB", () => {
  test("is told as the holder of what lies in its first and last words, and no memory is read in vain for that", () => {
    memoryOf(GIANT_END);
    watch([SITE]);
    const first = block(BASE + 0x100);
    const last = block(BASE + 0x200);
    const table = giant(16);
    poke(table, first);
    poke(BASE + 0x40000 + GIANT - 64, last);
    passes(2);
    expect(classes()).toBe("2/0/0/2/0");
    expect(chain()).toBe("[301]");
    expect(found(FINDING_CHAINED)).toBe(2);
    expect(bytesAsked < 1000).toBe(true);
    expect(placesAsked).toBe(0);
  });

  test("is told wherever it begins behind its header, as an alignment asks for", () => {
    for (let alignment: u64 = 64; alignment <= 4096; alignment *= 2) {
      memoryOf(GIANT_END);
      watch([SITE]);
      poke(giant(alignment) + 8, block(BASE + 0x100));
      passes(2);
      expect(chain()).toBe("[301]");
    }
  });

  test("is told where its header has the size without itself, as later versions of glibc write it", () => {
    memoryOf(GIANT_END);
    watch([SITE]);
    poke(giant(16, GIANT - 16, GIANT - 24) + 8, block(BASE + 0x100));
    passes(2);
    expect(chain()).toBe("[301]");
  });

  test("is told among hundreds of pages that look like its header", () => {
    memoryOf(GIANT_END + 300 * 0x1000);
    watch([SITE]);
    const table = giant(16);
    poke(table + 8, block(BASE + 0x100));
    for (let page: u64 = 0; page < 300; ++page) {
      poke(BASE + GIANT_END + page * 0x1000, 77); // somebody's record
      poke(BASE + GIANT_END + page * 0x1000 + 8, GIANT | 2);
    }
    passes(2);
    expect(chain()).toBe("[301]");
  });

  test("is told where memory without a tag refers to the block too, and a place that the pass met later is in it", () => {
    memoryOf(GIANT_END);
    watch([SITE]);
    const held = block(BASE + 0x100);
    const table = giant(16);
    poke(BASE + 0x20000, held); // heap of the server
    poke(table + 0x800, held);
    for (let i = 0; i < 12; ++i) {
      pass();
      if (i) expect(chain()).toBe("[301]");
    }
  });

  test("is not told where its header tells of none that has a tag, or of one that has ended", () => {
    memoryOf(GIANT_END);
    watch([SITE]);
    poke(giant(16), block(BASE + 0x100));
    const end = BASE + 0x40000 + GIANT - TAG_SIZE;
    poke(end, peek(end) + 1);
    passes(2);
    expect(chain()).toBe("foo.so variable64 (.bss)");
    poke(end, ~(peek(end) - 1));
    passes(2);
    expect(chain()).toBe("foo.so variable64 (.bss)");
  });

  test("holds a list whose head it has, and nothing once that is gone", () => {
    memoryOf(GIANT_END + 0x40000);
    watch([SITE]);
    const last = listOf(BASE + GIANT_END, 3000);
    const table = giant(16);
    poke(last, BASE + GIANT_END);
    poke(table + 800, BASE + GIANT_END);
    passes(8);
    expect(found(FINDING_HELD)).toBe(64);
    expect(chain()).toBe("[300] <- [301]");
    poke(table + 800, 0);
    passes(30);
    expect(classes()).toBe("64/64/0/0/0");
  });
});

describe("a holder", () => {
  test("that is lost itself holds nothing", () => {
    memoryOf(0x40000);
    watch([SITE, SITE + 1]);
    const child = block(BASE + 0x100);
    const parent = block(BASE + 0x200, SITE + 1);
    poke(parent, child);
    passes(23);
    expect(classes(0)).toBe("1/1/0/0/0");
    expect(classes(1)).toBe("1/1/0/0/0");
    poke(ROOTS, parent);
    passes(1);
    expect(classes(0)).toBe("1/0/0/1/0");
  });

  test("is not the other block of a cycle", () => {
    memoryOf(0x40000);
    watch([SITE]);
    const a = block(BASE + 0x100);
    const b = block(BASE + 0x200);
    const c = block(BASE + 0x300);
    poke(a, b);
    poke(b, a);
    poke(c, b);
    passes(23);
    expect(classes()).toBe("3/3/0/0/0");
  });
});

describe("a chain", () => {
  test("is a root's text alone, that most blocks have", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 5; ++i) poke(ROOTS + i * 8 + (i < 2 ? 0x1000 : 0), block(BASE + 0x100 + i * 64));
    passes(3);
    expect(classes()).toBe("5/0/0/5/0");
    expect(chain()).toBe("foo.so variable48 (.bss)");
    expect(found(FINDING_CHAINED)).toBe(3);
  });

  test("leads over blocks of any sites to the root", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 5; ++i) {
      const at = BASE + 0x1000 * i;
      poke(block(at + 0x100, SITE + 1), block(at));
      poke(block(at + 0x200, SITE + 2, 300) + 0x80, at + 0x100);
      poke(ROOTS + i * 8, at + 0x200);
    }
    passes(8);
    expect(classes()).toBe("5/0/0/5/0");
    expect(chain()).toBe("[301] <- [302] <- foo.so variable48 (.bss)");
  });

  test("leads over a table whose tag is a megabyte behind, wherever that begins", () => {
    for (let turn: u64 = 0; turn < 4; ++turn) {
      const offset: u64 = turn & 1 ? 0x190 : 0;
      const first: u64 = turn & 2 ? 0x168008 : 0; // near its tag, or far from it
      memoryOf(0x200000);
      watch([SITE]);
      const table = block(BASE + 0x40010 + offset, SITE + 1, 0x180000);
      poke(ROOTS, table);
      for (let i: u64 = 0; i < 40; ++i) poke(table + first + i * 0x808, block(BASE + 0x100 + i * 0x100));
      poke(table + 0x200, 0x00123456789abcde); // no tag of any block
      passes(6);
      expect(chain()).toBe(`[${SITE + 1}] <- foo.so variable48 (.bss)`);
      expect(bytesAsked).toBeLessThan(6 * 40 * 0x10000, "the table is read once a pass");
    }
  });

  test("over a table is found in time, and not told wrongly before, where words elsewhere look like tags", () => {
    memoryOf(0x200000);
    watch([SITE + 5, SITE]);
    for (let i: u64 = 0; i < 40; ++i) {
      const word = BASE + 0x4000 + i * 0x200; // in the server's heap
      poke(word, block(BASE + 0x100 + i * 64, SITE + 5));
      poke(word + 0x40, 0x00123456789abcde - i); // no tag of any block
      block(word + 0x60, SITE + 6);
    }
    const table = block(BASE + 0x40190, SITE + 1, 0x180000);
    poke(ROOTS, table);
    for (let i: u64 = 0; i < 40; ++i) poke(table + 0x168008 + i * 0x808, block(BASE + 0x14000 + i * 0x100));
    const told = `[${SITE + 1}] <- foo.so variable48 (.bss)`;
    for (let i: u32 = 0; i < 10 && chain(1) != told; ++i) {
      expect(chain(1)).toBe("");
      pass();
    }
    expect(chain(1)).toBe(told);
    passes(4);
    expect(chain(0)).toBe("heap of the server");
  });

  test("over a table is found, whatever else is in it", () => {
    for (let kind: u64 = 0; kind < 3; ++kind) {
      memoryOf(0x200000);
      watch([SITE]);
      const table = block(BASE + 0x40190, SITE + 1, 0x180000);
      poke(ROOTS, table);
      for (let i: u64 = 0; i < 0x20000; i += 8) {
        const word: u64 = kind == 2 ? 0x0001010101010101 : 0x00123456789abcde + (kind ? i * PHI : i); // no tag of any block
        if (kind == 2 || i % 0x200 == 0) poke(table + 0x100000 + i, word);
      }
      for (let i: u64 = 0; i < 40; ++i) poke(table + 0x80008 + i * 0x808, block(BASE + 0x100 + i * 0x100));
      passes(40);
      expect(chain()).toBe(`[${SITE + 1}] <- foo.so variable48 (.bss)`);
    }
  });

  test("over a table is found in time, where lookups elsewhere read more than a pass has time for", () => {
    memoryOf(0x2800000);
    watch([SITE + 5, SITE]);
    for (let i: u64 = 0; i < 40; ++i) poke(BASE + 0x240000 + i * 8, block(BASE + 0x100 + i * 64, SITE + 5)); // nothing behind has a tag
    const table = block(BASE + 0x40190, SITE + 1, 0x180000);
    poke(ROOTS, table);
    for (let i: u64 = 0; i < 40; ++i) poke(table + 0x100008 + i * 0x808, block(BASE + 0x14000 + i * 0x100));
    const told = `[${SITE + 1}] <- foo.so variable48 (.bss)`;
    for (let i: u32 = 0; i < 6 && chain(1) != told; ++i) pass();
    expect(chain(1)).toBe(told);
  });

  test("ends at a name, if the server's heap refers to the blocks too", () => {
    for (let turn: u64 = 0; turn < 4; ++turn) {
      memoryOf(0x40000);
      watch([SITE]);
      for (let i: u64 = 0; i < 5; ++i) {
        const at = block(BASE + 0x100 + i * 64);
        poke(BASE + (turn & 1 ? 0x20000 : 0x80) + i * 8, at);
        poke(turn & 2 ? block(BASE + 0x10000 + i * 0x100, SITE + 1) : ROOTS + i * 8, at);
        if (turn & 2) poke(ROOTS + i * 8, BASE + 0x10000 + i * 0x100);
      }
      passes(12);
      expect(classes()).toBe("5/0/0/5/0");
      expect(chain()).toBe(turn & 2 ? "[301] <- foo.so variable48 (.bss)" : "foo.so variable48 (.bss)");
      expect(found(FINDING_CHAINED)).toBe(5);
    }
  });

  test("ends in the server's heap, if the blocks that refer to them too are lost or end there", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 6; ++i) {
      const at = block(BASE + 0x100 + i * 64);
      const holder = block(BASE + 0x10000 + i * 0x100, SITE + 1);
      poke(BASE + 0x20000 + i * 8, at);
      poke(holder, at);
      if (i < 3) poke(BASE + 0x21000 + i * 8, holder);
    }
    passes(12);
    expect(classes()).toBe("6/0/0/6/0");
    expect(chain()).toBe("heap of the server");
    expect(found(FINDING_CHAINED)).toBe(6);
  });

  test("ends in the server's heap again, once the variable refers to the blocks no more", () => {
    memoryOf(0x40000);
    watch([SITE]);
    const at = block(BASE + 0x100);
    const holder = block(BASE + 0x10000, SITE + 1);
    poke(BASE + 0x20000, at);
    poke(ROOTS, at);
    poke(holder, at);
    poke(ROOTS + 0x1000, holder);
    passes(12);
    expect(chain()).toBe("foo.so variable48 (.bss)");
    poke(ROOTS, 0);
    passes(12);
    expect(chain()).toBe("[301] <- foo.so variable49 (.bss)");
    poke(ROOTS + 0x1000, 0);
    passes(12);
    expect(chain()).toBe("heap of the server");
  });

  test("is found though a block is released to which a named holder still refers", () => {
    memoryOf(0x40000);
    watch([SITE, SITE + 1]);
    for (let i: u64 = 0; i < 4; ++i) {
      const holder = block(BASE + 0x10000 + i * 0x100, SITE + 1);
      poke(holder, block(BASE + 0x100 + i * 64));
      poke(ROOTS + i * 8, holder);
    }
    passes(8);
    expect(chain(0)).toBe("[301] <- foo.so variable48 (.bss)");
    release(BASE + 0x100);
    release(BASE + 0x10100);
    passes(3);
    expect(classes(0)).toBe("3/0/0/2/1");
    expect(chain(0)).toBe("[301] <- foo.so variable48 (.bss)");
  });

  test("leads over the object that an address lies in", () => {
    memoryOf(0x40000);
    watch([SITE]);
    objectAt(BASE + 0x20000, 0x100, SITE + 7);
    poke(ROOTS, BASE + 0x20000);
    for (let i: u64 = 0; i < 5; ++i) poke(BASE + 0x20000 + i * 8, block(BASE + 0x100 + i * 64));
    passes(4);
    expect(classes()).toBe("5/0/0/5/0");
    expect(chain()).toBe(`[${SITE + 7}] <- foo.so variable48 (.bss)`);
    objectAt(0, 0, 0); // it is released: what is left in its memory may be of somebody else
    passes(1);
    expect(classes()).toBe("5/0/0/5/0");
    passes(3);
    expect(chain()).toBe("heap of the server");
  });

  test("of a lost object holds nothing", () => {
    memoryOf(0x40000);
    watch([SITE]);
    objectAt(BASE + 0x20000, 0x100, SITE + 7);
    for (let i: u64 = 0; i < 5; ++i) poke(BASE + 0x20000 + i * 8, block(BASE + 0x100 + i * 64));
    passes(1);
    expect(classes()).toBe("0/0/0/0/0");
    passes(26);
    expect(classes()).toBe("5/5/0/0/0");
    expect(chain()).toBe("");
  });

  test("ends at an object that is as large as a reservation", () => {
    memoryOf(0x40000);
    watch([SITE]);
    objectAt(BASE + 0x20000, 0x100000000, SITE + 7);
    for (let i: u64 = 0; i < 5; ++i) poke(BASE + 0x20000 + i * 8, block(BASE + 0x100 + i * 64));
    passes(3);
    expect(classes()).toBe("5/0/0/5/0");
    expect(chain()).toBe(`[${SITE + 7}]`);
  });

  test("of lost blocks holds nothing, though they are not watched", () => {
    memoryOf(0x40000);
    watch([SITE]);
    const leaf = block(BASE + 0x100);
    const middle = block(BASE + 0x200, SITE + 1);
    const top = block(BASE + 0x300, SITE + 2);
    poke(middle, leaf);
    poke(top, middle);
    passes(26);
    expect(classes()).toBe("1/1/0/0/0");
    expect(chain()).toBe("");
  });

  test("that is a cycle over blocks that are not watched holds nothing", () => {
    memoryOf(0x40000);
    watch([SITE]);
    const leaf = block(BASE + 0x100);
    const middle = block(BASE + 0x200, SITE + 1);
    const top = block(BASE + 0x300, SITE + 2);
    poke(middle, leaf);
    poke(top, middle);
    poke(leaf, top);
    passes(26);
    expect(classes()).toBe("1/1/0/0/0");
  });

  test("through a block that was released is unsure, as another may have its memory", () => {
    memoryOf(0x40000);
    watch([SITE]);
    const leaf = block(BASE + 0x100);
    poke(block(BASE + 0x200, SITE + 1) + 8, leaf);
    poke(block(BASE + 0x300, SITE + 1) + 8, block(BASE + 0x400) + 16);
    release(BASE + 0x200);
    release(BASE + 0x300);
    passes(26);
    expect(classes()).toBe("2/1/0/0/1");
  });
});

/** A list of so many blocks from an address on, 64 bytes apart, each of which refers to the next; its last one. */
function listOf(from: u64, length: u32): u64 {
  for (let i: u32 = 0; i < length; ++i) {
    const at = block(from + <u64>i * 64);
    if (i) poke(at - 64, at);
  }
  return from + <u64>(length - 1) * 64;
}

describe("a list", () => {
  test("of many blocks is held by its one head, whose name is told", () => {
    memoryOf(0x100000);
    watch([SITE]);
    listOf(BASE + 0x40000, 10000);
    poke(ROOTS + 0x2008, BASE + 0x40000);
    passes(40);
    expect(found(FINDING_LOST)).toBe(0);
    expect(found(FINDING_HELD)).toBe(64);
    expect(chain()).toBe("[300] <- foo.so variable50 (.bss)");
    expect(foundLong(FINDING_BLOCKS)).toBe(10000);
    pass();
    expect(chain()).toBe("[300] <- foo.so variable50 (.bss)");
  });

  test("is lost once nothing refers to its head, and so is a ring", () => {
    memoryOf(0x100000);
    watch([SITE]);
    const last = listOf(BASE + 0x40000, 10000);
    poke(ROOTS + 0x2008, BASE + 0x40000);
    passes(10);
    poke(ROOTS + 0x2008, 0);
    poke(last, BASE + 0x40000);
    passes(30);
    expect(classes()).toBe("64/64/0/0/0");
    expect(foundLong(FINDING_ESTIMATE)).toBe(9411);
    expect(found(FINDING_FLAGS)).toBe(0);
  });

  test("with one word from outside, in the server's heap, is unsure", () => {
    memoryOf(0x100000);
    watch([SITE]);
    const last = listOf(BASE + 0x40000, 10000);
    poke(last, BASE + 0x40000);
    poke(BASE + 0x1000, BASE + 0x40000 + 64 * 77);
    passes(40);
    expect(found(FINDING_LOST)).toBe(0);
    expect(found(FINDING_UNSURE) > 60).toBe(true);
  });

  test("that a block holds is held if that block is", () => {
    memoryOf(0x100000);
    watch([SITE]);
    const last = listOf(BASE + 0x40000, 10000);
    poke(last, BASE + 0x40000);
    const owner = block(BASE + 0x1000, SITE + 1);
    poke(owner, BASE + 0x40000);
    poke(ROOTS, owner);
    passes(40);
    expect(found(FINDING_HELD)).toBe(64);
    expect(chain()).toBe("[300] <- [301] <- foo.so variable48 (.bss)");
    poke(ROOTS, 0);
    passes(30);
    expect(classes()).toBe("64/64/0/0/0");
  });

  test("that is not looked at in a pass, because it is another's turn, tells nothing of what it holds", () => {
    memoryOf(0x140000);
    watch([SITE, SITE + 1, SITE + 2, SITE + 3]);
    const last = listOf(BASE + 0x40000, 5000); // a ring, of which two blocks are lost with it
    poke(last, BASE + 0x40000);
    poke(BASE + 0x40000 + 64 * 2000 + 8, block(BASE + 0x1000, SITE + 1));
    for (let i: u64 = 0; i < 3000; ++i) poke(block(BASE + 0xa0000 + i * 64, SITE + 2), i ? BASE + 0xa0000 + (i - 1) * 64 : 0);
    poke(ROOTS + 8, BASE + 0xa0000 + 64 * 2999); // a list
    poke(BASE + 0xa0000 + 64 * 1000 + 8, block(BASE + 0x2000, SITE + 3));
    passes(40); // each had its turn
    for (let i = 0; i < 200; ++i) {
      pass();
      expect(found(FINDING_HELD, 1)).toBe(0, chain(1));
      expect(chain(1)).toBe("");
      expect(found(FINDING_LOST, 3) + found(FINDING_PROBABLY, 3)).toBe(0);
      expect(found(FINDING_FLAGS, 1) + found(FINDING_FLAGS, 3)).toBe(0);
    }
    expect(found(FINDING_LOST)).toBe(64);
    expect(found(FINDING_LOST, 1)).toBe(1);
    expect(found(FINDING_HELD, 2)).toBe(64);
    expect(found(FINDING_HELD, 3)).toBe(1);
    expect(chain(3)).toBe("[302] <- foo.so variable48 (.bss)");
  });

  test("that grows at its head faster than passes are made is held", () => {
    memoryOf(0x100000);
    watch([SITE]);
    let at = listOf(BASE + 0x40000, 3000);
    poke(at, 0);
    for (let i: u64 = 0; i < 3000; ++i) poke(BASE + 0x40000 + i * 64, i ? BASE + 0x40000 + (i - 1) * 64 : 0);
    for (let round = 0; round < 60; ++round) {
      for (let i = 0; i < 20; ++i) {
        block(at + 64);
        poke(at + 64, at);
        at += 64;
        poke(ROOTS + 8, at);
      }
      pass();
      expect(found(FINDING_LOST)).toBe(0);
      expect(found(FINDING_PROBABLY)).toBe(0);
    }
    expect(found(FINDING_HELD) > 60).toBe(true);
  });

  test("that one block of many of a site refers to is unsure: that word may be an earlier block's", () => {
    memoryOf(0x100000);
    watch([SITE]);
    const last = listOf(BASE + 0x40000, 5000);
    poke(last, BASE + 0x40000);
    for (let i: u64 = 0; i < 100; ++i) poke(ROOTS + i * 8, block(BASE + 0x1000 + i * 64, SITE + 1));
    poke(BASE + 0x1000 + 64 * 7 + 16, BASE + 0x40000 + 64 * 99);
    passes(40);
    expect(found(FINDING_LOST)).toBe(0);
    expect(found(FINDING_HELD) <= 1).toBe(true, "the block that it is the address of, if that is watched");
    expect(found(FINDING_UNSURE) >= 63).toBe(true);
  });

  test("of hooks in the middle of blocks is held by its head too", () => {
    memoryOf(0x100000);
    watch([SITE]);
    for (let i: u32 = 0; i < 5000; ++i) {
      const at = block(BASE + 0x40000 + <u64>i * 64);
      if (i) poke(at - 64 + 16, at + 16);
    }
    poke(ROOTS, BASE + 0x40000 + 16);
    passes(40);
    expect(found(FINDING_HELD)).toBe(64);
    expect(chain()).toBe("[300] <- foo.so variable48 (.bss)");
  });
});

describe("a site", () => {
  test("is blind from the first lost block that is released", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    block(BASE + 0x200);
    passes(22);
    expect(classes()).toBe("2/2/0/0/0");
    expect(found(FINDING_FLAGS)).toBe(0);
    release(BASE + 0x200);
    passes(1);
    expect(found(FINDING_FLAGS)).toBe(1);
    expect(classes()).toBe("1/1/0/0/0");
  });

  test("keeps its blocks where memory is full of words that look like tags, and of copies of theirs", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 8; ++i) block(BASE + 0x10000 + i * 0x100);
    for (let at: u64 = 0x30000; at < 0x38000; at += 8) poke(BASE + at, ((<u64>SITE) << 48) | 0x0100_0101);
    passes(2);
    expect(classes()).toBe("8/0/0/0/0");
    const copied = peek(BASE + 0x10000 + usableOf(40) - TAG_SIZE);
    for (let at: u64 = 0x100; at < 0x8000; at += 8) poke(BASE + at, copied);
    for (let at: u64 = 0x38000; at < 0x3ff00; at += 8) poke(BASE + at, copied);
    passes(30);
    expect(found(FINDING_FLAGS)).toBe(0);
    expect(classes()).toBe("8/8/0/0/0");
  });

  test("is blind when a lost block is handed out again", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    passes(22);
    block(BASE + 0x100, SITE, 40, 4);
    passes(1);
    expect(found(FINDING_FLAGS)).toBe(1);
  });

  test("is not blind when a lost block is referred to again, which is then not lost", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    passes(22);
    poke(ROOTS, BASE + 0x100);
    passes(2);
    expect(found(FINDING_FLAGS)).toBe(0);
    expect(classes()).toBe("1/0/0/1/0");
  });

  test("is not blind when other blocks are released", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    block(BASE + 0x200);
    poke(ROOTS, BASE + 0x200);
    passes(22);
    release(BASE + 0x200);
    passes(3);
    expect(classes()).toBe("1/1/0/0/0");
    expect(found(FINDING_FLAGS)).toBe(0);
  });

  test("has a sample that stays while its blocks live, and is filled up", () => {
    memoryOf(0x40000);
    watch([SITE]);
    for (let i: u64 = 0; i < 1000; ++i) block(BASE + 0x100 + i * 64);
    passes(22);
    expect(classes()).toBe("64/64/0/0/0");
    expect(foundLong(FINDING_BLOCKS)).toBe(1000);
    expect(foundLong(FINDING_ESTIMATE)).toBe(941, "at least");
    for (let i: u64 = 1000; i < 1010; ++i) block(BASE + 0x100 + i * 64);
    passes(2);
    expect(found(FINDING_WATCHED)).toBe(WATCHED_MAX);
    expect(found(FINDING_LOST) > 60).toBe(true);
  });
});

describe("a pass", () => {
  test("that is not complete proves nothing", () => {
    memoryOf(0x40000);
    watch([SITE]);
    block(BASE + 0x100);
    passes(20);
    for (let i = 0; i < 9; ++i) pass(0);
    expect(classes()).toBe("1/0/1/0/0");
    expect(found(FINDING_PASSES)).toBe(20);
    release(BASE + 0x100);
    pass(0);
    expect(found(FINDING_WATCHED)).toBe(1);
  });
});
