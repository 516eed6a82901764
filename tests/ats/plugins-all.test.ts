// SPDX-License-Identifier: Apache-2.0
//
// On a real server: all plugins that come with the server, loaded together with memtrack, with traffic through each. Their own correctness is not
// assumed: the server must serve as without memtrack, and every dump must be valid.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import http from "node:http";
import { after, before, describe, test } from "node:test";
import { Ats, type AtsOptions } from "../../harness/ats.ts";
import { handshakes, mixed, MIXED_PATHS } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import {
  bundledPlugins,
  GLOBAL,
  lacksPlugins,
  LEFT_OUT,
  OWN_PATHS,
  PATHS,
  REMAP,
  type BundledPlugins,
} from "../../harness/plugins.ts";
import { installedServer } from "../../harness/server.ts";
import { PLUGIN } from "../../tools/build.ts";
import { assertSound, ownerOf, rowsOf, settled } from "../support/corpus.ts";

let origin: Origin;
let bundled: BundledPlugins;
before(async () => {
  origin = await Origin.start();
  bundled = bundledPlugins(origin);
});
after(async () => {
  await origin.stop();
  bundled.remove();
});

/** A server with all of them, and with the lines `more` at the beginning of plugin.config. */
function options(more: string[]): AtsOptions {
  return {
    level: 2,
    records: { "proxy.config.plugin.memtrack.heap": 1 },
    plugins: [...more, ...bundled.global],
    remap: bundled.remap,
    origin: origin.url,
  };
}

/** The status of a complete answer; 0 without one. */
function status(url: string): Promise<number> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.on("close", () => resolve(response.complete ? response.statusCode! : 0));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(0));
  });
}

/** Sends traffic through every plugin; returns the answer of each remap rule, by path. */
async function exercise(ats: Ats): Promise<Record<string, number>> {
  // Alone, for certifier.so: see there.
  assert.deepEqual(await handshakes(ats.tlsPort, 1), { requests: 1, errors: 0 });
  const count = 30 * MIXED_PATHS.length;
  // By name: certifier.so has no certificate for a client without a server name.
  const server = { httpUrl: ats.httpUrl, httpsUrl: `https://localhost:${ats.tlsPort}/` };
  assert.deepEqual(await mixed(server, count), { requests: count, errors: 0 });
  const answers: Record<string, number> = {};
  const byRule = bundled.names.remap.flatMap((name) => (OWN_PATHS[name] ?? PATHS).map((path) => `${name}/${path}`));
  for (let round = 0; round < 3; ++round) {
    const all = [...byRule, "health", "_stats", "regex_remap/old/size/10"];
    await Promise.all(all.map(async (path) => (answers[path] = await status(ats.httpUrl + path))));
  }
  return answers;
}

describe("all plugins that come with the server", () => {
  test("each of them is loaded, or excluded for a reason", () => {
    const { plugins, prefix } = installedServer(); // a server can be built without any
    const shipped = (existsSync(plugins) ? readdirSync(plugins) : []).flatMap((name) =>
      name.endsWith(".so") ? [name.slice(0, -3)] : [],
    );
    const known = new Set([GLOBAL, REMAP, LEFT_OUT].flatMap((table) => Object.keys(table)));
    assert.deepEqual(
      shipped.filter((name) => name !== "memtrack" && !known.has(name)),
      [],
      "without a place here",
    );
    if (prefix !== undefined) return;
    assert.ok(shipped.length > 50, "Debian's package trafficserver-experimental-plugins is installed");
    for (const name of ["header_rewrite", "cachekey", "regex_remap"]) assert.ok(!lacksPlugins(name), name);
  });

  test("with memtrack: the responses are the same as without it, no row is negative, and nothing crashes", async () => {
    const run = async (more: string[], look?: (ats: Ats) => Promise<void>) => {
      const ats = await Ats.start(options(more));
      try {
        const answers = await exercise(ats);
        await look?.(ats);
        return answers;
      } finally {
        await ats.stop();
      }
    };
    const without = await run([]);
    assert.deepEqual(
      Object.entries(without).filter(([, code]) => code === 0),
      [],
      "requests without an answer",
    );
    const withUs = await run([PLUGIN], async (ats) => {
      const dump = await settled(ats);
      assertSound(dump);
      const owners = new Set(rowsOf(dump).map(({ location }) => ownerOf(location)));
      const busy = ["header_rewrite", "cachekey", "tslua", "compress", "xdebug", "regex_remap"];
      for (const name of busy.filter((name) => !lacksPlugins(name))) {
        assert.ok(owners.has(`${name}.so`), `${name}.so has rows`);
      }
      // Repeated as a reference: everything new in the first round is known now.
      await exercise(ats);
      assertSound(await settled(ats));
    });
    assert.deepEqual(withUs, without);
  });
});
