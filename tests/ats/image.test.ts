// SPDX-License-Identifier: Apache-2.0
//
// On a real server: memtrack.so as a module, and its changes to the memory of other modules.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { Ats } from "../../harness/ats.ts";
import { requests } from "../../harness/load.ts";
import { Origin } from "../../harness/origin.ts";
import { installedServer } from "../../harness/server.ts";
import { coreDigest } from "../../host/node/core/module.ts";
import { PLUGIN } from "../../tools/build.ts";
import { hookedFunctions } from "../support/hooks.ts";
import { addressesOf, mappingsOf, words, wordsOf, type Mapping } from "../support/image.ts";

/**
 * Functions of memtrack.so that modules of the server and its libraries call at level 2 with the heap off: the tracker, the loader,
 * functions that release or measure a plugin's block, the function with which std::thread starts threads, and what marks the memory of IOBuffers. Of the C library's own calls
 * those of malloc() and calloc() lead there too, as its calls for a plugin.
 */
const TRACKER = ["_ZN15ResourceTracker4dumpEP8_IO_FILE", "_ZN15ResourceTracker9incrementEPKcl"];
const { isShared, lib, prefix } = installedServer();
const REDIRECTED = [
  ...(isShared ? TRACKER : []),
  ...["dlclose", "dlsym", "free", "madvise", "malloc_usable_size", "posix_madvise", "pthread_create", "realloc"],
];
/** Most bytes of a jump at a function's entry (host/ats/module/entry.h). */
const JUMP_MAX = 20;
const BY_C_LIBRARY = ["calloc", "malloc"];
const DELETE = /^_Zd[al]Pv/;
/** libpcre's variables with functions: traffic_server has copies of them. */
const COPIES = ["pcre_free", "pcre_malloc"];
const PAGE = 4096;

describe("changes to the memory of the process", () => {
  // The same server without and with the plugin, with its modules at the same addresses.
  let without: Mapping[];
  let withPlugin: Mapping[];
  const signals: (string | undefined)[] = [];
  const image = async (origin: Origin, plugins: string[]): Promise<Mapping[]> => {
    const ats = await Ats.start({ level: 2, origin: origin.url, plugins, fixedAddresses: true });
    try {
      await requests(ats.httpsUrl, 20);
      if (plugins.length) {
        const dump = await ats.dump();
        for (const hook of ["iobuffer", "openssl", "plugins", "buffers"]) assert.equal(dump.header.get(hook), "installed", hook);
      }
      signals.push(/^SigCgt:\t(.*)$/m.exec(readFileSync(`/proc/${ats.pid}/status`, "utf8"))?.[1]);
      return mappingsOf(ats.pid).filter(
        ({ path }) => /^\/(usr|lib)|\/memtrack\.so$/.test(path) || (prefix && path.startsWith(`${prefix}/`)),
      );
    } finally {
      await ats.stop();
    }
  };
  before(async () => {
    const origin = await Origin.start();
    without = await image(origin, []);
    withPlugin = await image(origin, [PLUGIN]);
    await origin.stop();
    for (const name of ["/traffic_server", ...(isShared ? ["/libtscore.so"] : []), "/libcrypto.so"])
      assert.ok(
        without.some(({ path }) => path.includes(name)),
        name,
      );
  });

  test("every page keeps the protection that it has without the plugin", () => {
    const pages = (mappings: Mapping[]) =>
      mappings.flatMap(({ path, start, end, mode }) =>
        Array.from({ length: (end - start) / PAGE }, (_, page) => [start + page * PAGE, `${path} ${mode}`] as const),
      );
    const found = new Map(pages(withPlugin));
    for (const [address, page] of pages(without)) assert.equal(found.get(address), page, address.toString(16));
    for (const { path, mode } of withPlugin) assert.doesNotMatch(mode, /^.wx/, path);
  });

  test("the server catches the same signals as without the plugin", () => {
    assert.match(signals[0]!, /[1-9a-f]/);
    assert.equal(signals[1], signals[0]);
  });

  const places = "words with a function's address, definitions";
  const what = isShared ? places : `${places}, the first bytes of the tracker's two functions,`;
  test(`the server's modules differ only in ${what} and OpenSSL's three pointers, which all point to memtrack.so`, () => {
    const own = withPlugin.filter(({ path }) => path.endsWith("/memtrack.so"));
    const [first, end] = [Math.min(...own.map((mapping) => mapping.start)), Math.max(...own.map((mapping) => mapping.end))];
    const isOurs = (word: bigint) => word >= BigInt(first) && word < BigInt(end);
    const redirected = { call: new Set<string>(), address: new Set<string>(), definition: new Set<string>() };
    const imported = new Set<string>();
    const pointers: number[] = [];
    const overwritten = new Set<string>();
    for (const mapping of without) {
      // The loader's own list of modules contains memtrack.so too.
      if (mapping.path.includes("/ld-linux")) continue;
      const base = Math.min(...without.filter(({ path }) => path === mapping.path).map(({ start }) => start));
      const slots = wordsOf(mapping.path);
      const isServers = mapping.path.endsWith("/traffic_server") || mapping.path.startsWith(`${lib}/`);
      if (isServers) for (const { symbol, kind } of slots.values()) if (kind === "call") imported.add(symbol);
      const entries = !isShared && mapping.path.endsWith("/traffic_server") ? addressesOf(mapping.path, TRACKER) : [];
      const within = withPlugin.filter(({ start, end }) => start < mapping.end && mapping.start < end);
      const now = [...within.flatMap((part) => [...words(part)])].filter(
        ([address]) => address >= mapping.start && address < mapping.end,
      );
      for (const [index, [address, word]] of [...words(mapping)].entries()) {
        const later = now[index]![1];
        // The server may change writable memory.
        if (word === later || (mapping.mode.includes("w") && !isOurs(later))) continue;
        const entry = entries.find(({ offset }) => address + 8 > base + offset && address < base + offset + JUMP_MAX);
        if (entry) {
          overwritten.add(entry.symbol);
          continue;
        }
        const slot = slots.get(address - base);
        const place = `${mapping.path}+0x${(address - base).toString(16)} (${slot ? `${slot.kind} ${slot.symbol}` : "no slot"})`;
        const leadsTo = slot?.kind === "definition" ? BigInt.asUintN(64, later + BigInt(base)) : later;
        assert.ok(isOurs(leadsTo), `${place} holds ${later.toString(16)}`);
        const isOwn = slot?.kind === "call" && mapping.path.includes("/libc.so") && BY_C_LIBRARY.includes(slot.symbol);
        if (isOwn) continue;
        if (mapping.path.includes("/libcrypto.so") && (!slot || /^CRYPTO_/.test(slot.symbol))) pointers.push(address);
        else if (slot) redirected[slot.kind].add(slot.symbol);
        else assert.fail(`${place} leads to memtrack.so`);
      }
    }
    assert.deepEqual([...overwritten].sort(), isShared ? [] : TRACKER);
    assert.equal(pointers.length, 3);
    assert.equal(pointers[2]! - pointers[0]!, 16, "side by side");
    assert.deepEqual(
      [...redirected.call].filter((symbol) => !DELETE.test(symbol)).sort(),
      REDIRECTED.filter((symbol) => imported.has(symbol)),
    );
    const known = [...hookedFunctions(), ...REDIRECTED, ...COPIES];
    assert.deepEqual(
      [...redirected.address, ...redirected.definition].filter((symbol) => !known.includes(symbol)),
      [],
    );
    for (const name of ["malloc", "free", "realloc", "strdup", "__libc_malloc", "dlclose", "_Znwm", "_ZdlPvm"]) {
      assert.ok(redirected.definition.has(name), `later modules, and dlsym(), find the hook of ${name}`);
    }
  });
});

describe("memtrack.so", () => {
  test("exports only its entry point and needs no executable stack", () => {
    const symbols = execFileSync("nm", ["-D", "--defined-only", PLUGIN], { encoding: "utf8" });
    assert.deepEqual(symbols.trim().split(/\s+/).slice(1), ["T", "TSPluginInit"]);
    const headers = execFileSync("readelf", ["-lW", PLUGIN], { encoding: "utf8" });
    assert.match(headers, /GNU_STACK.* RW /);
    assert.match(execFileSync("readelf", ["-dW", PLUGIN], { encoding: "utf8" }), /NOW/);
  });

  test("the digest in the dump's header is that of build/memtrack.wasm", async () => {
    const ats = await Ats.start({ level: 1, plugins: [PLUGIN] });
    try {
      assert.equal((await ats.dump()).header.get("core"), coreDigest());
    } finally {
      await ats.stop();
    }
  });
});
