// SPDX-License-Identifier: Apache-2.0
//
// The four lines that MRTG expects from a program, with two values; and an mrtg.cfg that uses them.
//
//   bytes in use in IOBuffers
//   bytes in use elsewhere
//   for how long they have been counted
//   what they are of
//
// An unknown value is UNKNOWN: MRTG then leaves a gap, where a 0 would be false.

import { holdsMemory, MEMORY_CLASSES, titleOf } from "../../shared/classes.ts";
import { printable } from "../../shared/printable.ts";
import { span } from "../../shared/units.ts";
import { UsageError } from "../errors.ts";
import { matches, type Filter } from "../read/filter.ts";
import type { Sites } from "../read/sites.ts";
import { isUntracked, valueOf, type Snapshot } from "../read/snapshot.ts";

/** The classes of the second value; a title that is a plain word, in the form used within a sentence. */
const ELSEWHERE = MEMORY_CLASSES.filter((cls) => cls !== "iobuffer")
  .map((cls) => titleOf(cls).replace(/^[A-Z][a-z]+$/, (word) => word.toLowerCase()))
  .join(", ");

export function mrtgLines(sites: Sites, dump: Snapshot | undefined, filter: Filter): string {
  if (dump && isUntracked(dump)) dump = undefined;
  let buffers = 0;
  let others = 0;
  for (const site of sites) {
    if (!dump || !holdsMemory(site.class) || !matches(site, filter)) continue;
    if (site.class === "iobuffer") buffers += valueOf(site, dump);
    else others += valueOf(site, dump);
  }
  const armed = Number(dump?.header.get("armed"));
  // MRTG reads unsigned integers.
  const value = (bytes: number): string => (dump ? String(Math.max(0, bytes)) : "UNKNOWN");
  const name = filter.owner ?? filter.site ?? "total";
  return [value(buffers), value(others), armed ? span(armed) : "", printable(`memtrack ${name}`)].join("\n") + "\n";
}

interface ConfigOptions {
  /** Path of traffic.out for MRTG. */
  file: string;
  workDir: string;
  /** Command with which MRTG runs this program. */
  command: string;
  /** Owners with their own graph. */
  owners: string[];
}

/** A configuration file for `mrtg`, with a graph of everything and of each owner. */
export function mrtgConfig({ file, workDir, command, owners }: ConfigOptions): string {
  for (const [what, text] of [
    ["the path of traffic.out", file],
    ["--workdir", workDir],
  ] as const) {
    if (/[^\w./@%+=:,~-]/.test(text)) {
      throw new UsageError(`${what} is "${printable(text)}": in an mrtg.cfg it can have letters, digits and ./@%+=:,~- only`);
    }
  }
  // An owner's name becomes part of a shell command, in single quotes, and of a page.
  const plain = owners.filter((owner) => /^[\w.+#()-]+$/.test(owner));
  const left = owners.length - plain.length;
  const targets = [
    target("memtrack-total", `${command} mrtg ${file} --total`, "all memory"),
    ...plain.map((owner) => target(`memtrack-${name(owner)}`, `${command} mrtg ${file} --owner '${owner}'`, owner)),
  ];
  return `# Made by \`memtrack mrtg --config\`. Runs with: env LANG=C mrtg FILE, each 5 minutes (mrtg's own manual has more).
WorkDir: ${workDir}
${left ? `# Left out: ${left} owners whose names a shell would not take as they are.\n` : ""}
Options[_]: gauge, nopercent, growright
MaxBytes[_]: 1125899906842624
Unscaled[_]: n
kilo[_]: 1024
kMG[_]: ,Ki,Mi,Gi,Ti
YLegend[_]: bytes in use
ShortLegend[_]: B
LegendI[_]: &nbsp;IOBuffers:
LegendO[_]: &nbsp;elsewhere:
Legend1[_]: Bytes in use in IOBuffers
Legend2[_]: Bytes in use elsewhere (${ELSEWHERE})

${targets.join("\n")}`;
}

function target(id: string, call: string, what: string): string {
  return `Target[${id}]: \`${call}\`
Title[${id}]: memtrack: ${what}
PageTop[${id}]: <h1>memtrack: ${what}</h1>
`;
}

/** MRTG allows letters, digits, dots, dashes and underscores in a target's name. */
function name(owner: string): string {
  return owner.replace(/[^\w.-]/g, "_");
}
