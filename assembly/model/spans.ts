// SPDX-License-Identifier: Apache-2.0
//
// The address space of mapped memory, as the host's table of ranges tells it before a dump: a row counts the resident bytes of its
// ranges, and here are the bytes of their addresses, by site.
//
//    0        8
//    ┌────────┬────────┐
//    │ ranges │ bytes  │
//    └────────┴────────┘

import { PAIR_SIZE } from "../abi";
import { slots, spans } from "../base/memory";
import { recordAt } from "../base/regions";
import { Row, Site } from "../base/types";
import { Pair } from "../shard/site";
import { rowOf } from "./rows";

/** Forgets the ranges of the last dump. */
export function beginSpans(): void {
  memory.fill(spans, 0, <usize>slots * PAIR_SIZE);
}

/** Adds a range of so many bytes. */
export function addSpan(site: Site, bytes: u64): void {
  if (site >= slots) return;
  const at = spanAt(rowOf(site));
  at.count = at.count + 1;
  at.bytes = at.bytes + bytes;
}

/** Number and bytes of a row's ranges. */
export function spanAt(row: Row): Pair {
  return recordAt<Pair>(spans, row);
}
