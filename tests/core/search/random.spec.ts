// SPDX-License-Identifier: Apache-2.0
//
// Random memories against a plain model of them: which blocks a walk from the roots reaches. What it reaches is never called lost, and what
// it does not reach always is, if all of its holders are watched.

import { FINDING_HELD, FINDING_LOST, FINDING_UNSURE, FINDING_WATCHED } from "../../../assembly/abi";
import { Random, seed } from "../support";
import { BASE, block, found, memoryOf, pass, passes, poke, release, SITE, usableOf, watch } from "./support";

const SITES: u32 = 5;
const ROOTS: u32 = 24;
const SIZE: u64 = 0x40000;

/** The model: a block's address, site, size, and the numbers of those that it refers to. */
class Node {
  constructor(
    public at: u64,
    public site: u32,
    public size: u64,
  ) {}
  refers: i32[] = [];
  lives: bool = true;
  reached: bool = false;
}

let random: Random = new Random(1);
let nodes: Node[] = [];
let roots: i32[] = [];

function build(count: u32): void {
  nodes = [];
  let at = BASE + 0x100;
  for (let i: u32 = 0; i < count; ++i) {
    const size = <u64>(40 + random.below(400));
    nodes.push(new Node(at, SITE + random.below(SITES), size));
    block(at, nodes[i].site, size);
    at += usableOf(size) + 8 + <u64>(16 * random.below(4));
  }
  for (let i: u32 = 0; i < count; ++i) {
    const node = nodes[i];
    for (let place: u32 = 0; place < 4; ++place) if (random.below(4) == 0) node.refers.push(random.below(count));
    for (let place = 0; place < node.refers.length; ++place) poke(node.at + <u64>place * 8, nodes[node.refers[place]].at);
  }
  roots = [];
  for (let i: u32 = 0; i < ROOTS; ++i) setRoot(i, random.below(count));
}

function setRoot(index: u32, node: i32): void {
  if (<i32>index == roots.length) roots.push(node);
  else roots[index] = node;
  poke(BASE + SIZE - 0x1000 + <u64>index * 8, node < 0 ? 0 : nodes[node].at);
}

function walk(): void {
  const open: i32[] = [];
  for (let i = 0; i < nodes.length; ++i) nodes[i].reached = false;
  for (let i = 0; i < roots.length; ++i) if (roots[i] >= 0) open.push(roots[i]);
  while (open.length) {
    const node = nodes[open.pop()];
    if (node.reached || !node.lives) continue;
    node.reached = true;
    for (let i = 0; i < node.refers.length; ++i) open.push(node.refers[i]);
  }
}

function count(site: u32, reached: bool): u32 {
  let sum: u32 = 0;
  for (let i = 0; i < nodes.length; ++i) if (nodes[i].lives && nodes[i].site == site && nodes[i].reached == reached) ++sum;
  return sum;
}

/** Releases some of what nothing refers to, whether it is reached or not: then no word refers to its memory. */
function releaseSome(): void {
  for (let i = 0; i < nodes.length; ++i) {
    let referred = roots.includes(i);
    for (let j = 0; j < nodes.length; ++j) if (nodes[j].lives && nodes[j].refers.includes(i)) referred = true;
    if (referred || random.below(3)) continue;
    nodes[i].lives = false;
    release(nodes[i].at, nodes[i].size);
    for (let place = 0; place < nodes[i].refers.length; ++place) poke(nodes[i].at + <u64>place * 8, 0);
  }
}

describe("a random memory", () => {
  test("has exactly those lost blocks that a walk does not reach, if all sites are watched", () => {
    random = new Random(seed());
    for (let round = 0; round < 6; ++round) {
      memoryOf(<u32>SIZE);
      watch([SITE, SITE + 1, SITE + 2, SITE + 3, SITE + 4]);
      build(200);
      passes(5);
      releaseSome();
      for (let i: u32 = 0; i < ROOTS; ++i) if (random.below(3) == 0) setRoot(i, -1);
      passes(25);
      walk();
      for (let site: u32 = 0; site < SITES; ++site) {
        expect(found(FINDING_LOST, site)).toBe(count(SITE + site, false));
        expect(found(FINDING_HELD, site)).toBe(count(SITE + site, true));
        expect(found(FINDING_UNSURE, site)).toBe(0);
      }
    }
  });

  test("has no lost block that a walk reaches, whatever is watched and however roots move between passes", () => {
    random = new Random(seed() + 1);
    for (let round = 0; round < 6; ++round) {
      memoryOf(<u32>SIZE);
      watch([SITE, SITE + 1]);
      build(120);
      for (let i = 0; i < 60; ++i) {
        const a = random.below(ROOTS);
        const b = random.below(ROOTS);
        const moved = roots[a];
        setRoot(a, roots[b]);
        setRoot(b, moved);
        pass();
      }
      walk();
      for (let site: u32 = 0; site < 2; ++site) {
        expect(found(FINDING_WATCHED, site)).toBe(count(SITE + site, false) + count(SITE + site, true));
        expect(found(FINDING_HELD, site) >= count(SITE + site, true)).toBe(true);
        expect(found(FINDING_LOST, site) <= count(SITE + site, false)).toBe(true);
      }
    }
  });
});
