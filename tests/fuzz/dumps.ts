// SPDX-License-Identifier: Apache-2.0
//
// Files of dumps: no text makes the reader throw, and what a parser reads does not depend on the chunks in which its text comes. The
// tests' strict parser may refuse a text, but only in its own words.

import assert from "node:assert/strict";
import { parseAnalysis } from "../../harness/analysis.ts";
import { parseDumps, parseTables } from "../../harness/dump.ts";
import type { Counts, Dump } from "../../host/node/read/dump.ts";
import { Parser } from "../../host/node/read/parse.ts";
import { Sites } from "../../host/node/read/sites.ts";
import { Streams } from "../../host/node/read/streams.ts";
import type { Target } from "./target.ts";
import { texts, WORDS } from "./texts.ts";

interface Reads {
  push(bytes: Buffer): void;
  end(): void;
  counts: Counts;
  alarms: string[];
}

/** Reads the input in chunks. Returns all that was read. */
function read(input: Buffer, chunk: number, open: (sites: Sites, take: (dump: Dump) => void) => Reads): object {
  const sites = new Sites();
  const dumps: object[] = [];
  const reader = open(sites, ({ origin, number, time, state, foreign, header, rows, summary, notes, tables, sections }) => {
    const cells = Array.from({ length: rows.length }, (_, i) => [rows.site[i], rows.allocs[i], rows.frees[i], rows.inUse[i]]);
    dumps.push({
      origin,
      number,
      time,
      state,
      foreign,
      header: [...header],
      cells,
      summary: [...summary],
      notes,
      tables,
      sections,
    });
  });
  for (let at = 0; at < input.length; at += chunk) reader.push(Buffer.from(input.subarray(at, at + chunk)));
  reader.end();
  return {
    dumps,
    sites: [...sites].map(({ location, kind }) => [location, kind]),
    counts: { ...reader.counts },
    alarms: reader.alarms,
  };
}

/** One parser, as a plain file has it. */
function plain(sites: Sites, take: (dump: Dump) => void): Reads {
  return new Parser(sites, take);
}

/** A parser for each stream in the file. Where its chunks end decides how far it looks ahead, so odd texts are read differently. */
function wrapped(sites: Sites, take: (dump: Dump) => void): Reads {
  const streams = new Streams(sites, take);
  streams.begin("a file");
  return streams;
}

function refuse(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    const own =
      error instanceof Error &&
      (error.constructor === Error || error.name === "AssertionError" || /safe integer/.test(error.message));
    if (!own) throw error;
  }
}

export default {
  seeds: texts,
  words: WORDS,
  run(input) {
    const chunk = 1 + (input.length % 97);
    assert.deepEqual(read(input, chunk, plain), read(input, input.length + 1, plain));
    for (const size of [chunk, input.length + 1]) read(input, size, wrapped);
    const text = input.toString();
    refuse(() => parseDumps(text));
    refuse(() => parseTables(text));
    refuse(() => parseAnalysis(text));
  },
} satisfies Target;
