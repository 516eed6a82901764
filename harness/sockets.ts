// SPDX-License-Identifier: Apache-2.0
//
// Sockets of a process that the other side has reset. The kernel lists such a socket no more; its descriptor stays until the process
// notices. A server that waits for something else keeps it until a timeout, or for ever.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The kernel's tables of sockets, and the column of the inode. */
const TABLES: [string, number][] = [
  ["tcp", 9],
  ["tcp6", 9],
  ["udp", 9],
  ["udp6", 9],
  ["netlink", 9],
  ["unix", 6],
];

/** Number of sockets of a process that no table lists: those, and a few that were never connected. */
export function resetSockets(pid: number): number {
  const lines = ([name, column]: [string, number]) =>
    readFileSync(`/proc/${pid}/net/${name}`, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/)[column]);
  const listed = new Set(TABLES.flatMap(lines));
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => /^socket:\[(\d+)\]$/.exec(leadsTo(`/proc/${pid}/fd/${fd}`))?.[1])
    .filter((inode) => inode !== undefined && !listed.has(inode)).length;
}

/** Empty if the descriptor is closed meanwhile. */
function leadsTo(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}
