// SPDX-License-Identifier: Apache-2.0
//
// On a real server: leaks of a share of a site's blocks, every second, one in five, one in 1,000, while all others are released. By their
// counters they grow as a cache does. How many passes of the search it takes to prove each, from when the conditions of a proof are met
// (assembly/analysis/proof.ts), and how long.
//
// Takes minutes: `npm run test:long`. MEMTRACK_PROOF_MB=n: with so many MiB of other blocks to read; 300, or 8192 for one to two hours.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, buildCorpus, corpus } from "../support/corpus.ts";
import { searchStatus } from "../support/search_status.ts";

const LONG = process.env.MEMTRACK_PROOF ? false : "takes minutes: npm run test:long";
const MB = Number(process.env.MEMTRACK_PROOF_MB ?? 300);
/** Requests in a turn: a turn takes some seconds, as dumps are not free either. */
const TURN = 400;
const SHARES: Record<string, number> = { for_second: 2, for_fifth: 5, for_thousandth: 1000 };
/** The conditions: lost blocks, more than the registers of all threads can hide; and epochs, of a second here. */
const REGISTERS = 6;
const LOST_MIN = 8;
const EPOCHS_MS = 5000;
/** Passes that a proof may take from then on. */
const PASSES_MAX = 25;
const LONGEST_MS = (10 + MB / 50) * 60_000;

interface Progress {
  /** The counters called it a leak before. */
  isSuspect?: boolean;
  /** When there were enough lost blocks, and the complete passes of the search at that time. */
  since?: number;
  passesThen?: number;
  found?: { seconds: number; passes: number };
}

let origin: Origin;

/**
 * Lost blocks that evidence lets expect; 0 if it says nothing of them. What it says is the lower end of Wilson's interval for the share of the
 * lost, of the blocks that are old enough (assembly/search/finding.ts).
 */
function expectedLost(evidence: string): number {
  const found = /at least ([\d,]+) of [\d,]+ blocks? lost \((\d+) of (\d+) watched/.exec(evidence);
  if (!found) return 0;
  const [atLeast, lost, old] = found.slice(1).map((text) => Number(text.replaceAll(",", ""))) as [number, number, number];
  const lower = (lost + 2 - 2 * Math.sqrt((lost * (old - lost)) / old + 1)) / (old + 4);
  return (atLeast / lower) * (lost / old);
}

before(async () => {
  if (LONG) return;
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin?.stop());

function residentMb(ats: Ats): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${ats.pid}/status`, "utf8"))?.[1]) / 1024;
}

test(`shares of a site's blocks that are forgotten are proved within ${PASSES_MAX} passes`, { skip: LONG }, async (t) => {
  const ats = await Ats.start({
    level: 2,
    ctl: true,
    plugins: [PLUGIN, `${corpus("shares")} ${MB}`],
    origin: origin.url,
    records: {
      "proxy.config.plugin.memtrack.heap": 1,
      "proxy.config.plugin.memtrack.sample_interval": 1,
      "proxy.config.http.cache.http": 0,
    },
  });
  const progress = new Map(Object.keys(SHARES).map((way): [string, Progress] => [way, {}]));
  try {
    for (const end = Date.now() + LONGEST_MS; residentMb(ats) < MB; await pause(500)) assert.ok(Date.now() < end);
    await ats.ctl("plugin", "msg", "memtrack", "search shares.so");
    let sent = 0;
    for (const begun = Date.now(); [...progress.values()].some(({ found }) => !found);) {
      assert.equal((await requests(ats.httpUrl, TURN)).errors, 0);
      sent += TURN;
      const threads = readdirSync(`/proc/${ats.pid}/task`).length;
      const { complete: passes } = await searchStatus(ats);
      const dump = await ats.dump();
      const { suspects } = parseAnalysis(dump.text);
      for (const [way, state] of progress) {
        const lost = Math.floor(sent / SHARES[way]!);
        if (!state.since && lost >= Math.max(LOST_MIN, REGISTERS * threads + 1)) {
          state.since = Date.now() + EPOCHS_MS;
          state.passesThen = passes;
        }
        const evidence = suspects.find((suspect) => suspect.evidence.includes(` ${way} (`))?.evidence;
        if (evidence && !expectedLost(evidence)) state.isSuspect = true;
        const isFound = expectedLost(evidence ?? "") > (state.isSuspect ? REGISTERS * threads : 0);
        if (isFound && !state.found) {
          state.found = { seconds: (Date.now() - begun) / 1000, passes: passes - (state.passesThen ?? passes) };
          t.diagnostic(
            `${way}${state.isSuspect ? ", a leak by its counters before" : ""}: proved after ${state.found.seconds.toFixed(0)} s and ${passes} passes, ${sent} requests; ` +
              `${state.found.passes} passes and ${((Date.now() - (state.since ?? Date.now())) / 1000).toFixed(0)} s ` +
              `after ${REGISTERS} lost blocks for each of ${threads} threads`,
          );
          assertSound(dump);
        }
      }
      assert.ok(Date.now() - begun < LONGEST_MS, `${JSON.stringify([...progress])}\n${dump.text}`);
      if (MB > 1000) await pause(5000);
    }
    for (const [way, { found }] of progress) assert.ok(found!.passes <= PASSES_MAX, `${way}: ${JSON.stringify(found)}`);
  } finally {
    await ats.stop();
  }
});
