// SPDX-License-Identifier: Apache-2.0
//
// memtrack's records: the value in use, the log line about it, and lines of records.config as bytes.

import {
  LINE_NOTE,
  LINE_WARNING,
  QUESTION_MAX,
  SETTING_AT_START,
  SETTING_COUNT,
  SETTING_FREQUENCY,
  SETTING_HEAP,
  SETTING_INTERVAL,
  SETTING_LEVEL,
  SETTING_LIVE,
  SETTING_OF_SERVER,
  SETTING_OUTPUT,
  SETTING_SITES,
  SETTING_VERIFY,
  SITES_DEFAULT,
} from "../../../assembly/abi";
import { answerNumber, answerSeverity } from "../../../assembly/base/answer";
import {
  judgeSetting,
  setLevel,
  settingCheck,
  settingDefault,
  settingEffect,
  settingIsText,
  settingName,
} from "../../../assembly/control/records";
import { checkRecordLine, describeRecordLine } from "../../../assembly/control/record_line";
import { input } from "../../../assembly/base/memory";
import { SETTING_LEAST, SETTING_MOST } from "../../../assembly/format";
import { answered, freshControl, put } from "../support";

function name(setting: u32): string {
  return answered(settingName(setting));
}

/** The log line about a value, and the value in use. */
function judged(setting: u32, value: i64): string {
  const text = answered(judgeSetting(setting, value));
  return text + "|" + answerNumber().toString();
}

/** Checks a line of records.config. Returns the log line about it if the server reads the value as `taken`. */
function line(text: string, taken: i64 = 0): string {
  const length = put(text);
  const setting = checkRecordLine(length);
  if (setting == SETTING_COUNT) return "";
  const said = answered(describeRecordLine(length, 1, taken));
  expect(said.startsWith(name(setting))).toBe(true, said);
  put(text);
  expect(describeRecordLine(length, 0, taken)).toBeGreaterThan(0);
  expect(answerSeverity()).toBe(LINE_WARNING);
  return said;
}

function isGood(value: string): bool {
  return line("CONFIG proxy.config.res_track_memory INT " + value) == "";
}

describe("a record", () => {
  test("has a name, a range, a default, and a moment when it takes effect", () => {
    freshControl();
    for (let setting: u32 = 0; setting < SETTING_COUNT; ++setting) {
      expect(name(setting).startsWith("proxy.config.")).toBe(true);
      expect(settingDefault(setting)).toBeGreaterThanOrEqual(SETTING_LEAST[setting]);
      expect(settingDefault(setting)).toBeLessThanOrEqual(SETTING_MOST[setting]);
    }
    expect(name(SETTING_SITES)).toBe("proxy.config.plugin.memtrack.sites");
    expect(answered(settingCheck(SETTING_SITES))).toBe("[64-65408]");
    expect(answered(settingCheck(SETTING_VERIFY))).toBe("[0-1]");
    expect(answered(settingCheck(SETTING_HEAP))).toBe("[0-2]");
    expect(answered(settingCheck(SETTING_INTERVAL))).toBe("[0-3600]");
    expect(settingEffect(SETTING_LEVEL)).toBe(SETTING_OF_SERVER);
    expect(settingEffect(SETTING_FREQUENCY)).toBe(SETTING_OF_SERVER);
    expect(settingEffect(SETTING_SITES)).toBe(SETTING_AT_START);
    expect(settingEffect(SETTING_HEAP)).toBe(SETTING_LIVE);
    expect(settingIsText(SETTING_HEAP)).toBe(0);
  });

  test("with text values has no range", () => {
    freshControl();
    expect(settingIsText(SETTING_OUTPUT)).toBe(1);
    expect(answered(settingCheck(SETTING_OUTPUT))).toBe("");
    expect(settingDefault(SETTING_OUTPUT)).toBe(0);
    expect(settingEffect(SETTING_OUTPUT)).toBe(SETTING_LIVE);
    expect(settingIsText(SETTING_COUNT)).toBe(0);
  });

  test("that does not exist has no name and no value", () => {
    freshControl();
    for (let i = 0; i < 2; ++i) {
      const setting = i ? u32.MAX_VALUE : SETTING_COUNT;
      expect(name(setting)).toBe("");
      expect(answered(settingCheck(setting))).toBe("");
      expect(judged(setting, 7)).toBe("|0");
      expect(settingDefault(setting)).toBe(0);
    }
  });
});

describe("a value", () => {
  test("within the range is used, and the first value is not logged", () => {
    freshControl();
    expect(judged(SETTING_LEVEL, 2)).toBe("|2");
    expect(judged(SETTING_FREQUENCY, i32.MAX_VALUE)).toBe("|2147483647");
    expect(judged(SETTING_SITES, 64)).toBe("|64");
    expect(judged(SETTING_INTERVAL, 0)).toBe("|0");
  });

  test("out of range is logged once, with the range and the value in use", () => {
    freshControl();
    expect(judged(SETTING_LEVEL, 3)).toBe("proxy.config.res_track_memory: value 3 is out of range [0, 2]; using 2|2");
    expect(answerSeverity()).toBe(LINE_WARNING);
    expect(judged(SETTING_LEVEL, 3)).toBe("|2");
    expect(judged(SETTING_LEVEL, -1)).toBe("proxy.config.res_track_memory: value -1 is out of range [0, 2]; using 0|0");
    expect(judged(SETTING_SITES, 0)).toBe(
      "proxy.config.plugin.memtrack.sites: value 0 is out of range [64, 65408]; using 4096|4096",
    );
    expect(judged(SETTING_SITES, 65521).endsWith("; using 4096|4096")).toBe(true);
    expect(judged(SETTING_VERIFY, 2)).toBe("proxy.config.plugin.memtrack.verify: value 2 is out of range [0, 1]; using 0|0");
    expect(judged(SETTING_INTERVAL, -1).endsWith("; using 10|10")).toBe(true);
    expect(judged(SETTING_INTERVAL, 3601).endsWith("; using 3600|3600")).toBe(true);
  });

  test("of any 64 bits is logged unchanged", () => {
    freshControl();
    expect(judged(SETTING_LEVEL, i64.MIN_VALUE)).toBe(
      "proxy.config.res_track_memory: value -9223372036854775808 is out of range [0, 2]; using 0|0",
    );
    expect(judged(SETTING_LEVEL, i64.MAX_VALUE)).toBe(
      "proxy.config.res_track_memory: value 9223372036854775807 is out of range [0, 2]; using 2|2",
    );
  });

  test("of the dumps' frequency is truncated to 32 bits, as in the server", () => {
    freshControl();
    const range = " is out of range [0, 2147483647]; using ";
    const record = "proxy.config.dump_mem_info_frequency: value ";
    expect(judged(SETTING_FREQUENCY, 4294967299)).toBe(record + "4294967299" + range + "3|3");
    expect(judged(SETTING_FREQUENCY, 2147483648)).toBe(record + "2147483648" + range + "0|0");
    expect(judged(SETTING_FREQUENCY, -5)).toBe(record + "-5" + range + "0|0");
  });

  test("that changes is logged, with its consequences", () => {
    freshControl();
    judged(SETTING_LEVEL, 0);
    expect(judged(SETTING_LEVEL, 1)).toBe("proxy.config.res_track_memory is now 1|1");
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(judged(SETTING_LEVEL, 1)).toBe("|1");
    judged(SETTING_SITES, SITES_DEFAULT);
    expect(judged(SETTING_SITES, 100)).toBe(
      "proxy.config.plugin.memtrack.sites is now 100; restart traffic_server to apply it|100",
    );
    judged(SETTING_INTERVAL, 10);
    expect(judged(SETTING_INTERVAL, 0)).toBe(
      "proxy.config.plugin.memtrack.sample_interval is now 0; without samples, dumps do not show growth|0",
    );
    expect(judged(SETTING_INTERVAL, 5)).toBe("proxy.config.plugin.memtrack.sample_interval is now 5|5");
  });
});

describe("a level set by a message", () => {
  test("applies until the record changes", () => {
    freshControl();
    judged(SETTING_LEVEL, 1);
    expect(answered(setLevel(2))).toBe("level set to 2 by a message, until proxy.config.res_track_memory changes from 1");
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(judged(SETTING_LEVEL, 1)).toBe("|2");
    expect(judged(SETTING_LEVEL, 0)).toBe("proxy.config.res_track_memory is now 0|0");
    expect(judged(SETTING_LEVEL, 1)).toBe("proxy.config.res_track_memory is now 1|1");
  });

  test("applies although the record is out of range", () => {
    freshControl();
    judged(SETTING_LEVEL, 7);
    expect(answered(setLevel(0))).toBe("level set to 0 by a message, until proxy.config.res_track_memory changes from 2");
    expect(judged(SETTING_LEVEL, 7)).toBe("|0");
    expect(judged(SETTING_LEVEL, 8)).toBe("proxy.config.res_track_memory: value 8 is out of range [0, 2]; using 2|0");
    expect(judged(SETTING_LEVEL, 1)).toBe("proxy.config.res_track_memory is now 1|1");
  });
});

describe("a line of records.config", () => {
  test("whose value is not a number is reported with the range and the value that the server reads", () => {
    freshControl();
    expect(line("CONFIG proxy.config.res_track_memory INT full\n", 0)).toBe(
      'proxy.config.res_track_memory is "full" (INT), not a number; the range is [0, 2]; the server reads it as 0',
    );
    expect(line("  LOCAL\tproxy.config.res_track_memory   INT \t 2 # all \t\r\n", 2)).toBe(
      'proxy.config.res_track_memory is "2 # all" (INT), not a number; the range is [0, 2]; the server reads it as 2',
    );
    expect(line("CONFIG proxy.config.plugin.memtrack.sites STRING 4096", -1)).toBe(
      'proxy.config.plugin.memtrack.sites is "4096" (STRING), not of type INT; the range is [64, 65408]; the server reads it as -1',
    );
    const length = put("CONFIG proxy.config.plugin.memtrack.heap INT +1");
    expect(answered(describeRecordLine(length, 0, 0))).toBe(
      'proxy.config.plugin.memtrack.heap is "+1" (INT), not a number; the range is [0, 2]; how the server reads it is unknown',
    );
  });

  test("is valid if the server reads the whole value", () => {
    freshControl();
    expect(isGood("0")).toBe(true);
    expect(isGood("-1")).toBe(true);
    expect(isGood("1K")).toBe(true);
    expect(isGood("12T")).toBe(true);
    expect(isGood("0x1f")).toBe(true);
    expect(isGood("0xFF")).toBe(true);
    expect(isGood("99999999999999999999999999999999")).toBe(true);
    expect(isGood("007")).toBe(true);
  });

  test("is invalid if the server stops before the end of the value", () => {
    freshControl();
    expect(isGood("+1")).toBe(false);
    expect(isGood("--1")).toBe(false);
    expect(isGood("- 1")).toBe(false);
    expect(isGood("-")).toBe(false);
    expect(isGood("1k")).toBe(false);
    expect(isGood("1KB")).toBe(false);
    expect(isGood("K")).toBe(false);
    expect(isGood("1 2")).toBe(false);
    expect(isGood("1.9")).toBe(false);
    expect(isGood("1e3")).toBe(false);
    expect(isGood("0x")).toBe(false);
    expect(isGood("0xg")).toBe(false);
    expect(isGood("0X1")).toBe(false);
    expect(isGood("-0x1")).toBe(false);
    expect(isGood("\x01")).toBe(false);
    expect(isGood("\xb2")).toBe(false);
    expect(isGood('"1"')).toBe(false);
    expect(isGood("   ")).toBe(false);
  });

  test("is ignored if it has another name, no value, or is empty", () => {
    freshControl();
    expect(line("")).toBe("");
    expect(line("\n")).toBe("");
    expect(line(" \t \r\n")).toBe("");
    expect(line("CONFIG")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memory")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memory INT")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memory INT\n")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memory INT \n")).toBe("");
    expect(line("# CONFIG proxy.config.res_track_memory INT full")).toBe("");
    expect(line("#CONFIG proxy.config.res_track_memory INT full")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memory_ INT full")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memor INT full")).toBe("");
    expect(line("CONFIG proxy.config.http.server_ports STRING 8080")).toBe("");
    expect(line("CONFIG\0 proxy.config.res_track_memory INT full")).toBe("");
    expect(line("CONFIG proxy.config.res_track_memory INT \0full")).toBe("");
  });

  test("of a text record is valid with any text, if its type is STRING", () => {
    freshControl();
    const output = "CONFIG proxy.config.plugin.memtrack.output ";
    expect(line(output + "STRING memtrack.out")).toBe("");
    expect(line(output + "STRING 5")).toBe("");
    expect(line(output + "INT 5")).toBe(
      'proxy.config.plugin.memtrack.output is "5" (INT), not of type STRING; the value is not used',
    );
  });

  test("ends at a NUL", () => {
    freshControl();
    expect(isGood("1\0x")).toBe(true);
    expect(isGood("x\x001")).toBe(false);
  });

  test("is shown without characters that a terminal obeys", () => {
    const said = line("CONFIG proxy.config.res_track_memory I\x1bT \x1b[31mred");
    expect(said.includes('is "?[31mred" (I?T), not of type INT')).toBe(true, said);
  });

  test("of any length is reported within the output region", () => {
    freshControl();
    const long = line("CONFIG proxy.config.res_track_memory " + "T".repeat(1000) + " " + "v".repeat(50000));
    expect(long).toBe(
      'proxy.config.res_track_memory is "' +
        "v".repeat(100) +
        '" (' +
        "T".repeat(20) +
        "), not of type INT; the range is [0, 2]; the server reads it as 0",
    );
    // A missing value is not checked.
    put("CONFIG proxy.config.res_track_memory INT 1");
    memory.fill(input + 42, 0x20, QUESTION_MAX - 42);
    expect(checkRecordLine(QUESTION_MAX)).toBe(SETTING_COUNT);
    expect(checkRecordLine(<u64>QUESTION_MAX + 1)).toBe(SETTING_LEVEL);
    expect(checkRecordLine(u64.MAX_VALUE)).toBe(SETTING_LEVEL);
  });
});
