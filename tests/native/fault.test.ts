// SPDX-License-Identifier: Apache-2.0
//
// Every call of memtrack.so that can fail fails once, in a server of the tests' own that lives through all of memtrack's features in
// 50 ms (fault_server.c): system calls, allocations, the loader, threads; also those of elfutils on memtrack's behalf. After each:
// the server lives, the plugins' results are right and their account is the dump's, what differs from a run without a fault is said in
// one line, and no slot, page or descriptor is left behind. MEMTRACK_FAULT_CALLS=n: the first n calls of each place, with each error.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { before, describe, test } from "node:test";
import { parseDumps, type Dump } from "../../harness/dump.ts";
import { BUILD, PLUGIN, TOP } from "../../tools/build.ts";
import { ownerOf, rowsOf } from "../support/corpus.ts";
import { choose, ERRORS, makeList, readList, type Fault, type Place } from "../support/faults.ts";

const OUT = join(BUILD, "native-plain");
const CALLS = Number(process.env.MEMTRACK_FAULT_CALLS ?? 1);
const AT_ONCE = 2;

/** Functions that memtrack.so uses and that cannot fail, or not so that the caller could do anything. */
const CANNOT_FAIL =
  /^(_Unwind_\w+|_Z\w+|__cxa_\w+|__gxx_personality_v0|__gcc_personality_v0|__assert_fail|__errno_location|__isoc99_sscanf|__gmon_start__|__popcountdi2|_ITM_\w+|mem\w+|pthread_mutex_\w+|_setjmp|str\w+|v?snprintf|pthread_attr_\w+|pthread_\w*join\w*|thrd_detach|thrd_join|close|closedir|dl_iterate_phdr|dlclose|dlerror|endmntent|fclose|ferror|fileno|fprintf|free|freeaddrinfo|freeifaddrs|fts64_close|fts_close|getauxval|getpid|gettid|gnu_get_libc_version|iconv_close|if_freenameindex|longjmp|mallinfo2|malloc_usable_size|pclose|pthread_detach|pthread_once|pthread_self|pthread_setname_np|pthread_sigmask|qsort|regfree|sched_yield|sigfillset|stderr|sysconf|time)$/;

/** The stand-in servers have no freelists, and their objects are not blocks. */
const WEIGHTLESS =
  "TSError [memtrack] some objects of plugins are counted without their bytes: the allocator does not tell the size of a parser";

interface Life {
  /** Exit status, or the signal's name. */
  end: number | string;
  out: string[];
  err: string;
  dump: Dump | undefined;
  places: Place[];
}

/** The stand-in servers: of 9.2; of 10 with its core in the program; of 10 with a shared core, bound lazily. */
const SERVERS = { nine: "fault_server", static: "ten/static", shared: "ten/shared" };
type Server = keyof typeof SERVERS;

async function live(fault?: Fault, kind: Server = "nine", forbidden = ""): Promise<Life> {
  const folder = mkdtempSync(join(tmpdir(), "memtrack-fault-"));
  try {
    const list = join(folder, "list");
    makeList(list);
    const preload = {
      LD_PRELOAD: join(OUT, "fault.so"),
      MEMTRACK_FAULT_LIST: list,
      MEMTRACK_FAULT: fault?.wish ?? "",
      MEMTRACK_FORBIDDEN: forbidden,
    };
    const path = join(OUT, SERVERS[kind]);
    const beside = kind === "nine" ? OUT : dirname(path);
    const plugins = ["early", "plugin", "remap"].map((name) => join(beside, `fault_${name}.so`));
    const server = spawn(path, [PLUGIN, ...plugins, folder], { env: { ...process.env, ...preload } });
    let [out, err] = ["", ""];
    server.stdout.on("data", (text: Buffer) => (out += text.toString()));
    server.stderr.on("data", (text: Buffer) => (err += text.toString()));
    const end = await new Promise<number | string>((resolve) => server.on("close", (status, signal) => resolve(signal ?? status!)));
    const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "");
    const dumps = [...parseDumps(read("memtrack.out")), ...parseDumps(read("standard.error"))];
    const dump = dumps.toSorted((a, b) => a.number - b.number).at(-1);
    return { end, out: out.replaceAll(folder, "FOLDER").split("\n"), err, dump, places: readList(list) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function linesOf({ out }: Life, pattern: RegExp): string[] {
  return out.filter((line) => pattern.test(line));
}

/** What a dump says of memtrack's state, and what each owner has. Without a module's file its sites have less telling names. */
function facts(dump: Dump): string[] {
  const keys = [
    "iobuffer",
    "openssl",
    "plugins",
    "buffers",
    "heap",
    "level",
    "verify",
    "lost",
    "traps",
    "exhausted",
    "untracked",
    "twice",
    "damaged",
  ];
  const sums: Record<string, number[]> = {};
  for (const row of rowsOf(dump)) {
    const sum = (sums[`${row.class} ${ownerOf(row.location)}`] ??= [0, 0, 0]);
    [row.allocs, row.frees, row.held].forEach((value, index) => (sum[index]! += value));
  }
  return [
    ...keys.map((key) => `${key}=${dump.header.get(key)}`),
    ...Object.entries(sums).map(([key, sum]) => `${key} ${sum.join(" ")}`),
  ].sort();
}

/** The differences between the plugins' own account and the dump's rows of them. */
function differences(life: Life): string[] {
  return linesOf(life, /^TRUTH/).flatMap((line) => {
    const [, owner, name, ...counts] = line.split(" ");
    const rows = rowsOf(life.dump!).filter((row) => row.class === name && ownerOf(row.location) === owner);
    const sum = (key: "allocs" | "frees" | "held") => rows.reduce((sum, row) => sum + row[key], 0);
    const counted = [sum("allocs"), sum("frees"), sum("held")];
    return counted.join(" ") === counts.join(" ") ? [] : [`${line}, counted ${counted.join(" ")}`];
  });
}

/** Bytes of each file by protection. (The kernel merges neighbours at will.) */
function mapped(life: Life): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const line of linesOf(life, /^MAP/)) {
    const [, file, mode, , size] = line.split(" ");
    sizes[`${file} ${mode}`] = (sizes[`${file} ${mode}`] ?? 0) + parseInt(size!, 16);
  }
  return sizes;
}

/** Lines of memtrack that a run without a fault does not have. */
function saidBeyond(life: Life, usual: Life): string[] {
  const known = usual.out.map((line) => line.replace(/\d+/g, "N"));
  return linesOf(life, /^TS(Warning|Error)/).filter((line) => !known.includes(line.replace(/\d+/g, "N")));
}

/** libdw 0.188 does not look at what malloc returns for two of its tables. All else that it lacks comes back to memtrack. */
const CRASHES_OF_LIBDW = 2;

function isCrashOfLibdw(fault: Fault, life: Life): boolean {
  return fault.inElfutils && fault.function === "malloc" && (life.end === "SIGSEGV" || life.end === "SIGABRT");
}

function check(fault: Fault, life: Life, usual: Life): void {
  const show = () => [fault.name, ...linesOf(life, /^(?!TSNote|MAP)/), life.err].join("\n");
  assert.equal(life.end, 0, show());
  assert.equal(life.out.at(-2), "END", show());
  assert.ok(
    life.places.some(({ failed }) => failed === 1),
    `the call was made: ${show()}`,
  );
  const said = saidBeyond(life, usual);
  // A limit is said beside its cause, and at the start so is what is off because of a module.
  const causes = said.filter((line) => !/ limit \w+ reached: | attributed to plugins: [\w.]+: /.test(line));
  assert.ok(causes.length <= 1, `one line: ${said.join("\n")}`);
  const { dump } = life;
  const disabled = said.some((line) => line.includes("memtrack is disabled, the server is not affected"));
  assert.ok(dump || disabled, `no dump: ${show()}`);
  const denied = linesOf(life, /^DENIED 1$/).length === 1; // by the allocator, as without memtrack
  const same = dump && facts(dump).join("\n") === facts(usual.dump!).join("\n");
  const inHeader =
    dump && (dump.header.get("exhausted") !== "-" || dump.header.get("lost") !== "0" || dump.header.get("twice") === "-");
  const beyond = () =>
    dump
      ? facts(dump)
          .filter((fact) => !facts(usual.dump!).includes(fact))
          .join("\n")
      : "";
  assert.ok(same || said.length || denied || inHeader, `what differs is said: ${beyond()}\n${show()}`);
  if (dump && !said.length && !inHeader) assert.deepEqual(differences(life), [], show());
  // Hooks that are not in use are in no slot.
  if (disabled || dump?.header.get("plugins") === "refused") assert.deepEqual(linesOf(life, /^WORDS (fault_|libstdc)/), [], show());
  if (fault.function !== "mprotect") assert.deepEqual(mapped(life), mapped(usual), show());
  const descriptors = ({ out }: Life) => Number(out.find((line) => line.startsWith("DESCRIPTORS"))!.split(" ")[1]);
  assert.ok(descriptors(life) <= descriptors(usual), `descriptors are closed: ${show()}`);
}

describe("a call that fails", () => {
  let usual: Life;
  before(async () => {
    const made = spawnSync("make", ["-s", "-C", join(TOP, "tests", "native"), "faults"], { encoding: "utf8" });
    assert.equal(made.status, 0, made.stdout + made.stderr);
    usual = await live();
  });

  test("each function that memtrack.so asks the loader for can be made to fail, or cannot fail", () => {
    const { stdout } = spawnSync("nm", ["-D", "--undefined-only", "--without-symbol-versions", PLUGIN], { encoding: "utf8" });
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().split(" ").at(-1)!);
    assert.ok(names.length > 50);
    assert.deepEqual(
      names.filter((name) => !(name in ERRORS) && !CANNOT_FAIL.test(name)),
      [],
    );
  });

  test("none: the dump agrees with what the plugins know of themselves", () => {
    assert.equal(usual.end, 0, usual.err);
    assert.deepEqual(differences(usual), []);
    assert.deepEqual(linesOf(usual, /^(TSError|DENIED)/), [WEIGHTLESS]);
    assert.equal(usual.dump!.header.get("exhausted"), "-");
    assert.equal(usual.dump!.header.get("lost"), "0");
  });

  for (const [forbidden, reader] of [
    ["", "process_vm_writev"],
    ["process_vm_writev", "pipe"],
    ["process_vm_writev,pipe2", "/proc/self/mem"],
  ] as const) {
    test(`a sandbox that forbids ${forbidden || "nothing"}: memory is read by ${reader}, and the counts and names are the same`, async () => {
      const life = await live(undefined, "nine", forbidden);
      assert.equal(life.end, 0, life.err);
      assert.equal(life.dump!.header.get("memory-reader"), reader);
      assert.deepEqual(facts(life.dump!), facts(usual.dump!));
      const locations = ({ dump }: Life) => rowsOf(dump!).map(({ location }) => location);
      assert.deepEqual(locations(life).sort(), locations(usual).sort());
      assert.deepEqual(saidBeyond(life, usual), []);
    });
  }

  test("a sandbox that forbids all three: what depends on it is refused with the reason, the rest is counted", async () => {
    const life = await live(undefined, "nine", "process_vm_writev,pipe2,openat");
    const { dump } = life;
    assert.equal(life.end, 0, life.err);
    assert.equal(dump!.header.get("memory-reader"), "none");
    const states = ["iobuffer", "openssl", "plugins", "buffers", "heap"].map((hook) => dump!.header.get(hook));
    assert.deepEqual(states, ["installed", "refused", "installed", "refused", usual.dump!.header.get("heap")]);
    const reason =
      /no way to read memory that may be unmapped: process_vm_writev: Operation not permitted, pipe: Operation not permitted, \/proc\/self\/mem: Operation not permitted/;
    const said = saidBeyond(life, usual);
    assert.equal(said.length, 2, said.join("\n"));
    for (const line of said) assert.match(line, reason);
    assert.deepEqual(
      differences(life).filter((line) => !line.startsWith("TRUTH IOBuffer")),
      [],
    );
    const buffers = (of: Life) =>
      rowsOf(of.dump!)
        .filter(({ location }) => location.startsWith("memory/IOBuffer/"))
        .map(({ location }) => location);
    assert.ok(buffers(life).length > 0);
    assert.deepEqual(buffers(life).sort(), buffers(usual).sort());
  });

  for (const name of Object.keys(ERRORS)) {
    test(name, () => failEach(name, usual));
  }
});

/** Lives once with each call of a function failing. */
async function failEach(name: string, usual: Life, kind: Server = "nine"): Promise<void> {
  const faults = choose(
    usual.places.filter((place) => place.function === name),
    CALLS,
  );
  const failed: string[] = [];
  const crashes = new Set<string>();
  const next = async () => {
    for (let fault = faults.shift(); fault; fault = faults.shift()) {
      const life = await live(fault, kind);
      if (isCrashOfLibdw(fault, life)) {
        crashes.add(fault.place);
        continue;
      }
      try {
        check(fault, life, usual);
      } catch (error) {
        failed.push((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  assert.equal(failed.length, 0, failed.join("\n\n"));
  assert.ok(crashes.size <= CRASHES_OF_LIBDW, [...crashes].join("\n"));
}

describe("a server of version 10", () => {
  let nine: Life;
  before(async () => {
    const made = spawnSync("make", ["-s", "-C", join(TOP, "tests", "native"), "faults"], { encoding: "utf8" });
    assert.equal(made.status, 0, made.stdout + made.stderr);
    nine = await live();
  });

  /** What its dump says must be what that of 9.2 says. */
  const compare = (life: Life, except: RegExp) => {
    assert.equal(life.end, 0, life.err);
    assert.equal(life.out.at(-2), "END", life.err);
    assert.deepEqual(differences(life), []);
    const kept = ({ dump }: Life) => facts(dump!).filter((fact) => !except.test(fact));
    assert.deepEqual(kept(life), kept(nine));
    const buffers = ({ dump }: Life) => rowsOf(dump!).filter((row) => row.class === "iobuffer");
    assert.deepEqual(buffers(life), buffers(nine));
    assert.ok(buffers(life).length > 2);
  };

  test("whose core is shared and bound lazily: the same rows as 9.2, verify included", async () => {
    const life = await live(undefined, "shared");
    compare(life, /^$/);
    assert.deepEqual(linesOf(life, /^TSError/), [WEIGHTLESS]);
  });

  test("whose core is in the program: the same rows, and verify is refused in one line", async () => {
    const life = await live(undefined, "static");
    compare(life, /^verify=/);
    const errors = linesOf(life, /^TSError/);
    assert.deepEqual([errors.length, errors[0]], [2, WEIGHTLESS], errors.join("\n"));
    assert.match(errors[1]!, /verify mode cannot be switched on: .* verify on a 10\.x built with shared libraries, or on 9\.2$/);
    assert.deepEqual(
      linesOf(life, /^MAP/).filter((line) => /rwx|-wx/.test(line)),
      [],
    );
  });

  for (const name of ["open", "read", "pwrite", "prctl", "opendir", "readdir", "syscall", "dladdr1"]) {
    test(`whose core is in the program, without ${name}: nothing is changed, or all is counted`, async () => {
      const usual = await live(undefined, "static");
      assert.ok(usual.places.some((place) => place.function === name));
      await failEach(name, usual, "static");
    });
  }
});
