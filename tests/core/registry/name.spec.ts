// SPDX-License-Identifier: Apache-2.0
//
// Names contain the owner and the place, however long either is; a better text keeps what was known from the first.

import {
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_OBJECT,
  CLASS_OPENSSL,
  CLASS_TSAPI,
  INPUT_SIZE,
  KIND_COUNT,
  KIND_MBUFFER,
} from "../../../assembly/abi";
import {
  KIND_OTHER,
  NAME_HIDDEN,
  NAME_MAX,
  NAME_VIA,
  OWNER_OTHER,
  OWNER_TEXT_MAX,
  SITE_FIRST,
  SITE_OTHER,
} from "../../../assembly/abi";
import { register, registerName, renameSite, siteCount, version } from "../../../assembly/index";
import { isRow } from "../../../assembly/model/model";
import { sortRows } from "../../../assembly/model/order";
import {
  classOfName,
  flagsOf,
  hashOf,
  IOBUFFER_NAME_MAX,
  kindOf,
  lengthOf,
  ownerOfSite,
  sameName,
} from "../../../assembly/registry/name";
import { ownerOf } from "../../../assembly/registry/owner";
import {
  attributes,
  fresh,
  IOBUFFER,
  nameOf,
  opensslSite,
  owner,
  pluginSite,
  put,
  rowOf,
  settleOne,
  shownName,
  site,
} from "../support";

const LONG = "s/very".repeat(100) + "/file.c";

/** An IOBuffer of a plugin, as labelled by the host. */
function bufferSite(name: string, address: u64, key: u32): u32 {
  return register(address, IOBUFFER, put(name), key, 0);
}

describe("the name of a plugin's site", () => {
  test("follows memory/plugin/, in each class that only plugins have", () => {
    fresh();
    const foo = owner("foo.so");
    const slot = ownerOf(foo);
    const block = pluginSite(CLASS_TSAPI, "foo.so+0x1a2b (foo.c:88)", foo);
    const heap = pluginSite(CLASS_HEAP, "foo.so+0x1a2b", foo);
    const cont = pluginSite(CLASS_OBJECT, "foo.so+0x1a2b", foo, KIND_MBUFFER);
    expect(nameOf(block)).toBe("memory/plugin/foo.so+0x1a2b (foo.c:88)");
    expect(nameOf(heap)).toBe("memory/plugin/foo.so+0x1a2b");
    expect(nameOf(cont)).toBe("memory/plugin/foo.so+0x1a2b");
    expect([classOfName(block), classOfName(heap), classOfName(cont)]).toStrictEqual([CLASS_TSAPI, CLASS_HEAP, CLASS_OBJECT]);
    expect([kindOf(block), kindOf(heap), kindOf(cont)]).toStrictEqual([0, 0, KIND_MBUFFER]);
    expect([ownerOfSite(block), ownerOfSite(heap), ownerOfSite(cont)]).toStrictEqual([slot, slot, slot]);
  });

  test("distinguishes kinds; an unknown kind is `other`", () => {
    fresh();
    const foo = owner("foo.so");
    for (let kind: u32 = 0; kind < KIND_COUNT; ++kind) expect(kindOf(pluginSite(CLASS_OBJECT, "foo.so+0x1", foo, kind))).toBe(kind);
    expect(kindOf(pluginSite(CLASS_OBJECT, "foo.so+0x1", foo, KIND_COUNT))).toBe(KIND_OTHER);
    expect(kindOf(pluginSite(CLASS_OBJECT, "foo.so+0x1", foo, 0xfff_ffff))).toBe(KIND_OTHER);
    expect(rowOf(SITE_FIRST)).not.toBe(rowOf(SITE_FIRST + 1));
    expect(rowOf(SITE_FIRST + KIND_COUNT)).toBe(SITE_FIRST + KIND_OTHER, "one text and one kind");
  });

  test("contains the owner if the place is not in the owner's module", () => {
    fresh();
    const foo = owner("foo.so");
    const bar = owner("bar.so#2");
    const a = pluginSite(CLASS_HEAP, "libjansson.so.4+0x99", foo, 0, NAME_VIA);
    const b = pluginSite(CLASS_HEAP, "libjansson.so.4+0x99", bar, 0, NAME_VIA);
    expect(nameOf(a)).toBe("memory/plugin/libjansson.so.4+0x99 [via foo.so]");
    expect(nameOf(b)).toBe("memory/plugin/libjansson.so.4+0x99 [via bar.so#2]");
    expect(rowOf(a)).toBe(a);
    expect(rowOf(b)).toBe(b);
    expect(nameOf(pluginSite(CLASS_HEAP, "x", 0x7777, 0, NAME_VIA))).toBe("memory/plugin/x [via (other plugins)]");
  });

  test("ends with its owner, even if the place's text is much too long; that text keeps its beginning and end", () => {
    fresh();
    const foo = owner("foo.so");
    const widest = owner("w".repeat(OWNER_TEXT_MAX));
    const text = "foo.so std::" + "vector<int>::".repeat(100) + "push_back (foo.cc:123)";
    const own = nameOf(pluginSite(CLASS_HEAP, text, foo));
    const via = nameOf(pluginSite(CLASS_HEAP, text, foo, 0, NAME_VIA));
    const both = nameOf(pluginSite(CLASS_HEAP, text, widest, 0, NAME_VIA));
    expect(own.startsWith("memory/plugin/foo.so std::vector<int>::")).toBe(true, own);
    expect(own.endsWith("push_back (foo.cc:123)")).toBe(true, own);
    expect(own.includes("...")).toBe(true);
    expect(own.length).toBe(NAME_MAX);
    expect(via.startsWith("memory/plugin/foo.so std::vector<int>::")).toBe(true, via);
    expect(via.endsWith("push_back (foo.cc:123) [via foo.so]")).toBe(true, via);
    expect(via.length).toBe(NAME_MAX);
    expect(both.startsWith("memory/plugin/foo.so")).toBe(true, both);
    expect(both.endsWith("(foo.cc:123) [via " + "w".repeat(OWNER_TEXT_MAX) + "]")).toBe(true, both);
    expect(both.length).toBe(NAME_MAX);
    const fits = "f".repeat(NAME_MAX - 14);
    expect(nameOf(pluginSite(CLASS_HEAP, fits, foo))).toBe("memory/plugin/" + fits);
    expect(lengthOf(pluginSite(CLASS_HEAP, "z".repeat(INPUT_SIZE), widest, 0, NAME_VIA))).toBe(NAME_MAX);
    expect(nameOf(pluginSite(CLASS_HEAP, "", foo))).toBe("memory/plugin/");
  });

  test("cannot forge a line, neither can its owner's name", () => {
    fresh();
    const evil = owner("evil\nmemtrack end dump=1 rows=0\n.so");
    const name = nameOf(pluginSite(CLASS_TSAPI, "evil.so\n\x1b[2J", evil, 0, NAME_VIA));
    expect(name).toBe("memory/plugin/evil.so??[2J [via evil?memtrack end dump=1 rows=0?.so]");
  });
});

describe("a build path", () => {
  test("is shown by its last two parts, and the site keeps its whole name", () => {
    fresh();
    const absolute = site("memory/IOBuffer//builds/x/src/iocore/eventsystem/IOBuffer.cc:123");
    const above = site("memory/IOBuffer/../../src-10/include/proxy/FetchSM.h:51");
    expect(shownName(absolute)).toBe("memory/IOBuffer/eventsystem/IOBuffer.cc:123");
    expect(shownName(above)).toBe("memory/IOBuffer/proxy/FetchSM.h:51");
    expect(nameOf(absolute)).toBe("memory/IOBuffer//builds/x/src/iocore/eventsystem/IOBuffer.cc:123");
    expect(registerName(put("memory/IOBuffer/../../src-10/include/proxy/FetchSM.h:51"))).toBe(above, "the built-in tracker's row");
    expect(shownName(site("memory/IOBuffer//x/y.cc:1"))).toBe("memory/IOBuffer/x/y.cc:1");
    expect(shownName(site("memory/IOBuffer//y.cc:1"))).toBe("memory/IOBuffer/y.cc:1");
    expect(shownName(site("memory/IOBuffer/../y.cc:1"))).toBe("memory/IOBuffer/y.cc:1");
    expect(shownName(opensslSite("/builds/x/src/iocore/net/SSLUtils.cc", 7, 0x1000))).toBe("memory/OpenSSL/net/SSLUtils.cc:7");
  });

  test("leaves a relative path, another name and a name without a path as they are", () => {
    fresh();
    const foo = owner("foo.so");
    const names: string[] = [
      "memory/IOBuffer/HttpSM.cc:7055",
      "memory/IOBuffer/traffic_server/FetchSM.h:46",
      "memory/IOBuffer/a/b/c/d.cc:1",
      "memory/IOBuffer/",
      "memory/IOBuffer",
      "/a/b/c/d.cc:1",
      "x",
    ];
    for (let i = 0; i < names.length; ++i) expect(shownName(site(names[i]))).toBe(names[i]);
    expect(shownName(bufferSite("memory/plugin/foo.so /a/b/c (d.cc:1)", 0x9000, foo))).toBe("memory/plugin/foo.so /a/b/c (d.cc:1)");
    expect(shownName(opensslSite("crypto/x509/x_name.c", 88, 0x1000))).toBe("memory/OpenSSL/crypto/x509/x_name.c:88");
    expect(shownName(pluginSite(CLASS_HEAP, "/a/b/c.so+0x1", foo))).toBe("memory/plugin//a/b/c.so+0x1");
  });

  test("that is cut is shown by what is left of it", () => {
    fresh();
    const cut = site("memory/IOBuffer//" + "folder/".repeat(15) + "IOBuffer.cc:123");
    expect(nameOf(cut).length).toBe(IOBUFFER_NAME_MAX);
    expect(shownName(cut)).toBe("memory/IOBuffer/folder/IOBuf");
  });

  test("of two files that are shown alike: two rows", () => {
    fresh();
    const a = site("memory/IOBuffer//x/http/HttpSM.cc:7");
    const b = site("memory/IOBuffer//y/http/HttpSM.cc:7");
    expect(shownName(a)).toBe(shownName(b));
    expect(a).not.toBe(b);
    expect(rowOf(a)).toBe(a);
    expect(rowOf(b)).toBe(b);
  });
});

describe("the name of an OpenSSL site", () => {
  test("contains the owner on whose behalf it was allocated, except the server", () => {
    fresh();
    const foo = owner("foo.so");
    const own = opensslSite("../ssl/ssl_lib.c", 123, 0x1000);
    const via = register(0x1000, attributes(CLASS_OPENSSL, 123, foo), put("../ssl/ssl_lib.c"), foo, 0);
    expect(nameOf(own)).toBe("memory/OpenSSL/ssl/ssl_lib.c:123");
    expect(flagsOf(own)).toBe(0);
    expect(nameOf(via)).toBe("memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]");
    expect(via).not.toBe(own);
    expect(rowOf(via)).toBe(via);
  });

  test("keeps the end of a long path, its line and its owner", () => {
    fresh();
    const foo = owner("foo.so");
    const widest = owner("w".repeat(OWNER_TEXT_MAX));
    const short = nameOf(register(0x1000, attributes(CLASS_OPENSSL, 0xfff_ffff, foo), put(LONG), foo, 0));
    const long = nameOf(register(0x1000, attributes(CLASS_OPENSSL, 0xfff_ffff, widest), put(LONG), widest, 0));
    expect(short.startsWith("memory/OpenSSL/...")).toBe(true, short);
    expect(short.endsWith("/file.c:268435455 [via foo.so]")).toBe(true, short);
    expect(long.startsWith("memory/OpenSSL/...")).toBe(true, long);
    expect(long.endsWith("/file.c:268435455 [via " + "w".repeat(OWNER_TEXT_MAX) + "]")).toBe(true, long);
    expect(long.length).toBeLessThanOrEqual(NAME_MAX);
  });
});

describe("a better text", () => {
  test("replaces the first, and keeps owner, class, kind and flags", () => {
    fresh();
    const foo = owner("foo.so");
    const cont = pluginSite(CLASS_OBJECT, "foo.so+0x1a2b", foo, KIND_MBUFFER);
    const via = pluginSite(CLASS_HEAP, "lib.so+0x1", foo, 0, NAME_VIA);
    const before = version();
    expect(renameSite(cont, put("foo.so handler (foo.c:88)"))).toBe(0);
    expect(renameSite(via, put("lib.so copy+0x1"))).toBe(0);
    expect(version()).not.toBe(before, "models are to take a new copy");
    expect(nameOf(cont)).toBe("memory/plugin/foo.so handler (foo.c:88)");
    expect(nameOf(via)).toBe("memory/plugin/lib.so copy+0x1 [via foo.so]");
    expect([classOfName(cont), kindOf(cont), ownerOfSite(cont), flagsOf(cont)]).toStrictEqual([
      CLASS_OBJECT,
      KIND_MBUFFER,
      ownerOf(foo),
      0,
    ]);
    expect(flagsOf(via)).toBe(NAME_VIA);
    expect(renameSite(cont, put("f"))).toBe(0);
    expect(nameOf(cont)).toBe("memory/plugin/f", "nothing is left of a longer one");
  });

  test("that is too long keeps its beginning and its end, for an IOBuffer too", () => {
    fresh();
    const foo = owner("foo.so");
    const buffer = bufferSite("memory/plugin/foo.so+0x1a2b", 0x1000, foo);
    const heap = pluginSite(CLASS_HEAP, "lib.so+0x1", foo, 0, NAME_VIA);
    const text = "foo.so " + "handler::".repeat(100) + "create (foo.cc:123)";
    expect(renameSite(buffer, put(text))).toBe(0);
    expect(renameSite(heap, put(text))).toBe(0);
    expect(nameOf(buffer).startsWith("memory/plugin/foo.so handler::")).toBe(true, nameOf(buffer));
    expect(nameOf(buffer).endsWith("::create (foo.cc:123)")).toBe(true, nameOf(buffer));
    expect(nameOf(heap).endsWith("::create (foo.cc:123) [via foo.so]")).toBe(true, nameOf(heap));
    expect(lengthOf(buffer)).toBeLessThanOrEqual(NAME_MAX);
    expect(lengthOf(heap)).toBe(NAME_MAX);
  });

  test("keeps the hash of the first, by which the built-in tracker's row is found", () => {
    fresh();
    const foo = owner("foo.so");
    const first = "memory/plugin/foo.so+0x1a2b";
    const buffer = bufferSite(first, 0x1000, foo);
    const hash = hashOf(buffer);
    for (let turn = 0; turn < 3; ++turn) {
      renameSite(buffer, put("foo.so handler" + turn.toString() + " (foo.c:88)"));
      expect(hashOf(buffer)).toBe(hash);
      expect(registerName(put(first))).toBe(buffer);
    }
    const count = siteCount();
    const better = registerName(put("memory/plugin/foo.so handler2 (foo.c:88)"));
    expect(better).toBe(count, "what another accountant calls like the better text is not this site");
  });

  test("is refused for an invalid site or an invalid text", () => {
    fresh();
    const foo = owner("foo.so");
    const a = pluginSite(CLASS_HEAP, "foo.so+0x1", foo);
    const before = version();
    expect(renameSite(SITE_OTHER + CLASS_HEAP, put("x"))).toBe(-1);
    expect(renameSite(0, put("x"))).toBe(-1);
    expect(renameSite(a + 1, put("x"))).toBe(-1);
    expect(renameSite(u32.MAX_VALUE, put("x"))).toBe(-1);
    expect(renameSite(a, INPUT_SIZE + 1)).toBe(-1);
    expect(nameOf(a)).toBe("memory/plugin/foo.so+0x1");
    expect(version()).toBe(before);
  });
});

describe("a wrapper's site", () => {
  test("is no row, and is not combined with a caller of the same text", () => {
    fresh();
    const foo = owner("foo.so");
    const hidden = pluginSite(CLASS_HEAP, "foo.so xmalloc (foo.c:9)", foo, 0, NAME_HIDDEN);
    const shown = pluginSite(CLASS_HEAP, "foo.so xmalloc (foo.c:9)", foo);
    settleOne(shown, 1, 10, 0, 0);
    expect(isRow(hidden)).toBe(false);
    expect(rowOf(shown)).toBe(shown);
    expect(isRow(shown)).toBe(true);
    expect(sortRows(CLASS_HEAP)).toBe(1);
    expect(renameSite(hidden, put("foo.so xmalloc2"))).toBe(0);
    expect(rowOf(hidden)).toBe(hidden);
    expect(isRow(hidden)).toBe(false, "by its better text neither");
  });
});

describe("the names of IOBuffers", () => {
  test("of a plugin are truncated as in the built-in tracker, and belong to the plugin", () => {
    fresh();
    const foo = owner("foo.so");
    const name = "memory/plugin/" + "n".repeat(200);
    const buffer = bufferSite(name, 0x1000, foo);
    expect(nameOf(buffer)).toBe(name.slice(0, <i32>IOBUFFER_NAME_MAX));
    expect(ownerOfSite(buffer)).toBe(ownerOf(foo));
    expect(registerName(put(name))).toBe(buffer);
    expect(classOfName(buffer)).toBe(CLASS_IOBUFFER);
  });

  test("with equal texts are two rows if they have two owners", () => {
    fresh();
    const a = bufferSite("memory/plugin/lib.so+0x1", 0x1000, owner("foo.so"));
    const b = bufferSite("memory/plugin/lib.so+0x1", 0x2000, owner("bar.so"));
    const c = site("memory/plugin/lib.so+0x1", 0x3000);
    expect(sameName(a, b)).toBe(false);
    expect([rowOf(a), rowOf(b), rowOf(c)]).toStrictEqual([a, b, c]);
    expect(ownerOf(OWNER_OTHER)).toBe(OWNER_OTHER);
  });
});
