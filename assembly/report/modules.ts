// SPDX-License-Identifier: Apache-2.0
//
// The Modules section: build id and file of the server, of each plugin that owns a row, and of each library in the location of a row.

import { FILES_MAX, OWNER_CORE, OWNER_NONE } from "../abi";
import { PLUS, SPACE } from "../base/chars";
import * as reader from "../base/reader";
import { Row, Site } from "../base/types";
import { byte, copy, newline } from "../base/writer";
import { CORE_PREFIX, PLUGIN_PREFIX, SECTION_MODULES } from "../format";
import { isRow, knownSites } from "../model/model";
import { allocs, frees } from "../model/sums";
import { fileAt, idOf, ModuleFile, nameOf, pathOf } from "../registry/module_file";
import { lengthOf, ownerOfSite, textOf } from "../registry/name";
import { ownerKey } from "../registry/owner";
import * as table from "./table";

export function renderModules(): void {
  for (let i: u32 = 0; i < FILES_MAX; ++i) fileAt(i).named = 0;
  for (let row: Row = 0; row < knownSites(); ++row) if (isRow(row) && (allocs(row) || frees(row))) markNamed(row);
  let any = false;
  for (let i: u32 = 0; i < FILES_MAX; ++i) {
    if (!fileAt(i).named) continue;
    if (!any) begin();
    any = true;
    line(fileAt(i));
  }
}

/** Marks the modules that a row names: its owner, the library in its location, and always the server. */
function markNamed(row: Site): void {
  const owner = ownerKey(ownerOfSite(row));
  for (let i: u32 = 0; i < FILES_MAX; ++i) {
    const file = fileAt(i);
    if (!file.nameLength || file.named) continue;
    const isOwner = file.owner == owner || file.owner == OWNER_CORE;
    if (isOwner || (file.owner == OWNER_NONE && isAt(file, row))) file.named = 1;
  }
}

/** Whether a row's location is in a module: "memory/plugin/" or "memory/core/", the module's name, then "+0x1a2b", " function" or nothing. */
function isAt(file: ModuleFile, row: Site): bool {
  const text = textOf(row);
  const prefix = ownerOfSite(row) == OWNER_CORE ? CORE_PREFIX : PLUGIN_PREFIX;
  const end = <u32>prefix.length + file.nameLength;
  if (lengthOf(row) < end || !reader.begins(text, lengthOf(row), prefix)) return false;
  if (memory.compare(text + prefix.length, nameOf(file), file.nameLength) != 0) return false;
  if (lengthOf(row) == end) return true;
  const next = <u32>load<u8>(text + end);
  return next == PLUS || next == SPACE;
}

function begin(): void {
  table.title(SECTION_MODULES);
  newline();
  table.head(SECTION_MODULES);
}

function line(file: ModuleFile): void {
  table.row(SECTION_MODULES);
  if (file.idLength) table.copiedCell(idOf(file), file.idLength);
  else table.textCell("-");
  copy(nameOf(file), file.nameLength);
  byte(SPACE);
  copy(pathOf(file), file.pathLength);
  newline();
}
