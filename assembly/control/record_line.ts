// SPDX-License-Identifier: Apache-2.0
//
// Checks a line of records.config, "CONFIG name type value": whether it has the record's type, and whether the server reads the whole
// value of a number as one. Otherwise the server silently uses a part of the text, or 0.

import { LINE_WARNING, QUESTION_MAX, SETTING_COUNT } from "../abi";
import * as answer from "../base/answer";
import { input } from "../base/memory";
import * as reader from "../base/reader";
import { isNumber } from "./number";
import * as records from "./records";
import { ascii, signed, writeSanitized } from "../base/writer";

/** Most bytes of a type and of a value that are shown. */
const TYPE_SHOWN: usize = 20;
const VALUE_SHOWN: usize = 100;

// The words found by read().
let type: usize = 0;
let typeLength: usize = 0;
let value: usize = 0;
let valueLength: usize = 0;

/**
 * Checks the line in the input region.
 * @param length of the whole line; the input region holds at most QUESTION_MAX bytes of it
 * @returns the setting whose type or value is wrong in this line; SETTING_COUNT for any other line
 */
export function checkRecordLine(length: u64): u32 {
  return read(length);
}

/**
 * Describes the error in such a line.
 * @param isKnown whether the server returned the record's value; it is `taken`
 */
export function describeRecordLine(length: u64, isKnown: u32, taken: i64): u32 {
  if (read(length) == SETTING_COUNT) return answer.say(0);
  answer.begin(LINE_WARNING);
  ascii(records.name);
  ascii(' is "');
  writeSanitized(value, min(valueLength, VALUE_SHOWN));
  ascii('" (');
  writeSanitized(type, min(typeLength, TYPE_SHOWN));
  ascii(hasType() ? "), not a number" : "), not of type ");
  if (!hasType()) ascii(records.type);
  if (!records.isNumber()) {
    ascii("; the value is not used");
    return answer.end();
  }
  ascii("; the range is ");
  records.writeRange();
  ascii(isKnown ? "; the server reads it as " : "; how the server reads it is unknown");
  if (isKnown) signed(taken);
  return answer.end();
}

/** Selects the setting that it returns. */
function read(length: u64): u32 {
  reader.open(input, answer.bounded(length));
  reader.endAt(0);
  const scope = reader.takeWord();
  if (reader.position() == scope || load<u8>(scope) == 0x23) return SETTING_COUNT;
  const record = reader.takeWord();
  const recordLength = reader.position() - record;
  type = reader.takeWord();
  typeLength = reader.position() - type;
  if (!typeLength || !readValue()) return SETTING_COUNT;
  for (let setting: u32 = 0; records.select(setting); ++setting) {
    if (reader.same(record, recordLength, records.name)) return isGood() && length <= QUESTION_MAX ? SETTING_COUNT : setting;
  }
  return SETTING_COUNT;
}

/** Reads the value after the type, without surrounding blanks. Returns false if nothing follows the type, not even a blank. */
function readValue(): bool {
  reader.skip(); // the blank that ended the type
  while (reader.isLineEnd(reader.peek())) reader.skip();
  if (reader.peek() == reader.END) return false;
  value = reader.position();
  while (reader.peek() != reader.END && !reader.isLineEnd(reader.peek())) reader.skip();
  let end = reader.position();
  while (value < end && isSpace(load<u8>(value))) ++value;
  while (value < end && isSpace(load<u8>(end - 1))) --end;
  valueLength = end - value;
  return true;
}

function isSpace(byte: u32): bool {
  return byte == 0x20 || byte == 0x09;
}

/** Whether type and value suit the selected setting. */
function isGood(): bool {
  return hasType() && (!records.isNumber() || isNumber(value, valueLength));
}

function hasType(): bool {
  return reader.same(type, typeLength, records.type);
}
