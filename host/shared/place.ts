// SPDX-License-Identifier: Apache-2.0
//
// The place in the code that a location names, for a reader who sees its owner and its class beside it:
//
//   memory/plugin/foo.so handler (foo.c:88)            foo.so   handler (foo.c:88)
//   memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]      foo.so   ssl/ssl_lib.c:123
//   memory/IOBuffer/HttpSM.cc:6586                     core     HttpSM.cc:6586

import { classes } from "../../format/format.ts";

/** The owner of memory that was allocated while no plugin's code ran. */
export const CORE = "core";

const PREFIXES = [...new Set(Object.values(classes).map(({ prefix }) => prefix))];

/** Empty where the location is the owner and nothing else. */
export function placeOf(location: string, owner: string): string {
  const prefix = PREFIXES.find((text) => location.startsWith(text)) ?? "";
  let place = location.slice(prefix.length);
  const via = ` [via ${owner}]`;
  const at = place.lastIndexOf(via);
  if (at >= 0) place = place.slice(0, at) + place.slice(at + via.length);
  else if (place === owner || (place.startsWith(owner) && " +/".includes(place[owner.length]!))) place = place.slice(owner.length);
  return place.trim();
}

/** Owner and place as one text. */
export function fullPlace(owner: string, place: string): string {
  return [...(owner === CORE && place ? [] : [owner]), ...(place ? [place] : [])].join(" ");
}

/** What rows of one cause have in common: the function, without line or address; of OpenSSL, which allocates in many functions, the owner alone. */
export function causeOf(location: string, owner: string): string {
  if (location.startsWith(classes.openssl.prefix)) return `${owner} ${classes.openssl.title}`;
  return `${owner} ${placeOf(location, owner).replace(/ \([^()]*:\d+\)|(?<=\S)\+0x[\da-f]+/, "")}`;
}
