// SPDX-License-Identifier: Apache-2.0
//
// On a real server: what a plugin forgets is a leak by proof long before the counters can tell it from a cache, and what it keeps in a
// vector is held by that vector's variable. Both grow evenly, by one block a request. The leak can be accepted, by the record from the
// start on, or by a message; then it is none, in dumps, statistics and reports, until that is withdrawn.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseAnalysis } from "../../harness/analysis.ts";
import { Ats } from "../../harness/ats.ts";
import type { Dump } from "../../harness/dump.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { records } from "../../format/format.ts";
import { PLUGIN } from "../../tools/build.ts";
import { memtrack } from "../support/command.ts";
import { assertSound, buildCorpus, corpus } from "../support/corpus.ts";

/** By their counters alone, such rows are suspects after 384 samples, one a second. */
const FOUND_MS = 150_000;
/** The server publishes its statistics every 5 seconds. */
const STATISTICS_MS = 20_000;

let origin: Origin;

before(async () => {
  buildCorpus();
  origin = await Origin.start();
});
after(() => origin.stop());

/** What the section `Search` says of a row of the plugin. */
function proofOf(dump: Dump, way: string): string | undefined {
  return new RegExp(`^ *\\d+ \\| (\\w+) +\\|.*\\| memory/plugin/searched\\.so ${way} \\(`, "m").exec(dump.text)?.[1];
}

const ACCEPT = records.accept.name;

function verdictOf(dump: Dump, way: string): string | undefined {
  return parseAnalysis(dump.text).growth.find(({ location }) => location.includes(`searched.so ${way} (`))?.verdict;
}

/** Goes on with the load until a dump is as expected. */
async function until(ats: Ats, what: string, expected: (dump: Dump) => boolean): Promise<Dump> {
  for (const end = Date.now() + FOUND_MS; ; await pause(500)) {
    assert.equal((await requests(ats.httpUrl, 20)).errors, 0);
    const dump = await ats.dump();
    if (expected(dump)) return dump;
    assert.ok(Date.now() < end, `${what}\n${dump.text}`);
  }
}

function suspectsOf(dump: Dump): string[] {
  const { suspects } = parseAnalysis(dump.text);
  return suspects.map(({ evidence }) => evidence).filter((evidence) => evidence.includes("searched.so"));
}

/** Accepts the leak, sees that it is none any more, also after a reload, and withdraws that. */
async function acceptIt(ats: Ats): Promise<void> {
  const tell = async (message: string, expected: RegExp): Promise<void> => {
    const from = ats.sizeOf(ats.diagsPath);
    await ats.ctl("plugin", "msg", "memtrack", message);
    await ats.waitFor(ats.diagsPath, expected, { from });
  };
  await tell(
    "accept searched.so loose",
    /accept: none of \d+ rows has a name that contains "searched\.so loose"; take a part of a name/,
  );
  await tell("accept searched.so lose (", /accepted: \d+ rows?, "searched\.so lose \("; suspects among them: [1-9]/);
  await ats.ctl("config", "reload");
  const dump = await until(ats, "is accepted", (seen) => verdictOf(seen, "lose") === "accepted");
  assert.deepEqual(suspectsOf(dump), []);
  assert.match(dump.text, /^memtrack summary: no suspect so far, \d accepted; /m);
  for (const end = Date.now() + STATISTICS_MS; !/suspects 0$/m.test(await ats.ctl("metric", "match", "memtrack.suspects"));) {
    assert.ok(Date.now() < end, "the statistic counts it");
    await pause(200);
  }
  const { out } = await memtrack(["report", "--json", "--site", "searched.so lose (", "-"], { stdin: dump.text });
  const { sites } = JSON.parse(out) as { sites: { verdict?: string; proof?: { proof: string; lost: number } }[] };
  assert.deepEqual([sites[0]!.verdict, sites[0]!.proof?.proof], ["accepted", "lost"], out);
  await tell(
    "unaccept searched.so lose",
    /unaccept: no message has accepted "searched\.so lose"; accepted by messages: searched\.so lose \(;/,
  );
  await tell("unaccept searched.so lose (", /withdrawn: "searched\.so lose \("; no longer accepted: [1-9]/);
  await until(ats, "is a suspect again", (seen) => verdictOf(seen, "lose") === "leak");
}

test("what nothing refers to is a leak by proof, and can be accepted; what a vector has is held, and no suspect", async () => {
  const ats = await Ats.start({
    level: 2,
    ctl: true,
    plugins: [PLUGIN, `${corpus("searched")} lose lose_cycle hold_vector`],
    origin: origin.url,
    records: {
      "proxy.config.plugin.memtrack.heap": 1,
      "proxy.config.plugin.memtrack.sample_interval": 1,
      "proxy.config.http.cache.http": 0,
      [ACCEPT]: "searched.so lose_cycle",
    },
  });
  try {
    await ats.ctl("plugin", "msg", "memtrack", "search searched.so");
    const dump = await until(ats, "is a suspect", (seen) => {
      const named = suspectsOf(seen);
      assert.ok(
        named.every((evidence) => / lose \(/.test(evidence)),
        JSON.stringify(named),
      );
      return named.length > 0;
    });
    assertSound(dump);
    assert.match(suspectsOf(dump)[0]!, /at least [\d,]+ of [\d,]+ blocks lost/);
    assert.equal(proofOf(dump, "lose"), "lost");
    assert.equal(proofOf(dump, "hold_vector"), "held");
    await until(ats, "the record's rows are accepted", (seen) => verdictOf(seen, "lose_cycle") === "accepted");
    await acceptIt(ats);
  } finally {
    await ats.stop();
  }
});
