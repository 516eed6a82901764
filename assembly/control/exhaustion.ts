// SPDX-License-Identifier: Apache-2.0
//
// Lines about exhausted limits of the host, each reported once: how accounting continues, and what is no longer reported.

import {
  LIMIT_COUNT,
  LIMIT_FILES,
  LIMIT_FREELISTS,
  LIMIT_GENERATIONS,
  LIMIT_LOCATIONS,
  LIMIT_MODULES,
  LIMIT_OWNERS,
  LIMIT_RANGES,
  LIMIT_READERS,
  LIMIT_REGIONS,
  LIMIT_SHARDS,
  LIMIT_SLOTS,
  LIMIT_STACKS,
  LIMIT_STARTS,
  LIMIT_THUNKS,
  LIMIT_UNLOADED,
  LINE_WARNING,
} from "../abi";
import * as answer from "../base/answer";
import { ascii } from "../base/writer";
import { limitName } from "../report/labels";

/** A bit for each limit reported so far. */
let said: u32 = 0;

export function exhaustionReset(): void {
  said = 0;
}

/**
 * Returns the length of the line about a limit if it has refused something and has not been reported; otherwise 0.
 * @param limit LIMIT_...
 * @param times number of refusals so far
 */
export function exhaustionNotice(limit: u32, times: u64): u32 {
  if (limit >= LIMIT_COUNT || !times || said & (1 << limit)) return answer.say(0);
  said |= 1 << limit;
  answer.begin(LINE_WARNING);
  ascii("limit ");
  ascii(limitName(limit));
  ascii(" reached: ");
  ascii(consequence(limit));
  return answer.end();
}

function consequence(limit: u32): string {
  switch (limit) {
    case LIMIT_THUNKS:
      return "further plugin functions run without an owner: OpenSSL memory that they allocate is counted for core, and memory that libraries allocate for them is not counted";
    case LIMIT_MODULES:
      return "calls of further plugins and libraries are not tracked";
    case LIMIT_GENERATIONS:
      return "further plugins that are reloaded, or also loaded by remap.config, keep the name of their first load";
    case LIMIT_LOCATIONS:
      return "further IOBuffers of plugins are counted under the server's own lines";
    case LIMIT_OWNERS:
      return "further plugins are counted as (other plugins)";
    case LIMIT_SLOTS:
      return "some calls of a module are not tracked";
    case LIMIT_SHARDS:
      return "further threads share one table, which is slower; nothing is lost";
    case LIMIT_READERS:
      return "some TSIOBufferReaders stay counted after their buffer is destroyed";
    case LIMIT_FILES:
      return "further modules have no row in the section Modules";
    case LIMIT_FREELISTS:
      return "further freelists of the server are counted in memory/freelist/(other)";
    case LIMIT_RANGES:
      return "further memory that plugins map is not counted";
    case LIMIT_STARTS:
      return "stacks of some plugins' threads are not counted: too many threads were created at once";
    case LIMIT_REGIONS:
      return "the process has more mappings than the search for references reads: it finds nothing";
    case LIMIT_STACKS:
      return "some call stacks of sampled allocations are not in dumps: there are too many different ones";
    case LIMIT_UNLOADED:
      return "some sites of unloaded plugins have no function and line: too many plugins were unloaded at once";
    default:
      return "the symbols of a plugin could not be read, so some of its sites have no function and line, or some of its calls are not tracked; raise the limit of open files";
  }
}
