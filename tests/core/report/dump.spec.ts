// SPDX-License-Identifier: Apache-2.0
//
// The text of a dump, byte for byte. The tables equal the output of the built-in tracker's printf formats: "%-10s | %-10s | %-20s | %-10s |
// %-50s", "%10ld | %10ld | %20ld | %10ld | %-50s" and "%26s%20ld |            | %-50s".

import {
  DUMP_REASON_OTHER,
  DUMP_REASON_SIGNAL,
  DUMP_REASON_TIMER,
  FACT_ARMED,
  FACT_COUNT,
  FACT_DUMP,
  FACT_IOBUFFER,
  FACT_LEVEL,
  FACT_LOST,
  FACT_MEMORY,
  FACT_OPENSSL,
  FACT_REASON,
  FACT_REFUSED_SITES,
  FACT_SHARDS,
  FACT_SITES,
  FACT_TIME,
  FACT_TRAPS,
  FACT_TWICE,
  FACT_VERIFY,
  HOOK_INSTALLED,
  HOOK_REFUSED,
  INPUT_SIZE,
  KIND_COUNT,
  LIMIT_COUNT,
  LIMIT_SHARDS,
  LIMIT_THUNKS,
  SITE_PRE_ARMING,
  SITES_MIN,
  TEXT_COUNT,
  TEXT_CORE,
  TEXT_IOBUFFER,
  TEXT_OPENSSL,
} from "../../../assembly/abi";
import { setHeaderNumber, setHeaderText } from "../../../assembly/model/facts";
import { setExhausted } from "../../../assembly/model/limits";
import { mergeAllocs, mergeFrees } from "../../../assembly/model/model";
import { verifyCompare, verifyRow, verifyStart } from "../../../assembly/model/verify";
import { siteCount } from "../../../assembly/registry/registry";
import { begin, fresh, opensslSite, put, rendered, settleOne, site, stage, sumUp, unstage } from "../support";

const TABLE_HEAD =
  "\nAllocs     | Frees      | Size In-use          | Avg Size   | Location                                          \n" +
  "-----------|------------|----------------------|------------|--------------------------------------------------------------------\n";
const RULE = "-".repeat(130) + "\n";
const END = "\nmemtrack end dump=1 rows=";

function facts(level: u32): void {
  setHeaderNumber(FACT_DUMP, 1);
  setHeaderNumber(FACT_TIME, 1795361003);
  setHeaderNumber(FACT_REASON, DUMP_REASON_SIGNAL);
  setHeaderNumber(FACT_LEVEL, level);
  setHeaderNumber(FACT_ARMED, 60);
  setHeaderNumber(FACT_SHARDS, 4);
  setHeaderNumber(FACT_SITES, 3);
  setHeaderNumber(FACT_REFUSED_SITES, 0);
  setHeaderNumber(FACT_LOST, 0);
  setHeaderNumber(FACT_TRAPS, 0);
  setHeaderNumber(FACT_MEMORY, 1048576);
  setHeaderNumber(FACT_IOBUFFER, HOOK_INSTALLED);
  setHeaderNumber(FACT_OPENSSL, HOOK_INSTALLED);
  setHeaderNumber(FACT_VERIFY, 0);
  setHeaderText(TEXT_CORE, put("90945afb0efed735"));
}

function header(level: u32, verify: string = "off"): string {
  return (
    "memtrack format=2 dump=1 time=2026-11-22T15:23:23Z reason=signal level=" +
    level.toString() +
    " armed=60 core=90945afb0efed735 shards=4 sites=3/64 refused-sites=0 iobuffer=installed openssl=installed " +
    "plugins=off buffers=off weights=off heap=off server-heap=off freelists=off verify=" +
    verify +
    " lost=0 traps=0 damaged=0 twice=0 unseen=0 untracked=0 exhausted=- memory-reader= memory=1048576\n"
  );
}

function total(value: string): string {
  return " ".repeat(26) + value.padStart(20) + " |            | TOTAL" + " ".repeat(45) + "\n" + RULE;
}

function summary(allocated: string, freed: string, current: string): string {
  const rule = "---------------------|----------------------|----------------------|----------------------\n";
  return (
    "\nTotal Allocated      | Total Freed          | Currently Allocated  | Type                \n" +
    rule +
    allocated.padStart(20) +
    " | " +
    freed.padStart(20) +
    " | " +
    current.padStart(20) +
    " | SSL Allocated Memory                              \n" +
    rule
  );
}

const OWNERS_HEAD =
  "\nOwners: bytes in use by class, objects alive by kind; change since tracking began\n" +
  "Total          | Change         | Owner                          | State   | IOBuffer       | OpenSSL        | TSmalloc       | " +
  "Heap           | Mapped         | Freelists      | Objects        | Conts    | Mutexes  | Buffers  | Readers  | MBuffers | " +
  "Handles  | VConns   | Fetches  | Threads  | Files    | Streams  | Dirs     | Addrinfo | Regexes  | Others   | Txn held | Ssn held\n" +
  "---------------|----------------|--------------------------------|---------|----------------|----------------|----------------|" +
  "----------------|----------------|----------------|----------------|----------|----------|----------|----------|----------|" +
  "----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------|----------\n";

/** A line of the Owners section: total and change, owner and state, bytes by class, no objects. */
function ownerLine(total: string, owner: string, state: string, bytes: string[]): string {
  let line = total.padStart(14) + " | " + total.padStart(14) + " | " + owner.padEnd(30) + " | " + state.padEnd(7);
  for (let i = 0; i < bytes.length; ++i) line += " | " + bytes[i].padStart(14);
  for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) line += " | " + "0".padStart(8);
  return line + "\n";
}

/** The Owners section of a first dump in which only the server holds memory. */
function coreAlone(iobuffer: string, openssl: string, total: string): string {
  const bytes = [iobuffer, openssl, "0", "0", "0", "0", "0"];
  return OWNERS_HEAD + ownerLine(total, "core", "loaded", bytes) + ownerLine(total, "TOTAL", "", bytes);
}

/** The summary of a dump whose rows hold this much, without measurements and samples. */
function unsampled(held: string): string {
  return (
    "memtrack summary: dump 1 at 2026-11-22T15:23:23Z: resident memory is not known: " +
    held +
    " in rows\n" +
    "memtrack summary: growth is not judged yet: no sample so far (interval: proxy.config.plugin.memtrack.sample_interval; 0 means never)\n" +
    'memtrack summary: read next: "Owners:" for what each plugin holds\n'
  );
}

/** A dump at level 1: the rows of IOBuffers, their sum, the sum in words, the further sections, and the number of rows. */
function levelOne(rows: string, sum: string, held: string, sections: string, count: string): string {
  return header(1) + unsampled(held) + TABLE_HEAD + rows + total(sum) + coreAlone(sum, "0", sum) + sections + END + count + "\n";
}

function firstLine(): string {
  return rendered().split("\n")[0];
}

describe("a dump", () => {
  test("at level 1 is the header, the IOBuffer table in the built-in's format, and the end", () => {
    fresh(SITES_MIN);
    const a = site("memory/IOBuffer/HttpSM.cc:7055");
    const b = site("memory/IOBuffer/Cache.cc:2331");
    facts(1);
    begin();
    stage(a, 201, 201 * 4096);
    stage(b, 5, 5 * 8192);
    mergeFrees(siteCount());
    stage(a, 201, 201 * 4096);
    stage(b, 12, 12 * 8192);
    mergeAllocs(siteCount());
    sumUp();
    expect(rendered()).toBe(
      levelOne(
        "        12 |          5 |                57344 |       8192 | memory/IOBuffer/Cache.cc:2331                     \n" +
          "       201 |        201 |                    0 |          0 | memory/IOBuffer/HttpSM.cc:7055                    \n",
        "57344",
        "56.0 KiB",
        "",
        "2",
      ),
    );
  });

  test("at level 2 also has the OpenSSL table, and a summary with its sums", () => {
    fresh(SITES_MIN);
    const a = opensslSite("../ssl/ssl_lib.c", 705, 0x1000);
    const b = opensslSite("../crypto/bio/bio_meth.c", 38, 0x2000);
    facts(2);
    begin();
    stage(a, 10, 2000);
    mergeFrees(siteCount());
    stage(a, 12, 2400);
    stage(b, 3, 100);
    mergeAllocs(siteCount());
    sumUp();
    expect(rendered()).toBe(
      header(2) +
        unsampled("500 B") +
        TABLE_HEAD +
        total("0") +
        TABLE_HEAD +
        "        12 |         10 |                  400 |        200 | memory/OpenSSL/ssl/ssl_lib.c:705                  \n" +
        "         3 |          0 |                  100 |         33 | memory/OpenSSL/crypto/bio/bio_meth.c:38           \n" +
        total("500") +
        summary("2500", "2000", "500") +
        coreAlone("0", "500", "500") +
        END +
        "2\n",
    );
  });

  test("at level 0 has no table, and states why", () => {
    fresh(SITES_MIN);
    facts(0);
    begin();
    sumUp();
    expect(rendered()).toBe(
      header(0) +
        "memtrack summary: dump 1 at 2026-11-22T15:23:23Z: nothing is tracked at level 0\n" +
        'memtrack note="nothing is tracked at level 0; set proxy.config.res_track_memory to 1 or 2"\n' +
        END +
        "0\n",
    );
  });

  test("without sites has empty tables with a total of 0", () => {
    fresh(SITES_MIN);
    facts(2);
    begin();
    sumUp();
    expect(rendered()).toBe(
      header(2) +
        unsampled("0 B") +
        TABLE_HEAD +
        total("0") +
        TABLE_HEAD +
        total("0") +
        summary("0", "0", "0") +
        coreAlone("0", "0", "0") +
        END +
        "0\n",
    );
  });

  test("shifts the columns after numbers and names that are too wide, as printf does", () => {
    fresh(SITES_MIN);
    const name = "memory/IOBuffer/" + "x".repeat(111);
    const a = site(name);
    facts(1);
    settleOne(a, 12345678901, 1 << 62, 1, 0);
    expect(rendered()).toBe(
      levelOne(
        "12345678901 |          1 |  4611686018427387904 |  373546570 | " + name + "\n",
        "4611686018427387904",
        "4.0 EiB",
        "",
        "1",
      ),
    );
  });

  test("shows no average if there are no objects", () => {
    fresh(SITES_MIN);
    const a = site("memory/IOBuffer/A.cc:1");
    facts(1);
    settleOne(a, 4, 500, 4, 400);
    expect(rendered().includes("         4 |          4 |                  100 |          0 | memory/IOBuffer/A.cc:1")).toBe(true);
  });

  test("reports releases of memory older than the arming, by class", () => {
    fresh(SITES_MIN);
    facts(1);
    settleOne(SITE_PRE_ARMING + 1, 0, 0, 4, 4096);
    expect(rendered()).toBe(
      levelOne(
        "",
        "0",
        "0 B",
        "\nFrees of untracked memory (allocated before tracking began, or by the server or the C library)\n" +
          "Frees      | Size                 | Class    | Freed by\n" +
          "-----------|----------------------|----------|------------\n" +
          "         4 |                 4096 | openssl  | -         \n",
        "0",
      ),
    );
  });

  test("reports them too if only the bytes show that memory was older", () => {
    // An old buffer of 32 KiB was released and a new one of 4 KiB allocated: as many releases as allocations, but more bytes.
    fresh(SITES_MIN);
    const a = site("memory/IOBuffer/A.cc:1");
    facts(1);
    settleOne(a, 1, 4096, 1, 32768);
    expect(rendered().includes("\n         0 |                28672 | iobuffer | -         \n")).toBe(true);
  });

  test("in verify mode has the comparison at its end", () => {
    fresh(SITES_MIN);
    const a = site("memory/IOBuffer/A.cc:1");
    facts(1);
    setHeaderNumber(FACT_VERIFY, 1);
    settleOne(a, 2, 200, 0, 0);
    verifyStart();
    verifyRow(a, 2, 0, 200);
    expect(verifyCompare()).toBe(0);
    const text = rendered();
    expect(text.startsWith(header(1, "on"))).toBe(true);
    expect(text.indexOf("\nVerify: ") > text.indexOf(" TOTAL")).toBe(true);
    expect(text.endsWith("built-in   | TOTAL\n" + END + "1\n")).toBe(true);
  });

  test("is the same when written again, except for the change since the last dump", () => {
    fresh(SITES_MIN);
    const a = site("memory/IOBuffer/A.cc:1");
    facts(2);
    settleOne(a, 2, 200, 1, 100);
    const first = rendered();
    const second = rendered();
    expect(second).not.toBe(first);
    const end = first.indexOf("\nOwners: ");
    expect(second.indexOf("\nOwners: ")).toBe(end);
    expect(second.slice(0, end)).toBe(first.slice(0, end));
    expect(rendered()).toBe(second);
  });
});

describe("the header", () => {
  test("contains the reason, and the state of each hook", () => {
    fresh(SITES_MIN);
    facts(1);
    begin();
    setHeaderNumber(FACT_REASON, DUMP_REASON_TIMER);
    expect(firstLine().includes(" reason=timer ")).toBe(true);
    setHeaderNumber(FACT_REASON, DUMP_REASON_OTHER);
    expect(firstLine().includes(" reason=other ")).toBe(true);
    setHeaderNumber(FACT_REASON, 77);
    expect(firstLine().includes(" reason=other ")).toBe(true);
    setHeaderNumber(FACT_OPENSSL, 0);
    expect(firstLine().includes(" iobuffer=installed openssl=off ")).toBe(true);
  });

  test("contains the limits of the host that were reached, and how often", () => {
    fresh(SITES_MIN);
    facts(1);
    begin();
    expect(firstLine().includes(" untracked=0 exhausted=- memory-reader=")).toBe(true);
    expect(setExhausted(LIMIT_SHARDS, u64.MAX_VALUE)).toBe(0);
    expect(setExhausted(LIMIT_THUNKS, 12)).toBe(0);
    expect(firstLine().includes(" exhausted=thunks:12,shards:18446744073709551615 memory-reader=")).toBe(true);
    setExhausted(LIMIT_SHARDS, 0);
    setExhausted(LIMIT_THUNKS, 0);
    expect(firstLine().includes(" exhausted=- ")).toBe(true);
    expect(setExhausted(LIMIT_COUNT, 1)).toBe(-1);
  });

  test("shows no number that cannot be known", () => {
    fresh(SITES_MIN);
    facts(1);
    begin();
    setHeaderNumber(FACT_TWICE, 7);
    expect(firstLine().includes(" twice=7 ")).toBe(true);
    setHeaderNumber(FACT_TWICE, u64.MAX_VALUE);
    expect(firstLine().includes(" twice=- ")).toBe(true);
    setHeaderNumber(FACT_TWICE, 0);
  });

  test("is followed by a line for each hook that could not be installed, with the reason", () => {
    fresh(SITES_MIN);
    facts(1);
    begin();
    setHeaderNumber(FACT_IOBUFFER, HOOK_REFUSED);
    setHeaderNumber(FACT_OPENSSL, HOOK_REFUSED);
    setHeaderText(TEXT_IOBUFFER, put("no symbol"));
    setHeaderText(TEXT_OPENSSL, put("the pointers were found in 2 places"));
    const lines = rendered().split("\n");
    expect(lines[0].includes(" iobuffer=refused openssl=refused ")).toBe(true);
    expect(lines[4]).toBe('memtrack hook=iobuffer state=refused reason="no symbol"');
    expect(lines[5]).toBe('memtrack hook=openssl state=refused reason="the pointers were found in 2 places"');
  });

  test("is followed by a warning of a full table, with the way to raise the capacity", () => {
    fresh(SITES_MIN);
    facts(1);
    begin();
    setHeaderNumber(FACT_REFUSED_SITES, 17);
    const lines = rendered().split("\n");
    expect(lines[0].includes(" refused-sites=17 ")).toBe(true);
    expect(lines[4]).toBe(
      'memtrack warning="the site table is full: new sites are counted as (other); raise proxy.config.plugin.memtrack.sites and restart"',
    );
  });

  test("accepts the largest numbers", () => {
    fresh(SITES_MIN);
    for (let i: u32 = 0; i < FACT_COUNT; ++i) if (i != FACT_TIME) setHeaderNumber(i, u64.MAX_VALUE);
    begin();
    sumUp();
    expect(firstLine().includes(" armed=18446744073709551615 ")).toBe(true);
    expect(firstLine().includes(" memory=18446744073709551615")).toBe(true);
  });

  test("refuses unknown facts and texts", () => {
    fresh(SITES_MIN);
    expect(setHeaderNumber(FACT_COUNT, 1)).toBe(-1);
    expect(setHeaderNumber(u32.MAX_VALUE, 1)).toBe(-1);
    expect(setHeaderText(TEXT_COUNT, 1)).toBe(-1);
    expect(setHeaderText(u32.MAX_VALUE, 1)).toBe(-1);
    expect(setHeaderNumber(FACT_COUNT - 1, 0)).toBe(0);
    expect(setHeaderText(TEXT_COUNT - 1, 0)).toBe(0);
  });

  test("keeps a text within its quotes and its line, and truncates a long one", () => {
    fresh(SITES_MIN);
    facts(1);
    begin();
    setHeaderNumber(FACT_OPENSSL, HOOK_REFUSED);
    setHeaderText(TEXT_OPENSSL, put('a "b"\nc\x7f\x1bd'));
    expect(rendered().split("\n")[4]).toBe('memtrack hook=openssl state=refused reason="a ?b??c??d"');
    setHeaderText(TEXT_OPENSSL, put("x".repeat(INPUT_SIZE)));
    expect(rendered().split("\n")[4]).toBe('memtrack hook=openssl state=refused reason="' + "x".repeat(254) + '"');
    setHeaderText(TEXT_OPENSSL, 0);
    expect(rendered().split("\n")[4]).toBe('memtrack hook=openssl state=refused reason=""');
    unstage();
  });
});
