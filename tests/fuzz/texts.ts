// SPDX-License-Identifier: Apache-2.0
//
// Texts to begin with: the beginnings of captures, as they are and as the journal, Docker and Kubernetes write them, and dumps written
// by hand. Small, because a small input is soon read and soon changed.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { header, sections } from "../../format/format.ts";
import { titlesOf } from "../../format/layout.ts";
import { builtInTable, handmadeDump, HOSTILE } from "../../harness/handmade.ts";

const FIXTURES = [
  "memtrack-level1.out",
  "memtrack-level2.out",
  "two-processes.out",
  "stock-level2.out",
  "format2.out.gz",
  "crlf.out",
];
const SEED_MAX = 12 * 1024;

const WRAPPINGS: ((line: string, at: number) => string)[] = [
  (line) => `Nov 26 22:22:55 proxy traffic_server[123]: ${line}`,
  (line) => JSON.stringify({ log: `${line}\n`, stream: "stderr", time: "2026-11-26T22:22:55.1Z" }),
  (line) => `2026-11-26T22:22:55.123456789Z stderr F ${line}`,
  (line, at) => `proxy-${at % 2} | ${line}`,
];

export function texts(): Buffer[] {
  const rows = [
    { location: HOSTILE, allocs: 3, frees: 1, inUse: 8192 },
    { location: "memory/IOBuffer/HttpSM.cc:7055", allocs: 2 ** 53, frees: 0, inUse: -1 },
  ];
  const handmade = handmadeDump({ rows, openssl: rows }) + handmadeDump({ number: 2, rows });
  const captured = FIXTURES.map((name) => {
    const bytes = readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
    return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).subarray(0, SEED_MAX);
  });
  const wrapped = WRAPPINGS.map((wrap) => handmade.split("\n").map(wrap).join("\n"));
  return [...captured, ...[handmade, builtInTable(rows), ...wrapped].map((text) => Buffer.from(text))];
}

export const WORDS: string[] = [
  ...Object.keys(header).map((key) => ` ${key}=`),
  ...Object.values(sections).flatMap((section) => titlesOf(section)),
  "memtrack format=2 dump=1 time=2026-11-26T22:22:55Z ",
  "memtrack warning=",
  "memtrack note=",
  "memtrack summary: ",
  "memtrack end dump=1 rows=1\n",
  " [retired]",
  " [via foo.so]",
  "[123B blob data]",
  " stderr P ",
  '{"log":"',
  '\\n"}',
  "TOTAL",
  " | ",
  "\r\n",
  "\0\0\0\0",
  "-9223372036854775808",
  "18446744073709551616",
  "NaN",
  "__proto__",
];
