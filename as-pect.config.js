// SPDX-License-Identifier: Apache-2.0
//
// as-pect, which runs tests/core on the core's own sources. tests/core/specs.test.ts (`npm run test:core`) calls it, says which specs,
// and reads what the reporter prints. The seed of the random tests is printed; MEMTRACK_SEED=n gives another.

const seed = BigInt(process.env.MEMTRACK_SEED ?? Math.floor(Math.random() * 2 ** 32));
console.log(`MEMTRACK_SEED=${seed}`);

export default {
  entries: process.env.MEMTRACK_SPECS?.split(":") ?? ["tests/core/**/*.spec.ts"],
  reporter: "tests/core/reporter.js",
  include: [],
  disclude: [],
  instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory }, support: { seed: () => seed } }));
  },
  outputBinary: false,
};
