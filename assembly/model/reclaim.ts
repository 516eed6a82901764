// SPDX-License-Identifier: Apache-2.0
//
// Numbers of sites whose module is gone. A proxy that reloads its plugins for months would fill any table, so the number of a site
// is given again when nothing can come under its key any more: its owner is retired, everything it allocated was released, so no
// block's tag holds the number, and no code is left that could allocate there. The totals of that moment are the new baseline, and
// the next site with this number begins at 0, though the shards' counters run on.
//
// A shard cannot be told to forget a key, so in doubt a number is not given:
//
// - A key that does not name the site's own owner (a thread of the plugin's own, a call from another plugin) is that of whatever
//   module lies at the address next. The registry marks such sites (name.ts).
// - IOBuffers are released by their location, and the server allocates for a buffer as long as that one lives. So none of the
//   owner's buffers may be alive, and nothing may be older than the arming.
// - The built-in tracker keeps its rows for ever. While it counts beside (verify.ts), IOBuffers' sites stay.

import { CLASS_IOBUFFER, CLASS_OBJECT, KIND_IOBUFFER, SITE_FIRST } from "../abi";
import { Site } from "../base/types";
import { classOfName, isPinned, kindOf, lengthOf, ownerOfSite } from "../registry/name";
import { isRetiredSince } from "../registry/owner";
import { verifying } from "./facts";
import { historyForget } from "./history";
import { begunVersion, isBalanced, knownSites, markSite } from "./model";
import { verifyForget } from "./verify";

/**
 * The next site after `site` whose number can be given again, or 0. The host gives it back to the registry (freeSite) before it
 * makes other sums. Of the sums of one moment, the names having been updated after them; only of modules that were known to be gone
 * when they were begun, so a host that updates names before start() as well has to wait for no further dump.
 */
export function reclaim(site: Site): u32 {
  for (let at = site < SITE_FIRST ? SITE_FIRST : site + 1; at < knownSites(); ++at) {
    if (!canBeGiven(at)) continue;
    markSite(at);
    verifyForget(at);
    historyForget(at);
    return at;
  }
  return 0;
}

function canBeGiven(site: Site): bool {
  if (!lengthOf(site) || !isRetiredSince(ownerOfSite(site), begunVersion()) || isPinned(site) || !isBalanced(site)) return false;
  return classOfName(site) != CLASS_IOBUFFER || (!verifying() && !hasBuffers(ownerOfSite(site)));
}

/** Whether a buffer of an owner's is alive. */
function hasBuffers(owner: u32): bool {
  for (let site = SITE_FIRST; site < knownSites(); ++site) {
    if (!lengthOf(site) || ownerOfSite(site) != owner || classOfName(site) != CLASS_OBJECT) continue;
    if (kindOf(site) == KIND_IOBUFFER && !isBalanced(site)) return true;
  }
  return false;
}
