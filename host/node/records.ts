// SPDX-License-Identifier: Apache-2.0
//
// The server's records that memtrack reads: their names, what they can be, and what they usually are.

/** The level: 0 off, 1 IOBuffers, 2 everything. */
export const TRACK = "proxy.config.res_track_memory";
/** Seconds between dumps; 0 for none. */
export const FREQUENCY = "proxy.config.dump_mem_info_frequency";
/** Seconds between samples of the analysis; 0 for none. */
export const SAMPLES = "proxy.config.plugin.memtrack.sample_interval";
export const VERIFY = "proxy.config.plugin.memtrack.verify";
export const HEAP = "proxy.config.plugin.memtrack.heap";
/** The server's own: where it looks for plugins. */
export const PLUGIN_DIR = "proxy.config.plugin.plugin_dir";

/** As host/ats/records.c has them. */
export const RANGES: Record<string, { least: number; most: number; usual: number }> = {
  [TRACK]: { least: 0, most: 2, usual: 2 },
  [FREQUENCY]: { least: 0, most: Infinity, usual: 3600 },
  "proxy.config.plugin.memtrack.sites": { least: 64, most: 65520, usual: 4096 },
  [VERIFY]: { least: 0, most: 1, usual: 0 },
  [HEAP]: { least: 0, most: 1, usual: 0 },
  [SAMPLES]: { least: 0, most: 3600, usual: 10 },
};
