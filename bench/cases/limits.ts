// SPDX-License-Identifier: Apache-2.0
//
// Instruction limits of the hot path: tests/bench/cases/instructions.test.ts fails if one is exceeded. A limit is the count at the
// time it was set plus a tenth (compilers vary less during a distribution's life). When the path becomes shorter, lower its limit:
// `npm run bench -- --only instructions` prints the counts.

export const INSTRUCTION_LIMITS = {
  /** An IOBuffer event for one of 16 sites, from the server's slot on. */
  event: 51,
  /** Same, for 4000 sites in turn: includes the cost of collisions in the index. */
  eventManySites: 55,
  /** An OpenSSL allocation and its release, beyond the cost of the bare allocator. */
  pair: 271,
  /** An OpenSSL realloc in place: a release and an allocation. */
  realloc: 279,
  /** A TSmalloc and its TSfree, and a plugin's operator new and delete. */
  tsapi: 271,
  heap: 292,
  /** A release by the server of memory that no plugin allocated: the added cost of each of the server's own blocks. */
  foreign: 37,
  /** A malloc of the server and its free with `heap` 2: most of it is the walk to the call that is charged. */
  serverHeap: 509,
} as const;
