// SPDX-License-Identifier: Apache-2.0
//
// Epochs that begin early (model/boundary.ts), because what the search says of a growth waits for one to end:
//
//   young   enough blocks for a proof are there, but too many of them are of the present epoch, of which the search watches none. Once for
//           each search of a row
//   alike   enough blocks are lost, but of fewer epochs than a proof needs. It takes LOST_PASSES to tell whether those of the epoch that
//           has ended are lost, so the next one does not end before

import { LOST_PASSES } from "../abi";
import { Row } from "../base/types";
import { epochsNow, wantEpoch } from "../model/boundary";
import { isBlind, passesInEpoch, searchedSite, searchedSites, takeYoung } from "../model/findings";
import { stateOf } from "../model/history";
import { rowOf } from "../model/rows";
import { presentOf } from "../shard/epoch";
import { areLostAlike, isYoung } from "./proof";
import { isLeak, isUndecided } from "./verdict";

/** Numbers of epochs that young rows leave to proofs. */
const KEPT_FOR_PROOFS: u32 = 16;

/** After the judgments of a sample. */
export function askForEpoch(): void {
  for (let i: u32 = 0; i < searchedSites(); ++i) {
    const row = rowOf(searchedSite(i));
    const passes = passesInEpoch(i, presentOf(epochsNow));
    if (!isWaiting(row)) continue;
    if (areLostAlike(row)) {
      if (!isLeak(row) && passes > LOST_PASSES) wantEpoch(0);
    } else if (isYoung(row) && takeYoung(i)) wantEpoch(KEPT_FOR_PROOFS);
  }
}

function isWaiting(row: Row): bool {
  return (isLeak(row) || isUndecided(row)) && !stateOf(row).proved && !isBlind(row);
}
