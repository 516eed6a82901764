// SPDX-License-Identifier: Apache-2.0
//
// A site's short name begins with its owner; if it is shortened, the owner and the line remain.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerOf } from "../../../host/node/read/sites.ts";
import { fitName } from "../../../host/node/report/fit-name.ts";
import { cut, width } from "../../../host/node/report/text.ts";
import { shortName } from "../../../host/shared/place.ts";

const short = (location: string, retired = false): string => shortName({ location, owner: ownerOf(location), retired });

test("it begins with the owner, and does not repeat the class", () => {
  assert.equal(short("memory/plugin/foo.so handler (foo.c:88)"), "foo.so handler (foo.c:88)");
  assert.equal(short("memory/plugin/foo.so+0x1a2b"), "foo.so+0x1a2b");
  assert.equal(short("memory/plugin/foo.so#2 handler (foo.c:88)", true), "foo.so#2 handler (foo.c:88) [retired]");
  assert.equal(short("memory/OpenSSL/ssl/ssl_lib.c:123 [via foo.so]"), "foo.so ssl/ssl_lib.c:123");
  assert.equal(short("memory/plugin/libz.so.1+0x8d86 (misc.cc:36) [via foo.so]"), "foo.so libz.so.1+0x8d86 (misc.cc:36)");
  assert.equal(short("memory/IOBuffer/Cache.cc:2331"), "core Cache.cc:2331");
  assert.equal(short("memory/IOBuffer/core/x.cc:1"), "core core/x.cc:1");
  assert.equal(short("(other)"), "core (other)");
});

test("a shortened name keeps the owner and the line as long as they fit", () => {
  const name = "compress.so Gzip::Configuration::Parse (configuration.cc:214)";
  for (const [columns, expected] of [
    [61, name],
    [60, "compress.so Gzip::Config…ation::Parse (configuration.cc:214)"],
    [44, "compress.so Gzip…arse (configuration.cc:214)"],
    [40, "compress.so Gz…se (configuration.cc:214)"],
    [39, "compress.so … (configuration.cc:214)"],
    [30, "compress.so…figuration.cc:214)"],
  ] as const) {
    assert.equal(fitName(name, "compress.so", columns), expected);
  }
  assert.equal(fitName("core crypto/asn1/tasn_new.c:135", "core", 25), "core cr…n1/tasn_new.c:135");
  assert.equal(fitName("core crypto/asn1/tasn_new.c:135", "core", 22), "core …tasn_new.c:135");
});

test("a text with any characters is shortened to its columns, at character boundaries", () => {
  const text = "é漢😀⌚☀️🇩🇪👍🏽ｶ한#️⃣‼️ e\u0301";
  for (const where of ["start", "middle", "end"] as const) {
    for (let columns = 0; columns <= width(text); ++columns) {
      const fitted = cut(text, columns, where);
      assert.ok(width(fitted) <= columns, `${where} ${columns}: ${fitted}`);
      for (const { segment } of new Intl.Segmenter().segment(fitted)) assert.ok(segment === "…" || text.includes(segment), segment);
    }
    assert.equal(cut(text, width(text), where), text);
  }
});

test("it never exceeds its columns, and is not shortened if it fits", () => {
  const owners = ["a.so", "collapsed_forwarding.so", "名前.so"];
  const places = [
    " handler (foo.c:88)",
    "+0x1a2b",
    " Gzip::Configuration::Parse+0x14a",
    " a/very/long/path/of/openssl.c:1 [retired]",
    "",
  ];
  for (const owner of owners) {
    for (const place of places) {
      for (let columns = 8; columns < 60; ++columns) {
        const fitted = fitName(owner + place, owner, columns);
        assert.ok(width(fitted) <= columns, `${columns}: ${fitted}`);
        if (width(owner) + 6 <= columns) assert.ok(fitted.startsWith(owner), `${columns}: ${fitted}`);
      }
    }
  }
});
