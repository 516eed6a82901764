// SPDX-License-Identifier: Apache-2.0
//
// Call stacks of sampled allocations, by site: how many allocations each stands for, and how many of the samples are still allocated.
//
// A call is a frame: a word with the module's number above and the return address in the module below. Stacks have numbers of frames;
// a frame gets its name once, while the host still knows the module's symbols. If the function that calls is inlined into others, each of
// those has a frame too, with the same word and a level from 1, as long as that leaves room for calls. The host keeps an entry for the block
// of each sample (host/ats/owner/call_stack.h), and tells when the block is released. A stack of a site that is no longer sampled is
// dropped, and its frames with the next full table.

import {
  CALL_STACKS_MAX,
  CALLS_MAX,
  FRAME_SIZE,
  FRAMES_MAX,
  INLINED_MAX,
  STACK_BEFORE_GONE,
  STACK_BYTES,
  STACK_CALLS,
  STACK_COUNT,
  STACK_END,
  STACK_FLAGS,
  STACK_HAS_BLOCK,
  STACK_RATE,
  STACK_SITE,
  STACKS_MAX,
} from "../abi";
import { hashText, PHI } from "../base/hash";
import { frames, frameSpares, input, STACK_SIZE, stackEntries, stacks } from "../base/memory";
import { recordAt, setValueAt, valueAt } from "../base/regions";
import { Site } from "../base/types";
import * as writer from "../base/writer";

/** A function of a call; its text follows. */
@unmanaged
class Frame {
  call: u64;
  length: u16;
  /** 0 for the innermost function. */
  level: u8;
  /** Of the innermost: the number of functions that it is inlined into. */
  callers: u8;
}

/** The numbers of its frames follow, innermost first. */
@unmanaged
export class Stack {
  /** 0: unused. */
  site: u32;
  count: u16;
  /** STACK_IS_... */
  end: u16;
  hash: u64;
  samples: u32;
  /** Samples whose block is known to be allocated, and to be released; of the others neither is known. */
  alive: u32;
  gone: u32;
  unused: u32;
  /** Allocations for which the samples stand, and their bytes. */
  allocs: u64;
  bytes: u64;
}

if (offsetof<Stack>() + CALLS_MAX * sizeof<u16>() != STACK_SIZE) ERROR("not the size that memory.ts tells");
const FRAME_TEXT: u32 = offsetof<Frame>();
const FRAMES_FULL: u32 = (FRAMES_MAX / 8) * 7;
/** With so many frames the rest of the table is for calls alone. */
const CALLERS_FULL: u32 = FRAMES_FULL / 2;
const UNNAMED: string = "(unloaded module)+0x";
const NOWHERE: string = "(code in no module)";

let frameCount: u32 = 0;

export function stacksReset(): void {
  frameCount = 0;
}

/**
 * Takes the stack of a sample from the input region.
 * @param entry number of the host's entry for the sample's block
 * @returns 0; 1 if a frame has no name yet; -1 if there was no room
 */
export function addStack(entry: u32): i32 {
  const count = load<u32>(input, STACK_COUNT);
  const flags = load<u32>(input, STACK_FLAGS);
  leaveEntry(entry, (flags & STACK_BEFORE_GONE) != 0);
  if (!count || count > CALLS_MAX || !makeRoom(count)) return -1;
  const stack = findOrAdd(load<u32>(input, STACK_SITE), count, load<u32>(input, STACK_END));
  if (!stack) return -1;
  const rate = load<u32>(input, STACK_RATE);
  stack.samples = stack.samples + 1;
  stack.allocs = stack.allocs + ((<u64>1) << rate);
  stack.bytes = stack.bytes + (load<u64>(input, STACK_BYTES) << rate);
  if (flags & STACK_HAS_BLOCK && entry < CALL_STACKS_MAX) {
    stack.alive = stack.alive + 1;
    setValueAt<u16>(stackEntries, entry, <u16>(numberOf(stack) + 1));
  }
  for (let i: u32 = 0; i < stack.count; ++i) if (!frameAt(callOf(stack, i)).length) return 1;
  return 0;
}

/** The block of an entry was released. */
export function stackGone(entry: u32): void {
  leaveEntry(entry, true);
}

/** Drops the stacks of all sites for which the list of sites, of `count` pairs (site, ...), has no entry. */
export function dropOtherStacks(list: usize, count: u32): void {
  for (let i: u32 = 0; i < STACKS_MAX; ++i) {
    let found = !stackAt(i).site;
    for (let at: u32 = 0; at < count && !found; ++at) found = valueAt<u32>(list, 2 * at) == stackAt(i).site;
    if (!found) drop(i);
  }
}

/** A frame of a module without a name; 0 if there is none. */
export function unnamedFrame(module: u32): u64 {
  for (let i: u32 = 0; i < FRAMES_MAX; ++i) {
    const frame = frameAt(i);
    if (frame.call && !frame.length && <u32>(frame.call >> 32) == module) return frame.call;
  }
  return 0;
}

/**
 * Names a frame by texts in the input region: module, then function, which may be empty.
 * @param level 0 for the innermost function of the call, then in this order 1, 2... for those that it is inlined into
 */
export function nameFrame(call: u64, level: u32, moduleLength: u32, functionLength: u32): void {
  const innermost = frameAt(slotOf(frames, call, 0));
  if (innermost.call != call) return;
  let frame = innermost;
  if (level) {
    if (level >= INLINED_MAX || level != <u32>innermost.callers + 1 || frameCount >= CALLERS_FULL) return;
    frame = frameAt(enter(call, level));
    innermost.callers = <u8>level;
  }
  begin(frame);
  writer.writeSanitized(input, moduleLength);
  if (functionLength) {
    writer.byte(0x20);
    writer.writeSanitized(input + moduleLength, functionLength);
  } else {
    writer.ascii("+0x");
    writer.hexadecimal(<u32>call - 1);
  }
  end(frame);
}

export function stackAt(number: u32): Stack {
  return recordAt<Stack>(stacks, number, STACK_SIZE);
}

export function numberOf(stack: Stack): u32 {
  return <u32>(changetype<usize>(stack) - stacks) / STACK_SIZE;
}

/** Of the allocations for which a stack stands those that are alive, as far as is known of its samples; all if nothing is. */
export function aliveOfStack(stack: Stack): u64 {
  const known = <u64>(stack.alive + stack.gone);
  return known ? (stack.allocs * <u64>stack.alive) / known : stack.allocs;
}

/** The number of functions of a call of a stack: one, and those that it is inlined into. */
export function functionsOf(stack: Stack, at: u32): u32 {
  return <u32>frameAt(callOf(stack, at)).callers + 1;
}

/** Writes the name of a function of a call of a stack, the innermost first. */
export function writeFunctionOf(stack: Stack, at: u32, level: u32): void {
  const innermost = frameAt(callOf(stack, at));
  const frame = level ? frameAt(slotOf(frames, innermost.call, level)) : innermost;
  if (frame.length) return writer.copy(changetype<usize>(frame) + FRAME_TEXT, frame.length);
  if (frame.call >> 32 == 0) return writer.ascii(NOWHERE);
  writer.ascii(UNNAMED);
  writer.hexadecimal(<u32>frame.call - 1);
}

/** What was known of an entry's block so far does not matter any more. */
function leaveEntry(entry: u32, gone: bool): void {
  if (entry >= CALL_STACKS_MAX) return;
  const number = <u32>valueAt<u16>(stackEntries, entry);
  if (!number) return;
  setValueAt<u16>(stackEntries, entry, 0);
  const stack = stackAt(number - 1);
  stack.alive = stack.alive - 1;
  if (gone) stack.gone = stack.gone + 1;
}

function drop(number: u32): void {
  memory.fill(changetype<usize>(stackAt(number)), 0, STACK_SIZE);
  for (let entry: u32 = 0; entry < CALL_STACKS_MAX; ++entry) {
    if (<u32>valueAt<u16>(stackEntries, entry) == number + 1) setValueAt<u16>(stackEntries, entry, 0);
  }
}

/** The site's stack with the calls in the input region. If there is no room, the stack with the fewest samples gives way. */
function findOrAdd(site: Site, count: u32, ending: u32): Stack | null {
  const hash = hashText(input + STACK_CALLS, count * sizeof<u64>()) ^ ending;
  let least: u32 = 0;
  for (let i: u32 = 0; i < STACKS_MAX; ++i) {
    const stack = stackAt(i);
    if (stack.site == site && stack.hash == hash && stack.count == <u16>count) return stack;
    if (stackAt(least).site && (!stack.site || stack.samples < stackAt(least).samples)) least = i;
  }
  const stack = stackAt(least);
  if (stack.site && stack.samples > 1) return null;
  drop(least);
  stack.site = site;
  stack.hash = hash;
  stack.count = <u16>count;
  stack.end = <u16>ending;
  for (let i: u32 = 0; i < count; ++i) {
    store<u16>(
      changetype<usize>(stack) + offsetof<Stack>() + i * sizeof<u16>(),
      <u16>enter(valueAt<u64>(input + STACK_CALLS, i), 0),
    );
  }
  return stack;
}

function callOf(stack: Stack, at: u32): u32 {
  return load<u16>(changetype<usize>(stack) + offsetof<Stack>() + at * sizeof<u16>());
}

function frameAt(number: u32): Frame {
  return recordAt<Frame>(frames, number, FRAME_SIZE);
}

/** The place of a call's function in a table, or where it belongs. */
function slotOf(table: usize, call: u64, level: u32): u32 {
  let at = <u32>(((call + level) * PHI) >> 32) % FRAMES_MAX;
  while (isOther(recordAt<Frame>(table, at, FRAME_SIZE), call, level)) at = (at + 1) % FRAMES_MAX;
  return at;
}

function isOther(frame: Frame, call: u64, level: u32): bool {
  return frame.call != 0 && (frame.call != call || frame.level != level);
}

function enter(call: u64, level: u32): u32 {
  const at = slotOf(frames, call, level);
  if (!frameAt(at).call) {
    frameAt(at).call = call;
    frameAt(at).level = <u8>level;
    ++frameCount;
  }
  return at;
}

/** Whether so many frames more fit, perhaps after those of dropped stacks have gone. */
function makeRoom(count: u32): bool {
  if (frameCount + count > FRAMES_FULL) rebuild();
  return frameCount + count <= FRAMES_FULL;
}

/** Keeps the frames that a stack has. */
function rebuild(): void {
  memory.copy(frameSpares, frames, FRAMES_MAX * FRAME_SIZE);
  memory.fill(frames, 0, FRAMES_MAX * FRAME_SIZE);
  frameCount = 0;
  for (let i: u32 = 0; i < STACKS_MAX; ++i) {
    const stack = stackAt(i);
    for (let at: u32 = 0; stack.site && at < stack.count; ++at) {
      const from = recordAt<Frame>(frameSpares, callOf(stack, at), FRAME_SIZE);
      store<u16>(changetype<usize>(stack) + offsetof<Stack>() + at * sizeof<u16>(), <u16>keep(from));
      for (let level: u32 = 1; level <= from.callers; ++level) {
        keep(recordAt<Frame>(frameSpares, slotOf(frameSpares, from.call, level), FRAME_SIZE));
      }
    }
  }
}

/** Copies a frame back. Returns its number. */
function keep(from: Frame): u32 {
  const to = enter(from.call, from.level);
  memory.copy(changetype<usize>(frameAt(to)), changetype<usize>(from), FRAME_SIZE);
  return to;
}

function begin(frame: Frame): void {
  const text = changetype<usize>(frame) + FRAME_TEXT;
  writer.begin(text, text + FRAME_SIZE - FRAME_TEXT);
}

function end(frame: Frame): void {
  frame.length = <u16>(writer.position() - changetype<usize>(frame) - FRAME_TEXT);
}
