// SPDX-License-Identifier: Apache-2.0
//
// A short soak (`npm run soak` is the long one): part of `npm run test:long`, or with MEMTRACK_SOAK_MINUTES=n.

import assert from "node:assert/strict";
import { test } from "node:test";
import { soak } from "../soak/run.ts";
import { lacksVerify } from "../support/lacks.ts";

const MINUTES = process.env.MEMTRACK_SOAK_MINUTES;
const SEED = Number(process.env.MEMTRACK_SEED ?? 1);

test(
  `a soak of ${MINUTES ?? 1} min finds nothing (seed ${SEED})`,
  { skip: !MINUTES && "only with npm run test:long" },
  async () => {
    const report = await soak({ seed: SEED, minutes: Number(MINUTES), without: false, say: (line) => console.log(line) });
    assert.deepEqual(report.failures, [], `the server's files: ${report.folder}`);
    assert.ok(report.requests.answered > 1000 && report.handshakes > 1000);
    assert.ok(report.rowsCompared > 0);
    assert.ok(report.verified > 0 || lacksVerify());
  },
);
