// SPDX-License-Identifier: Apache-2.0
//
// The call graph of memtrack.so from its machine code: calls, jumps, and functions whose address is taken (they count as called by
// the function that takes it). It does not contain calls through pointers in data: the plugin API (server/api.h) and the original
// operators.

import { execFileSync } from "node:child_process";

/** A function of another module, by name; or of this module, by address. */
type Target = string | number;

export interface CallGraph {
  /** Names by address, without the compiler's suffixes for parts of a function (.cold, .isra.0). */
  names: ReadonlyMap<number, string>;
  /** "caller -> callee" for each function of another module reachable from these functions, by name. */
  reachedFrom(roots: Iterable<string>): { own: Set<string>; foreign: Set<string> };
}

export function callGraph(path: string): CallGraph {
  const names = new Map<number, string>();
  const targets = new Map<number, Target[]>();
  let inside: Target[] = [];
  const code = execFileSync("objdump", ["-d", "--no-show-raw-insn", path], { encoding: "utf8", maxBuffer: 1 << 28 });
  for (const line of code.split("\n")) {
    const [, start, name] = /^([0-9a-f]+) <(.+)>:$/.exec(line) ?? [];
    if (start) {
      names.set(parseInt(start, 16), name!.replace(/\.(cold|part|isra|constprop|localalias)\b.*$/, ""));
      targets.set(parseInt(start, 16), (inside = []));
      continue;
    }
    const [, address, symbol] = /\t(?:call|j\w+|lea) .*?([0-9a-f]+) <([^>]+)>$/.exec(line) ?? [];
    if (address) inside.push(/^(\w+)(?:@[\w.]+)?@plt$/.exec(symbol!)?.[1] ?? parseInt(address, 16));
  }
  const starts = [...names.keys()].sort((a, b) => a - b);
  const functionAt = (address: number): number | undefined => starts.findLast((start) => start <= address);
  const edges = new Map<number, Target[]>();
  const edgesOf = (from: number): Target[] => {
    let known = edges.get(from);
    if (!known) {
      known = targets.get(from)!.flatMap((to) => (typeof to === "string" ? to : (functionAt(to) ?? [])));
      edges.set(from, (known = [...new Set(known)]));
    }
    return known;
  };
  return {
    names,
    reachedFrom(roots) {
      const wanted = new Set(roots);
      const open = starts.filter((start) => wanted.has(names.get(start)!));
      const seen = new Set(open);
      const foreign = new Set<string>();
      for (let from; (from = open.pop()) !== undefined;) {
        for (const to of edgesOf(from)) {
          if (typeof to === "string") foreign.add(`${names.get(from)} -> ${to}`);
          else if (!seen.has(to)) open.push((seen.add(to), to));
        }
      }
      return { own: new Set([...seen].map((start) => names.get(start)!)), foreign };
    },
  };
}
