// SPDX-License-Identifier: Apache-2.0
//
// Classifies a module by its file name (whether its calls may be redirected), and counts the loads of each name. The table of names
// has a fixed size; names that do not fit are not counted.
//
//    0          8                            64
//    ┌──────────┬────────────────────────────┐
//    │ count    │ name, cut, NUL-terminated  │
//    └──────────┴────────────────────────────┘

import { LOADS_MAX, LOAD_SIZE, MODULE_NAME_LEFT_ALONE, MODULE_NAME_LIBRARY, MODULE_NAME_SERVER } from "../abi";
import * as answer from "../base/answer";
import { SLASH } from "../base/chars";
import { input, loads } from "../base/memory";
import * as reader from "../base/reader";

const NAME_ROOM: usize = LOAD_SIZE - 8;

/** Parts of a server that is built as several modules: treated like traffic_server. */
const SERVER: StaticArray<string> = ["libtscore.", "libtscpputil.", "libtsmgmt.", "libtsconfig."];
/** The loader, the C library, allocators and sanitizers: their calls belong to no plugin, or redirecting them would recurse. */
const LEFT_ALONE: StaticArray<string> = [
  "libc.so",
  "ld-linux",
  "libgcc_s",
  "linux-vdso",
  "libpthread",
  "libdl.so",
  "libjemalloc",
  "libtcmalloc",
  "libmimalloc",
  "libasan",
  "libtsan",
  "libubsan",
];

/**
 * MODULE_NAME_... for the path in the input region. The loader gives traffic_server no path; the host passes the path of the
 * running program.
 */
export function moduleKind(length: u64): u32 {
  const size = answer.bounded(length);
  if (reader.same(input, size, "/proc/self/exe")) return MODULE_NAME_SERVER;
  let name = input + size;
  while (name > input && load<u8>(name - 1) != SLASH) --name;
  const rest = input + size - name;
  if (beginsWithOne(name, rest, SERVER)) return MODULE_NAME_SERVER;
  return beginsWithOne(name, rest, LEFT_ALONE) ? MODULE_NAME_LEFT_ALONE : MODULE_NAME_LIBRARY;
}

function beginsWithOne(from: usize, length: usize, texts: StaticArray<string>): bool {
  for (let i = 0; i < texts.length; ++i) if (reader.begins(from, length, unchecked(texts[i]))) return true;
  return false;
}

/**
 * Counts a load of the module named in the input region. Returns its number of loads, or 0 if the table has no room for another
 * name.
 */
export function countLoad(length: u64): u32 {
  const size = min<usize>(answer.bounded(length), NAME_ROOM - 1);
  store<u8>(input + size, 0);
  for (let i: usize = 0; i < LOADS_MAX; ++i) {
    const at = loads + i * LOAD_SIZE;
    if (!load<u32>(at)) memory.copy(at + 8, input, size + 1);
    else if (memory.compare(at + 8, input, size + 1) != 0) continue;
    store<u32>(at, load<u32>(at) + 1);
    return load<u32>(at);
  }
  return 0;
}
