// SPDX-License-Identifier: Apache-2.0
//
// The records that govern memtrack, as the core knows them (assembly/control/records.ts).

import { abi, Core, loadCore, type Setting } from "./core.ts";

let known: Setting[] | undefined;

export function settings(): Setting[] {
  if (!known) {
    const core = new Core(loadCore(), abi.ROLE_CONTROL, 0);
    known = Array.from({ length: abi.SETTING_COUNT }, (_, which) => core.setting(which));
  }
  return known;
}
