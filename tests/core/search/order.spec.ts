// SPDX-License-Identifier: Apache-2.0
//
// The order of the pieces: each once, and another order for each seed.

import { PIECE_NONE } from "../../../assembly/abi";
import { beginPieces, nextPiece } from "../../../assembly/index";

function orderOf(count: u32, seed: u64): u32[] {
  const order: u32[] = [];
  beginPieces(count, seed);
  for (let piece = nextPiece(); piece != PIECE_NONE; piece = nextPiece()) order.push(piece);
  return order;
}

describe("an order of pieces", () => {
  test("has each piece once", () => {
    for (let count: u32 = 0; count < 1100; count += count < 70 ? 1 : 103) {
      const order = orderOf(count, 0x5ea4c4 * count);
      expect(order.length).toBe(count);
      order.sort((a, b) => <i32>a - <i32>b);
      for (let i: u32 = 0; i < count; ++i) assert(order[i] == i, "each once");
    }
  });

  test("differs from one seed to the next, and is not ascending", () => {
    const one = orderOf(1000, 1);
    const two = orderOf(1000, 2);
    let same = 0;
    let ascending = 0;
    for (let i = 0; i < 1000; ++i) {
      same += one[i] == two[i] ? 1 : 0;
      ascending += i && one[i] > one[i - 1] ? 1 : 0;
    }
    expect(same).toBeLessThan(100);
    expect(ascending).toBeGreaterThan(300);
    expect(ascending).toBeLessThan(700);
  });
});
