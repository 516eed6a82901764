// SPDX-License-Identifier: Apache-2.0
//
// The version of the package, from its package.json: two folders up from here, and from where the built command is.

import { readFileSync } from "node:fs";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

export const VERSION = version;
