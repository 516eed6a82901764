// SPDX-License-Identifier: Apache-2.0
//
// Replies to plugin messages about the analysis, one line each in the output region.

import { writeBaselines } from "../analysis/baseline";
import { reloadCount } from "../model/reloads";
import { samples } from "../model/timeline";
import { bytes as writeBytes, counted } from "../base/humanize";
import { input, output, outputEnd } from "../base/memory";
import { ascii, begin, copy, position, unsigned } from "../base/writer";

/** Maximum number of bytes shown of an unknown name. */
const NAME_SHOWN: u32 = 64;

/** Writes the state of the analysis; `suspects` is their number in the last sample. Returns the line's length. */
export function writeStatus(level: u32, interval: u64, suspects: u64): u32 {
  begin(output, outputEnd);
  ascii("level ");
  unsigned(level);
  if (interval) {
    ascii(", a sample every ");
    unsigned(interval);
    ascii(" s");
  } else ascii(", sampling is off");
  ascii("; ");
  counted(samples, " sample");
  ascii(" so far, ");
  counted(reloadCount, " configuration reload");
  ascii(", ");
  counted(suspects, " suspect");
  ascii("; baselines: ");
  writeBaselines();
  return <u32>(position() - output);
}

/**
 * Writes the state of the search for references.
 * @param percent of a processor that it may take
 * @param sites watched by the last pass
 * @param passes since the start, of which some were complete
 * @param bytes read by the last pass, in `milliseconds`
 * @returns the line's length
 */
export function writeSearchStatus(percent: u32, sites: u32, passes: u64, complete: u64, bytes: u64, milliseconds: u64): u32 {
  begin(output, outputEnd);
  ascii("search for references: ");
  if (!percent) ascii("off, ");
  counted(sites, " site");
  ascii(" watched, ");
  unsigned(complete);
  ascii(" of ");
  unsigned(passes);
  ascii(" passes so far were complete");
  if (passes) {
    ascii("; the last one read ");
    writeBytes(bytes);
    ascii(" in ");
    unsigned(milliseconds);
    ascii(" ms");
  }
  return <u32>(position() - output);
}

/** Writes that no baseline has the name in the input region, and which baselines exist. Returns the line's length. */
export function denyBaseline(nameLength: u32): u32 {
  begin(output, outputEnd);
  ascii('no baseline is named "');
  copy(input, min(nameLength, NAME_SHOWN));
  ascii('"; baselines: ');
  writeBaselines();
  return <u32>(position() - output);
}
