// SPDX-License-Identifier: Apache-2.0
//
// Messages of `traffic_ctl plugin msg memtrack ...`: a verb, compared in full, and for some verbs an argument. For any bytes, the
// answer is a verb and its argument, or a line that states the error and the valid form.

import {
  ARGUMENT_MAX,
  LINE_WARNING,
  MESSAGE_MAX,
  VERB_ACCEPT,
  VERB_ARM,
  VERB_COUNT,
  VERB_DIFF,
  VERB_DUMP,
  VERB_HELP,
  VERB_MARK,
  VERB_RESET,
  VERB_SEARCH,
  VERB_SHOW,
  VERB_STATUS,
  VERB_UNACCEPT,
} from "../abi";
import * as answer from "../base/answer";
import { DOUBLE_QUOTE, SPACE } from "../base/chars";
import { input } from "../base/memory";
import { Fault, faultOf } from "../base/patterns";
import * as reader from "../base/reader";
import { ascii, byte, writeSanitized, unsigned } from "../base/writer";
import { writeFault } from "./accept";

/** Most bytes of a word of the message shown in a line. */
const SHOWN: usize = 40;

// The verb found by select().
let verb: string = "";
let argument: string = ""; // the argument's form, "" for none
let help: string = "";

let level: u32 = 0;

/** The table of verbs. Returns false if there is no such verb. */
function select(number: u32): bool {
  switch (number) {
    case VERB_MARK:
      return describe("mark", "[name]", "sets a baseline, from which dumps measure growth");
    case VERB_DIFF:
      return describe("diff", "[name]", "writes a dump with all growth since a baseline");
    case VERB_DUMP:
      return describe("dump", "", "writes a dump");
    case VERB_RESET:
      return describe("reset", "", "clears histories, suspects and baselines; counters continue");
    case VERB_ARM:
      return describe("arm", "0|1|2", "sets the level until its record changes");
    case VERB_SHOW:
      return describe("show", "text", "writes a dump with verdict and history of all rows whose name contains the text");
    case VERB_STATUS:
      return describe("status", "", "writes the present state to diags.log");
    case VERB_SEARCH:
      return describe("search", "[text]", "searches memory for what holds the rows whose name contains the text, and the suspects");
    case VERB_ACCEPT:
      return describe("accept", "pattern", "makes the rows whose name contains the pattern no suspects until their growth changes");
    case VERB_UNACCEPT:
      return describe("unaccept", "pattern", "withdraws a pattern that a message has accepted");
    case VERB_HELP:
      return describe("help", "", "writes this list to diags.log");
    default:
      return false;
  }
}

function describe(word: string, takes: string, does: string): bool {
  verb = word;
  argument = takes;
  help = does;
  return true;
}

/** A line about the verb with this number. */
export function messageHelp(number: u32): u32 {
  if (!select(number)) return answer.say(0);
  answer.begin();
  ascii("traffic_ctl plugin msg memtrack '");
  writeUsage();
  ascii("': ");
  ascii(help);
  return answer.end();
}

/**
 * Parses the message in the input region.
 * @param size of the message; the input region holds at most QUESTION_MAX bytes of it
 * @returns the length of the answer's text. The answer's number is a verb, and the text its argument; or it is VERB_COUNT, and the
 * text a line that explains the refusal
 */
export function readMessage(size: u64): u32 {
  if (size > MESSAGE_MAX) {
    beginRefusal();
    ascii(" ignored: ");
    unsigned(size);
    ascii(" bytes, at most ");
    unsigned(MESSAGE_MAX);
    ascii(" are allowed");
    return endRefusal();
  }
  reader.open(input, <usize>size);
  reader.endAt(0);
  if (reader.left() < <u32>size) {
    beginRefusal();
    ascii(" ignored: NUL at byte ");
    unsigned(reader.left());
    ascii(" of ");
    unsigned(size);
    return endRefusal();
  }
  reader.dropBlanksAtEnd();
  const word = reader.takeWord();
  const length = reader.position() - word;
  if (!length) {
    beginRefusal();
    ascii(" ignored: it is empty");
    return endRefusal();
  }
  let number: u32 = 0;
  while (select(number) && !reader.same(word, length, verb)) ++number;
  if (number == VERB_COUNT) {
    beginRefusal();
    ascii(' ignored: unknown verb "');
    show(word, length);
    byte(DOUBLE_QUOTE);
    return endRefusal();
  }
  reader.skipBlanks();
  return readArgument(number, reader.position(), reader.left());
}

/** Level in the last message, if that was `arm`. */
export function messageLevel(): u32 {
  return level;
}

/** Parses the argument of the selected verb. */
function readArgument(number: u32, at: usize, length: usize): u32 {
  if (length && !argument.length) {
    beginRefusal();
    ascii(' "');
    ascii(verb);
    byte(SPACE);
    show(at, length);
    ascii('" ignored: ');
    ascii(verb);
    ascii(" takes no argument");
    return endRefusal();
  }
  if (number == VERB_ARM) {
    if (length != 1 || load<u8>(at) < 0x30 || load<u8>(at) > 0x32) {
      beginRefusal();
      ascii(length ? ' "arm ' : ' "arm');
      show(at, length);
      ascii('" ignored: the level must be 0, 1 or 2');
      if (!length) ascii("; put the verb and the level in one pair of quotes"); // traffic_ctl sends only one word
      return endRefusal();
    }
    level = load<u8>(at) - 0x30;
  }
  if (number == VERB_SHOW && (!length || length > ARGUMENT_MAX)) {
    beginRefusal();
    ascii(' "show" ignored: the text must have 1 to ');
    unsigned(ARGUMENT_MAX);
    ascii(" bytes");
    if (!length) ascii("; put the verb and the text in one pair of quotes"); // traffic_ctl sends only one word
    return endRefusal();
  }
  if ((number == VERB_ACCEPT || number == VERB_UNACCEPT) && faultOf(at, length) != Fault.NONE) {
    beginRefusal();
    ascii(' "');
    ascii(verb);
    if (length) byte(SPACE);
    show(at, length);
    ascii('" ignored: ');
    if (length) writeFault(faultOf(at, length));
    else ascii("the pattern is missing; put the verb and the pattern in one pair of quotes"); // traffic_ctl sends only one word
    return endRefusal();
  }
  answer.begin();
  writeSanitized(at, min<usize>(length, ARGUMENT_MAX)); // sanitized, because it appears in diags.log
  return answer.end(number);
}

function beginRefusal(): void {
  answer.begin(LINE_WARNING);
  ascii("plugin message");
}

function endRefusal(): u32 {
  ascii("; verbs: ");
  for (let number: u32 = 0; select(number); ++number) {
    if (number) ascii(", ");
    writeUsage();
  }
  return answer.end(VERB_COUNT);
}

/** "mark [name]": usage of the selected verb. */
function writeUsage(): void {
  ascii(verb);
  if (argument.length) byte(SPACE);
  ascii(argument);
}

/** Shows a part of the message in a line: shortened, and without the quotes that enclose it. */
function show(from: usize, length: usize): void {
  for (let i: usize = 0; i < length && i < SHOWN; ++i) {
    if (load<u8>(from + i) == 0x22) byte(0x3f);
    else writeSanitized(from + i, 1);
  }
  if (length > SHOWN) ascii("...");
}
