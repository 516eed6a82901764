// SPDX-License-Identifier: Apache-2.0
//
// Options shared by several commands, and checks of their values.

import type { ArgumentsCamelCase, Argv, CommandModule } from "yargs";
import { UsageError } from "../errors.ts";
import { STDIN } from "../read/input.ts";
import { CORE } from "../read/sites.ts";
import type { RenderOptions } from "../report/table.ts";
import { renderOptions, type Io } from "./io.ts";

export const EXAMPLE = "/var/log/trafficserver/traffic.out";

/** One dump. */
export const DUMP = {
  type: "string",
  demandOption: true,
  describe: "a file; FILE#3 is its dump 3, FILE#-2 the last but one, FILE alone the last",
} as const;

export const FILTERS = {
  site: { type: "string", requiresArg: true, describe: "only sites with this in their name" },
  owner: { type: "string", requiresArg: true, describe: `only this owner: a plugin, or ${CORE}` },
} as const;

export const WINDOW = {
  since: {
    type: "string",
    requiresArg: true,
    describe: 'only dumps from this time on: 2h, 1d, "2026-11-22 16:00" (local), 2026-11-22T16:00Z',
  },
  until: { type: "string", requiresArg: true, describe: "only dumps up to this time; likewise, or now" },
  run: { type: "number", requiresArg: true, describe: "this run of the server, where the file has several (default: the last)" },
  interval: { type: "number", requiresArg: true, describe: "seconds between dumps that say no time (the built-in tracker's)" },
} as const;

// Without a type, so that the error can name an invalid value: yargs would convert it to NaN.
export const TOP = { requiresArg: true, default: 20, describe: "rows of each table; 0 for all" } as const;
export const JSON_OPTION = { type: "boolean", default: false, describe: "as JSON, with all rows and exact numbers" } as const;
export const OUTPUT = {
  alias: "o",
  type: "string",
  requiresArg: true,
  describe: "the file to write; - for standard output",
} as const;

interface Command<Options> {
  command: string;
  describe: string;
  builder(parser: Argv): Argv<Options>;
  handler(args: ArgumentsCamelCase<Options>): Promise<void>;
}

export type AnyCommand = CommandModule;

/** Ties a handler's arguments to the options that its builder declares. */
export function command<Options>(entry: Command<Options>): AnyCommand {
  return entry as unknown as AnyCommand;
}

/** Options for the layout of text. */
export const LAYOUT = {
  width: { requiresArg: true, describe: "width of the tables in columns; 0 for no limit (default: the terminal's)" },
  local: { type: "boolean", describe: "also print the local time (default on a terminal)" },
} as const;

/** A whole number of at least `least`. @param meaning what the value must be, for the error */
export function parseCount(name: string, value: unknown, least: number, meaning: string): number {
  if (!Number.isInteger(value) || (value as number) < least)
    throw new UsageError(`--${name} is ${String(value)}; it must be ${meaning}`);
  return value as number;
}

/** The options TOP and LAYOUT. */
interface LayoutArguments {
  top: unknown;
  width?: unknown;
  local?: boolean | undefined;
}

export function layoutOf(io: Io, { top, width, local }: LayoutArguments): RenderOptions {
  const columns = width === undefined ? undefined : parseCount("width", width, 0, "a number of columns, or 0 for no limit");
  return renderOptions(io, { top: parseCount("top", top, 0, "a number of rows, or 0 for all"), width: columns, local });
}

/** The named files, or standard input. */
export function filesOr(io: Io, files: string[]): string[] {
  // yargs turns a single dash into an empty text.
  if (files.length) return files.map((file) => file || STDIN);
  if (io.stdin.isTTY) throw new UsageError(`which file? Name a traffic.out (usually ${EXAMPLE}), or send one to standard input`);
  return [STDIN];
}
