// SPDX-License-Identifier: Apache-2.0
//
// Names of sites for people. A table shows the class in a column of its own, so a name is the owner and the place in the code:
//
//   location                                         owner    place                 short name
//   memory/plugin/foo.so handler (foo.c:88)          foo.so   handler (foo.c:88)    foo.so handler (foo.c:88)
//   memory/plugin/foo.so+0x1a2b                      foo.so   +0x1a2b               foo.so+0x1a2b
//   memory/core/traffic_server main+0x1a             core     traffic_server main+0x1a   core traffic_server main+0x1a
//   memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]    foo.so   ssl/ssl_lib.c:123     foo.so ssl/ssl_lib.c:123
//   memory/OpenSSL [via foo.so] (several rows)       foo.so   OpenSSL               foo.so OpenSSL
//   memory/IOBuffer/HttpSM.cc:6586                   core     HttpSM.cc:6586        core HttpSM.cc:6586

import { classes, CORE_PREFIX, PLUGIN_PREFIX, type MemoryClass } from "../../format/format.ts";

/** The owner of memory that was allocated while no plugin's code ran. */
export const CORE = "core";

/** What a name is made of. */
interface Named {
  owner: string;
  location: string;
  /** The location may also end in ` [retired]` itself. */
  retired?: boolean;
}

const CLASSES: readonly MemoryClass[] = Object.values(classes);
const PREFIXES: readonly string[] = [CORE_PREFIX, ...CLASSES.map(({ prefix }) => prefix)];
/** What follows a plugin's name: a function, an offset, a path, or nothing. */
const BEHIND_OWNER = /^(?:[ +/]|$)/;

/** Empty if the location is the owner and nothing else. */
export function placeOf(location: string, owner: string): string {
  const prefix = PREFIXES.find((entry) => location.startsWith(entry)) ?? "";
  let place = location.slice(prefix.length);
  const via = ` [via ${owner}]`;
  const at = place.lastIndexOf(via);
  if (at >= 0) place = place.slice(0, at) + place.slice(at + via.length);
  else if (isOwnName(prefix) && place.startsWith(owner) && BEHIND_OWNER.test(place.slice(owner.length))) {
    place = place.slice(owner.length);
  }
  return CLASSES.find((entry) => entry.prefix === `${place}/`)?.title ?? place.trim();
}

/** Whether a location with this prefix begins with the owner: that of a plugin's call does, and an owner's name alone. */
function isOwnName(prefix: string): boolean {
  return prefix === PLUGIN_PREFIX || prefix === "";
}

/** The owner, then the place. */
export function shortName({ owner, location, retired }: Named): string {
  const place = placeOf(location, owner);
  const gap = place && !place.startsWith("+") ? " " : "";
  return `${owner}${gap}${place}${retired ? " [retired]" : ""}`;
}
