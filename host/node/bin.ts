#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
//
// The memtrack command as a process. The only file here that touches `process`.

import { run } from "./run.ts";

const ending = new AbortController();
// A watch puts the terminal in order first; whatever else is running ends at once, as without us.
const end = (signal: NodeJS.Signals): void => {
  if (process.argv[2] === "watch") ending.abort();
  else process.kill(process.pid, signal);
};
process.once("SIGTERM", end).once("SIGINT", end).once("SIGHUP", end);
// write() tells it as well; without a listener it would end the process with a stack.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

const { stdin, stdout, stderr, env } = process;
process.exitCode = await run({ argv: process.argv.slice(2), stdin, stdout, stderr, env, signal: ending.signal });
