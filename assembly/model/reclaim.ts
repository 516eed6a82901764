// SPDX-License-Identifier: Apache-2.0
//
// Reclaims the numbers of sites whose module is unloaded. A proxy that reloads its plugins for months would otherwise fill any
// table. A number can be reassigned when nothing can occur under its key any more: its owner is retired, all of its memory was
// released, so no block's tag contains the number, and no code remains that could allocate there. The totals of that moment become
// the new baseline, so the next site with this number begins at 0, although the shards' counters continue.
//
// A shard cannot be told to forget a key, so these numbers are kept:
//
// - Sites whose key does not name their own owner (a thread of the plugin, a call from another plugin): the next module loaded at
//   the address would have the same key. The registry marks such sites (name.ts).
// - IOBuffer sites while a buffer of the owner is alive, or while any memory is older than the arming: IOBuffers are released by
//   their location, and the server allocates for a buffer for as long as it exists.
// - IOBuffer sites in verify mode (verify.ts): the built-in tracker never removes its rows.

import { CLASS_IOBUFFER, CLASS_OBJECT, KIND_IOBUFFER, SITE_FIRST } from "../abi";
import { Site } from "../base/types";
import { classOfName, isPinned, kindOf, lengthOf, ownerOfSite } from "../registry/name";
import { isRetiredSince } from "../registry/owner";
import { verifying } from "./facts";
import { blindForget, findingsForget } from "./findings";
import { historyForget } from "./history";
import { begunVersion, isBalanced, knownSites, markSite } from "./model";
import { verifyForget } from "./verify";

/**
 * Returns the next site after `site` whose number can be reassigned, or 0. The host returns the number to the registry (freeSite)
 * before it makes new sums. Requires consistent sums, and names updated after them. Considers only modules that were gone when the
 * sums were begun. A host that also updates names before start() therefore need not wait for another dump.
 */
export function reclaim(site: Site): u32 {
  for (let at = site < SITE_FIRST ? SITE_FIRST : site + 1; at < knownSites(); ++at) {
    if (!canBeGiven(at)) continue;
    markSite(at);
    verifyForget(at);
    historyForget(at);
    findingsForget(at);
    blindForget(at);
    return at;
  }
  return 0;
}

function canBeGiven(site: Site): bool {
  if (!lengthOf(site) || !isRetiredSince(ownerOfSite(site), begunVersion()) || isPinned(site) || !isBalanced(site)) return false;
  return classOfName(site) != CLASS_IOBUFFER || (!verifying() && !hasBuffers(ownerOfSite(site)));
}

/** Whether a buffer of an owner is alive. */
function hasBuffers(owner: u32): bool {
  for (let site = SITE_FIRST; site < knownSites(); ++site) {
    if (!lengthOf(site) || ownerOfSite(site) != owner || classOfName(site) != CLASS_OBJECT) continue;
    if (kindOf(site) == KIND_IOBUFFER && !isBalanced(site)) return true;
  }
  return false;
}
