// SPDX-License-Identifier: Apache-2.0
//
// What the core says of the dumps: each is fed to the same Wasm as in the proxy, as a sample. Nothing is judged in here.

import type { Observer, Snapshot } from "./history.ts";
import type { Site, Sites } from "./sites.ts";

export type Verdict = "new" | "steady" | "churn" | "filling" | "leak";

export interface Suspect {
  /** A site's location, or an owner's name. */
  location: string;
  owner: string;
  /** Bytes. */
  perHour: number;
  /** Seconds for which it has been growing, and until memory is used up at that rate. */
  growing: number;
  left: number | undefined;
  /** In plain words. */
  evidence: string;
}

export class Analysis implements Observer {
  readonly suspects: Suspect[] = [];

  constructor(_sites: Sites, _interval: number | undefined) {}

  see(_dump: Snapshot): void {}

  verdictOf(_site: Site): Verdict | undefined {
    return undefined;
  }

  verdictOfOwner(_owner: string): Verdict | undefined {
    return undefined;
  }
}
