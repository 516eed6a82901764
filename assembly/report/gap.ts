// SPDX-License-Identifier: Apache-2.0
//
// Why the search for references proves nothing, and the way out.

import { GAP_HUGE, GAP_MAPS, GAP_NONE, GAP_REGIONS, GAP_START, GAP_SWAP, GAP_TABLES, GAP_TRAP, GAP_UNREAD } from "../abi";
import { output, outputEnd } from "../base/memory";
import { ascii, begin, position } from "../base/writer";
import { lastingGap, noteGap } from "../model/gaps";

/** Gaps that were said, a bit for each. The host itself says the first, with the error, and the last, with the kind of trap. */
let said: u32 = (1 << GAP_START) | (1 << GAP_TRAP);

/** Takes the gap of a pass. Returns the length of a line for the log, or 0. */
export function gapNotice(gap: u32): u32 {
  noteGap(gap);
  const lasting = lastingGap();
  if (lasting == GAP_NONE || said & (1 << lasting)) return 0;
  said |= 1 << lasting;
  begin(output, outputEnd);
  writeGap();
  return <u32>(position() - output);
}

/** Writes why the search proves nothing; nothing if it does. */
export function writeGap(): void {
  const gap = lastingGap();
  if (gap == GAP_NONE) return;
  ascii("the search for references proves nothing: ");
  ascii(reason(gap));
}

function reason(gap: u32): string {
  switch (gap) {
    case GAP_START:
      return "there is no memory or no thread for it, which is tried again";
    case GAP_MAPS:
      return "/proc/self/maps cannot be read; traffic_server needs /proc, and file descriptors";
    case GAP_REGIONS:
      return "the process has too many mappings";
    case GAP_HUGE:
      return "the process has a readable mapping of more than 1 TiB";
    case GAP_UNREAD:
      return "memory that is mapped cannot be read; traffic_server needs process_vm_writev, pipe2 or /proc/self/mem";
    case GAP_TABLES:
      return "objects or mappings of plugins change too fast";
    case GAP_SWAP:
      return "pages of the process go to the swap, or come from it, all the time";
  }
  return "the core has trapped; it ends until traffic_server is restarted";
}
