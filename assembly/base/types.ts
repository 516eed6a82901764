// SPDX-License-Identifier: Apache-2.0
//
// What a u32 numbers. The compiler takes these for u32, so they cost nothing; they say which number a function wants.

/** A site's number: the same in the registry, in every shard and in a block's tag. */
export type Site = u32;
/** A row's number: that of the first site with the row's name. */
export type Row = u32;
/** A series of samples: a row by its number, an owner by its entry behind those of all rows (series.ts). */
export type Series = u32;
/** An owner's place in the table of owners. It is given to another owner later. */
export type OwnerSlot = u32;
/** An owner's slot and, above it, the slot's incarnation: never given twice. */
export type OwnerKey = u32;
