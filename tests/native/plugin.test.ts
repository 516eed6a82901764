// SPDX-License-Identifier: Apache-2.0
//
// Invariants of absence (ARCHITECTURE.md) that the sources do not show, on memtrack.so and its object files. Where one has exceptions
// they stand here by name, so that a further one, or one that is gone, is noticed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BUILD, PLUGIN } from "../../tools/build.ts";
import { listsForC } from "../../tools/format.ts";
import { callGraph } from "../support/callgraph.ts";
import { hookedFunctions } from "../support/hooks.ts";

/** The object files of the plugin that ask for such a symbol. */
function objectsWith(symbol: RegExp): string[] {
  const folder = join(BUILD, "ats");
  const objects = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".o"));
  assert.ok(objects.length > 40, "the plugin is built");
  const asked = execFileSync("nm", ["-uA", ...objects.sort()], { cwd: folder, encoding: "utf8" }).split("\n");
  return asked.flatMap((line) => {
    const [, object, name] = /^(.+?):\s+\w (\S+)$/.exec(line) ?? [];
    return name && symbol.test(name) ? [object!] : [];
  });
}

describe("hooks of events", () => {
  const graph = callGraph(PLUGIN);
  /** Functions that stand in for others in plugins, libraries and the server; those that load and unload are no events. */
  const hooks = [...new Set(graph.names.values())].filter(
    (name) =>
      /^(hook|plugin|library|shared|other)_/.test(name) &&
      !/^(hook_dlsym|hook_dlclose|plugin_dlsym|plugin_dlclose|plugin_dlmopen|plugin_call)$/.test(name),
  );
  const openssl = ["memtrack_openssl_malloc", "memtrack_openssl_realloc", "memtrack_openssl_free"];
  // The core is told at the start who names a site, and calls that through a pointer.
  const roots = [...hooks, ...openssl, "memtrack_account_iobuffer", "name_site"];
  const { own, foreign } = graph.reachedFrom(roots);
  const calls = (pattern: RegExp): string[] => [...foreign].filter((call) => pattern.test(call)).sort();

  test("are those that tests/structure/hooks.test.ts asks a test and a row of", () => {
    const sizes = ["malloc_size", "mi_malloc_size", "mi_malloc_usable_size", "mi_usable_size", "sallocx", "tc_malloc_size"];
    const aliases = ["__strdup", "__strndup", "mmap64", ...sizes]; // their hooks are those of strdup, strndup, mmap, malloc_usable_size
    const plain = hookedFunctions().filter(
      (name) => ![...aliases, "increment"].includes(name) && !name.startsWith("CRYPTO_") && !name.startsWith("__libc_"),
    );
    const found = [...graph.names.values()].flatMap((name) => /^(?:hook|plugin|library|shared|other)_(\w+)$/.exec(name)?.[1] ?? []);
    const others = ["call", "increment_and_pass_on"]; // plugin_call(), and the built-in tracker's own part in verify mode
    assert.deepEqual([...new Set(found)].filter((name) => !others.includes(name)).sort(), plain);
  });

  test("are found, and what they call", () => {
    assert.ok(hooks.length > 100, `${hooks.length} hooks`);
    for (const name of ["memtrack_walk", "name_site", "memtrack_registry_call", "memtrack_shard_attach", "wasm_rt_trap"]) {
      assert.ok(own.has(name), name);
    }
  });

  test("allocate nothing but what the function allocates that they stand in for, with four exceptions", () => {
    const allocates =
      /-> (\w*alloc|reallocarray|__cxa_allocate_exception|free|memalign|str\w*dup|\w*asprintf|open_memstream|fopen|getdelim|getline|realpath|_Zn\w+|_Zd\w+|pthread_setspecific|__cxa_throw)$/;
    const others = calls(allocates).filter((call) => !roots.includes(call.split(" ")[0]!));
    assert.deepEqual(others, [
      // A block that may be free already is looked for where the allocator would give it out, and what it gave goes back.
      "find_free -> free",
      "find_free -> malloc",
      // A text of the server, whose block has no room for a tag.
      "lengthen -> malloc",
      // Once a thread: its shard is to be handed back.
      "memtrack_shard_attach -> pthread_setspecific",
      // A trap, which disables the shard.
      "wasm_rt_trap -> __cxa_allocate_exception",
      "wasm_rt_trap -> __cxa_throw",
    ]);
    // What they stand in for is called through words that no call graph shows.
    assert.deepEqual(objectsWith(/^memtrack_real$/), ["hook/heap.c.o", "hook/loader.c.o"]);
  });

  test("ask nothing of the loader, and do not wait for its lock", () => {
    assert.deepEqual(calls(/-> dl\w+$/), []);
  });

  test("format nothing with the C library, which takes 1.5 KiB of the stack, but the text that is written at once", () => {
    assert.deepEqual(calls(/-> \w*printf\w*$/), ["compose -> snprintf"]);
  });

  test("log nothing; what must be said before the allocator ends the process is one write that does not wait", () => {
    assert.ok(!own.has("memtrack_log"));
    assert.deepEqual(
      calls(/-> (write|send|\w*printf|\w*puts|fwrite|syslog)$/).filter((call) => !/ -> v?snprintf$/.test(call)),
      ["write_at_once -> send", "write_at_once -> write"],
    );
  });

  test("never enter the model, nor the control instance", () => {
    assert.deepEqual(
      [...own].filter((name) => /memtrack_(model|ask|analysis|dump|control)_/.test(name)),
      [],
    );
  });

  // The search's thread blocks all signals.
  test("install no signal handler, nor does anything else in memtrack.so", () => {
    const asked = execFileSync("nm", ["-D", "--undefined-only", PLUGIN], { encoding: "utf8" });
    assert.doesNotMatch(asked, /\b(\w*signal|sigaction|sigaltstack|sigprocmask|sigset)@/);
  });

  test("no access to a thread-local variable allocates: all are initial-exec", () => {
    const relocations = execFileSync("readelf", ["-rW", PLUGIN], { encoding: "utf8" });
    assert.match(relocations, /TPOFF64/);
    assert.doesNotMatch(relocations, /DTPMOD|TLSDESC/);
  });
});

test("memtrack.so changes the protection of pages in module/slots.c alone, and has no page that is writable and executable", () => {
  assert.deepEqual(objectsWith(/^mprotect$/), ["module/slots.c.o"]);
  const segments = execFileSync("readelf", ["-lW", PLUGIN], { encoding: "utf8" });
  assert.doesNotMatch(segments, /(LOAD|GNU_STACK) .* RWE /);
});

test("under the mutex of the modules nothing is loaded, and no symbol is looked up", () => {
  const visitors = [
    "memtrack_modules_found",
    "memtrack_modules_gone",
    "patch_heap",
    "unpatch",
    "patch_known",
    "list_candidate",
    "look_at_module",
    "ignore",
  ];
  const graph = callGraph(PLUGIN);
  const known = new Set(graph.names.values());
  assert.deepEqual(
    visitors.filter((name) => !known.has(name)),
    [],
  );
  const { foreign } = graph.reachedFrom([...visitors, "add", "forget", "forget_under", "forget_unmapped", "sweep"]);
  const asked = [...foreign].filter((call) => /-> dl\w+$/.test(call)).sort();
  assert.deepEqual(asked, ["forget_unmapped -> dl_iterate_phdr", "memtrack_slots_collect -> dl_iterate_phdr"]);
});

test("the C host is built with the lists of format/format.ts", () => {
  assert.ok(readFileSync(join(BUILD, "core_abi.h"), "utf8").endsWith(listsForC()));
});
