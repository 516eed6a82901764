// SPDX-License-Identifier: Apache-2.0
//
// The file that contains separate debug information.

import { QUESTION_MAX } from "../../../assembly/abi";
import { input } from "../../../assembly/base/memory";
import { checksum, debugPath } from "../../../assembly/naming/debug_file";
import { answered, freshControl, put } from "../support";

function pathOf(id: u8[]): string {
  for (let i = 0; i < id.length; ++i) store<u8>(input + i, id[i]);
  return answered(debugPath(id.length));
}

describe("a build id", () => {
  test("gives a path whose folder is its first byte", () => {
    freshControl();
    expect(pathOf([0x4d, 0x65, 0x6d, 0x00, 0xff, 0xa9])).toBe(".build-id/4d/656d00ffa9.debug");
    expect(pathOf([0, 1])).toBe(".build-id/00/01.debug");
  });

  test("that is too short or too long gives none", () => {
    freshControl();
    expect(pathOf([])).toBe("");
    expect(pathOf([1])).toBe("");
    memory.fill(input, 0xab, 100);
    expect(debugPath(64)).toBe(10 + 2 + 1 + 126 + 6);
    expect(debugPath(65)).toBe(0);
    expect(debugPath(u64.MAX_VALUE)).toBe(0);
  });
});

describe("a checksum", () => {
  test("is CRC-32, in one piece or in several", () => {
    freshControl();
    expect(checksum(0, 0)).toBe(0);
    expect(checksum(0, put("123456789"))).toBe(0xcbf43926);
    const first = checksum(0, put("1234"));
    expect(checksum(first, put("56789"))).toBe(0xcbf43926);
    expect(checksum(0xcbf43926, 0)).toBe(0xcbf43926);
  });

  test("accepts every length", () => {
    freshControl();
    memory.fill(input, 0, QUESTION_MAX);
    expect(checksum(0, u64.MAX_VALUE)).toBe(checksum(0, QUESTION_MAX));
  });
});
