// SPDX-License-Identifier: Apache-2.0
//
// Names for the things that a u32 numbers. The compiler treats each as u32, so they cost nothing; they document which number a
// function takes.

/** Number of a site: the same in the registry, in every shard and in the tag of a block. */
export type Site = u32;
/** Number of a row: the number of the first site with the row's name. */
export type Row = u32;
/** Number of a series of samples: a row's number, or an owner's entry numbered after all rows (series.ts). */
export type Series = u32;
/** Index into the table of owners. A slot is reused for other owners. */
export type OwnerSlot = u32;
/** Owner slot with the incarnation of the slot above it: never reused. */
export type OwnerKey = u32;
