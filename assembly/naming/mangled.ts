// SPDX-License-Identifier: Apache-2.0
//
// Linkage names of the Itanium C++ ABI: what a mangled name tells of its function, and the short form of its demangled name. The
// host demangles (__cxa_demangle) into a complete declaration, which this file reduces to the name:
//
//   void ns::Cache<std::string, int>::put<int>(int)::{lambda(int)#1}::operator()(int) const
//   └ dropped └─ kept ┘└─ cut ──────┘└─ kept ─┘     └──── kept ────┘  └─ kept ──┘
//
// The host supplies the texts: any bytes, unbalanced brackets included. Each byte is read a small number of times.

import { ANSWER_MAX, MANGLED_API, MANGLED_OWN, MANGLED_TRAMPOLINE, MANGLED_WRAPPER, QUESTION_MAX } from "../abi";
import * as reader from "../base/reader";
import * as answer from "../base/answer";
import { input, output } from "../base/memory";
import * as writer from "../base/writer";

/** Template arguments up to this length, brackets included, are kept. */
const ARGUMENTS_MAX: usize = 24;

const OPERATOR: string = "operator";
const ANONYMOUS: string = "(anonymous namespace)::";

// Classification of mangled names.

/** MANGLED_... for the linkage name in the input region. */
export function mangledKind(length: u64): u32 {
  const size = answer.bounded(length);
  if (isAllocationOperator(size) || isServerAllocator(size)) return MANGLED_WRAPPER;
  if (isOfPluginApi(size)) return MANGLED_API;
  if (!isOfLibrary(size)) return MANGLED_OWN;
  return isTrampoline(size) ? MANGLED_TRAMPOLINE : MANGLED_WRAPPER;
}

/** operator new and delete. A member operator's first argument is the size (m, or j if size_t has 32 bits) or the block (P). */
function isAllocationOperator(length: usize): bool {
  if (
    reader.begins(input, length, "_Znw") ||
    reader.begins(input, length, "_Zna") ||
    reader.begins(input, length, "_Zdl") ||
    reader.begins(input, length, "_Zda")
  )
    return true;
  return (
    reader.begins(input, length, "_ZN") &&
    (reader.holds(input, length, "nwEm") ||
      reader.holds(input, length, "naEm") ||
      reader.holds(input, length, "nwEj") ||
      reader.holds(input, length, "naEj") ||
      reader.holds(input, length, "dlEP") ||
      reader.holds(input, length, "daEP"))
  );
}

/** Functions in the server's headers that copy a text for their caller. server/server.c of the host lists those with fixed names. */
function isServerAllocator(length: usize): bool {
  return (
    reader.begins(input, length, "_Z13ats_stringdup") ||
    reader.begins(input, length, "_ZL13ats_stringdup") ||
    reader.begins(input, length, "_ZN14ats_scoped_str")
  );
}

/** In ts.h since version 10; macros before. Without optimization a plugin has such a function of its own, which calls the server's. */
function isOfPluginApi(length: usize): bool {
  return (
    reader.begins(input, length, "_Z8TSmalloc") ||
    reader.begins(input, length, "_Z9TSrealloc") ||
    reader.begins(input, length, "_Z8TSstrdup") ||
    reader.begins(input, length, "_Z9TSstrndup") ||
    reader.begins(input, length, "_Z8TSRallocI")
  );
}

/**
 * Skips _Z, a Z for each enclosing function, N and member qualifiers; then tests for the namespace std (St, and the substitutions
 * Sa, Sb, Ss, Si, So, Sd of its common classes) or __gnu_cxx.
 */
function isOfLibrary(length: usize): bool {
  reader.open(input, length);
  if (!reader.takeText("_Z")) return false;
  while (reader.take(0x5a)) continue;
  if (reader.take(0x4e)) while (isOneOf(reader.peek(), "rVKRO")) reader.skip();
  if (reader.takeText("9__gnu_cxx")) return true;
  return reader.take(0x53) && isOneOf(reader.peek(), "tabsiod");
}

/**
 * Functions that call a stored function, in libstdc++ and libc++: of std::function and std::thread, std::invoke and its helpers.
 */
function isTrampoline(length: usize): bool {
  return (
    reader.holds(input, length, "9_M_invokeE") ||
    reader.holds(input, length, "6_M_runEv") ||
    reader.holds(input, length, "__invoke") ||
    reader.holds(input, length, "__function6__func") ||
    reader.holds(input, length, "14__thread_proxy")
  );
}

function isOneOf(byte: u32, set: string): bool {
  for (let i = 0; i < set.length; ++i) if (<u32>set.charCodeAt(i) == byte) return true;
  return false;
}

// Shortening of demangled names.

/** End of the text to shorten. */
let end: usize = 0;
/** Bytes available for the answer. */
let room: u32 = 0;

/**
 * Writes a function's name with its namespaces and classes, without return type, argument list and long template arguments. The
 * input region holds the demangled name followed by the linkage name.
 * @param wholeLength length of the demangled name; 0 if the linkage name is not mangled or is malformed: it is then shortened in
 * the same way
 * @param most bytes of the answer; a longer name is cut at its end. Bytes that are not printable ASCII become '?'
 */
export function shortenName(wholeLength: u64, nameLength: u64, most: u32): u32 {
  const whole = answer.bounded(wholeLength);
  const name = input + whole;
  const nameSize = <u32>min<u64>(nameLength, QUESTION_MAX - whole);
  room = min(most, ANSWER_MAX);
  begin();
  if (whole) {
    shorten(input, name);
    // The compiler names parts of a function with a dot (".cold", ".part.0").
    let dot = name;
    while (dot < name + nameSize && load<u8>(dot) != 0x2e) ++dot;
    put(dot, name + nameSize - dot);
  } else {
    shorten(name, name + nameSize);
  }
  if (writer.position() == output) put(name, nameSize);
  return answer.end();
}

function begin(): void {
  answer.begin();
  writer.begin(output, output + room);
}

function shorten(from: usize, to: usize): void {
  end = to;
  let at = from;
  while (at < end) {
    if (is(at, ANONYMOUS)) {
      at += ANONYMOUS.length; // carries no information
    } else if (isOperator(at, from)) {
      at = putOperator(at);
    } else if (byteAt(at) == 0x3c) {
      at = putArguments(at);
    } else if (byteAt(at) == 0x7b) {
      at = putUnnamed(at);
    } else if (byteAt(at) == 0x28 || byteAt(at) == 0x5b) {
      at = bracketEnd(at); // the argument list, or [abi:cxx11]
    } else if (byteAt(at) == 0x20) {
      const length = qualifierLength(++at);
      if (length) at += length;
      else if (byteAt(at) != 0x3c && byteAt(at) != 0x5b) begin(); // the text so far was the return type
    } else {
      put(at++, 1);
    }
  }
}

function put(from: usize, length: usize): void {
  for (let i: usize = 0; i < length; ++i) {
    const c = <u32>load<u8>(from + i);
    writer.byte(c >= 0x20 && c <= 0x7e ? c : 0x3f);
  }
}

/** Position behind the bracket that closes the bracket at `at`. All kinds of brackets count alike. */
function bracketEnd(at: usize): usize {
  let depth: u32 = 0;
  for (; at < end; ++at) {
    if (isOneOf(byteAt(at), "<({[")) ++depth;
    else if (isOneOf(byteAt(at), ">)}]") && load<u8>(at - 1) != 0x2d && --depth == 0) return at + 1;
  }
  return at;
}

function putArguments(at: usize): usize {
  const after = bracketEnd(at);
  if (after - at <= ARGUMENTS_MAX) put(at, after - at);
  else writer.ascii("<...>");
  return after;
}

/** {lambda(int)#1}, {unnamed type#1}: written without arguments. */
function putUnnamed(at: usize): usize {
  const after = bracketEnd(at);
  while (at < after) {
    const part = at;
    while (at < after && byteAt(at) != 0x28) ++at;
    put(part, at - part);
    at = at < after ? bracketEnd(at) : after;
  }
  return after;
}

/** operator+, operator(), operator new[], operator some::type<int>: their names contain characters that end other names. */
function putOperator(at: usize): usize {
  put(at, OPERATOR.length);
  at += OPERATOR.length;
  if (is(at, "()") || is(at, "[]")) {
    put(at, 2);
    return at + 2;
  }
  if (byteAt(at) != 0x20) {
    for (; isOneOf(byteAt(at), "<>=!+-*/%^&|~,"); ++at) put(at, 1);
    return at;
  }
  while (at < end && byteAt(at) != 0x28) {
    if (byteAt(at) == 0x3c) at = putArguments(at);
    else put(at++, 1);
  }
  return at;
}

function isOperator(at: usize, from: usize): bool {
  return is(at, OPERATOR) && isBoundary(byteAt(at + OPERATOR.length)) && (at == from || isBoundary(byteAt(at - 1)));
}

/** Length of text that may follow a space without being part of a name: qualifiers after the arguments, "operator< <int>". */
function qualifierLength(at: usize): usize {
  // At most one of these has a length.
  const word = qualifier(at, "const") + qualifier(at, "volatile") + qualifier(at, "restrict") + qualifier(at, "noexcept");
  if (word) return word;
  let after = at;
  while (byteAt(after) == 0x26) ++after;
  return after - at;
}

function qualifier(at: usize, word: string): usize {
  return is(at, word) && isBoundary(byteAt(at + word.length)) ? <usize>word.length : 0;
}

function isBoundary(byte: u32): bool {
  const letter = byte | 0x20;
  return !reader.isDigit(byte) && (letter < 0x61 || letter > 0x7a) && byte != 0x5f;
}

function is(at: usize, text: string): bool {
  return end - at >= <usize>text.length && reader.same(at, text.length, text);
}

/** Returns 0 at the end; no set of characters here contains 0. */
function byteAt(at: usize): u32 {
  return at < end ? <u32>load<u8>(at) : 0;
}
