// SPDX-License-Identifier: Apache-2.0
//
// The short name of a site, for tables with a column for the class: the owner, then the place.
//
//   memory/plugin/foo.so handler (foo.c:88)          foo.so handler (foo.c:88)
//   memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]    foo.so ssl/ssl_lib.c:123
//   memory/IOBuffer/Cache.cc:2331                    core Cache.cc:2331

import { classes } from "../../../format/format.ts";
import { CLASSES, holdsMemory, titleOf, type ClassName } from "../../shared/classes.ts";

/** What a site's name is made of. */
interface Named {
  owner: string;
  location: string;
  retired?: boolean;
}

const PREFIXES = CLASSES.map((name) => classes[name].prefix);
const VIA = / \[via [^\]]+\]$/;
/** What follows a module's name: a function, an offset, a path, or nothing. */
const BEHIND_OWNER = /^(?:[ +/]|$)/;

export function shortName({ owner, location, retired }: Named): string {
  const prefix = PREFIXES.find((text) => location.startsWith(text)) ?? "";
  const place = location.slice(prefix.length).replace(VIA, "");
  const own = place.startsWith(owner) && BEHIND_OWNER.test(place.slice(owner.length));
  return `${own ? "" : `${owner} `}${place}${retired ? " [retired]" : ""}`;
}

/** The text in the column for the class: of objects, their kind. */
export function classOf({ class: cls, kind }: { class: ClassName; kind: string }): string {
  return holdsMemory(cls) || !kind ? titleOf(cls) : kind;
}
