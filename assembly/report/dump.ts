// SPDX-License-Identifier: Apache-2.0
//
// The text of a dump, from the sums since arming: a table for each class, IOBuffers first; at level 2 the built-in tracker's OpenSSL
// summary; then memtrack's own sections. The tables have the format of the built-in tracker (src/tscore/ink_resource.cc,
// ResourceTracker::dump) byte for byte, so that existing scripts can read them.

import { CLASS_COUNT, CLASS_HEAP, CLASS_OBJECT, FACT_SERVER_HEAP, SITE_FIRST } from "../abi";
import { ARMING, usualBaseline } from "../analysis/baseline";
import { measureParts } from "../analysis/resident";
import { judgeAll } from "../analysis/sample";
import { DASH } from "../base/chars";
import { output, outputEnd, RANKED_MAX } from "../base/memory";
import { Row, Site } from "../base/types";
import { ascii, begin, newline, overflowed, padRight, position, repeat } from "../base/writer";
import {
  CLASS_LEVELS,
  CLASS_SECTIONS,
  CLASS_SUMMARIES,
  LOCATION_WIDTH,
  SECTION_MEMORY,
  SECTION_OBJECTS,
  SECTION_PRE_ARMING,
  SECTION_SUMMARY,
  SERVER_HEAP_TITLE,
} from "../format";
import { isInstalled, level, verifying } from "../model/facts";
import {
  isAnyArmed,
  isArmed,
  isUntracked,
  knownSites,
  preArmingBytes,
  preArmingFrees,
  siteClass,
  untrackedBytes,
  untrackedFrees,
} from "../model/model";
import { orderedAt, sortRows } from "../model/order";
import { alive, allocBytes, allocs, freeBytes, frees, inUse } from "../model/sums";
import { samples } from "../model/timeline";
import { kindOf, ownerOfSite, show } from "../registry/name";
import { isRetired, ownerLength, ownerText } from "../registry/owner";
import { renderAges } from "./ages";
import { renderGrowth, renderOwnersGrowth } from "./growth";
import { renderEnd, renderHeader, renderNotes } from "./header";
import { className, kindName } from "./labels";
import { renderModules } from "./modules";
import { renderOwners } from "./owners";
import { renderReconciliation } from "./reconciliation";
import { renderSearch } from "./search_section";
import { renderShow } from "./show";
import { renderSpans } from "./spans_section";
import { renderStacks } from "./stacks";
import { renderSummary } from "./summary";
import { renderSuspects } from "./suspects";
import * as table from "./table";
import { renderVerify } from "./verify_section";

/** Changed rows in an ordinary dump. A dump that compares with a requested baseline shows all. */
const GROWTH_ROWS: u32 = 20;
/** Sites in the Ages section of an ordinary dump. */
const AGES_ROWS: u32 = 20;
/** Width of the rule that the built-in tracker writes below TOTAL. */
const TOTAL_RULE: i32 = 130;
const UNSELECTED: i32 = -1;

let selected: i32 = UNSELECTED;

/** The next dump shows all rows that changed since this baseline (a number from baselineNamed()). */
export function selectBaseline(slot: u32): void {
  selected = slot <= ARMING ? <i32>slot : UNSELECTED;
}

/** Writes the dump into the output region. Returns its length in bytes, or 0 if it did not fit. */
export function render(): u32 {
  const asked = selected != UNSELECTED;
  const baseline = asked ? <u32>selected : usualBaseline();
  selected = UNSELECTED;
  begin(output, outputEnd);
  const judged = samples && isAnyArmed();
  measureParts();
  if (judged) judgeAll();
  renderHeader();
  renderSummary(baseline);
  renderNotes();
  let rows: u32 = 0;
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    if (level() >= <u32>unchecked(CLASS_LEVELS[cls])) rows += renderClass(cls);
  }
  renderSpans();
  if (level()) renderOwners();
  if (judged) {
    renderGrowth(baseline, asked ? RANKED_MAX : GROWTH_ROWS);
    renderOwnersGrowth(baseline);
    renderSuspects();
    renderSearch();
    renderStacks();
    renderAges(asked ? RANKED_MAX : AGES_ROWS);
    renderReconciliation(baseline);
  }
  renderShow();
  renderPreArming();
  if (verifying()) renderVerify();
  renderModules();
  renderEnd(rows);
  return overflowed() ? 0 : <u32>(position() - output);
}

/** Writes the sections of a class. Returns the number of rows in the first section. */
function renderClass(cls: u32): u32 {
  const title = unchecked(CLASS_SECTIONS[cls]);
  if (title.length && !sortRows(cls)) return 0;
  newline();
  if (title.length) {
    ascii(title);
    if (cls == CLASS_HEAP && isInstalled(FACT_SERVER_HEAP)) ascii(SERVER_HEAP_TITLE);
    newline();
  }
  if (cls == CLASS_OBJECT) return renderObjects();
  const rows = renderMemory(cls);
  const summary = unchecked(CLASS_SUMMARIES[cls]);
  if (summary.length) renderOpensslSums(cls, summary);
  return rows;
}

function renderMemory(cls: u32): u32 {
  table.head(SECTION_MEMORY);
  const count = sortRows(cls);
  let total: i64 = 0;
  for (let i: u32 = 0; i < count; ++i) {
    const row = orderedAt(i);
    const count = alive(row);
    table.row(SECTION_MEMORY);
    table.unsignedCell(allocs(row));
    table.unsignedCell(frees(row));
    table.signedCell(inUse(row));
    table.signedCell(count > 0 ? inUse(row) / count : 0);
    location(row);
    total += inUse(row);
  }
  table.row(SECTION_MEMORY);
  table.noCell();
  table.noCell();
  table.signedCell(total);
  table.textCell("");
  padded("TOTAL");
  repeat(DASH, TOTAL_RULE);
  newline();
  return count;
}

/** The built-in tracker's OpenSSL summary at level 2, whose numbers are always 0 there. Here they are the sums of the class. */
function renderOpensslSums(cls: u32, name: string): void {
  let allocated: u64 = 0;
  let freed: u64 = 0;
  const count = sortRows(cls);
  for (let i: u32 = 0; i < count; ++i) {
    allocated += allocBytes(orderedAt(i));
    freed += freeBytes(orderedAt(i));
  }
  newline();
  table.head(SECTION_SUMMARY);
  table.row(SECTION_SUMMARY);
  table.unsignedCell(allocated);
  table.unsignedCell(freed);
  table.signedCell(<i64>(allocated - freed));
  padded(name);
  table.rule(SECTION_SUMMARY);
}

function renderObjects(): u32 {
  table.head(SECTION_OBJECTS);
  const count = sortRows(CLASS_OBJECT);
  for (let i: u32 = 0; i < count; ++i) {
    const row = orderedAt(i);
    table.row(SECTION_OBJECTS);
    table.unsignedCell(allocs(row));
    table.unsignedCell(frees(row));
    table.signedCell(alive(row));
    table.signedCell(inUse(row));
    table.textCell(kindName(kindOf(row)));
    location(row);
  }
  return count;
}

/** Releases of memory whose allocation was not charged to a site: by class, and by who is known to have freed it. */
function renderPreArming(): void {
  let any = false;
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) if (anyPreArming(cls)) any = true;
  for (let site: Site = SITE_FIRST; site < knownSites(); ++site) if (anyUntracked(site)) any = true;
  if (!any) return;
  table.title(SECTION_PRE_ARMING);
  newline();
  table.head(SECTION_PRE_ARMING);
  for (let cls: u32 = 0; cls < CLASS_COUNT; ++cls) {
    for (let site: Site = SITE_FIRST; site < knownSites(); ++site) {
      if (siteClass(site) != cls || !anyUntracked(site)) continue;
      const owner = ownerOfSite(site);
      beginPreArming(untrackedFrees(site), untrackedBytes(site), cls);
      table.copiedCell(ownerText(owner), ownerLength(owner));
      newline();
    }
    if (!anyPreArming(cls)) continue;
    beginPreArming(preArmingFrees(cls), preArmingBytes(cls), cls);
    table.textCell("-");
    newline();
  }
}

function beginPreArming(frees: u64, bytes: u64, cls: u32): void {
  table.row(SECTION_PRE_ARMING);
  table.unsignedCell(frees);
  table.unsignedCell(bytes);
  table.beginText();
  ascii(className(cls));
  table.endText(SECTION_PRE_ARMING);
}

function anyUntracked(site: Site): bool {
  return isUntracked(site) && isArmed(siteClass(site)) && untrackedFrees(site) != 0;
}

/** Bytes can be nonzero while the count is 0: a large older buffer was released, a small new one allocated. */
function anyPreArming(cls: u32): bool {
  return isArmed(cls) && (preArmingFrees(cls) != 0 || preArmingBytes(cls) != 0);
}

/** Writes the last cell of a row. */
function location(row: Row): void {
  const from = position();
  show(row);
  if (isRetired(ownerOfSite(row))) ascii(" [retired]");
  padRight(from, LOCATION_WIDTH);
  newline();
}

function padded(text: string): void {
  const from = position();
  ascii(text);
  padRight(from, LOCATION_WIDTH);
  newline();
}
