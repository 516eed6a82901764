// SPDX-License-Identifier: Apache-2.0
//
// Plugin messages as bytes: each is a command, or is refused with one line that states the reason.

import {
  ARGUMENT_MAX,
  LINE_NOTE,
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
} from "../../../assembly/abi";
import { answerNumber, answerSeverity } from "../../../assembly/base/answer";
import { messageHelp, messageLevel, readMessage } from "../../../assembly/control/message";
import { input } from "../../../assembly/base/memory";
import { answered, freshControl, put, Random, seed } from "../support";

const VERBS =
  "; verbs: mark [name], diff [name], dump, reset, arm 0|1|2, show text, status, search [text], accept pattern, unaccept pattern, help";

function accepts(text: string, verb: u32, argument: string = ""): void {
  expect(answered(readMessage(put(text)))).toBe(argument, text);
  expect(answerNumber()).toBe(verb, text);
}

function refuses(text: string, why: string): void {
  expect(answered(readMessage(put(text)))).toBe("plugin message " + why + VERBS);
  expect(answerNumber()).toBe(VERB_COUNT);
  expect(answerSeverity()).toBe(LINE_WARNING);
}

describe("a message", () => {
  test("is a verb, with an argument for some verbs", () => {
    freshControl();
    accepts("dump", VERB_DUMP);
    accepts("  dump \n", VERB_DUMP);
    accepts("mark", VERB_MARK);
    accepts("mark before", VERB_MARK, "before");
    accepts("mark \t two words \r\n", VERB_MARK, "two words");
    accepts("diff before", VERB_DIFF, "before");
    accepts("reset", VERB_RESET);
    accepts("show foo.so handler", VERB_SHOW, "foo.so handler");
    accepts("show " + "x".repeat(ARGUMENT_MAX), VERB_SHOW, "x".repeat(ARGUMENT_MAX));

    accepts("search", VERB_SEARCH);
    accepts("search foo.so handler", VERB_SEARCH, "foo.so handler");
    accepts("accept foo.so handler (a.c:1)", VERB_ACCEPT, "foo.so handler (a.c:1)");
    accepts("status", VERB_STATUS);
    accepts("help", VERB_HELP);
    for (let level: u32 = 0; level <= 2; ++level) {
      accepts("arm " + level.toString(), VERB_ARM, level.toString());
      expect(messageLevel()).toBe(level);
    }
  });

  test("that is empty or has an unknown verb is refused, with a list of the verbs", () => {
    freshControl();
    refuses("", "ignored: it is empty");
    refuses(" \t\r\n", "ignored: it is empty");
    refuses("dumps", 'ignored: unknown verb "dumps"');
    refuses("dum", 'ignored: unknown verb "dum"');
    refuses("DUMP", 'ignored: unknown verb "DUMP"');
    refuses('\x1b[2J\x7f"\r\n', 'ignored: unknown verb "?[2J??"');
    refuses("x".repeat(40), 'ignored: unknown verb "' + "x".repeat(40) + '"');
    refuses("x".repeat(41), 'ignored: unknown verb "' + "x".repeat(40) + '..."');
    refuses("\xff", 'ignored: unknown verb "\xff"');
  });

  test("with an argument for a verb without arguments is refused", () => {
    freshControl();
    refuses("show", '"show" ignored: the text must have 1 to 256 bytes; put the verb and the text in one pair of quotes');
    refuses("show " + "x".repeat(ARGUMENT_MAX + 1), '"show" ignored: the text must have 1 to 256 bytes');
    const part = "it matches every row; write a part of the row's name, as in the column Location, and * for a comma in it";
    refuses("accept * ", `"accept *" ignored: ${part}`);
    refuses("accept", '"accept" ignored: the pattern is missing; put the verb and the pattern in one pair of quotes');
    refuses(
      "accept " + "x".repeat(ARGUMENT_MAX + 1),
      '"accept ' +
        "x".repeat(40) +
        "...\" ignored: it has more than 256 bytes; a part of the row's name, as in the column Location, is enough",
    );
    refuses("dump now", '"dump now" ignored: dump takes no argument');
    refuses("help " + '"'.repeat(50), '"help ' + "?".repeat(40) + '..." ignored: help takes no argument');
    refuses("arm", '"arm" ignored: the level must be 0, 1 or 2; put the verb and the level in one pair of quotes');
    refuses("arm 3", '"arm 3" ignored: the level must be 0, 1 or 2');
    refuses("arm -1", '"arm -1" ignored: the level must be 0, 1 or 2');
    refuses("arm +1", '"arm +1" ignored: the level must be 0, 1 or 2');
    refuses("arm 1x", '"arm 1x" ignored: the level must be 0, 1 or 2');
    refuses("arm 1 1", '"arm 1 1" ignored: the level must be 0, 1 or 2');
    refuses("arm 99999999999999999999", '"arm 99999999999999999999" ignored: the level must be 0, 1 or 2');
  });

  test("with a NUL is refused, with the position of the NUL", () => {
    freshControl();
    refuses("du\0mp", "ignored: NUL at byte 2 of 5");
    refuses("\0", "ignored: NUL at byte 0 of 1");
    refuses("dump\0", "ignored: NUL at byte 4 of 5");
  });

  test("is read up to the largest size, and refused above it", () => {
    freshControl();
    memory.fill(input, 0x20, MESSAGE_MAX + 1);
    put("dump");
    store<u8>(input + 4, 0x20);
    expect(readMessage(MESSAGE_MAX)).toBe(0);
    expect(answerNumber()).toBe(VERB_DUMP);
    const much = answered(readMessage(MESSAGE_MAX + 1));
    expect(much).toBe("plugin message ignored: 1025 bytes, at most 1024 are allowed" + VERBS);
    expect(answered(readMessage(u64.MAX_VALUE)).startsWith("plugin message ignored: 18446744073709551615 bytes,")).toBe(true);
  });

  test("shows the beginning of a long argument, without terminal commands", () => {
    freshControl();
    accepts("mark " + "n".repeat(1000), VERB_MARK, "n".repeat(ARGUMENT_MAX));
    accepts("mark a\x1b[2J\x01b\x7f", VERB_MARK, "a?[2J?b?");
    accepts('mark "a"', VERB_MARK, '"a"');
  });

  test("of random bytes gets an answer of printable text", () => {
    freshControl();
    const random = new Random(seed());
    const alphabet = 'dumparkhelstif 012\0\n\t\x7f"';
    for (let i = 0; i < 20000; ++i) {
      const size = random.below(64);
      for (let k: u32 = 0; k < size; ++k) store<u8>(input + k, <u8>alphabet.charCodeAt(random.below(alphabet.length)));
      const text = answered(readMessage(size));
      const verb = <u32>answerNumber();
      assert(verb <= VERB_COUNT);
      if (verb == VERB_COUNT) assert(text.startsWith("plugin message ") && text.endsWith(VERBS));
      for (let k = 0; k < text.length; ++k) assert(text.charCodeAt(k) >= 0x20 && text.charCodeAt(k) != 0x7f);
    }
  });
});

describe("help", () => {
  test("has a line for each verb", () => {
    freshControl();
    expect(answered(messageHelp(VERB_MARK))).toBe(
      "traffic_ctl plugin msg memtrack 'mark [name]': sets a baseline, from which dumps measure growth",
    );
    expect(answerSeverity()).toBe(LINE_NOTE);
    expect(answered(messageHelp(VERB_DUMP))).toBe("traffic_ctl plugin msg memtrack 'dump': writes a dump");
    for (let verb: u32 = 0; verb < VERB_COUNT; ++verb) expect(messageHelp(verb)).toBeGreaterThan(40);
    expect(messageHelp(VERB_COUNT)).toBe(0);
  });
});
