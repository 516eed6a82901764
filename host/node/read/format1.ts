// SPDX-License-Identifier: Apache-2.0
//
// Format 1 of a dump, as memtrack wrote it before format 2: where it is other than format/format.ts says. The text stood last in every
// section, and there was no summary; a reader that finds columns by their heads, and the text among them by its name, needs to know
// neither. What is left are titles.

import { sections } from "../../../format/format.ts";

/** What titles of sections began with, where that was something else. */
export const TITLES_OF_FORMAT_1: Readonly<Partial<Record<keyof typeof sections, string>>> = {
  owners: "Owners: bytes in use by class, objects alive by kind; change is that of the total since the last dump",
  ages: "Ages of what is alive",
  reconciliation: "Reconciliation: what the process's resident memory is made of",
  preArming: "Released since arming, allocated before it or by others: in no row above",
};
