// SPDX-License-Identifier: Apache-2.0
//
// Linkage names of the Itanium C++ ABI. What the name alone tells of a function; and its name as a person writes it: taking a name
// apart is the host's (__cxa_demangle), whose text, a whole declaration, is cut down here to the name:
//
//   void ns::Cache<std::string, int>::put<int>(int)::{lambda(int)#1}::operator()(int) const
//   └ dropped └─ kept ┘└─ cut ──────┘└─ kept ─┘     └──── kept ────┘  └─ kept ──┘
//
// Texts are a host's: any bytes, brackets that do not match among them. Each byte is read a few times at most.

import { ANSWER_MAX, MANGLED_OWN, MANGLED_TRAMPOLINE, MANGLED_WRAPPER, QUESTION_MAX } from "../abi";
import * as reader from "../base/reader";
import * as answer from "../base/answer";
import { input, output } from "../base/memory";
import * as writer from "../base/writer";

/** Template arguments up to so many characters, brackets included, stay. */
const ARGUMENTS_MAX: usize = 24;

const OPERATOR: string = "operator";
const ANONYMOUS: string = "(anonymous namespace)::";

// What the name tells.

/** MANGLED_... of the function whose linkage name is in the input region. */
export function mangledKind(length: u64): u32 {
  const size = answer.bounded(length);
  if (isAllocationOperator(size)) return MANGLED_WRAPPER;
  if (!isOfLibrary(size)) return MANGLED_OWN;
  return isTrampoline(size) ? MANGLED_TRAMPOLINE : MANGLED_WRAPPER;
}

/** operator new and delete; a class's own: its first argument is the size (m, or j where that has 32 bits), or the block (P). */
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

/**
 * _Z, a Z for each function that it is local to, N and qualifiers of a member, then the namespace: std (St, and the substitutions
 * Sa, Sb, Ss, Si, So, Sd of its best known classes) or __gnu_cxx.
 */
function isOfLibrary(length: usize): bool {
  reader.open(input, length);
  if (!reader.takeText("_Z")) return false;
  while (reader.take(0x5a)) continue;
  if (reader.take(0x4e)) while (isOneOf(reader.peek(), "rVKRO")) reader.skip();
  if (reader.takeText("9__gnu_cxx")) return true;
  return reader.take(0x53) && isOneOf(reader.peek(), "tabsiod");
}

/** std::function's and std::thread's call of what they hold, in libstdc++ and libc++; std::invoke and its inner functions. */
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

// The name as a person writes it.

/** The end of the text that is cut down. */
let end: usize = 0;
/** Bytes that the answer may have. */
let room: u32 = 0;

/**
 * Writes a function's name: namespaces and classes, but no return type and no argument list, and no template arguments that are long.
 * In the input region stand what the linkage name was taken apart to, and behind it the linkage name.
 * @param wholeLength 0 where it is not mangled, or could not be read: then it is cut down in the same way
 * @param most bytes of the answer: what is longer loses its end. What is not printable ASCII becomes '?'
 */
export function shortenName(wholeLength: u64, nameLength: u64, most: u32): u32 {
  const whole = answer.bounded(wholeLength);
  const name = input + whole;
  const nameSize = <u32>min<u64>(nameLength, QUESTION_MAX - whole);
  room = min(most, ANSWER_MAX);
  begin();
  if (whole) {
    shorten(input, name);
    // What the compiler made of a part of a function (".cold", ".part.0") stands after a dot.
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
      at += ANONYMOUS.length; // tells a reader nothing
    } else if (isOperator(at, from)) {
      at = putOperator(at);
    } else if (byteAt(at) == 0x3c) {
      at = putArguments(at);
    } else if (byteAt(at) == 0x7b) {
      at = putUnnamed(at);
    } else if (byteAt(at) == 0x28 || byteAt(at) == 0x5b) {
      at = bracketEnd(at); // the argument list, [abi:cxx11]
    } else if (byteAt(at) == 0x20) {
      const length = qualifierLength(++at);
      if (length) at += length;
      else if (byteAt(at) != 0x3c && byteAt(at) != 0x5b) begin(); // it was the return type
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

/** The end of what the bracket at `at` opens, all kinds of brackets counted as one. */
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

/** {lambda(int)#1}, {unnamed type#1}: without its arguments. */
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

/** operator+, operator(), operator new[], operator some::type<int>: these may hold what ends a name elsewhere. */
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

/** Of what may follow a space and is no name: qualifiers after the arguments, "operator< <int>". */
function qualifierLength(at: usize): usize {
  // One of them at most has a length.
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

/** 0 at the end, which is in no set of characters here. */
function byteAt(at: usize): u32 {
  return at < end ? <u32>load<u8>(at) : 0;
}
