// SPDX-License-Identifier: Apache-2.0
//
// Lines about memtrack's state, for diags.log: what is tracked at the start, and each problem when it occurs, not with every dump.

import { LINE_ERROR, LINE_WARNING, SETTING_SITES } from "../abi";
import * as answer from "../base/answer";
import { counted } from "../base/humanize";
import { input } from "../base/memory";
import { name, select } from "./records";
import { ascii, copy, unsigned } from "../base/writer";
import { hookName } from "../report/labels";

let saidFull: bool = false;
let saidTraps: u32 = 0;
let saidLost: u64 = 0;

export function noticesReset(): void {
  saidFull = false;
  saidTraps = 0;
  saidLost = 0;
}

/** Writes what is tracked at the start. The core's digest is in the input region; the last five parameters are HOOK_.... */
export function startNotice(
  length: u32,
  level: u32,
  sites: u32,
  iobuffer: u32,
  openssl: u32,
  plugins: u32,
  buffers: u32,
  heap: u32,
): u32 {
  answer.begin();
  ascii("core ");
  copy(input, answer.bounded(length));
  ascii(" replaces the built-in memory tracker: level ");
  unsigned(level);
  ascii(", room for ");
  unsigned(sites);
  ascii(" sites");
  hook(", iobuffer ", iobuffer);
  hook(", openssl ", openssl);
  hook(", plugins ", plugins);
  hook(", buffers ", buffers);
  hook(", heap ", heap);
  return answer.end();
}

/**
 * Writes the next line about a new problem. Returns its length, or 0 if there is none.
 * @param sites the capacity
 * @param refusals number of sites refused
 * @param traps number of shards disabled
 * @param lost number of events that could not be counted
 */
export function troubleNotice(sites: u32, refusals: u64, traps: u32, lost: u64): u32 {
  if (!saidFull && refusals) {
    saidFull = true;
    return fullNotice(sites);
  }
  if (traps != saidTraps) {
    saidTraps = traps;
    answer.begin(LINE_ERROR);
    ascii("the core trapped in ");
    counted(traps, " thread");
    ascii("; later events of these threads are counted as lost. Restart traffic_server to count them again");
    return answer.end();
  }
  // At 2, 6, 14, 30, ...
  if (lost / 2 > saidLost) {
    saidLost = lost;
    answer.begin(LINE_WARNING);
    unsigned(lost);
    ascii(" events could not be counted so far; rows may be off by as many");
    return answer.end();
  }
  return answer.say(0);
}

function fullNotice(sites: u32): u32 {
  select(SETTING_SITES);
  answer.begin(LINE_WARNING);
  ascii("the table of ");
  unsigned(sites);
  ascii(" sites is full: new sites are counted as (other), totals stay exact. To see them by name, raise ");
  ascii(name);
  ascii(" and restart traffic_server");
  return answer.end();
}

function hook(text: string, state: u32): void {
  ascii(text);
  ascii(hookName(state));
}
