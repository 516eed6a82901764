// SPDX-License-Identifier: Apache-2.0
//
// Why passes of the search for references are not complete, as the host tells after each (host/ats/search/pass.cc). One such pass is chance,
// because memory changes while it is read. Many in a row have a cause that lasts: the search proves nothing, and the counters decide alone.

import { GAP_NONE, GAP_TRAP } from "../abi";

const IN_A_ROW: u32 = 20;

let gap: u32 = GAP_NONE;
let count: u32 = 0;

/** Takes the gap of a pass, GAP_.... */
export function noteGap(now: u32): void {
  count = now == GAP_NONE ? 0 : count + 1;
  gap = now;
}

/** The last gap, if no pass has been complete for some time; else GAP_NONE. */
export function lastingGap(): u32 {
  return gap == GAP_TRAP || count >= IN_A_ROW ? gap : GAP_NONE;
}
