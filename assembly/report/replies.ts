// SPDX-License-Identifier: Apache-2.0
//
// What plugin messages about the analysis are answered with, a line each in the output region.

import { writeBaselines } from "../analysis/baseline";
import { samples } from "../model/timeline";
import { counted } from "../base/humanize";
import { input, output, outputEnd } from "../base/memory";
import { ascii, begin, copy, position, unsigned } from "../base/writer";

/** Bytes of a name that is not known that are shown. */
const NAME_SHOWN: u32 = 64;

/** How the analysis stands; `suspects` are those of the last sample. Returns the line's length. */
export function writeStatus(level: u32, interval: u64, suspects: u64): u32 {
  begin(output, outputEnd);
  ascii("level ");
  unsigned(level);
  ascii(", a sample each ");
  unsigned(interval);
  ascii(" s, ");
  unsigned(samples);
  ascii(" samples so far, ");
  counted(suspects, " suspect");
  ascii("; baselines: ");
  writeBaselines();
  return <u32>(position() - output);
}

/** There is no baseline of the name in the input region, but others. Returns the line's length. */
export function denyBaseline(nameLength: u32): u32 {
  begin(output, outputEnd);
  ascii('there is no baseline "');
  copy(input, min(nameLength, NAME_SHOWN));
  ascii('"; there are: ');
  writeBaselines();
  return <u32>(position() - output);
}
