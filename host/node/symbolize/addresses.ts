// SPDX-License-Identifier: Apache-2.0
//
// The addresses in the text of a dump, and their replacement by names:
//
//   memory/plugin/foo.so+0x1a2b [via bar.so]         ->   memory/plugin/foo.so handler (foo.c:88) [via bar.so]
//   memory/plugin/foo.so+0x1a2b (foo.c:88)           ->   memory/plugin/foo.so handler (foo.c:88)
//
//   memory/plugin/foo.so handler+0x1a                ->   memory/plugin/foo.so handler (foo.c:88)
//   memory/plugin/foo.so+0x1a2b calls malloc         ->   memory/plugin/foo.so handler (foo.c:88)
//   memory/core/traffic_server+0x1a2b (below A::b)   ->   memory/core/traffic_server A::c (A.cc:88)
//
// In the second form the plugin itself has said where the call is, and only the function is missing. In the third the function is known.
//
// A call in a stack gets a line more for each function that the one of the call is inlined into:
//
//   |   foo.so+0x1a2b | -                            ->   |   foo.so helper (foo.c:12) [inlined] | -
//                                                         |   foo.so handler (foo.c:88) | -

import { INLINED_SUFFIX } from "../../../format/format.ts";

/** An address in a module, as text. */
export interface Address {
  module: string;
  /** The function from whose beginning the offset is; undefined: it is from that of the module. */
  function: string | undefined;
  /** In hexadecimal, after 0x. */
  offset: string;
  /** "foo.c:88", if the location has it already. */
  place: string | undefined;
}

/** Any module, for those that the dump does not describe. */
const ANY_MODULE = String.raw`[^ /"|]+\.so[^ /"|+]*`;
/** A function's name may have blanks and brackets. It ends before what follows a location. */
const FUNCTION = String.raw`(?: ((?:(?! \[via |: |\.so| \([^ ]+:\d+\))[^|"])+?))?`;
const OFFSET = String.raw`\+0x([0-9a-f]+)(?: \(([^()|]+:\d+)\))?(?![0-9a-zA-Z])`;
/** What follows a location: an owner, the rest of a sentence, the end of a cell or a line. */
const AFTER = String.raw` \[|[:;] | and \d|, \d[\d,.]* | +\|| *\r?$`;
/** What stands before and behind a call in the section of call stacks: it has no numbers, and no kind. */
const BEFORE_CALL = /\| +- \| {3}$/;
const AFTER_CALL = /^ *\| - *\r?\n?$/;
/** What is called there, or what the function was called by: the function and the line tell it better. */
const AROUND = String.raw`(?: (?:calls |\(below )(?:(?!${AFTER})[^|"\n])+)?`;

function pattern(modules: readonly string[]): RegExp {
  const names = modules.toSorted((a, b) => b.length - a.length).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(?<![^ /"])(${[...names, ANY_MODULE].join("|")})${FUNCTION}${OFFSET}${AROUND}`, "gm");
}

function addressOf([, module, name, offset, place]: RegExpMatchArray): Address {
  return { module: module!, function: name, offset: offset!, place };
}

export function addressesIn(text: string, modules: readonly string[]): Address[] {
  return [...text.matchAll(pattern(modules))].map(addressOf);
}

/**
 * @param nameOf the function, with its line if the address has no place; undefined leaves the address
 * @param callersOf the functions that this one is inlined into, with their lines, the innermost first
 */
export function replaceAddresses(
  text: string,
  modules: readonly string[],
  nameOf: (address: Address) => string | undefined,
  callersOf: (address: Address) => readonly string[] = () => [],
): string {
  const addresses = pattern(modules);
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      let result = line;
      for (const match of [...line.matchAll(addresses)].reverse()) {
        const [old] = match;
        const address = addressOf(match);
        const { module, place } = address;
        const name = nameOf(address);
        if (name === undefined) continue;
        const before = result.slice(0, match.index);
        const rest = result.slice(match.index + old.length);
        const isCall = BEFORE_CALL.test(before) && AFTER_CALL.test(rest);
        const names = isCall ? [name, ...callersOf(address)] : [name];
        result = names
          .map((each, level) => {
            const line = level || place === undefined ? "" : ` (${place})`;
            const fresh = `${module} ${each}${line}${level + 1 < names.length ? INLINED_SUFFIX : ""}`;
            return before + fresh + refill(rest, fresh.length - old.length);
          })
          .join("");
      }
      return result;
    })
    .join("");
}

/** Keeps the columns behind a cell in place, as far as the blanks at its end allow. */
function refill(rest: string, longer: number): string {
  const cell = /^([^|]*?)( *)( \| |$)/.exec(rest.replace(/\r?\n$/, ""));
  if (!cell || (!cell[3] && !cell[2])) return rest;
  const [, text = "", blanks = ""] = cell;
  return text + " ".repeat(Math.max(0, blanks.length - longer)) + rest.slice(text.length + blanks.length);
}
