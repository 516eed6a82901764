// SPDX-License-Identifier: Apache-2.0
//
// What a module's file name tells: whether its calls may be redirected, and how often a module of that name has been loaded. Names are
// kept in a table of fixed size; what finds no room is not counted.
//
//    0          8                            64
//    ┌──────────┬────────────────────────────┐
//    │ count    │ name, cut, ends with a NUL │
//    └──────────┴────────────────────────────┘

import { LOADS_MAX, LOAD_SIZE, MODULE_NAME_LEFT_ALONE, MODULE_NAME_LIBRARY, MODULE_NAME_SERVER } from "../abi";
import * as answer from "../base/answer";
import { SLASH } from "../base/chars";
import { input, loads } from "../base/memory";
import * as reader from "../base/reader";

const NAME_ROOM: usize = LOAD_SIZE - 8;

/** The parts of a server that is built of several modules: they call as traffic_server does. */
const SERVER: StaticArray<string> = ["libtscore.", "libtscpputil.", "libtsmgmt.", "libtsconfig."];
/** The loader, the C library, allocators and sanitizers: what they call is no plugin's, or would call itself. */
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

/** MODULE_NAME_... of the path in the input region. The loader has none for traffic_server itself: it goes by the path of the running program. */
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

/** A module of the name in the input region was loaded: for the how many-th time. 0 where there is no room for a further name. */
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
