// SPDX-License-Identifier: Apache-2.0
//
// The line about the record `accept`.

import { ARGUMENT_MAX, LINE_NOTE, LINE_WARNING } from "../../../assembly/abi";
import { answerNumber, answerSeverity } from "../../../assembly/base/answer";
import { acceptNotice } from "../../../assembly/control/accept";
import { answered, freshControl, put } from "../support";

const RECORD = "proxy.config.plugin.memtrack.accept";

function said(value: string, severity: u32): string {
  const text = answered(acceptNotice(put(value)));
  if (text.length) expect(answerSeverity()).toBe(severity, value);
  return text;
}

describe("the record accept", () => {
  test("is reported when it has patterns, or has none any more", () => {
    freshControl();
    expect(said("", LINE_NOTE)).toBe("");
    expect(said("foo.so handler, bar.so", LINE_NOTE)).toBe(RECORD + ": growth of rows that match 2 patterns is accepted");
    expect(<u32>answerNumber()).toBe(22);
    expect(said("NULL", LINE_NOTE)).toBe(RECORD + ": no growth is accepted");
    expect(<u32>answerNumber()).toBe(0);
    expect(said(" ", LINE_NOTE)).toBe("");
  });

  test("names the first bad pattern, and what to write instead", () => {
    freshControl();
    expect(said("foo.so,*,", LINE_WARNING)).toBe(
      RECORD +
        ' is "foo.so,*,": pattern 2 is not used: it matches every row; write a part of the row\'s name, as in the column Location, and * ' +
        "for a comma in it; growth of rows that match 1 pattern is accepted",
    );
    expect(said("x".repeat(ARGUMENT_MAX + 1), LINE_WARNING).includes(": pattern 1 is not used: it has more than 256 bytes; ")).toBe(
      true,
    );
    expect(
      said("ab.so,".repeat(682) + "ab.so", LINE_WARNING).includes(
        " pattern 683 is not used: the patterns have more than 4095 bytes; ",
      ),
    ).toBe(true);
    expect(<u32>answerNumber()).toBe(6 * 682 - 1);
    expect(said("x".repeat(4097), LINE_WARNING).endsWith("; no growth is accepted")).toBe(true);
    expect(said("a\x01b", LINE_WARNING)).toBe(
      RECORD + ' is "a?b": pattern 1 is not used: it contains a control character; write * in its place; no growth is accepted',
    );
  });
});
