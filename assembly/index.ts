// SPDX-License-Identifier: Apache-2.0
//
// Exports of the core. The core imports nothing: it calls no server, starts no thread, and reads no file and no clock. The host
// passes all input. Addresses of the host are u64 names and are never followed; every other address is an offset into the
// instance's memory.

import { CLASS_COUNT, CLASS_FREELIST, ROLE_CONTROL, ROLE_MODEL, ROLE_SEARCH, SITE_FIRST } from "./abi";
import * as analysis from "./analysis/sample";
import { sampledReset } from "./analysis/sampled";
import * as memory_ from "./base/memory";
import { acceptReset } from "./control/accept";
import { dumpReasonReset } from "./control/dump_reason";
import { exhaustionReset } from "./control/exhaustion";
import { noticesReset } from "./control/notices";
import { outputReset } from "./control/output";
import { recordsReset } from "./control/records";
import { scheduleReset } from "./control/schedule";
import { Site } from "./base/types";
import { freelistsForget, freelistsReset, settleFreelists } from "./model/freelists";
import * as model from "./model/model";
import { stacksReset } from "./model/stacks";
import * as registry from "./registry/registry";
import * as owners from "./report/owners";
import { showReset } from "./report/show";
import { warningReset } from "./report/warning";
import * as shard from "./shard/shard";
import { classOf, siteAt } from "./shard/site";

/**
 * Lays out this instance as a shard, a registry, a model, a control or a search instance (memory.ts). Returns 0, or -1 (out of range, or no
 * memory).
 */
export function init(role: u32, sites: u32): i32 {
  if (role == ROLE_CONTROL) return initControl();
  if (role == ROLE_SEARCH) return memory_.initSearch();
  if (memory_.init(role, sites)) return -1;
  shard.reset();
  registry.reset(role);
  model.reset(role);
  owners.reset();
  if (role == ROLE_MODEL) {
    analysis.analysisReset();
    warningReset();
    showReset();
    freelistsReset();
    sampledReset();
    stacksReset();
  }
  return 0;
}

function initControl(): i32 {
  recordsReset();
  acceptReset();
  noticesReset();
  outputReset();
  exhaustionReset();
  scheduleReset();
  dumpReasonReset();
  return memory_.initControl();
}

/** Clears all histories, verdicts, baselines and warnings. */
export function forgetAll(): void {
  analysis.forgetAll();
  warningReset();
}

/** Starts tracking a class. */
export function arm(cls: u32): void {
  model.arm(cls);
  if (cls == CLASS_FREELIST) freelistsForget();
}

/** Turns the sums since the start of the process into those since arming. Called once after sumRows(). */
export function applyBaseline(): void {
  model.applyBaseline();
  settleFreelists();
}

// Regions that a host copies between instances, as offsets into this instance's memory.

export function inputAt(): usize {
  return memory_.input;
}
/** Names, owners and files of modules: the part of the registry that a model copies. */
export function namesAt(): usize {
  return memory_.names;
}
export function namesEnd(): usize {
  return memory_.nameIndex;
}
export function stagingAt(): usize {
  return memory_.staging;
}
export function outputAt(): usize {
  return memory_.output;
}
/** Where a host puts a piece of memory that is searched. */
export function windowAt(): usize {
  return memory_.window;
}

/**
 * Address in the key of a registered site, for shards that do not have the key. 0 if the site has no address (registered by name).
 */
export function addressOf(site: Site): u64 {
  return site >= SITE_FIRST && site < registry.siteCount() ? siteAt(site).address : 0;
}
export function attributesOf(site: Site): u64 {
  const attributes = site >= SITE_FIRST && site < registry.siteCount() ? siteAt(site).attributes : 0;
  return classOf(attributes) < CLASS_COUNT ? attributes : 0;
}

/** Most bytes of memory that this instance can use. */
export function size(): u32 {
  return memory_.size;
}

/** Bytes of this instance for histories and their data. */
export function analysisSize(): u32 {
  return memory_.analysisSize;
}

/**
 * Variables that the hot functions (recordBufferEventFast, recordAllocFast, recordFree, recordFreeOld) read besides memory: the C
 * host accesses them under these names.
 */
export { indexShift, slots } from "./base/memory";

export {
  insertKey,
  carry,
  recordAlloc,
  epochs,
  recordBufferEvent,
  recordFree,
  recordFreeOld,
  recordResize,
  freeze,
  recordAllocFast,
  recordBufferEventFast,
  advanceEpochs,
  sampleNone,
  sampleSite,
} from "./shard/shard";
export {
  freeSite,
  isOwnSite,
  refusals,
  register,
  registerFile,
  registerFreelist,
  registerName,
  registerOwner,
  renameSite,
  retireOwner,
  siteCount,
  sitesInUse,
  version,
} from "./registry/registry";
export { updateNames, disarm, knownVersion, mergeAllocs, mergeBuckets, mergeFrees, nextEpoch, start, sumRows } from "./model/model";
export { epochPublished } from "./model/boundary";
export { areFreelistsRead, beginFreelists, freelistNameLength, freelistsIdle, readFreelist } from "./model/freelists";
export { addSpan, beginSpans } from "./model/spans";
export { addStack, nameFrame, stackGone, unnamedFrame } from "./model/stacks";
export { markBlind, takeFindings } from "./model/findings";
export { reclaim } from "./model/reclaim";
export { verifyCompare, verifyMark, verifyRow, verifyStart } from "./model/verify";
export { setHeaderNumber, setHeaderText } from "./model/facts";
export { setExhausted } from "./model/limits";
export { render, selectBaseline } from "./report/dump";
export { setMeasure, clearMeasures } from "./model/environment";
export { observationDue, observeReload, reloaded } from "./analysis/reloads";
export { sample, warmUpEnded } from "./analysis/sample";
export { historyForget, historyMove } from "./model/history";
export { acceptPatterns, acceptRows, unacceptRows } from "./analysis/accepted";
export { baselineNamed, listBaselines, markBaseline } from "./analysis/baseline";
export { isRemainderSuspect, verdictOf } from "./analysis/verdict";
export { rankSuspects } from "./analysis/urgency";
export { isWatching, watchList } from "./analysis/watch_list";
export { sampledList } from "./analysis/sampled";
export { ranked, rankedCount } from "./analysis/ranking";
export { selectRows } from "./report/show";
export { remainderBytes, trackedBytes, trackServerHeap } from "./analysis/resident";
export { gapNotice } from "./report/gap";
export { nextWarning } from "./report/warning";
export { answerNumber, answerSeverity } from "./base/answer";
export { judgeSetting, setLevel, settingCheck, settingDefault, settingEffect, settingIsText, settingName } from "./control/records";
export { acceptMatches, acceptNotice, acceptPattern } from "./control/accept";
export { outputNotice, outputPath } from "./control/output";
export { checkRecordLine, describeRecordLine } from "./control/record_line";
export { checkRecordsYaml } from "./control/records_yaml";
export { messageHelp, messageLevel, readMessage } from "./control/message";
export { dumpInterval, dumpReason } from "./control/dump_reason";
export { checkPrologue } from "./control/prologue";
export { mappingEnd, mappingName, mappingStart, readMapping } from "./control/mapping";
export { exhaustionNotice } from "./control/exhaustion";
export { startNotice, troubleNotice } from "./control/notices";
export { reclaimDue, sampleAnew, sampleDue } from "./control/schedule";
export { answerSearch, beginSearchedRows, denyBaseline, writeSearchedRow, writeSearchStatus, writeStatus } from "./report/replies";
export { limitPath, readMeasure, readObjectSize, smallerLimit } from "./control/system";
export { builtinAllocs, builtinFrees, builtinInUse, registerBuiltinRow } from "./registry/builtin_row";
export { codeOfCall, slotOfCall, slotOfStub } from "./naming/called";
export { copiedPath, moduleKind, nameLoad } from "./naming/module";
export { mangledKind, shortenName } from "./naming/mangled";
export { writeDistance, writeFunction, writeLine } from "./naming/place";
export { isAllocatorName, isSystemPath } from "./naming/rules";
export { registerCall, renameCall } from "./registry/call_text";
export { checksum, debugPath } from "./naming/debug_file";
export { beginPass, endPass, searchBegin, searchKeys, searchWatch, wantedPass } from "./search/pass";
export { searchObject } from "./search/census";
export { beginPieces, nextPiece } from "./search/order";
export { scanPiece } from "./search/scan";
export { answerPlace, answerPlaceIn, answerRequest, nextRequest, requestAddress, requestLength } from "./search/request";
export { findings } from "./search/finding";
