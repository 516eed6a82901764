// SPDX-License-Identifier: Apache-2.0
//
// Instructions that the hot path may take: tests/bench/cases/instructions.test.ts fails where one is exceeded. A limit is the count
// at the time it was set and a tenth (compilers of a distribution's life differ by less). Where the path became shorter, lower its
// limit: `npm run bench -- --only instructions` says the counts.

export const INSTRUCTION_LIMITS = {
  /** One IOBuffer event, from the server's slot on, one of 16 sites. */
  event: 51,
  /** The same, each of 4000 sites in turn: with what collisions in the index cost. */
  eventManySites: 55,
  /** An OpenSSL allocation and its release, beyond what the bare allocator takes for them. */
  pair: 271,
  /** An OpenSSL realloc that stays in its place: a release and an allocation. */
  realloc: 279,
  /** A TSmalloc and its TSfree, and a plugin's operator new and delete. */
  tsapi: 271,
  heap: 292,
  /** A release by the server of what no plugin allocated: what each of its own blocks costs more. */
  foreign: 37,
} as const;
