// SPDX-License-Identifier: Apache-2.0
//
// The titles of format 1 that differ from format/format.ts. In format 1 the text was the last column of every section, and dumps had no
// summary; a reader that finds columns and the text column by their heads handles both formats.

import { sections } from "../../../format/format.ts";

/** How titles of sections began, if they differ. */
export const TITLES_OF_FORMAT_1: Readonly<Partial<Record<keyof typeof sections, string>>> = {
  owners: "Owners: bytes in use by class, objects alive by kind; change is that of the total since the last dump",
  ages: "Ages of what is alive",
  reconciliation: "Reconciliation: what the process's resident memory is made of",
  preArming: "Released since arming, allocated before it or by others: in no row above",
};
