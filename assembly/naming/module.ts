// SPDX-License-Identifier: Apache-2.0
//
// Classifies a module by its file name (whether its calls may be redirected), and names the owner of a plugin that is loaded. A plugin
// in both plugin.config and remap.config is loaded as two modules; the second is `foo.so(remap)`. Later loads of a name are numbered:
// `foo.so#2`. The table of names has a fixed size; names that do not fit are not counted.
//
//    0          4             8          12                           64
//    ┌──────────┬─────────────┬──────────┬────────────────────────────┐
//    │ loads    │ remap loads │ global   │ name, cut, NUL-terminated  │
//    └──────────┴─────────────┴──────────┴────────────────────────────┘
//
// `remap loads` counts the loads that are named `(remap)`, `loads` counts all others.

import { LOADS_MAX, LOAD_SIZE, MODULE_NAME_LEFT_ALONE, MODULE_NAME_LIBRARY, MODULE_NAME_SERVER } from "../abi";
import * as answer from "../base/answer";
import { DASH, HASH, SLASH } from "../base/chars";
import { input, loads } from "../base/memory";
import * as reader from "../base/reader";
import { recordAt } from "../base/regions";
import * as writer from "../base/writer";


@unmanaged
class Load {
  loads: u32;
  remapLoads: u32;
  /** 1 once plugin.config has loaded a plugin of this name. */
  global: u32;
}

const NAME_ROOM: usize = LOAD_SIZE - offsetof<Load>();
/** Bytes of a name that are shown: with what follows it, fewer than OWNER_TEXT_MAX. */
const NAME_SHOWN: usize = 90;

/**
 * Parts of a server that is built as several modules: treated like traffic_server. In 10 the plugin API is in libtsapi. libtscppapi and
 * libcripts are parts of the plugins that use them.
 */
const SERVER: StaticArray<string> = ["libtscore.", "libtscpputil.", "libtsmgmt.", "libtsconfig.", "libtsapi.", "libtsutil."];
/** The loader, allocators and sanitizers: their calls belong to no plugin, or redirecting them would recurse. */
const LEFT_ALONE: StaticArray<string> = [
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

/** Letters of a UUID, and where its first dash is. */
const UUID: usize = 36;
const UUID_DASH: usize = 8;

/**
 * The server loads a remap plugin from a copy, at RUNTIME/UUID/ plus the plugin's path. Offset of that path in the path in the input
 * region; 0 if no part of it has the form of a UUID.
 */
export function copiedPath(length: u64): u32 {
  const end = input + answer.bounded(length);
  for (let at = input; at + UUID < end; ++at) {
    if (load<u8>(at) == SLASH && isUuid(at + 1, end)) return <u32>(at + 1 + UUID - input);
  }
  return 0;
}

/** Whether a part of a path that others follow is one. */
function isUuid(at: usize, end: usize): bool {
  if (at + UUID >= end || load<u8>(at + UUID) != SLASH || load<u8>(at + UUID_DASH) != DASH) return false;
  for (let i: usize = 0; i < UUID; ++i) {
    const byte = load<u8>(at + i);
    if (byte != DASH && !reader.isHexadecimal(byte)) return false;
  }
  return true;
}

/**
 * Names the owner of a plugin that is loaded, by the file name in the input region. The answer's text is the name; its number is how
 * often this name was loaded, or 0 if the table has no room for another name.
 * @param byRemap remap.config loads it, not plugin.config
 */
export function nameLoad(length: u64, byRemap: u32): u32 {
  const size = answer.bounded(length);
  const at = findLoad(size);
  const asRemap = at != null && byRemap != 0 && at.global != 0;
  let count: u32 = 0;
  if (at) {
    if (asRemap) count = ++at.remapLoads;
    else count = ++at.loads;
    if (!byRemap) at.global = 1;
  }
  answer.begin();
  writer.writeSanitized(input, min<usize>(size, NAME_SHOWN));
  if (asRemap) writer.ascii("(remap)");
  if (count > 1) {
    writer.byte(HASH);
    writer.unsigned(count);
  }
  return answer.end(count);
}

/** The entry of the name in the input region, a new one at its first load. Null where there is no room. */
function findLoad(length: usize): Load | null {
  const size = min<usize>(length, NAME_ROOM - 1);
  for (let i: u32 = 0; i < LOADS_MAX; ++i) {
    const at = recordAt<Load>(loads, i, LOAD_SIZE);
    const name = changetype<usize>(at) + offsetof<Load>();
    if (!at.loads && !at.remapLoads) {
      memory.copy(name, input, size);
      store<u8>(name + size, 0);
      return at;
    }
    if (memory.compare(name, input, size) == 0 && !load<u8>(name + size)) return at;
  }
  return null;
}
