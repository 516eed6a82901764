// SPDX-License-Identifier: Apache-2.0
//
// Selection of sites by --site and --owner, and the error if nothing matches.

import { shortName } from "../../shared/place.ts";
import { UsageError } from "../errors.ts";
import { CORE, type Site, type Sites } from "./sites.ts";

export interface Filter {
  /** A part of a site's name, as in the file or as in the command's tables. */
  site?: string | undefined;
  owner?: string | undefined;
}

/** Whether the filter selects a site, or anything else with an owner and a location. */
export function matches(site: Pick<Site, "owner" | "location">, filter: Filter): boolean {
  if (filter.owner !== undefined && site.owner !== filter.owner) return false;
  return filter.site === undefined || site.location.includes(filter.site) || shortName(site).includes(filter.site);
}

/** Maximum number of existing owners in the error about an unknown one. */
const NAMED_MAX = 10;

/** The error if a filter matches nothing in all files: a misspelt name would look like a plugin without memory. */
export function mismatch(sites: Sites, filter: Filter): string | undefined {
  const all = [...sites];
  const { owner, site } = filter;
  const owners = new Set([CORE, ...all.map((entry) => entry.owner)]);
  if (owner !== undefined && !owners.has(owner)) {
    const names = [...owners].sort();
    return `no owner "${owner}"; there are: ${names.slice(0, NAMED_MAX).join(", ")}${names.length > NAMED_MAX ? ", ..." : ""}`;
  }
  if (site === undefined || all.some((entry) => matches(entry, filter))) return undefined;
  return `no site${owner === undefined ? "" : ` of ${owner}`} has "${site}" in its location`;
}

/** Same, for a command that needs a match. */
export function requireMatch(sites: Sites, filter: Filter): void {
  const wrong = mismatch(sites, filter);
  if (wrong) throw new UsageError(wrong);
}
