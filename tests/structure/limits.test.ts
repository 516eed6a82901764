// SPDX-License-Identifier: Apache-2.0
//
// The table "Limits" of docs/REFERENCE.md contains every limit defined in the host or in abi.ts, with its value, and every limit whose
// refusals the header counts.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as abi from "../../assembly/abi.ts";
import { limits } from "../../format/format.ts";
import { TOP } from "../../tools/build.ts";

const NAMED = /_MAX(_US|_)?$/;
/** Limits in abi.ts: maximum values of records are limits; numbers of regions and masks are not. */
const inAbi = Object.entries(abi).filter(([name]) => NAMED.test(name));

/** Limits that the C host defines, with their values. Hexadecimal numbers are bounds of a format, and no limits. */
function inHost(): [name: string, value: number][] {
  const folder = join(TOP, "host", "ats");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.([ch]|cc)$/.test(name));
  return files.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    const defined = text.matchAll(/(?:#define +|enum \{ *)(\w+)(?: *= *| +)(\(?\d+u?(?: << \d+)?\)?)(?!\w)/g);
    return [...defined].flatMap(([, name, value]) => (NAMED.test(name!) ? [[name!, valueOf(value!)] as [string, number]] : []));
  });
}

function valueOf(text: string): number {
  const [, number, shift = "0"] = /^\(?(\d+)u?(?: << (\d+))?\)?$/.exec(text)!;
  return Number(number) * 2 ** Number(shift);
}

function limitsTable(): string {
  const text = readFileSync(join(TOP, "docs", "REFERENCE.md"), "utf8");
  const [, section] = /^## Limits\n(.*?)^## /ms.exec(text) ?? [];
  assert.ok(section);
  return section;
}

test("the table contains every named limit with its value, and no other", () => {
  const stated = new Map(
    [...limitsTable().matchAll(/`([A-Z_]+)` = ([\d,]+)/g)].map(([, name, value]) => [name!, Number(value!.replaceAll(",", ""))]),
  );
  const host = inHost();
  assert.ok(host.length > 15 && inAbi.length > 8, "the limits are found");
  assert.deepEqual([...stated].sort(), [...new Map([...host, ...inAbi] as [string, number][])].sort());
});

test("the table contains every limit whose refusals are counted, by its name in the header", () => {
  const stated = [...limitsTable().matchAll(/`exhausted`: `(\w+)`/g)].map(([, name]) => name!);
  assert.deepEqual(stated.toSorted(), [...limits].sort());
});
