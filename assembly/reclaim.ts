// SPDX-License-Identifier: Apache-2.0
//
// Numbers of sites whose module is gone. A proxy that reloads its plugins for months would fill any table, so the number of a site is
// given again once its owner is retired and everything that the site allocated was released. Then no block's tag holds the number any
// more, and no code is left that could allocate there: the totals of that moment are the new baseline, and the next site with this
// number begins at 0, though the shards' counters run on.

import { SITE_FIRST } from "./abi";
import { isBalanced, knownSites, markSite } from "./model";
import { lengthOf, ownerOfSite } from "./name";
import { isRetired } from "./owner";

/**
 * The next site after `site` whose number can be given again, or 0. The host gives it back to the registry (freeSite). Of the
 * totals of one moment, names being adopted; the retired modules must have been unloaded before the first of them was read.
 */
export function reclaim(site: u32): u32 {
  for (let at = site < SITE_FIRST ? SITE_FIRST : site + 1; at < knownSites(); ++at) {
    if (!lengthOf(at) || !isRetired(ownerOfSite(at)) || !isBalanced(at)) continue;
    markSite(at);
    return at;
  }
  return 0;
}
