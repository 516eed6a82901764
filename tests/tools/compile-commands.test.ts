// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { commandsOf } from "../../tools/compile-commands.ts";

test("a line that begins with a compiler and names a source is a compilation, in make's folder", () => {
  const said = `make: Entering directory '/top/host'
mkdir -p out
cc -O2 -DNAME='"a.c"' -c -o out/one.c.o one.c
make[1]: Entering directory '/top/tests'
g++ -std=gnu++17 -c -o out/two.o \\
  two.cc
make[1]: Leaving directory '/top/tests'
gcc -shared -o three.so three.c four.c -lcrypto
gcc -shared -o five.so five.o
make: Leaving directory '/top/host'
`;
  const three = "gcc -shared -o three.so three.c four.c -lcrypto";
  assert.deepEqual(commandsOf(said), [
    { directory: "/top/host", command: `cc -O2 -DNAME='"a.c"' -c -o out/one.c.o one.c`, file: "one.c" },
    { directory: "/top/tests", command: "g++ -std=gnu++17 -c -o out/two.o    two.cc", file: "two.cc" },
    { directory: "/top/host", command: three, file: "three.c" },
    { directory: "/top/host", command: three, file: "four.c" },
  ]);
});
