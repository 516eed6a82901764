// SPDX-License-Identifier: Apache-2.0
//
// Classification by a function's name or a file's path alone.

import * as reader from "../base/reader";
import * as answer from "../base/answer";
import { input } from "../base/memory";

/** 1 if the path in the input region belongs to a header of the system or of the C++ library. */
export function isSystemPath(length: u64): u32 {
  const size = answer.bounded(length);
  if (
    reader.holds(input, size, "/include/c++/") ||
    reader.begins(input, size, "/usr/include/") ||
    reader.begins(input, size, "/usr/local/include/")
  )
    return 1;
  return reader.begins(input, size, "/usr/lib") && reader.holds(input, size, "/include/") ? 1 : 0;
}

/** 1 if a function is named like an allocator: xmalloc, my_strdup, Arena::allocate. Case is ignored. */
export function isAllocatorName(length: u64): u32 {
  const size = answer.bounded(length);
  return ends(size, "alloc") || ends(size, "allocate") || ends(size, "allocarray") || ends(size, "memalign") || ends(size, "dup")
    ? 1
    : 0;
}

/** Expects `text` in lower case. */
function ends(length: usize, text: string): bool {
  const size = <usize>text.length;
  if (length < size) return false;
  for (let i: usize = 0; i < size; ++i) {
    const c = <u32>load<u8>(input + length - size + i);
    const letter = c >= 0x41 && c <= 0x5a ? c | 0x20 : c;
    if (letter != <u32>text.charCodeAt(<i32>i)) return false;
  }
  return true;
}
