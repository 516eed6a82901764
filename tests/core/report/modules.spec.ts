// SPDX-License-Identifier: Apache-2.0
//
// The Modules section lists the files of modules that rows name, and no others.

import {
  CLASS_HEAP,
  CLASS_IOBUFFER,
  CLASS_TSAPI,
  FACT_LEVEL,
  NAME_HIDDEN,
  NAME_VIA,
  OWNER_CORE,
  OWNER_NONE,
  OWNER_OTHER,
  SITE_FIRST,
} from "../../../assembly/abi";
import { output } from "../../../assembly/base/memory";
import { begin as write } from "../../../assembly/base/writer";
import { setHeaderNumber } from "../../../assembly/model/facts";
import { disarm, mergeAllocs, mergeFrees } from "../../../assembly/model/model";
import { siteCount } from "../../../assembly/registry/registry";
import { renderModules } from "../../../assembly/report/modules";
import { begin, file, fresh, owner, pluginSite, rendered, settleOne, site, stage, sumUp, written } from "../support";

const HEAD =
  "\nModules: files that the rows above name\n" +
  "Build id                                 | Module\n" +
  "-----------------------------------------|--------------------------------------------------\n";
const ID = "0123456789abcdef0123456789abcdef01234567";
const CORE = ID + " | core /usr/bin/traffic_server\n";

/** The section of a dump in which every site has counted. */
function section(): string {
  begin();
  mergeFrees(siteCount());
  for (let at = SITE_FIRST; at < siteCount(); ++at) stage(at, 1, 8);
  mergeAllocs(siteCount());
  sumUp();
  write(output, output + 8192);
  renderModules();
  return written(output);
}

function freshWithServer(): void {
  fresh();
  file("core", ID, "/usr/bin/traffic_server", OWNER_CORE);
}

describe("the section of modules", () => {
  test("contains the server if there is a row, and is missing without rows", () => {
    freshWithServer();
    expect(section()).toBe("");
    site("memory/IOBuffer/A.cc:1");
    expect(section()).toBe(HEAD + CORE);
    disarm(CLASS_IOBUFFER);
    expect(section()).toBe("");
  });

  test("contains nothing for a row without counts, which is in no table", () => {
    freshWithServer();
    settleOne(site("memory/IOBuffer/A.cc:1"), 0, 0, 0, 0);
    write(output, output + 8192);
    renderModules();
    expect(written(output)).toBe("");
  });

  test("contains the plugins that own a row, and `-` for a file without a build id", () => {
    freshWithServer();
    const foo = owner("foo.so");
    const bar = owner("bar.so(remap)#2");
    file("foo.so", "", "/opt/foo.so", foo);
    file("bar.so(remap)#2", ID, "/opt/bar.so", bar);
    pluginSite(CLASS_TSAPI, "foo.so handler (foo.c:6)", foo);
    const dash = "-" + " ".repeat(39);
    expect(section()).toBe(HEAD + CORE + dash + " | foo.so /opt/foo.so\n");
    pluginSite(CLASS_HEAP, "bar.so(remap)#2+0x10", bar);
    expect(section()).toBe(HEAD + CORE + dash + " | foo.so /opt/foo.so\n" + ID + " | bar.so(remap)#2 /opt/bar.so\n");
  });

  test("contains the libraries that a location names, with the whole name", () => {
    freshWithServer();
    const foo = owner("foo.so");
    file("libz.so", "", "/lib/libz.so", OWNER_NONE);
    file("libz.so.1", ID, "/lib/libz.so.1", OWNER_NONE);
    file("libstdc++.so.6", ID, "/lib/libstdc++.so.6", OWNER_NONE);
    pluginSite(CLASS_HEAP, "libz.so.1+0x8d86", foo, 0, NAME_VIA);
    expect(section()).toBe(HEAD + CORE + ID + " | libz.so.1 /lib/libz.so.1\n");
    pluginSite(CLASS_HEAP, "libstdc++.so.6 operator new+0x10", foo, 0, NAME_VIA);
    expect(section()).toBe(HEAD + CORE + ID + " | libz.so.1 /lib/libz.so.1\n" + ID + " | libstdc++.so.6 /lib/libstdc++.so.6\n");
  });

  test("contains a plugin that has no owner of its own, and no plugin without rows", () => {
    freshWithServer();
    file("late.so", ID, "/late.so", OWNER_NONE);
    file("hidden.so", ID, "/hidden.so", OWNER_NONE);
    pluginSite(CLASS_TSAPI, "late.so", OWNER_OTHER);
    pluginSite(CLASS_HEAP, "hidden.so+0x1", OWNER_OTHER, 0, NAME_HIDDEN);
    expect(section()).toBe(HEAD + CORE + ID + " | late.so /late.so\n");
  });

  test("is the last section of a dump", () => {
    freshWithServer();
    setHeaderNumber(FACT_LEVEL, 1);
    settleOne(site("memory/IOBuffer/A.cc:1"), 2, 20, 1, 10);
    const text = rendered();
    const at = text.indexOf(HEAD + CORE + "\nmemtrack end dump=");
    expect(at).toBeGreaterThan(0);
  });
});
