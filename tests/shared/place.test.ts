// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { causeOf, CORE, fullPlace, placeOf } from "../../host/shared/place.ts";

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
    ["foo.so", "foo.so", ""],
    ["anything", CORE, "anything"],
  ];
  for (const [location, owner, place] of places) assert.equal(placeOf(location, owner), place, location);
  assert.deepEqual(
    [fullPlace("foo.so", "handler (foo.c:88)"), fullPlace("foo.so", ""), fullPlace(CORE, "HttpSM.cc:1836"), fullPlace(CORE, "")],
    ["foo.so handler (foo.c:88)", "foo.so", "HttpSM.cc:1836", CORE],
  );
});

test("lines of one function are one cause, and so is OpenSSL's memory of one owner", () => {
  const [first, second] = [1, 2].map((line) => causeOf(`memory/plugin/foo.so handler (foo.c:${line})`, "foo.so"));
  assert.equal(first, second);
  assert.notEqual(first, causeOf("memory/plugin/foo.so other (foo.c:1)", "foo.so"));
  assert.notEqual(first, causeOf("memory/plugin/bar.so handler (foo.c:1)", "bar.so"));
  const [parse, further] = ["14a", "20a"].map((at) => causeOf(`memory/plugin/foo.so Gzip::Parse+0x${at}`, "foo.so"));
  assert.equal(parse, further);
  // An address alone may be of any function.
  const [bare, other] = ["14a", "20a"].map((at) => causeOf(`memory/plugin/foo.so+0x${at}`, "foo.so"));
  assert.notEqual(bare, other);
  const [ssl, bio] = ["ssl/ssl_lib.c:1", "crypto/bio/bio_lib.c:2"].map((at) =>
    causeOf(`memory/OpenSSL/${at} [via foo.so]`, "foo.so"),
  );
  assert.equal(ssl, bio);
});
