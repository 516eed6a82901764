// SPDX-License-Identifier: Apache-2.0
//
// The names of the server's records that the command looks at.

import { records } from "../../format/format.ts";

/** The level: 0 off, 1 IOBuffers, 2 everything. */
export const TRACK = records.level.name;
/** Seconds between dumps; 0 for none. */
export const FREQUENCY = records.frequency.name;
/** Seconds between samples of the analysis; 0 for none. */
export const SAMPLES = records.interval.name;
export const OUTPUT = records.output.name;
export const VERIFY = records.verify.name;
export const HEAP = records.heap.name;
/** The server's own: where it looks for plugins. */
export const PLUGIN_DIR = "proxy.config.plugin.plugin_dir";
