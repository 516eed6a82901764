// SPDX-License-Identifier: Apache-2.0
//
// Rules of memtrack's records (listed in format/format.ts). The host reads a value from the server and has it judged here. An
// invalid value and a change produce a line each, once per value.

import {
  LINE_NOTE,
  LINE_WARNING,
  SETTING_AT_START,
  SETTING_COUNT,
  SETTING_FREQUENCY,
  SETTING_INTERVAL,
  SETTING_LEVEL,
  SETTING_OF_SERVER,
} from "../abi";
import * as answer from "../base/answer";
import { CLOSING_BRACKET, DASH, OPENING_BRACKET } from "../base/chars";
import * as reader from "../base/reader";
import { ascii, byte, signed } from "../base/writer";
import {
  SETTING_ABOVE,
  SETTING_BELOW,
  SETTING_DEFAULTS,
  SETTING_EFFECTS,
  SETTING_LEAST,
  SETTING_MOST,
  SETTING_NAMES,
  SETTING_TYPES,
} from "../format";

// The rule found by select().
export let name: string = "";
export let type: string = "";
let least: i64 = 0;
let most: i64 = 0;
let below: i64 = 0;
let above: i64 = 0;
export let normal: i64 = 0;
export let effect: u32 = SETTING_OF_SERVER;

/** Returns false if there is no such setting. */
export function select(setting: u32): bool {
  if (setting >= SETTING_COUNT) return false;
  name = unchecked(SETTING_NAMES[setting]);
  type = unchecked(SETTING_TYPES[setting]);
  least = unchecked(SETTING_LEAST[setting]);
  most = unchecked(SETTING_MOST[setting]);
  below = unchecked(SETTING_BELOW[setting]);
  above = unchecked(SETTING_ABOVE[setting]);
  normal = unchecked(SETTING_DEFAULTS[setting]);
  effect = unchecked(SETTING_EFFECTS[setting]);
  return true;
}

// The last value of each setting, and whether there was a value.
const LAST: usize = 0;
const SEEN: usize = 8;
const VALUE_SIZE: u32 = 16;
const values: usize = memory.data(SETTING_COUNT * VALUE_SIZE, 8);

/** The level set by a message, or -1: in force until the record changes from its value at that time. */
let levelByMessage: i32 = -1;
let levelThen: i64 = 0;

export function recordsReset(): void {
  memory.fill(values, 0, SETTING_COUNT * VALUE_SIZE);
  levelByMessage = -1;
  levelThen = 0;
}

// The table, for hosts. An unknown setting has 0 everywhere.

/** The answer's text is the record's name. */
export function settingName(setting: u32): u32 {
  answer.begin();
  if (select(setting)) ascii(name);
  return answer.end();
}

/** The range in the server's notation, for a record that memtrack creates: "[0-1]"; empty for a text. */
export function settingCheck(setting: u32): u32 {
  answer.begin();
  if (select(setting) && isNumber()) {
    byte(OPENING_BRACKET);
    signed(least);
    byte(DASH);
    signed(most);
    byte(CLOSING_BRACKET);
  }
  return answer.end();
}

export function settingDefault(setting: u32): i64 {
  return select(setting) ? normal : 0;
}

/** SETTING_OF_SERVER, SETTING_LIVE or SETTING_AT_START. */
export function settingEffect(setting: u32): u32 {
  return select(setting) ? effect : SETTING_OF_SERVER;
}

/** Whether the selected setting is a number; else it is a text. */
export function isNumber(): bool {
  return type == "INT";
}

/** Whether a text is digits, and in the range of the selected setting. */
export function isInRange(text: usize, length: usize): bool {
  reader.open(text, length);
  if (!reader.isDigit(reader.peek())) return false;
  const value = reader.takeUnsigned();
  return !reader.left() && value >= <u64>least && value <= <u64>most;
}

/** 1 if the record's value is a text. */
export function settingIsText(setting: u32): u32 {
  return u32(select(setting) && !isNumber());
}

/** Judges a record's number. The answer's number is the value to use; its text reports an invalid value or a change. */
export function judgeSetting(setting: u32, value: i64): u32 {
  if (!select(setting)) return answer.say(0);
  const at = values + setting * VALUE_SIZE;
  const isSeen = load<u8>(at, SEEN) != 0;
  const isSame = isSeen && load<i64>(at, LAST) == value;
  const used = usedFor(setting, value);
  store<i64>(at, value, LAST);
  store<u8>(at, 1, SEEN);
  const chosen = setting == SETTING_LEVEL ? levelInForce(used) : used;
  if (isSame || (used == value && !isSeen)) return answer.say(chosen);
  answer.begin(used != value ? LINE_WARNING : LINE_NOTE);
  ascii(name);
  if (used != value) {
    ascii(": value ");
    signed(value);
    ascii(" is out of range ");
    writeRange();
    ascii("; using ");
    signed(used);
  } else {
    ascii(" is now ");
    signed(value);
    if (effect == SETTING_AT_START) ascii("; restart traffic_server to apply it");
    if (setting == SETTING_INTERVAL && !value) ascii("; without samples, dumps do not show growth");
  }
  return answer.end(chosen);
}

/** Sets the level by a message, after its record has been judged. The answer's text reports it. */
export function setLevel(level: u32): u32 {
  select(SETTING_LEVEL);
  levelByMessage = level;
  levelThen = usedFor(SETTING_LEVEL, load<i64>(values + SETTING_LEVEL * VALUE_SIZE, LAST));
  answer.begin();
  ascii("level set to ");
  signed(level);
  ascii(" by a message, until ");
  ascii(name);
  ascii(" changes from ");
  signed(levelThen);
  return answer.end(level);
}

/** Appends the allowed range of the selected setting to a line. */
export function writeRange(): void {
  byte(OPENING_BRACKET);
  signed(least);
  ascii(", ");
  signed(most);
  byte(CLOSING_BRACKET);
}

function usedFor(setting: u32, value: i64): i64 {
  // The server has the timer for dumps, and uses 32 bits of the value.
  if (setting == SETTING_FREQUENCY && value > most) return max<i64>(<i32>value, 0);
  return value < least ? below : value > most ? above : value;
}

function levelInForce(record: i64): i64 {
  if (levelByMessage >= 0 && record != levelThen) levelByMessage = -1;
  return levelByMessage >= 0 ? levelByMessage : record;
}
