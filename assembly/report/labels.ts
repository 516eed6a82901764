// SPDX-License-Identifier: Apache-2.0
//
// The words that a dump uses for classes, kinds of objects, verdicts and their explanations.

import {
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  HOOK_INSTALLED,
  HOOK_REFUSED,
  KIND_CONT,
  KIND_IOBUFFER,
  KIND_MBUFFER,
  KIND_MUTEX,
  KIND_READER,
  LIMIT_GENERATIONS,
  LIMIT_LOCATIONS,
  LIMIT_MODULES,
  LIMIT_OWNERS,
  LIMIT_READERS,
  LIMIT_SHARDS,
  LIMIT_SLOTS,
  LIMIT_THUNKS,
  VERDICT_CHURN,
  VERDICT_FILLING,
  VERDICT_LEAK,
  VERDICT_STEADY,
} from "../abi";
import {
  EXPLAINED_BY_AGE,
  EXPLAINED_BY_CONFIRMATION,
  EXPLAINED_BY_LEVELLING,
  EXPLAINED_BY_LOAD,
  EXPLAINED_BY_RAM_CACHE,
} from "../analysis/explanation";

export function className(cls: u32): string {
  switch (cls) {
    case CLASS_IOBUFFER:
      return "iobuffer";
    case CLASS_OPENSSL:
      return "openssl";
    case CLASS_TSAPI:
      return "tsapi";
    case CLASS_HEAP:
      return "heap";
    default:
      return "object";
  }
}

export function kindName(kind: u32): string {
  switch (kind) {
    case KIND_CONT:
      return "TSCont";
    case KIND_MUTEX:
      return "TSMutex";
    case KIND_IOBUFFER:
      return "TSIOBuffer";
    case KIND_READER:
      return "TSIOBufferReader";
    case KIND_MBUFFER:
      return "TSMBuffer";
    default:
      return "other";
  }
}

export function verdictName(verdict: u32): string {
  if (verdict == VERDICT_LEAK) return "leak";
  if (verdict == VERDICT_FILLING) return "filling";
  if (verdict == VERDICT_CHURN) return "churn";
  return verdict == VERDICT_STEADY ? "steady" : "new";
}

/** Why a growth is not called a leak. */
export function explanationName(reason: u32): string {
  if (reason == EXPLAINED_BY_RAM_CACHE) return "RAM cache";
  if (reason == EXPLAINED_BY_LOAD) return "more load";
  if (reason == EXPLAINED_BY_LEVELLING) return "levels off";
  return reason == EXPLAINED_BY_AGE || reason == EXPLAINED_BY_CONFIRMATION ? "too soon" : "-";
}

/** HOOK_... */
export function hookName(state: u32): string {
  return state == HOOK_INSTALLED ? "installed" : state == HOOK_REFUSED ? "refused" : "off";
}

/** LIMIT_... */
export function limitName(limit: u32): string {
  switch (limit) {
    case LIMIT_THUNKS:
      return "thunks";
    case LIMIT_MODULES:
      return "modules";
    case LIMIT_GENERATIONS:
      return "generations";
    case LIMIT_LOCATIONS:
      return "locations";
    case LIMIT_OWNERS:
      return "owners";
    case LIMIT_SLOTS:
      return "slots";
    case LIMIT_SHARDS:
      return "shards";
    case LIMIT_READERS:
      return "readers";
    default:
      return "descriptors";
  }
}
