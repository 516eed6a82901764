// SPDX-License-Identifier: Apache-2.0
//
// The error if no dump could be read: for each file, what it is and what to do.

import { NoDump, UnreadableDump, type UsageError } from "../errors.ts";
import { TRACK } from "../records.ts";
import { STDIN } from "./input.ts";
import type { Place, Source } from "./streams.ts";

/** @param problems other problems found while the files were read */
export function nothingRead(sources: readonly Source[], problems: readonly string[] = []): UsageError {
  const unread = sources.find(({ place }) => place)?.place;
  if (unread) return new UnreadableDump([...problems, unreadable(unread)].join("; "));
  const make = "to make a dump: traffic_ctl plugin msg memtrack dump, or kill -USR1 <pid of traffic_server>, when";
  const found = sources.map(({ name, sniffer }) => {
    const what = sniffer.found(name);
    return what ? `${shownName(name)} ${what}` : `${shownName(name)} holds no dump: is it the file that memtrack doctor names?`;
  });
  return new NoDump([...problems, ...found, `${make} ${TRACK} is 1 or 2`].join("; "));
}

/** Same, for a file that may continue: a dump whose lines have an unknown prefix. */
export function unreadableIn(sources: readonly Source[]): string | undefined {
  const place = sources.find((source) => source.place?.prefix !== undefined)?.place;
  return place && unreadable(place);
}

/** Same, in addition to dumps that were read. (Such a memtrack dump is a truncated dump.) */
export function unreadableTables(sources: readonly Source[]): string[] {
  return sources.flatMap(({ place }) => (place?.table && place.prefix !== undefined ? [unreadable(place)] : []));
}

/** Position of text that is clearly a dump, and how to get it in a readable form. */
function unreadable({ file, line, prefix }: Place): string {
  const at = `${shownName(file)} line ${line}`;
  return prefix === undefined
    ? `${at}: a dump begins here, and none of its rows can be read: its end is cut off, or each line holds more than the server ` +
        "wrote. Make another dump, or read the journal by journalctl -o cat"
    : `${at}: a dump begins behind "${short(prefix)}", which its next lines do not have: take off what stands before the server's ` +
        "text (journalctl -o cat, docker logs and kubectl logs write nothing before it)";
}

/** A file's name in a sentence. */
export function shownName(name: string): string {
  return name === STDIN ? "standard input" : name;
}

const SHOWN_MAX = 60;

function short(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}
