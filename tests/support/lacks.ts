// SPDX-License-Identifier: Apache-2.0
//
// What the server under test lacks: the reason why a test is skipped, or false. harness/plugins.ts has the same for plugins.

import { installedServer } from "../../harness/server.ts";

/** Verify mode calls the built-in tracker beside memtrack, which is possible where it is called through slots. */
export function lacksVerify(): string | false {
  const { isShared, name } = installedServer();
  return isShared ? false : `Traffic Server ${name} has its tracker in the program, without slots: it has no verify mode`;
}
