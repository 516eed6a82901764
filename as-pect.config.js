// SPDX-License-Identifier: Apache-2.0
//
// as-pect, which runs tests/core on the core's own sources: `npx asp --summary -n` on debug Wasm, and with
// `-a tests/core/release.asconfig.json` on release Wasm. The seed of the random tests is printed; MEMTRACK_SEED=n gives another.

const seed = BigInt(process.env.MEMTRACK_SEED ?? Math.floor(Math.random() * 2 ** 32));
console.log(`MEMTRACK_SEED=${seed}`);

export default {
  entries: ["tests/core/**/*.spec.ts"],
  include: [],
  disclude: [],
  instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory }, support: { seed: () => seed } }));
  },
  outputBinary: false,
};
