// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { CORE, placeOf, shortName } from "../../host/shared/place.ts";

test("the place that a location names beside its owner", () => {
  const places: [location: string, owner: string, place: string][] = [
    ["memory/plugin/foo.so handler (foo.c:88)", "foo.so", "handler (foo.c:88)"],
    ["memory/plugin/foo.so+0x1a2b [retired]", "foo.so", "+0x1a2b [retired]"],
    ["memory/plugin/foo.so#2 handler (foo.c:88)", "foo.so#2", "handler (foo.c:88)"],
    ["memory/plugin/foo.so(remap) handler (foo.c:88)", "foo.so(remap)", "handler (foo.c:88)"],
    ["memory/plugin/foo.so (other)", "foo.so", "(other)"],
    ["memory/plugin/foo.so", "foo.so", ""],
    ["memory/plugin/libz.so.1 deflateInit2_+0xf6 [via foo.so]", "foo.so", "libz.so.1 deflateInit2_+0xf6"],
    ["memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so] [retired]", "foo.so", "ssl/ssl_lib.c:123 [retired]"],
    ["memory/OpenSSL/crypto/x509/x_name.c:363", CORE, "crypto/x509/x_name.c:363"],
    ["memory/IOBuffer/HttpSM.cc:1836", CORE, "HttpSM.cc:1836"],
    ["memory/IOBuffer/core_dump.cc:1", CORE, "core_dump.cc:1"],
    ["memory/core/traffic_server Foo::bar+0x1a", CORE, "traffic_server Foo::bar+0x1a"],
    ["memory/core/traffic_server+0x1a2b", CORE, "traffic_server+0x1a2b"],
    ["memory/OpenSSL", CORE, "OpenSSL"],
    ["memory/OpenSSL [via foo.so]", "foo.so", "OpenSSL"],
    ["memory/IOBuffer/core/x.cc:1", CORE, "core/x.cc:1"],
    ["foo.so", "foo.so", ""],
    ["anything", CORE, "anything"],
  ];
  for (const [location, owner, place] of places) assert.equal(placeOf(location, owner), place, location);
});

test("a short name is the owner, then the place; only the offset in a module stands close to it", () => {
  const names: [location: string, owner: string, name: string][] = [
    ["memory/plugin/foo.so handler (foo.c:88)", "foo.so", "foo.so handler (foo.c:88)"],
    ["memory/plugin/foo.so+0x1a2b", "foo.so", "foo.so+0x1a2b"],
    ["memory/OpenSSL [via foo.so]", "foo.so", "foo.so OpenSSL"],
    ["memory/IOBuffer/HttpSM.cc:1836", CORE, "core HttpSM.cc:1836"],
    ["foo.so", "foo.so", "foo.so"],
    [CORE, CORE, CORE],
  ];
  for (const [location, owner, name] of names) assert.equal(shortName({ location, owner }), name, location);
  assert.equal(shortName({ location: "memory/plugin/foo.so f", owner: "foo.so", retired: true }), "foo.so f [retired]");
});
