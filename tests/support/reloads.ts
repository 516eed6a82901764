// SPDX-License-Identifier: Apache-2.0
//
// Reloads of remap.config, done by the server itself at the request of tests/plugins/reload.cc.

import { utimesSync } from "node:fs";
import http from "node:http";
import { basename, join } from "node:path";
import type { Ats } from "../../harness/ats.ts";
import { corpus } from "./corpus.ts";

/** Makes the server load remap.config again, and waits until it has. */
export function reload(ats: Ats): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get(new URL("/reload", ats.httpUrl), { agent: false }, (response) => {
      response.resume();
      response.on("close", () => {
        // 404 comes from the origin, which the request reaches after the reload.
        if (response.statusCode === 404) resolve();
        else reject(new Error(`the server did not load remap.config: status ${response.statusCode}`));
      });
    });
    request.on("error", reject);
  });
}

/** Changes the time of a plugin's file: the server loads a module again if the time differs by at least a second. */
export function renew(ats: Ats, name: string, seconds: number): void {
  const path = join(ats.folder, "plugins", basename(corpus(name)));
  utimesSync(path, 1_700_000_000 + seconds, 1_700_000_000 + seconds);
}
