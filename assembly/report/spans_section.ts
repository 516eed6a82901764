// SPDX-License-Identifier: Apache-2.0
//
// The section on the address space of mapped memory: for each row of the class the number of its ranges, their bytes, and how many of
// these are resident.

import { CLASS_MAPPED } from "../abi";
import { newline } from "../base/writer";
import { SECTION_SPANS } from "../format";
import { orderedAt, sortRows } from "../model/order";
import { spanAt } from "../model/spans";
import { inUse } from "../model/sums";
import { show } from "../registry/name";
import * as table from "./table";

export function renderSpans(): void {
  const count = sortRows(CLASS_MAPPED);
  let any = false;
  for (let i: u32 = 0; i < count; ++i) {
    const row = orderedAt(i);
    const span = spanAt(row);
    if (!span.count) continue;
    if (!any) begin();
    any = true;
    table.row(SECTION_SPANS);
    table.unsignedCell(span.count);
    table.unsignedCell(span.bytes);
    table.signedCell(inUse(row));
    show(row);
    newline();
  }
}

function begin(): void {
  table.title(SECTION_SPANS);
  newline();
  table.head(SECTION_SPANS);
}
