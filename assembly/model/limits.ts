// SPDX-License-Identifier: Apache-2.0
//
// Number of refusals by each limit of the host since the start. In static data, because the size of a model's regions depends on
// the capacity alone.

import { LIMIT_COUNT } from "../abi";
import { setValueAt, valueAt } from "../base/regions";

const refusals: usize = memory.data(LIMIT_COUNT * 8, 8);

/** Sets the number of refusals by a limit, LIMIT_... Returns 0, or -1 if there is no such limit. */
export function setExhausted(limit: u32, times: u64): i32 {
  if (limit >= LIMIT_COUNT) return -1;
  setValueAt<u64>(refusals, limit, times);
  return 0;
}

export function refusalsOf(limit: u32): u64 {
  return valueAt<u64>(refusals, limit);
}
