// SPDX-License-Identifier: Apache-2.0
//
// Invariants of absence (ARCHITECTURE.md), shown on the sources and on the binaries. Where one has exceptions they stand here by name,
// so that a further one, or one that is gone, is noticed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BUILD, PLUGIN, TOP } from "../../tools/build.ts";
import { callGraph } from "../support/callgraph.ts";

/** Sources below a folder by their path from the top, without their comments. */
function codeOf(folder: string, ending: RegExp): [path: string, code: string][] {
  const names = readdirSync(join(TOP, folder), { recursive: true, encoding: "utf8" });
  const paths = names.filter((name) => ending.test(name)).map((name) => join(folder, name));
  assert.ok(paths.length, folder);
  return paths.sort().map((path) => [path, withoutComments(readFileSync(join(TOP, path), "utf8"))]);
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, "").replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

/** The files below a folder whose code has such a text. */
function filesWith(folder: string, ending: RegExp, pattern: RegExp): string[] {
  return codeOf(folder, ending).flatMap(([path, code]) => (pattern.test(code) ? [path] : []));
}

const C = /\.([ch]|cc)$/;
const TS = /\.ts$/;

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
    (name) => /^(hook|plugin|library|other)_/.test(name) && !/^(hook_dlsym|hook_dlclose|other_dlclose|plugin_call)$/.test(name),
  );
  const openssl = ["memtrack_openssl_malloc", "memtrack_openssl_realloc", "memtrack_openssl_free"];
  // The core is told at the start who names a site, and calls that through a pointer.
  const roots = [...hooks, ...openssl, "memtrack_account_iobuffer", "name_site"];
  const { own, foreign } = graph.reachedFrom(roots);
  const calls = (pattern: RegExp): string[] => [...foreign].filter((call) => pattern.test(call)).sort();

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
      "memtrack_release_untagged -> free",
      "memtrack_release_untagged -> malloc",
      // Once a thread: its shard is to be handed back.
      "memtrack_shard_attach -> pthread_setspecific",
      // The realloc() of a block that is not tracked any further.
      "resize_plainly -> realloc",
      // A trap, which disables the shard.
      "wasm_rt_trap -> __cxa_allocate_exception",
      "wasm_rt_trap -> __cxa_throw",
    ]);
  });

  test("ask nothing of the loader, and do not wait for its lock", () => {
    assert.deepEqual(calls(/-> dl\w+$/), []);
  });

  test("log nothing; what must be said before the process may end is one write() to traffic.out", () => {
    assert.ok(!own.has("memtrack_log"));
    assert.deepEqual(
      calls(/-> (write|\w*printf|\w*puts|fwrite|syslog)$/).filter((call) => !/ -> v?snprintf$/.test(call)),
      ["write_warning -> write"],
    );
  });

  test("never enter the model, nor the control instance", () => {
    assert.deepEqual(
      [...own].filter((name) => /memtrack_(model|ask|analysis|dump|control)_/.test(name)),
      [],
    );
  });

  test("install no signal handler, nor does anything else in memtrack.so", () => {
    const asked = execFileSync("nm", ["-D", "--undefined-only", PLUGIN], { encoding: "utf8" });
    assert.doesNotMatch(asked, /\b(\w*signal|sigaction|sigaltstack|sigprocmask|pthread_sigmask|sigset)@/);
  });

  test("no access to a thread-local variable allocates: all are initial-exec", () => {
    const relocations = execFileSync("readelf", ["-rW", PLUGIN], { encoding: "utf8" });
    assert.match(relocations, /TPOFF64/);
    assert.doesNotMatch(relocations, /DTPMOD|TLSDESC/);
  });
});

test("under the mutex of the modules nothing is loaded, and no symbol is looked up, but by dladdr() where there is no elfutils", () => {
  const visitors = ["on_found", "on_gone", "patch_heap", "unpatch", "patch_known", "list_candidate", "resolve_module", "ignore"];
  const graph = callGraph(PLUGIN);
  const known = new Set(graph.names.values());
  assert.deepEqual(
    visitors.filter((name) => !known.has(name)),
    [],
  );
  const { foreign } = graph.reachedFrom([...visitors, "add", "forget", "forget_unloaded", "forget_under", "list_all"]);
  const asked = [...foreign].filter((call) => /-> dl\w+$/.test(call)).sort();
  assert.deepEqual(asked, ["find_place -> dladdr", "list_all -> dl_iterate_phdr", "memtrack_slots_collect -> dl_iterate_phdr"]);
});

describe("the C host", () => {
  test("changes the protection of pages in module/slots.c alone, and makes none executable", () => {
    assert.deepEqual(objectsWith(/^mprotect$/), ["module/slots.c.o"]);
    // There it is read, and given back.
    assert.deepEqual(filesWith("host/ats", C, /PROT_EXEC/), ["host/ats/module/slots.c"]);
    const segments = execFileSync("readelf", ["-lW", PLUGIN], { encoding: "utf8" });
    assert.doesNotMatch(segments, /(LOAD|GNU_STACK) .* RWE /);
  });

  test("knows the names that wasm2c gives in core/ alone", () => {
    const files = filesWith("host/ats", C, /\bZ_core|\bw2c_|\bwasm_rt_/);
    assert.ok(files.length > 2);
    assert.deepEqual(
      files.filter((path) => !path.startsWith("host/ats/core/")),
      [],
    );
  });

  test("asks elfutils in symbol/ alone", () => {
    const files = filesWith("host/ats", C, /\b(elfutils->|dwarf_|dwelf_|gelf_)|<(libdw|libelf|dwarf|gelf)/);
    assert.deepEqual(
      files.filter((path) => !path.startsWith("host/ats/symbol/")),
      [],
    );
  });

  test("has the symbols of a server version in server/ alone", () => {
    assert.deepEqual(
      filesWith("host/ats", C, /ResourceTracker|res_track_memory"|ink_freelists|SignalContinuation|TrackerContinuation/),
      ["host/ats/server/server.c"],
    );
  });

  test("includes no header of the server's", () => {
    assert.deepEqual(filesWith("host/ats", C, /#include <ts\//), []);
  });
});

describe("the core", () => {
  test("asks for memory only while an instance is made", () => {
    const wasm = join(BUILD, "memtrack.wasm");
    const disassemble = (option: string) => execFileSync("wasm-objdump", [option, wasm], { encoding: "utf8", maxBuffer: 1 << 28 });
    const [, init] = /func\[(\d+)\] <init> -> "init"/.exec(disassemble("-x"))!;
    const callers = new Map<string, Set<string>>();
    const growing: string[] = [];
    let inside = "";
    for (const line of disassemble("-d").split("\n")) {
      inside = /^[0-9a-f]+ func\[(\d+)\]/.exec(line)?.[1] ?? inside;
      const [, callee] = /\| +(?:return_)?call (\d+)/.exec(line) ?? [];
      if (callee) callers.set(callee, (callers.get(callee) ?? new Set()).add(inside));
      if (/\| +memory\.grow/.test(line)) growing.push(inside);
    }
    assert.ok(growing.length > 0, "the disassembly was understood");
    for (let grows; (grows = growing.pop()) !== undefined;) {
      if (grows === init) continue;
      const by = callers.get(grows);
      assert.ok(by, `function ${grows} grows the memory, and init() does not call it`);
      growing.push(...by);
    }
  });

  test("imports nothing from a host", () => {
    assert.deepEqual(filesWith("assembly", TS, /\b(from|import)\s*\(?\s*["'](\.\.\/)+(host|harness|tests|tools|bench)\//), []);
    assert.deepEqual(filesWith("assembly", TS, /@external|declare function/), []);
  });
});

describe("the command and the page", () => {
  test("touch the process in host/node/bin.ts alone", () => {
    assert.deepEqual(filesWith("host/node", TS, /\bprocess\.|["']node:process["']/), ["host/node/bin.ts"]);
  });

  test("make no markup of text", () => {
    const markup = /\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|document\.write|setHTML\w*)\b/;
    assert.deepEqual(filesWith("host", /\.(ts|js|html)$/, markup), []);
  });

  test("have host/shared in common, which imports the format alone", () => {
    const imports = codeOf("host/shared", TS).flatMap(([path, code]) =>
      [...code.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(([, from]) => `${path}: ${from}`),
    );
    assert.deepEqual(
      imports.filter((line) => !/: \.\/[\w-]+\.ts$|: \.\.\/\.\.\/format\/\w+\.ts$/.test(line)),
      [],
    );
  });

  test("import nothing that is for tests alone", () => {
    assert.deepEqual(filesWith("host", TS, /\b(from|import)\s*\(?\s*["'](\.\.\/)+(harness|tests|tools|bench)\//), []);
  });
});
