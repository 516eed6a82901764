// SPDX-License-Identifier: Apache-2.0
//
// The section of the suspects, the most urgent first (urgency.ts). Each suspect has a line of evidence, which begins with its location
// and a colon. If several rows have the same cause (cause.ts), this line contains their sum, and each row has a line below it.
//
//   48234496 | 720  | 3024000 | memory/plugin/foo.so handler (2 rows): +46.0 MiB/h for 12 min; memory limit in about 35 days
//   48234496 | 720  | 3024000 |   - memory/plugin/foo.so handler (foo.c:88): +46.0 MiB/h for 12 min, ...
//       1260 | 700  |       - |   - memory/plugin/foo.so handler (foo.c:87): +1,260 objects/h for 11 min, ...

import { OWNER_CORE, PROOF_BLIND, PROOF_HELD, PROOF_LOST } from "../abi";
import { acceptedRate, isAccepted, isChanged } from "../analysis/accepted";
import { isLowerBound, oldBytes, reportedAge } from "../analysis/age";
import { functionLength, isOneCause } from "../analysis/cause";
import { holderOf, NO_HOLDER } from "../analysis/holder";
import { proofOf } from "../analysis/proof";
import { ranked, rankedCount } from "../analysis/ranking";
import { growthPerReload, isReloadLeak, reloadsOf } from "../analysis/reloads";
import {
  allocs,
  areObjects,
  frees,
  inObjects,
  inUse,
  isObjects,
  isOfFreelist,
  isRemainder,
  writeSeries,
  writeSeriesInSentence,
} from "../analysis/series";
import { rankSuspects, rateOf, rowsOfSuspect, secondsLeft, secondsUntilFull } from "../analysis/urgency";
import { growingFor, grownBy } from "../analysis/verdict";
import { SPACE } from "../base/chars";
import { approxDuration, bytes, counted, duration, grouped } from "../base/humanize";
import { percent } from "../base/muldiv";
import { Series } from "../base/types";
import { ascii, byte, copy, newline, unsigned } from "../base/writer";
import { CLASS_PREFIXES, SECTION_SUSPECTS } from "../format";
import { blocksOf, holderLength, lostEstimateOf, lostOf, oldOf, passesOf } from "../model/findings";
import { siteClass } from "../model/model";
import { transactionsWithin } from "../model/timeline";
import { lengthOf, ownerOfSite, show, textOf } from "../registry/name";
import { ownerLength, ownerText } from "../registry/owner";
import { writePerReload } from "./reload_evidence";
import { writeChain } from "./search_section";
import * as table from "./table";

export function renderSuspects(): void {
  const n = rankSuspects();
  table.title(SECTION_SUSPECTS);
  byte(SPACE);
  unsigned(n);
  ascii(" with unexplained growth\n");
  table.head(SECTION_SUSPECTS);
  for (let at: u32 = 0; at < rankedCount(); at += rowsOfSuspect(at)) {
    const rows = rowsOfSuspect(at);
    cells(suspectRate(at), suspectTime(at), countsObjects(at));
    writeSuspect(at);
    newline();
    for (let i: u32 = 0; rows > 1 && i < rows; ++i) {
      const series = ranked(at + i);
      cells(rateOf(series), growingFor(series), isObjects(series));
      ascii("  - ");
      writeEvidence(series);
      newline();
    }
  }
}

function cells(rate: i64, seconds: u64, objects: bool): void {
  table.row(SECTION_SUSPECTS);
  table.unsignedCell(<u64>max<i64>(rate, 0));
  table.unsignedCell(seconds);
  const left = objects ? -1 : secondsUntilFull(rate);
  if (left < 0) table.unknownCell();
  else table.unsignedCell(<u64>left);
}

/** Evidence for the suspect at a position of the ranking: of its only row, or of all its rows together. */
export function writeSuspect(at: u32): void {
  if (rowsOfSuspect(at) == 1) return writeEvidence(ranked(at));
  writeCause(ranked(at));
  ascii(" (");
  unsigned(rowsOfSuspect(at));
  ascii(" rows): ");
  writeSuspectRate(at);
  ascii(suspectReloads(at) ? " in " : " for ");
  duration(suspectTime(at));
  const left = countsObjects(at) ? -1 : secondsUntilFull(suspectRate(at));
  if (left >= 0) writeLimit(<u64>left);
}

/** `+46.0 MiB/h`; `+351 bytes a reload, 8 reloads`. */
export function writeSuspectRate(at: u32): void {
  if (suspectReloads(at)) return writePerReload(suspectPerReload(at), suspectReloads(at), countsObjects(at));
  writeRate(suspectRate(at), countsObjects(at));
}

/** Bytes per hour of all rows of a suspect; objects per hour if none of its rows counts bytes. */
export function suspectRate(at: u32): i64 {
  const objects = countsObjects(at);
  let sum: i64 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    const series = ranked(at + i);
    if (isObjects(series) == objects) sum += max<i64>(rateOf(series), 0);
  }
  return sum;
}

export function countsObjects(at: u32): bool {
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) if (!isObjects(ranked(at + i))) return false;
  return true;
}

/** Most reloads at which a row of a suspect grew; 0 if one of the rows that count does not grow per reload. */
function suspectReloads(at: u32): u32 {
  const objects = countsObjects(at);
  let most: u32 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    const series = ranked(at + i);
    if (isObjects(series) != objects) continue;
    if (!isReloadLeak(series)) return 0;
    most = max(most, reloadsOf(series));
  }
  return most;
}

function suspectPerReload(at: u32): u64 {
  const objects = countsObjects(at);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) {
    if (isObjects(ranked(at + i)) == objects) sum += growthPerReload(ranked(at + i));
  }
  return sum;
}

/** By how much the suspect has grown in that time: bytes, or objects if none of its rows counts bytes. */
export function suspectGrowth(at: u32): u64 {
  const objects = countsObjects(at);
  let sum: u64 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) if (isObjects(ranked(at + i)) == objects) sum += grownBy(ranked(at + i));
  return sum;
}

/** Seconds since the first row of the suspect began to grow. */
export function suspectTime(at: u32): u64 {
  let longest: u32 = 0;
  for (let i: u32 = 0; i < rowsOfSuspect(at); ++i) longest = max(longest, growingFor(ranked(at + i)));
  return longest;
}

/** The common part of the names of a suspect's rows, given one of them. */
function writeCause(row: Series): void {
  if (!isOneCause(row) && functionLength(row) == lengthOf(row)) return show(row);
  if (!isOneCause(row)) return copy(textOf(row), functionLength(row));
  const prefix = unchecked(CLASS_PREFIXES[siteClass(row)]);
  for (let i = 0; i + 1 < prefix.length; ++i) byte(prefix.charCodeAt(i)); // without its slash
  if (ownerOfSite(row) == OWNER_CORE) return;
  ascii(" [via ");
  copy(ownerText(ownerOfSite(row)), ownerLength(ownerOfSite(row)));
  ascii("]");
}

/** Evidence for one row, or one owner, or the remainder. */
function writeEvidence(series: Series): void {
  writeSeriesInSentence(series);
  ascii(": ");
  writeGrowth(series);
}

/** The evidence without the name. */
export function writeGrowth(series: Series): void {
  const rate = rateOf(series);
  if (isReloadLeak(series)) writePerReload(growthPerReload(series), reloadsOf(series), isObjects(series));
  else writeRate(rate, isObjects(series));
  ascii(isReloadLeak(series) ? " in " : " for ");
  duration(growingFor(series));
  const used = inUse(series);
  const part = oldBytes(series);
  if (used && part) {
    ascii(isLowerBound(series) ? ", at least " : ", ");
    unsigned(percent(part, used));
    ascii(isObjects(series) ? " % of them older than " : " % of its bytes older than ");
    duration(reportedAge());
  }
  ascii(", ");
  writeEvents(series);
  const requests = transactionsWithin(growingFor(series));
  const each = requests && !isReloadLeak(series) ? perThousand(grownBy(series), requests) : 0;
  if (each) {
    ascii(", ");
    counted(each, isObjects(series) ? " object" : " byte");
    ascii(" per 1,000 transactions");
  }
  writeProof(series);
  writeAcceptance(series);
  const left = secondsLeft(series, rate);
  if (left >= 0) writeLimit(<u64>left);
}

/**
 * `, at least 1,200 of 1,310 blocks lost (61 of 64 watched long enough, in 25 passes)`; `, held by foo.so table (.bss)`; `, search blind`,
 * where a block that seemed lost was not.
 */
function writeProof(series: Series): void {
  const proof = proofOf(series);
  if (proof == PROOF_BLIND) return ascii(", search blind");
  if (proof == PROOF_HELD && holderLength(series)) {
    ascii(", ");
    return writeChain(series);
  }
  if (proof != PROOF_LOST || !lostEstimateOf(series)) return;
  ascii(", at least ");
  grouped(lostEstimateOf(series));
  ascii(" of ");
  counted(blocksOf(series), " block");
  ascii(" lost (");
  unsigned(lostOf(series));
  ascii(" of ");
  unsigned(oldOf(series));
  ascii(" watched long enough, in ");
  unsigned(passesOf(series));
  ascii(" passes)");
}

/** `, accepted at +1.2 MiB/h`; where the growth has changed since, `, changed since it was accepted at +1.2 MiB/h`. */
function writeAcceptance(series: Series): void {
  if (isChanged(series)) ascii(", changed since it was accepted at ");
  else if (isAccepted(series)) ascii(", accepted at ");
  else return;
  writeIncrease(acceptedRate(series), isObjects(series));
  ascii(isReloadLeak(series) ? " a reload" : "/h");
}

/** `12,000 allocated, 3 freed`; of a freelist, whose events are not known, `11,997 in use`; of the remainder `in no row`. */
function writeEvents(series: Series): void {
  if (isRemainder(series)) return ascii("in no row");
  if (isOfFreelist(series)) {
    grouped(inObjects(series));
    ascii(" in use");
    return writeHolder(series);
  }
  grouped(allocs(series));
  ascii(areObjects(series) ? " created, " : " allocated, ");
  grouped(frees(series));
  ascii(areObjects(series) ? " destroyed" : " freed");
}

/** Who holds what a freelist has in use, if that is known: `, 40 held by memory/plugin/foo.so handler (foo.c:12)`. */
function writeHolder(series: Series): void {
  const holder = holderOf(series);
  if (holder == NO_HOLDER) return;
  ascii(", ");
  grouped(inObjects(holder));
  ascii(" held by ");
  writeSeries(holder);
}

function writeRate(rate: i64, objects: bool): void {
  writeIncrease(<u64>max<i64>(rate, 0), objects);
  ascii("/h");
}

/** `+1.2 MiB`, `+3 objects`. */
export function writeIncrease(amount: u64, objects: bool): void {
  ascii("+");
  if (objects) counted(amount, " object");
  else bytes(amount);
}

/** `; memory limit in about 35 days`: by this growth alone. */
export function writeLimit(seconds: u64): void {
  ascii("; memory limit in about ");
  approxDuration(seconds);
}

/** Rounded to the nearest. */
function perThousand(grown: u64, requests: u64): u64 {
  return grown > u64.MAX_VALUE / 1024 ? (grown / requests) * 1000 : (grown * 1000 + requests / 2) / requests;
}
