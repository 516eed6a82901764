// SPDX-License-Identifier: Apache-2.0
//
// The server's records that the command looks at. What values they have is the core's to say (core/control.ts).

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
