// SPDX-License-Identifier: Apache-2.0
//
// Leaks of the server that later versions do not have: a test of one is skipped there, by name.

import { installedServer } from "../../harness/server.ts";

/** Why a leak is not to be found in the server under test, or false. `versions` has the first version without it of each branch. */
export function fixedIn(...versions: string[]): string | false {
  const { version, name } = installedServer();
  const numbers = (text: string) => text.split(".").map(Number);
  const [major = 0, minor = 0, patch = 0] = numbers(version);
  const has = versions.some((fix) => {
    const [a = 0, b = 0, c = 0] = numbers(fix);
    return major === a && (minor > b || (minor === b && patch >= c));
  });
  return has ? `Traffic Server ${name} has the fix` : false;
}
