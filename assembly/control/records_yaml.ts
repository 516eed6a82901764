// SPDX-License-Identifier: Apache-2.0
//
// Checks memtrack's fields in a records.yaml of Traffic Server 10. The server knows its own records, and uses its default instead of
// an invalid value. It does not know memtrack's when it reads the file: it ignores their fields unless a tag says the type, `!!int`
// or `!!str`. A number that is out of range is reported when it is used (records.ts).

import { LINE_WARNING, QUESTION_MAX, SETTING_COUNT, SETTING_LEVEL, SETTING_OF_SERVER } from "../abi";
import * as answer from "../base/answer";
import { CLOSING_PARENTHESIS, DOUBLE_QUOTE, NEWLINE } from "../base/chars";
import { input } from "../base/memory";
import { begins, holds, same } from "../base/reader";
import { ascii, byte, signed, writeSanitized } from "../base/writer";
import { distance } from "./distance";
import { isNumber } from "./number";
import * as records from "./records";
import * as yaml from "./yaml";

/** The key that holds all records, and what a record's name has in its place. */
const ROOT: string = "records";
const PREFIX: string = "proxy.config";

/** Most bytes of a name, a tag or a value that are shown. */
const SHOWN: u32 = 100;
/** Most letters that differ in a name that means one of memtrack's records. */
const MISSPELT: u32 = 2;

/** The present field's name as a record. */
const name = memory.data(yaml.PATH_MAX + 16);
let nameLength: u32 = 0;

// What the server makes of a tag.
const NO_TYPE: u32 = 0; // it ignores the field
const INT: u32 = 1;
const STRING: u32 = 2;
const OTHER: u32 = 3; // of no record of memtrack

/**
 * Finds the next wrong field in the text in the input region, a whole file. The answer's text describes it, its number is the line.
 * Without such a field there is no text.
 * @param length of the text. The last line of one of QUESTION_MAX bytes, which may be a part of a file, is not read
 * @param isFirst whether to start at the beginning
 */
export function checkRecordsYaml(length: u64, isFirst: u32): u32 {
  if (isFirst) yaml.begin(input, wholeLines(answer.bounded(length)), ROOT);
  while (yaml.next()) {
    setName();
    answer.begin(LINE_WARNING);
    const setting = settingOfName();
    if (setting < SETTING_COUNT ? describeField(setting) : describeName()) return answer.end(yaml.line);
  }
  return answer.say(0);
}

function wholeLines(length: u32): u32 {
  if (length < QUESTION_MAX) return length;
  while (length && load<u8>(input + length - 1) != NEWLINE) --length;
  return length;
}

function setName(): void {
  const isRecord = yaml.firstLength < yaml.pathLength && same(yaml.path, yaml.firstLength, ROOT);
  const from = isRecord ? yaml.firstLength : 0;
  nameLength = 0;
  if (isRecord) for (; nameLength < <u32>PREFIX.length; ++nameLength) store<u8>(name + nameLength, PREFIX.charCodeAt(nameLength));
  memory.copy(name + nameLength, yaml.path + from, yaml.pathLength - from);
  nameLength += yaml.pathLength - from;
}

/** Selects the setting that it returns; SETTING_COUNT if the field is no record of memtrack. */
function settingOfName(): u32 {
  let setting: u32 = 0;
  while (records.select(setting) && !same(name, nameLength, records.name)) ++setting;
  return setting;
}

/** Describes a field whose name is misspelt, or is not in the right place. Returns false if it means no record of memtrack. */
function describeName(): bool {
  const isOurs = begins(name, nameLength, "memtrack.") || holds(name, nameLength, ".memtrack.");
  let nearest: u32 = 0;
  let least = isOurs ? u32.MAX_VALUE : MISSPELT + 1;
  for (let setting: u32 = 0; records.select(setting); ++setting) {
    const length = <u32>records.name.length;
    if (!isOurs && (nameLength > length + MISSPELT || nameLength + MISSPELT < length)) continue;
    const differ = distance(name, nameLength, records.name);
    if (differ >= least) continue;
    least = differ;
    nearest = setting;
  }
  if (!isOurs && least > MISSPELT) return false;
  records.select(nearest);
  ascii("there is no record ");
  writeSanitized(name, min(nameLength, SHOWN));
  ascii("; the nearest name is ");
  ascii(records.name);
  return true;
}

/** Describes what is wrong with a field of the selected setting. Returns false if nothing is. */
function describeField(setting: u32): bool {
  if (yaml.rootCount > 1) {
    ascii(records.name);
    ascii(": the server ignores ");
    writeValue();
    ascii(', because it is below a second "records:"; move it below the first');
    return true;
  }
  if (records.effect == SETTING_OF_SERVER) return describeServers(setting);
  const type = typeOfTag();
  if (type == NO_TYPE) {
    ascii(records.name);
    ascii(": the server ignores ");
    writeValue();
    if (yaml.tagLength) {
      ascii(", because it does not know the type ");
      writeSanitized(yaml.tag, min(yaml.tagLength, SHOWN));
    } else {
      ascii(", because it has no type");
    }
  } else if (type != (records.isNumber() ? INT : STRING)) {
    writeIs();
    ascii(", not of type ");
    ascii(records.isNumber() ? "!!int" : "!!str");
    ascii("; the value is not used");
  } else {
    if (!records.isNumber() || isNumber(text(), textLength())) return false;
    writeIs();
    ascii(", not a number; the server reads only the digits that it begins with");
  }
  writeAdvice();
  return true;
}

/** The same for a record of the server. It has a type without a tag. */
function describeServers(setting: u32): bool {
  const isGood = setting == SETTING_LEVEL ? records.isInRange(text(), textLength()) : isNumber(text(), textLength());
  if (isGood) return false;
  writeIs();
  ascii(", not a number");
  if (setting == SETTING_LEVEL) {
    ascii(" in the range ");
    records.writeRange();
    ascii("; the server uses its default, ");
    signed(records.normal);
  } else {
    ascii("; the range is ");
    records.writeRange();
    ascii("; the server reads only the digits that it begins with");
  }
  return true;
}

function typeOfTag(): u32 {
  if (isTag("int") || isTag("bool")) return INT;
  if (isTag("str")) return STRING;
  return isTag("float") || isTag("null") ? OTHER : NO_TYPE;
}

/** Whether the field's tag is `!!type`, which may be written in full. */
function isTag(type: string): bool {
  const length = yaml.tagLength;
  if (begins(yaml.tag, length, "!!")) return same(yaml.tag + 2, length - 2, type);
  const full = "!<tag:yaml.org,2002:";
  const rest = yaml.tag + full.length;
  return begins(yaml.tag, length, full) && length == <u32>(full.length + type.length) + 1 && same(rest, type.length, type);
}

// The value without quotes.

function text(): usize {
  return yaml.value + usize(yaml.isQuoted);
}

function textLength(): u32 {
  return yaml.valueLength - 2 * u32(yaml.isQuoted);
}

function writeValue(): void {
  byte(DOUBLE_QUOTE);
  writeSanitized(text(), min(textLength(), SHOWN));
  byte(DOUBLE_QUOTE);
}

function writeIs(): void {
  ascii(records.name);
  ascii(" is ");
  writeValue();
  if (!yaml.tagLength) return;
  ascii(" (");
  writeSanitized(yaml.tag, min(yaml.tagLength, SHOWN));
  byte(CLOSING_PARENTHESIS);
}

/** The field as it would be right. */
function writeAdvice(): void {
  const isGood = !records.isNumber() || records.isInRange(text(), textLength());
  ascii("; write ");
  writeSanitized(yaml.key, min(yaml.keyLength, SHOWN));
  ascii(records.isNumber() ? ": !!int " : ": !!str ");
  if (isGood) {
    writeSanitized(yaml.value, min(yaml.valueLength, SHOWN));
  } else {
    ascii("and a number in the range ");
    records.writeRange();
  }
}
