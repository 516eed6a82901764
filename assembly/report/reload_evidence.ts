// SPDX-License-Identifier: Apache-2.0
//
// Words about a growth per configuration reload.

import { reloadsMissing } from "../analysis/reloads";
import { bytes, counted } from "../base/humanize";
import { Series } from "../base/types";
import { ascii } from "../base/writer";

/** From here on a binary unit says enough. */
const EXACT_MAX: u64 = 10000;

/** `+351 bytes a reload, 8 reloads`. */
export function writePerReload(amount: u64, reloads: u32, objects: bool): void {
  ascii("+");
  if (objects) counted(amount, " object");
  else if (amount < EXACT_MAX) counted(amount, " byte");
  else bytes(amount);
  ascii(" a reload, ");
  counted(reloads, " reload");
}

/** `; verdict after 5 more reloads at the earliest`. */
export function writeReloadsMissing(series: Series): void {
  ascii("; verdict after ");
  counted(reloadsMissing(series), " more reload");
  ascii(" at the earliest");
}
