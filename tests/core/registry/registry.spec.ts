// SPDX-License-Identifier: Apache-2.0
//
// The registry gives each key one number, and each site its name in a dump.

import {
  ATTRIBUTES_CLASS_SHIFT,
  CLASS_COUNT,
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  INPUT_SIZE,
  KIND_CONT,
  KIND_OTHER,
  NAME_HIDDEN,
  NAME_MAX,
  OTHERS_MAX,
  OWNER_CORE,
  SITE_FIRST,
  SITE_OTHER,
  SITES_MAX,
  SITES_MIN,
} from "../../../assembly/abi";
import { input, limit, slots } from "../../../assembly/base/memory";
import { addressOf, attributesOf } from "../../../assembly/index";
import { sortRows } from "../../../assembly/model/order";
import { classOfName, isPinned, kindOf, lengthOf, ownerOfSite } from "../../../assembly/registry/name";
import {
  freeSite,
  isOwnSite,
  refusals,
  register,
  registerName,
  renameSite,
  siteCount,
  sitesInUse,
} from "../../../assembly/registry/registry";
import { attributes, fresh, IOBUFFER, nameOf, OPENSSL, opensslSite, owner, put, rowOf, settleOne, site } from "../support";

function fill(): void {
  while (siteCount() < SITE_FIRST + SITES_MIN) site("memory/IOBuffer/Filler.cc:" + siteCount().toString());
}

/** The name given to a file of OpenSSL. */
function fileName(file: string, line: u32): string {
  fresh();
  return nameOf(opensslSite(file, line, 0x1000));
}

describe("the registry", () => {
  test("starts with (other) of each class, and nothing else", () => {
    fresh();
    expect(siteCount()).toBe(SITE_FIRST);
    expect(refusals()).toBe(0);
    expect(nameOf(SITE_OTHER + CLASS_IOBUFFER)).toBe("memory/IOBuffer/(other)");
    expect(nameOf(SITE_OTHER + CLASS_OPENSSL)).toBe("memory/OpenSSL/(other)");
    expect(classOfName(SITE_OTHER + CLASS_OPENSSL)).toBe(CLASS_OPENSSL);
    expect(rowOf(SITE_OTHER + CLASS_OPENSSL)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(nameOf(SITE_OTHER + CLASS_TSAPI)).toBe("memory/plugin/(other)");
    expect(nameOf(SITE_OTHER + CLASS_HEAP)).toBe("memory/plugin/(other)");
    expect(nameOf(SITE_OTHER + CLASS_OBJECT)).toBe("memory/plugin/(other)");
    expect(lengthOf(SITE_OTHER + CLASS_COUNT)).toBe(0);
  });

  test("numbers keys in order of appearance, and returns the number of a known key", () => {
    fresh();
    expect(register(0x1000, IOBUFFER, put("memory/IOBuffer/A.cc:1"), OWNER_CORE, 0)).toBe(SITE_FIRST);
    expect(register(0x2000, IOBUFFER, put("memory/IOBuffer/B.cc:2"), OWNER_CORE, 0)).toBe(SITE_FIRST + 1);
    expect(register(0x3000, OPENSSL | 7, put("ssl/c.c"), OWNER_CORE, 0)).toBe(SITE_FIRST + 2);
    expect(register(0x1000, IOBUFFER, put("what stands there now is not looked at"), OWNER_CORE, 0)).toBe(SITE_FIRST);
    expect(siteCount()).toBe(SITE_FIRST + 3);
    expect(nameOf(SITE_FIRST)).toBe("memory/IOBuffer/A.cc:1");
    expect(nameOf(SITE_FIRST + 2)).toBe("memory/OpenSSL/ssl/c.c:7");
    expect(classOfName(SITE_FIRST)).toBe(CLASS_IOBUFFER);
    expect(classOfName(SITE_FIRST + 2)).toBe(CLASS_OPENSSL);
  });

  test("returns the key of a site, for shards that do not know it", () => {
    fresh();
    register(0xffff_8000_0000_1234, OPENSSL | 0xfff_ffff, put("a.c"), OWNER_CORE, 0);
    registerName(put("memory/IOBuffer/ByName.cc:1"));
    expect(addressOf(SITE_FIRST)).toBe(0xffff_8000_0000_1234);
    expect(attributesOf(SITE_FIRST)).toBe(OPENSSL | 0xfff_ffff);
    expect(addressOf(SITE_FIRST + 1)).toBe(0, "a site that came by name has no place");
    expect(attributesOf(SITE_FIRST + 1)).toBe(0);
    expect(addressOf(SITE_FIRST + 2)).toBe(0, "no such site yet");
    expect(addressOf(0)).toBe(0);
    expect(addressOf(u32.MAX_VALUE)).toBe(0);
  });

  test("makes one row of two places with the same name", () => {
    fresh();
    const first = site("memory/IOBuffer/P_SSLNetVConnection.h:182", 0x1000);
    const other = site("memory/IOBuffer/HttpSM.cc:1", 0x2000);
    const second = site("memory/IOBuffer/P_SSLNetVConnection.h:182", 0x3000);
    expect(second).not.toBe(first);
    expect(rowOf(first)).toBe(first);
    expect(rowOf(second)).toBe(first);
    expect(rowOf(other)).toBe(other);
    const third = opensslSite("../crypto/packet.c", 10, 0x4000);
    const fourth = opensslSite("crypto/packet.c", 10, 0x5000);
    expect(rowOf(fourth)).toBe(third);
  });

  test("keeps classes apart, even if a location has the name of a file of the other class", () => {
    fresh();
    const buffer = site("memory/OpenSSL/a.c:1", 0x1000);
    const block = opensslSite("a.c", 1, 0x2000);
    expect(nameOf(block)).toBe(nameOf(buffer));
    expect(rowOf(block)).toBe(block);
    expect(rowOf(site("memory/OpenSSL/a.c:1", 0x3000))).toBe(buffer);
    expect(registerName(put("memory/OpenSSL/a.c:1"))).toBe(buffer);
  });

  test("removes the leading ../ and ./ of a build folder from a file", () => {
    expect(fileName("ssl/record/ssl3_buffer.c", 147)).toBe("memory/OpenSSL/ssl/record/ssl3_buffer.c:147");
    expect(fileName("../ssl/ssl_lib.c", 1)).toBe("memory/OpenSSL/ssl/ssl_lib.c:1");
    expect(fileName("../../../a.c", 1)).toBe("memory/OpenSSL/a.c:1");
    expect(fileName("./a.c", 1)).toBe("memory/OpenSSL/a.c:1");
    expect(fileName(".././../a.c", 1)).toBe("memory/OpenSSL/a.c:1");
    expect(fileName("../a/../b.c", 1)).toBe("memory/OpenSSL/a/../b.c:1");
    expect(fileName("..a.c", 1)).toBe("memory/OpenSSL/..a.c:1");
    expect(fileName(".c", 1)).toBe("memory/OpenSSL/.c:1");
    expect(fileName("/abs/a.c", 0)).toBe("memory/OpenSSL//abs/a.c:0");
  });

  test("marks a missing file, and keeps the line", () => {
    expect(fileName("", 0)).toBe("memory/OpenSSL/(no file):0");
    expect(fileName("../", 12)).toBe("memory/OpenSSL/(no file):12");
  });

  test("writes the largest line", () => {
    expect(fileName("a.c", 0xfff_ffff)).toBe("memory/OpenSSL/a.c:268435455");
  });

  test("keeps the end of a long path, with file and line", () => {
    const long = "/very".repeat(100) + "/file.c";
    const name = fileName(long, 0xfff_ffff);
    expect(name.startsWith("memory/OpenSSL/...")).toBe(true);
    expect(name.endsWith("/very/file.c:268435455")).toBe(true);
    expect(name.length).toBeLessThanOrEqual(NAME_MAX);
    expect(fileName("x".repeat(136), 1)).toBe("memory/OpenSSL/" + "x".repeat(136) + ":1");
    expect(fileName("y" + "x".repeat(136), 1)).toBe("memory/OpenSSL/..." + "x".repeat(136) + ":1");
  });

  test("truncates an IOBuffer location at 127 bytes, as the built-in tracker does", () => {
    fresh();
    const name = "memory/IOBuffer/" + "x".repeat(111);
    expect(nameOf(site(name))).toBe(name);
    expect(nameOf(site(name + "y"))).toBe(name);
    expect(rowOf(SITE_FIRST + 1)).toBe(SITE_FIRST, "what differs only behind the cut is one row, as it is in the built-in");
    expect(nameOf(site("z".repeat(INPUT_SIZE)))).toBe("z".repeat(127));
  });

  test("gives an IOBuffer without a location a name: it is a row, and part of the totals", () => {
    fresh();
    const nowhere = site("", 0x1000);
    expect(nameOf(nowhere)).toBe("(no location)");
    expect(site("", 0x1000)).toBe(nowhere);
    expect(registerName(0)).toBe(nowhere);
    settleOne(nowhere, 1, 10, 0, 0);
    expect(sortRows(CLASS_IOBUFFER)).toBe(1);
  });

  test("shows control characters as question marks, so that no location can forge a line", () => {
    fresh();
    expect(nameOf(site("memory/IOBuffer/a\nmemtrack end\x1b[2J\x7f"))).toBe("memory/IOBuffer/a?memtrack end?[2J?");
    expect(nameOf(opensslSite("a\r\n.c", 1, 0x9000))).toBe("memory/OpenSSL/a??.c:1");
    expect(nameOf(site("memory/IOBuffer/grün.cc:1"))).toBe("memory/IOBuffer/grün.cc:1");
  });

  test("writes no byte beyond a name's slot", () => {
    fresh();
    for (let i = 0; i < 64; ++i) opensslSite("p".repeat(INPUT_SIZE), 0xfff_ffff - i, 0x1000);
    for (let s: u32 = SITE_FIRST; s < SITE_FIRST + 64; ++s) {
      expect(lengthOf(s)).toBe(164);
      expect(rowOf(s)).toBe(s);
    }
  });

  test("returns (other) of the class for new keys when full, counts them, and still knows the old keys", () => {
    fresh(SITES_MIN);
    const first = site("memory/IOBuffer/First.cc:1", 0x1000);
    fill();
    expect(siteCount()).toBe(SITE_FIRST + SITES_MIN);
    expect(refusals()).toBe(0);
    expect(register(0x9_0000, IOBUFFER, put("memory/IOBuffer/New.cc:1"), OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(register(0x9_0000, OPENSSL | 3, put("new.c"), OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(refusals()).toBe(2);
    expect(register(0x1000, IOBUFFER, 0, OWNER_CORE, 0)).toBe(first);
    expect(refusals()).toBe(2);
    expect(siteCount()).toBe(SITE_FIRST + SITES_MIN);
    expect(nameOf(SITE_OTHER + CLASS_IOBUFFER)).toBe("memory/IOBuffer/(other)");
  });

  test("returns a row (other) of class and owner when full, if the key has an owner", () => {
    fresh(SITES_MIN);
    const foo = owner("foo.so");
    const bar = owner("bar.so#2");
    fill();
    const heap = register(0x9_0000, attributes(CLASS_HEAP, 0, foo), put("foo.so+0x1"), foo, 0);
    expect(heap).toBe(SITE_FIRST + SITES_MIN);
    expect(register(0x9_0008, attributes(CLASS_HEAP, 0, foo), put("foo.so+0x2"), foo, NAME_HIDDEN)).toBe(heap);
    expect(register(0x9_0008, attributes(CLASS_HEAP, 0, bar), put("foo.so+0x2"), foo, 0)).toBe(heap + 1);
    expect(register(0x9_0008, attributes(CLASS_TSAPI, 0, foo), put("foo.so+0x2"), foo, 0)).toBe(heap + 2);
    expect(register(0x9_0010, attributes(CLASS_OBJECT, KIND_CONT, foo), put("foo.so+0x3"), foo, 0)).toBe(heap + 3);
    expect(register(0x9_0000, attributes(CLASS_OPENSSL, 7, bar), put("ssl.c"), bar, 0)).toBe(heap + 4);
    expect(register(0x9_0000, attributes(CLASS_HEAP, 0, OWNER_CORE), put("foo.so+0x1"), foo, 0)).toBe(SITE_OTHER + CLASS_HEAP);
    expect(refusals()).toBe(7);
    expect(nameOf(heap)).toBe("memory/plugin/foo.so (other)");
    expect(nameOf(heap + 1)).toBe("memory/plugin/bar.so#2 (other)");
    expect(nameOf(heap + 2)).toBe("memory/plugin/foo.so (other)");
    expect(nameOf(heap + 3)).toBe("memory/plugin/foo.so (other)");
    expect(nameOf(heap + 4)).toBe("memory/OpenSSL/(other) [via bar.so#2]");
    for (let i: u32 = 0; i < 5; ++i) {
      expect(classOfName(heap + i)).toBe(i < 2 ? CLASS_HEAP : i == 2 ? CLASS_TSAPI : i == 3 ? CLASS_OBJECT : CLASS_OPENSSL);
      expect(ownerOfSite(heap + i)).toBe((i == 1 || i == 4 ? bar : foo) & 1023);
      expect(isPinned(heap + i)).toBe(true);
      expect(isOwnSite(heap + i)).toBe(false);
      expect(renameSite(heap + i, put("foo.so f (f.c:1)"))).toBe(-1);
      expect(freeSite(heap + i)).toBe(-1);
      expect(addressOf(heap + i)).toBe(1);
    }
    expect(kindOf(heap + 3)).toBe(KIND_OTHER);
    expect(siteCount()).toBe(SITE_FIRST + SITES_MIN + 5);
    expect(sitesInUse()).toBe(SITES_MIN);
  });

  test("has such rows as far as numbers reach, then (other) of the class", () => {
    const capacities: u32[] = [SITES_MIN, 0x10000 - SITE_FIRST - 7, SITES_MAX];
    for (let i = 0; i < capacities.length; ++i) {
      fresh(capacities[i]);
      const room: u32 = i == 0 ? OTHERS_MAX : i == 1 ? 7 : 0;
      expect(slots - limit).toBe(room);
      register(0, 0, INPUT_SIZE + 1, OWNER_CORE, 0); // refused: no such row is added after this
      for (let n: u32 = 0; n < room; ++n) {
        expect(register(0x9_0000, attributes(CLASS_HEAP, 0, 1024 + 2 + n), put("x"), OWNER_CORE, 0)).toBe(limit + n);
      }
      expect(register(0x9_0000, attributes(CLASS_HEAP, 0, 900), put("x"), OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_HEAP);
      if (room) expect(register(0x9_0008, attributes(CLASS_HEAP, 0, 1026), put("x"), OWNER_CORE, 0)).toBe(limit);
      expect(siteCount()).toBe(room ? slots : SITE_FIRST);
    }
  });

  test("refuses an unknown class and a text longer than the input region", () => {
    fresh();
    expect(register(0x1000, CLASS_COUNT << ATTRIBUTES_CLASS_SHIFT, 3, OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(register(0x1000, 0xf000_0000, 3, OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(register(0x1000, OPENSSL, INPUT_SIZE + 1, OWNER_CORE, 0)).toBe(SITE_OTHER + CLASS_OPENSSL);
    expect(refusals()).toBe(3);
    expect(siteCount()).toBe(SITE_FIRST);
  });
});

describe("a name without a place", () => {
  test("gets its own number, and the same number again", () => {
    fresh();
    const number = registerName(put("memory/IOBuffer/Cache.cc:2331"));
    expect(number).toBe(SITE_FIRST);
    expect(registerName(put("memory/IOBuffer/Cache.cc:2331"))).toBe(SITE_FIRST);
    expect(registerName(put("memory/IOBuffer/Cache.cc:2332"))).toBe(SITE_FIRST + 1);
    expect(siteCount()).toBe(SITE_FIRST + 2);
    expect(nameOf(SITE_FIRST)).toBe("memory/IOBuffer/Cache.cc:2331");
  });

  test("shares the row of the site with this name, whichever came first", () => {
    fresh();
    const byPlace = site("memory/IOBuffer/A.cc:1", 0x1000);
    expect(registerName(put("memory/IOBuffer/A.cc:1"))).toBe(byPlace);
    const byName = registerName(put("memory/IOBuffer/B.cc:1"));
    const later = site("memory/IOBuffer/B.cc:1", 0x2000);
    expect(later).not.toBe(byName);
    expect(rowOf(later)).toBe(byName);
  });

  test("is found when the table is full, truncated like other names; a new one is (other)", () => {
    fresh(SITES_MIN);
    const plain = site("memory/IOBuffer/A.cc:1", 0x1000);
    const long = site("memory/IOBuffer/" + "x".repeat(200), 0x2000);
    fill();
    expect(registerName(put("memory/IOBuffer/A.cc:1"))).toBe(plain);
    expect(registerName(put("memory/IOBuffer/" + "x".repeat(200)))).toBe(long);
    expect(refusals()).toBe(0);
    expect(registerName(put("memory/IOBuffer/New.cc:1"))).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(refusals()).toBe(1);
    // The search must not have added a site.
    expect(registerName(put("memory/IOBuffer/New.cc:1"))).toBe(SITE_OTHER + CLASS_IOBUFFER);
    expect(siteCount()).toBe(SITE_FIRST + SITES_MIN);
  });

  test("shares the row of its place when the place takes the last free number", () => {
    fresh(SITES_MIN);
    while (siteCount() < SITE_FIRST + SITES_MIN - 1) site("memory/IOBuffer/Filler.cc:" + siteCount().toString());
    const name = registerName(put("memory/IOBuffer/Filler.cc:140"));
    expect(name).toBe(140);
    const final = site("memory/IOBuffer/Last.cc:1", 0x1000);
    expect(final).toBe(SITE_FIRST + SITES_MIN - 1);
    expect(registerName(put("memory/IOBuffer/Last.cc:1"))).toBe(final);
  });

  test("longer than the input region is truncated, and not read beyond it", () => {
    fresh();
    memory.fill(input, 0x61, INPUT_SIZE);
    expect(registerName(u32.MAX_VALUE)).toBe(SITE_FIRST);
    expect(nameOf(SITE_FIRST)).toBe("a".repeat(127));
  });
});
