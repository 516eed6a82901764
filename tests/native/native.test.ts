// SPDX-License-Identifier: Apache-2.0
//
// The tests of the C host, a program each, as gcc builds the plugin and under the sanitizers of clang. Each of cmocka's tests is one
// of Node's, so that it can be chosen by its name; then its program is built and run whole. `npm run test:long` runs the plain
// programs once more with each setting of the C library's allocator that changes what a block looks like, and one with other allocators.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BUILD, TOP } from "../../tools/build.ts";
import { isChosen } from "../support/chosen.ts";

const FOLDER = join("tests", "native");
const PROGRAMS = readdirSync(join(TOP, FOLDER)).flatMap((name) =>
  name.endsWith("_test.c") && isChosen(join(FOLDER, name)) ? [name.slice(0, -".c".length)] : [],
);

interface Variant {
  name: string;
  /** As the Makefile names it. */
  build: "plain" | "asan" | "tsan";
  env: Record<string, string>;
  /** Programs that do not run, with the reason. */
  without?: Record<string, string>;
  /** The only programs that run. */
  only?: string[];
}

const STANDS_IN = "the sanitizer has functions of its own for them, which read arguments that the C library does not";
const BUILDS: Variant[] = (["plain", "asan", "tsan"] as const).map((build) => {
  const without: Record<string, string> = build === "plain" ? {} : { hooks_libc_test: STANDS_IN };
  if (build === "tsan") {
    without.churn_test = "the sanitizer does not know the loader's lock";
    without.accused_test = "it takes minutes; search_test has the search and threads";
    without.search_reader_test =
      "the kernel walks the sanitizer's memory for half a minute; search_storm_test has the reader and threads";
  }
  return { name: build, build, env: {}, without };
});

const ALLOCATORS: Variant[] = [
  { name: "no cache of threads", build: "plain", env: { GLIBC_TUNABLES: "glibc.malloc.tcache_count=0" } },
  { name: "mappings from 4 KiB", build: "plain", env: { GLIBC_TUNABLES: "glibc.malloc.mmap_threshold=4096" } },
  {
    name: "memory never zero",
    build: "plain",
    env: { MALLOC_PERTURB_: "165" },
    without: { release_test: "it counts the marks in released blocks, which are overwritten" },
  },
  {
    name: "checked heap",
    build: "plain",
    env: { LD_PRELOAD: "libc_malloc_debug.so.0", MALLOC_CHECK_: "3" },
    without: {
      allocator_test: "its malloc() and free() call those of the C library, which are not the checked ones",
      hooks_extensions_test: "its malloc() and free() call those of the C library, which are not the checked ones",
      maps_test: "where its mappings run out, the checked heap goes on in another way",
      stack_test: "the checked functions take more stack at their first call",
    },
  },
  ...["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"].map((name) => ({
    name,
    build: "plain" as const,
    env: { LD_PRELOAD: name },
    only: ["search_storm_test"],
  })),
];
/** MEMTRACK_SEARCH_PASSES: ten a second at most. */
const TIMEOUT_MS = process.env.MEMTRACK_SEARCH_PASSES ? 1_200_000 : 120_000;

/** The names that a program gives to cmocka. */
function testsOf(program: string): string[] {
  const source = readFileSync(join(TOP, FOLDER, `${program}.c`), "utf8");
  return [...source.matchAll(/\bcmocka_unit_test\w*\((\w+)/g)].map(([, name]) => name!);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

for (const variant of process.env.MEMTRACK_ALLOCATORS ? ALLOCATORS : BUILDS) {
  describe(`native, ${variant.name}`, () => {
    const build = once(() => {
      const tests = PROGRAMS.map((program) => program.replace(/_test$/, "")).join(" ");
      const args = ["-s", "-j2", "-C", join(TOP, FOLDER), `VARIANT=${variant.build}`, `TESTS=${tests}`];
      const { status, stdout, stderr } = spawnSync("make", args, { encoding: "utf8" });
      return { status, said: stdout + stderr };
    });
    test("builds without a warning", () => assert.equal(build().status, 0, build().said));
    for (const program of PROGRAMS.filter((name) => variant.only?.includes(name) ?? true)) {
      describe(program, { skip: variant.without?.[program] }, () => {
        const run = once(() => {
          assert.equal(build().status, 0, "it was not built: see above, or run this without --name");
          const env = { ...process.env, ...variant.env, CMOCKA_MESSAGE_OUTPUT: "TAP" };
          return spawnSync(join(BUILD, `native-${variant.build}`, program), {
            encoding: "utf8",
            timeout: TIMEOUT_MS,
            maxBuffer: 1 << 28,
            env,
          });
        });
        for (const name of testsOf(program)) {
          test(name, (context) => {
            const { stdout, stderr, signal } = run();
            // cmocka's spelling.
            if (new RegExp(`^not ok \\d+ # SKIP ${name}$`, "m").test(stdout)) return context.skip(`not with ${variant.name}`);
            assert.match(stdout, new RegExp(`^ok \\d+ - ${name}$`, "m"), `${signal ?? ""}\n${stdout}${stderr}`);
          });
        }
        test("ends well, and no sanitizer complains", () => {
          const { status, signal, stdout, stderr } = run();
          assert.equal(status, 0, `${signal ?? ""}\n${stdout}${stderr}`);
          assert.doesNotMatch(stderr, /SUMMARY: \w+Sanitizer/);
        });
      });
    }
  });
}
