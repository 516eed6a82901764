// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDumps, parsePairs, parseTables } from "../../harness/dump.ts";

const HEADER =
  "memtrack format=1 dump=7 time=2026-11-22T15:34:15Z reason=signal level=2 armed=60 core=90945afb0efed735 shards=4 sites=3/4096 " +
  "refused-sites=0 iobuffer=installed openssl=installed plugins=installed buffers=installed heap=off verify=on lost=0 traps=0 " +
  "damaged=0 twice=0 unseen=0 untracked=0 exhausted=- memory=1048576";

const IOBUFFER = `
Allocs     | Frees      | Size In-use          | Avg Size   | Location                                          
-----------|------------|----------------------|------------|--------------------------------------------------------------------
      2813 |       2742 |               581632 |       8192 | memory/IOBuffer/HttpSM.cc:1836                    
       201 |        201 |                    0 |          0 | memory/IOBuffer/HttpSM.cc:6495                    
                                        581632 |            | TOTAL                                             
----------------------------------------------------------------------------------------------------------------------------------
`;

const OPENSSL = `
Allocs     | Frees      | Size In-use          | Avg Size   | Location                                          
-----------|------------|----------------------|------------|--------------------------------------------------------------------
        12 |         10 |                  400 |        200 | memory/OpenSSL/ssl/ssl_lib.c:705                  
                                           400 |            | TOTAL                                             
----------------------------------------------------------------------------------------------------------------------------------

Total Allocated      | Total Freed          | Currently Allocated  | Type                 | 
---------------------|----------------------|----------------------|----------------------
                2400 |                 2000 |                  400 | SSL Allocated Memory                              
---------------------|----------------------|----------------------|----------------------
`;

const PLUGINS = `
TSmalloc memory of plugins
Allocs     | Frees      | Size In-use          | Avg Size   | Location                                          
-----------|------------|----------------------|------------|--------------------------------------------------------------------
         3 |          1 |                  200 |        100 | memory/plugin/foo.so handler (foo.c:88)           
                                           200 |            | TOTAL                                             
----------------------------------------------------------------------------------------------------------------------------------

Heap memory of plugins
Allocs     | Frees      | Size In-use          | Avg Size   | Location                                          
-----------|------------|----------------------|------------|--------------------------------------------------------------------
         2 |          1 |                   64 |         64 | memory/plugin/foo.so#2+0x1a2b [retired]           
                                            64 |            | TOTAL                                             
----------------------------------------------------------------------------------------------------------------------------------

Objects of plugins
Created    | Destroyed  | Alive      | Kind             | Location
-----------|------------|------------|------------------|------------------------------
        12 |          2 |         10 | TSCont           | memory/plugin/foo.so TSPluginInit (foo.c:12)      
         4 |          5 |         -1 | other            | memory/plugin/foo.so+0x10                         
`;

const OWNERS = `
Owners: bytes in use by class, objects alive by kind; change is that of the total since the last dump
IOBuffer       | OpenSSL        | TSmalloc       | Heap           | Total          | Change         | Conts    | Mutexes  | Buffers  | Readers  | MBuffers | Others   | State   | Owner
---------------|----------------|----------------|----------------|----------------|----------------|----------|----------|----------|----------|----------|----------|---------|------------------------------
        581632 |            400 |              0 |              0 |         582032 |          -4096 |        0 |        0 |        0 |        0 |        0 |        0 | loaded  | core
             0 |              0 |            200 |              0 |            200 |            200 |       10 |        0 |        0 |        0 |        0 |       -1 | loaded  | foo.so
             0 |              0 |              0 |             64 |             64 |              0 |        0 |        0 |        0 |        0 |        0 |        0 | retired | foo.so#2
        581632 |            400 |            200 |             64 |         582296 |          -3896 |       10 |        0 |        0 |        0 |        0 |       -1 |         | TOTAL
`;

const OWNERS_2 = `
Owners: bytes in use by class, objects alive by kind; counting began anew since the previous dump, so Change is not known
Total          | Change         | Owner                          | State   | IOBuffer       | OpenSSL        | TSmalloc       | Heap           | Conts    | Mutexes  | Buffers  | Readers  | MBuffers | Others
---------------|----------------|--------------------------------|---------|----------------|----------------|----------------|----------------|----------|----------|----------|----------|----------|----------
        582032 |              - | core                           | loaded  |         581632 |            400 |              0 |              0 |        0 |        0 |        0 |        0 |        0 |        0
           200 |              - | f | o.so                       | retired |              0 |              0 |            200 |              0 |       10 |        0 |        0 |        0 |        0 |       -1
        582232 |              - | TOTAL                          |         |         581632 |            400 |            200 |              0 |       10 |        0 |        0 |        0 |        0 |       -1
`;

const PRIOR = `
Released since arming, allocated before it or by others: in no row above
Frees      | Size                 | Class
-----------|----------------------|----------
         4 |                 4096 | iobuffer
`;

const PRIOR_2 = `
Frees of untracked memory (allocated before tracking began, or by the server or the C library)
Frees      | Size                 | Class    | Freed by
-----------|----------------------|----------|------------
         4 |                 4096 | iobuffer | -         
         2 |                   32 | heap     | foo.so    
`;

const VERIFY = `
Verify: IOBuffer events counted by memtrack and by the built-in tracker, 1 of 2 rows differ
Allocs     | Frees      | Size In-use          | Accountant | Location
-----------|------------|----------------------|------------|------------------------------
      3014 |       2943 |               581632 | memtrack   | TOTAL
      3013 |       2943 |               573440 | built-in   | TOTAL
      2813 |       2742 |               581632 | memtrack   | memory/IOBuffer/HttpSM.cc:1836
      2812 |       2742 |               573440 | built-in   | memory/IOBuffer/HttpSM.cc:1836
`;

const END = "\nmemtrack end dump=7 rows=3\n";
const DUMP = `${HEADER}\n${IOBUFFER}${OPENSSL}${PLUGINS}${OWNERS}${PRIOR}${VERIFY}${END}`;

describe("parseDumps", () => {
  test("reads the header, the tables and the sections of a dump", () => {
    const [dump, ...more] = parseDumps(`[Nov 22 15:34:15.331] a line of the server's\n${DUMP}`);
    assert.ok(dump);
    assert.equal(more.length, 0);
    assert.equal(dump.number, 7);
    assert.equal(dump.header.get("reason"), "signal");
    assert.equal(dump.header.get("sites"), "3/4096");
    assert.equal(dump.endRows, 3);
    assert.equal(dump.text, DUMP);
    assert.deepEqual(dump.foreign, []);
    assert.equal(dump.iobuffer.total, 581632);
    assert.deepEqual(dump.iobuffer.rows[1], {
      allocs: 201,
      frees: 201,
      inUse: 0,
      average: 0,
      location: "memory/IOBuffer/HttpSM.cc:6495",
    });
    assert.deepEqual(
      dump.openssl.rows.map((row) => row.location),
      ["memory/OpenSSL/ssl/ssl_lib.c:705"],
    );
    assert.deepEqual(dump.summary, { allocated: 2400, freed: 2000, current: 400 });
    assert.deepEqual(dump.prior, [{ frees: 4, bytes: 4096, class: "iobuffer" }]);
    assert.equal(dump.verify?.differing, 1);
    assert.equal(dump.verify?.compared, 2);
    assert.deepEqual(
      dump.verify?.rows.map((row) => row.accountant),
      ["memtrack", "built-in", "memtrack", "built-in"],
    );
  });

  test("reads the sections of plugins, each table by its title", () => {
    const [dump] = parseDumps(DUMP);
    assert.ok(dump);
    assert.deepEqual(dump.tsapi, {
      title: "TSmalloc memory of plugins",
      rows: [{ allocs: 3, frees: 1, inUse: 200, average: 100, location: "memory/plugin/foo.so handler (foo.c:88)" }],
      total: 200,
    });
    assert.deepEqual([dump.heap.rows[0]?.location, dump.heap.total], ["memory/plugin/foo.so#2+0x1a2b [retired]", 64]);
    assert.deepEqual(dump.objects, [
      { created: 12, destroyed: 2, alive: 10, inUse: 0, kind: "TSCont", location: "memory/plugin/foo.so TSPluginInit (foo.c:12)" },
      { created: 4, destroyed: 5, alive: -1, inUse: 0, kind: "other", location: "memory/plugin/foo.so+0x10" },
    ]);
    assert.equal(parseDumps(DUMP.replace("Objects of plugins\n", ""))[0]?.foreign.length, 3, "a section without its title");
  });

  test("reads the owners and their total", () => {
    const [dump] = parseDumps(DUMP);
    assert.ok(dump);
    const kinds = {
      TSCont: 10,
      TSMutex: 0,
      TSIOBuffer: 0,
      TSIOBufferReader: 0,
      TSMBuffer: 0,
      TSMLoc: 0,
      TSVConn: 0,
      TSFetchSM: 0,
      TSThread: 0,
      TSFile: 0,
      FILE: 0,
      DIR: 0,
      addrinfo: 0,
      regex_t: 0,
      other: -1,
      "held transaction": 0,
      "held session": 0,
    };
    const foo = {
      iobuffer: 0,
      openssl: 0,
      tsapi: 200,
      heap: 0,
      mapped: 0,
      freelist: 0,
      object: 0,
      total: 200,
      change: 200,
      objects: 9,
      kinds,
    };
    assert.deepEqual(dump.owners[1], { ...foo, state: "loaded", owner: "foo.so" });
    assert.deepEqual(
      dump.owners.map((row) => [row.owner, row.state, row.change]),
      [
        ["core", "loaded", -4096],
        ["foo.so", "loaded", 200],
        ["foo.so#2", "retired", 0],
      ],
    );
    assert.deepEqual(dump.ownersTotal, { ...foo, iobuffer: 581632, openssl: 400, heap: 64, total: 582296, change: -3896 });
    assert.equal(parseDumps(DUMP.replace("retired | foo.so#2", "retired"))[0]?.foreign.length, 1);
    assert.equal(parseDumps(DUMP.replace(/^Owners: .*\n/m, ""))[0]?.foreign.length, 5, "a section without its title");
  });

  test("reads the owners of format 2, also a name with a bar and an unknown change", () => {
    const [dump] = parseDumps(DUMP.replace(OWNERS, OWNERS_2));
    assert.deepEqual(dump?.foreign, []);
    assert.deepEqual(
      dump.owners.map(({ owner, state, total, change, openssl, objects }) => [owner, state, total, change, openssl, objects]),
      [
        ["core", "loaded", 582032, undefined, 400, 0],
        ["f | o.so", "retired", 200, undefined, 0, 9],
      ],
    );
    assert.deepEqual([dump.ownersTotal?.total, dump.ownersTotal?.tsapi], [582232, 200]);
  });

  test("reads who freed untracked memory, which older dumps do not say, and needs the title, the heads and all cells", () => {
    const [dump] = parseDumps(DUMP.replace(PRIOR, PRIOR_2));
    assert.deepEqual(dump?.foreign, []);
    assert.deepEqual(dump.prior, [
      { frees: 4, bytes: 4096, class: "iobuffer", by: "-" },
      { frees: 2, bytes: 32, class: "heap", by: "foo.so" },
    ]);
    const foreign = (text: string) => parseDumps(DUMP.replace(PRIOR, text))[0]?.foreign.length;
    assert.equal(foreign(PRIOR_2.replace("heap     | foo.so", "heap")), 1, "a row without its last cell");
    assert.equal(foreign(PRIOR.replace("iobuffer", "iobuffer | -")), 1, "a cell without its head");
    assert.equal(foreign(PRIOR_2.replace(/Frees of .*\n/, "")), 3, "a section without its title");
  });

  test("keeps the summary lines, and treats one in another place as foreign", () => {
    const line = "memtrack summary: 0 suspects; dump=9 of those";
    const [dump] = parseDumps(DUMP.replace("\n", `\n${line}\n${line}\n`));
    assert.deepEqual(dump?.summaryLines, Array(2).fill("0 suspects; dump=9 of those"));
    assert.deepEqual([dump.foreign, dump.notes], [[], []]);
    assert.deepEqual(parseDumps(DUMP.replace(END, `\n${line}${END}`))[0]?.foreign, [line]);
    assert.equal(parseDumps(DUMP.replace("\n", `\n${`${line}\n`.repeat(9)}`))[0]?.foreign.length, 9);
  });

  test("does not confuse a table of plugins with OpenSSL's, which level 1 lacks", () => {
    const [dump] = parseDumps(`${HEADER}\n${IOBUFFER}${PLUGINS}${END}`);
    assert.deepEqual(dump?.openssl.rows, []);
    assert.equal(dump?.tsapi.rows.length, 1);
    assert.deepEqual(dump?.owners, []);
  });

  test("keeps an unknown line as foreign", () => {
    const [dump] = parseDumps(DUMP.replace(END, `\n[ET_NET 1] in between${END}`));
    assert.deepEqual(dump?.foreign, ["[ET_NET 1] in between"]);
    const [torn] = parseDumps(DUMP.replace(/2813 \| .*/, "2813 |   27"));
    assert.equal(torn?.foreign.length, 1);
  });

  test("skips a dump that is not complete, or not complete yet", () => {
    assert.deepEqual(parseDumps(DUMP.slice(0, -1)), []);
    assert.deepEqual(parseDumps(DUMP.slice(DUMP.indexOf("\n") + 1)), []);
    assert.deepEqual(parseDumps(DUMP.replace("end dump=7", "end dump=8")), []);
    assert.equal(parseDumps(HEADER + "\n" + DUMP).length, 1);
    assert.equal(parseDumps(DUMP + DUMP).length, 2);
  });

  test("reads the further lines that begin with memtrack as notes", () => {
    const hook = 'memtrack hook=openssl state=refused reason="no place holds the three pointers"';
    const [dump] = parseDumps(DUMP.replace("\n", `\n${hook}\n`));
    assert.deepEqual(dump?.notes, [parsePairs(hook)]);
    assert.equal(dump?.notes[0]?.get("reason"), "no place holds the three pointers");
    assert.deepEqual(dump?.foreign, []);
  });
});

test("parseTables reads a table of the built-in tracker, which has no header", () => {
  const { tables, foreign } = parseTables(IOBUFFER);
  assert.equal(tables.length, 1);
  assert.equal(tables[0]?.rows.length, 2);
  assert.deepEqual(foreign, []);
});

test("a number that JavaScript cannot hold exactly is refused, not rounded", () => {
  assert.throws(() => parseTables(IOBUFFER.replace("              581632 | ", "    9007199254740993 | ")), RangeError);
});
