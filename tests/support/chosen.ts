// SPDX-License-Identifier: Apache-2.0
//
// For test files that run tests in other languages: which of these tests the command line selects (tools/test.ts).

const CHOSEN = process.env.MEMTRACK_CHOSEN?.split(":");

/** @param path from the project's top folder */
export function isChosen(path: string): boolean {
  return !CHOSEN || CHOSEN.includes(path);
}
