// SPDX-License-Identifier: Apache-2.0
//
// The instance that knows the records which govern memtrack.

import * as abi from "../../../assembly/abi.ts";
import { Instance } from "./instance.ts";

export interface Setting {
  /** The record's name. */
  name: string;
  least: number;
  most: number;
  /** The default. */
  normal: number;
  /** When a change takes effect: SETTING_OF_SERVER, SETTING_LIVE, SETTING_AT_START. */
  effect: number;
}

export class Control extends Instance {
  constructor(module: WebAssembly.Module) {
    super(module, abi.ROLE_CONTROL, 0);
  }

  /** All of them, by SETTING_.... */
  settings(): Setting[] {
    return Array.from({ length: abi.SETTING_COUNT }, (_, which) => ({
      name: this.output(this.wasm.settingName(which) >>> 0).toString(),
      least: Number(this.wasm.settingLeast(which)),
      most: Number(this.wasm.settingMost(which)),
      normal: Number(this.wasm.settingDefault(which)),
      effect: this.wasm.settingEffect(which) >>> 0,
    }));
  }
}
