// SPDX-License-Identifier: Apache-2.0
//
// Examines an installation of Traffic Server: reports what prevents memory tracking, and what to change. It reads the server's
// layout, its version, plugin.config, the records, memtrack.so, the service's arguments, the last dump, and which modules of it have debug
// information. It changes nothing.

import { existsSync } from "node:fs";
import { UsageError } from "../errors.ts";
import { checkDebugInformation } from "./debug-information.ts";
import { findDestination } from "./destination.ts";
import type { Finding } from "./finding.ts";
import { findInstallation, type DoctorOptions } from "./installation.ts";
import { checkGrowth } from "./growth.ts";
import { checkLastDump, readLastDump } from "./last-dump.ts";
import { checkLibrary, checkPluginConfig, pluginFolder } from "./plugin.ts";
import { Sites } from "../read/sites.ts";
import { readRecords } from "./records-file.ts";
import { checkSettings } from "./settings.ts";

export async function doctor(options: DoctorOptions, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  // traffic_layout would print nothing about it, and use the system's server.
  if (options.runRoot !== undefined && !existsSync(options.runRoot)) {
    throw new UsageError(`there is no file ${options.runRoot}: --run-root is the path of a runroot.yaml`);
  }
  const { installation, findings } = await findInstallation(options, env);
  if (!installation) return findings;
  const { config } = installation;
  const file = readRecords(config, installation.version);
  const { records } = file;
  const plugin = checkPluginConfig(config);
  const { path, findings: ofDestination } = findDestination(options, installation, file);
  const sites = new Sites();
  const dump = path === undefined ? undefined : await readLastDump(path, sites);
  const read = typeof dump === "object" && "header" in dump ? dump : undefined;
  return [
    ...findings,
    ...file.findings,
    ...plugin.findings,
    ...checkLibrary(options.plugins ?? pluginFolder(installation, records), plugin.loaded),
    ...checkSettings(file, read),
    ...checkGrowth(records, read && { dump: read, sites }),
    ...ofDestination,
    ...(path === undefined || dump === undefined ? [] : checkLastDump(path, dump, records, plugin.loaded)),
    ...(read ? checkDebugInformation(read, env) : []),
  ];
}
