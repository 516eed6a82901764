// SPDX-License-Identifier: Apache-2.0
//
// How often each limit of the host has refused something since its start. In static data: a model's regions depend on the capacity
// alone.

import { LIMIT_COUNT } from "../abi";
import { setValueAt, valueAt } from "../base/regions";

const refusals: usize = memory.data(LIMIT_COUNT * 8, 8);

/** Tells how often a limit, LIMIT_..., has refused something. Returns 0, or -1 where there is no such limit. */
export function setExhausted(limit: u32, times: u64): i32 {
  if (limit >= LIMIT_COUNT) return -1;
  setValueAt<u64>(refusals, limit, times);
  return 0;
}

export function refusalsOf(limit: u32): u64 {
  return valueAt<u64>(refusals, limit);
}
