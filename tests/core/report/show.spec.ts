// SPDX-License-Identifier: Apache-2.0
//
// Rows in full, selected by a text.

import {
  ARGUMENT_MAX,
  CLASS_HEAP,
  CLASS_OBJECT,
  FACT_LEVEL,
  HISTORY_LEVELS,
  HISTORY_POINTS,
  KIND_CONT,
} from "../../../assembly/abi";
import { sample } from "../../../assembly/analysis/sample";
import { SHOWN_MAX } from "../../../assembly/base/memory";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { applyBaseline } from "../../../assembly/model/model";
import { selectRows } from "../../../assembly/report/show";
import { addAlloc, siteAt } from "../../../assembly/shard/site";
import { collect, fresh, owner, pluginSite, put, rendered, site } from "../support";

/** The lines of a dump, from the title of the section on. */
function shown(text: string): string[] {
  selectRows(put(text));
  return lines("\nShow:");
}

function lines(from: string): string[] {
  collect();
  applyBaseline();
  const dump = rendered();
  const at = dump.indexOf(from);
  return at < 0 ? [] : dump.substring(at + 1).split("\n");
}

function begin(): void {
  fresh(128);
  setHeaderNumber(FACT_LEVEL, 2);
}

function count(all: string[], part: string): i32 {
  let n = 0;
  for (let i = 0; i < all.length; ++i) if (all[i].includes(part)) ++n;
  return n;
}

describe("show", () => {
  test("lists the rows whose names contain the text, once, with their whole history", () => {
    begin();
    const foo = owner("foo.so");
    const first = pluginSite(CLASS_HEAP, "foo.so load (foo.c:1)", foo);
    addAlloc(siteAt(pluginSite(CLASS_OBJECT, "foo.so load (foo.c:2)", foo, KIND_CONT)), 0);
    addAlloc(siteAt(site("memory/IOBuffer/HttpSM.cc:1")), 4096);
    for (let i: u64 = 0; i < 100; ++i) {
      addAlloc(siteAt(first), 20);
      collect();
      applyBaseline();
      sample(100 + i * 10, 0);
    }
    const all = shown("foo.so load");
    expect(all[0]).toBe("Show: 2 rows whose names contain 'foo.so load'");
    expect(all[3]).toBe(
      "  1 | filling  |                 2000 |        100 |          0 | heap             | memory/plugin/foo.so load (foo.c:1)",
    );
    expect(all[4]).toBe(
      "  2 | steady   |                    1 |          1 |          0 | TSCont           | memory/plugin/foo.so load (foo.c:2)",
    );
    expect(all[6]).toBe("Show, why and history: the lowest live bytes of each point, 100 samples in all");
    expect(all[9].startsWith("  1 |           - |       - |                    - |                    - | filling: too soon")).toBe(
      true,
      all[9],
    );
    expect(all[10]).toBe("  1 |           0 |       1 |                 2000 |                   20 | samples");
    expect(all[13]).toBe("  1 |          30 |       1 |                 1940 |                   20 | samples");
    expect(all[14]).toBe("  1 |          40 |       1 |                 1920 |                    - | samples");
    expect(all[21]).toBe("  1 |          30 |       4 |                 1940 |                   80 | samples");
    // The points of levels 0 to 3: 11, 11, 6, 1.
    expect(count(all, " | samples")).toBe(29 + 29);
    expect(lines("\nShow:").length).toBe(0);
  });

  test("bounds the rows, and says how many more match", () => {
    begin();
    const foo = owner("foo.so");
    for (let i: u32 = 0; i < 20; ++i) {
      addAlloc(siteAt(pluginSite(CLASS_HEAP, "foo.so load (foo.c:" + i.toString() + ")", foo)), 10 + i);
    }
    const all = shown("foo.c");
    expect(all[0]).toBe("Show: top 16 of 20 rows whose names contain 'foo.c', the largest; not shown: 4");
    expect(all[3].endsWith("(foo.c:19)")).toBe(true, all[3]);
    expect(count(all, "(foo.c:")).toBe(<i32>SHOWN_MAX);
  });

  test("fits into a dump with the longest names and full histories", () => {
    begin();
    const foo = owner("f".repeat(100) + ".so");
    for (let i: u32 = 0; i < SHOWN_MAX; ++i) {
      addAlloc(siteAt(pluginSite(CLASS_HEAP, "f".repeat(100) + ".so " + "g".repeat(200) + i.toString(), foo)), 1);
    }
    for (let i: u64 = 0; i < 50000; ++i) {
      if (i % 64 == 0) {
        collect();
        applyBaseline();
      }
      sample(i, 0);
    }
    const all = shown("ggg");
    expect(count(all, " | samples")).toBe(<i32>(SHOWN_MAX * HISTORY_LEVELS * HISTORY_POINTS));
  });

  test("says in a note that no row matches: letters' case differs, and what is not printable or a quote is a question mark", () => {
    begin();
    addAlloc(siteAt(pluginSite(CLASS_HEAP, "foo.so load", owner("foo.so"))), 1);
    expect(shown("Foo").length).toBe(0);
    selectRows(put('F"oo\n'));
    expect(lines("\nmemtrack note=")[0]).toBe(
      "memtrack note=\"show: none of 1 row has a name that contains 'F?oo?'; upper and lower case differ\"",
    );
    const long = "x".repeat(ARGUMENT_MAX + 100);
    selectRows(put(long));
    expect(lines("\nmemtrack note=")[0].length).toBe(ARGUMENT_MAX + 92);
  });
});
