// SPDX-License-Identifier: Apache-2.0
//
// Decides which path the record `output` means, and writes the log lines about where dumps go. The host opens and writes the file.

import {
  ANSWER_MAX,
  LINE_NOTE,
  LINE_WARNING,
  OUTPUT_ABOVE,
  OUTPUT_DENIED,
  OUTPUT_FOLDER,
  OUTPUT_FULL,
  OUTPUT_LINK,
  OUTPUT_LONG,
  OUTPUT_MISSING,
  OUTPUT_NONE,
  OUTPUT_NOWHERE,
  OUTPUT_SPECIAL,
  OUTPUT_USABLE,
  SETTING_OUTPUT,
} from "../abi";
import * as answer from "../base/answer";
import { SLASH, SPACE } from "../base/chars";
import { hashText } from "../base/hash";
import { input } from "../base/memory";
import * as reader from "../base/reader";
import { ascii, byte, copy, writeSanitized } from "../base/writer";
import { name, select } from "./records";

/** Most bytes of the record's value, of the path and of the system's reason that a line shows. */
const VALUE_SHOWN: usize = 150;
const PATH_SHOWN: usize = 250;
const REASON_SHOWN: usize = 100;

/** State of the last line, and a hash of its texts. */
let saidState: u32 = OUTPUT_NONE;
let saidHash: u64 = 0;

export function outputReset(): void {
  saidState = OUTPUT_NONE;
  saidHash = 0;
}

/**
 * Computes the path. The input region holds the record's value, followed by the server's log folder.
 * @returns the length of the path. The answer's number is OUTPUT_USABLE, or the reason why there is no path
 */
export function outputPath(valueLength: u32, folderLength: u32): u32 {
  const value = answer.bounded(valueLength);
  // In records.config NULL means no text. traffic_ctl accepts no empty value, and passes NULL on as a word.
  if (!value || reader.same(input, value, "NULL")) return answer.say(OUTPUT_NONE);
  const isAbsolute = load<u8>(input) == <u8>SLASH;
  if (!isAbsolute && !folderLength) return answer.say(OUTPUT_NOWHERE);
  if (leadsUp(value)) return answer.say(OUTPUT_ABOVE);
  if (<u64>value + 1 + folderLength >= ANSWER_MAX) return answer.say(OUTPUT_LONG);
  answer.begin();
  if (!isAbsolute) {
    copy(input + value, folderLength);
    byte(SLASH);
  }
  copy(input, value);
  return answer.end(OUTPUT_USABLE);
}

/**
 * Writes the line about where dumps go. The input region holds the record's value, the path, and the system's reason for a failure.
 * @param state OUTPUT_...
 * @returns the length of the line; 0 if it would repeat the last one
 */
export function outputNotice(state: u32, valueLength: u32, pathLength: u32, reasonLength: u32): u32 {
  const hash = hashText(input, answer.bounded(<u64>valueLength + pathLength + reasonLength));
  if (state == saidState && (state == OUTPUT_NONE || hash == saidHash)) return answer.say(0);
  saidState = state;
  saidHash = hash;
  select(SETTING_OUTPUT);
  const path = input + valueLength;
  answer.begin(state <= OUTPUT_USABLE ? LINE_NOTE : LINE_WARNING);
  if (state <= OUTPUT_USABLE) {
    ascii("dumps go to ");
    if (state == OUTPUT_NONE) ascii(STANDARD_ERROR);
    else writeSanitized(path, min<usize>(pathLength, PATH_SHOWN));
    ascii(state == OUTPUT_NONE ? ": " : " (");
    ascii(name);
    ascii(state == OUTPUT_NONE ? " is empty" : ")");
    return answer.end();
  }
  ascii(name);
  ascii(' is "');
  writeSanitized(input, min<usize>(valueLength, VALUE_SHOWN));
  ascii('": ');
  writeSanitized(path, min<usize>(pathLength, PATH_SHOWN));
  if (pathLength) byte(SPACE);
  ascii(fault(state));
  writeSanitized(path + pathLength, min<usize>(reasonLength, REASON_SHOWN));
  ascii("; dumps go to ");
  ascii(STANDARD_ERROR);
  ascii(" until it can be used. ");
  ascii(remedy(state));
  return answer.end();
}

const STANDARD_ERROR: string = "the server's standard error (traffic.out or the journal)";

/** The system's reason, if there is one, follows it. */
function fault(state: u32): string {
  switch (state) {
    case OUTPUT_ABOVE:
      return 'a path with ".." is not used';
    case OUTPUT_LONG:
      return "the path is too long";
    case OUTPUT_NOWHERE:
      return "the server's log folder is not known";
    case OUTPUT_LINK:
      return "is a symbolic link";
    case OUTPUT_FOLDER:
      return "is a folder";
    case OUTPUT_SPECIAL:
      return "is not a regular file";
    case OUTPUT_FULL:
      return "cannot be written: ";
    case OUTPUT_MISSING:
    case OUTPUT_DENIED:
      return "cannot be opened: ";
    default:
      return "cannot be used: ";
  }
}

function remedy(state: u32): string {
  switch (state) {
    case OUTPUT_ABOVE:
      return "Set a path below the log folder, or an absolute path";
    case OUTPUT_LONG:
      return "Set a shorter path";
    case OUTPUT_NOWHERE:
      return "Set an absolute path";
    case OUTPUT_LINK:
      return "Set the path of the link's target, or remove the link";
    case OUTPUT_FOLDER:
      return "Set the path of a file in that folder";
    case OUTPUT_MISSING:
      return "Create the folder, and allow the server's user to write to it";
    case OUTPUT_DENIED:
      return "Allow the server's user to write to it";
    case OUTPUT_FULL:
      return "Free disk space; the next dump tries this file again";
    default:
      return "Set the path of another file";
  }
}

/** Whether a component of the path in the input region is "..". */
function leadsUp(length: u32): bool {
  reader.open(input, length);
  while (reader.left()) {
    const from = reader.position();
    while (reader.peek() != reader.END && reader.peek() != SLASH) reader.skip();
    if (reader.same(from, reader.position() - from, "..")) return true;
    reader.take(SLASH);
  }
  return false;
}
