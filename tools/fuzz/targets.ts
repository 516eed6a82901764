// SPDX-License-Identifier: Apache-2.0
//
// The fuzz targets: files in tests/fuzz, in C for libFuzzer, in TypeScript for the engine beside this file.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BUILD, TOP } from "../build.ts";

export const FOLDER = join(TOP, "tests", "fuzz");

/** What several targets share. */
const SHARED = ["fuzz.c", "target.ts", "texts.ts"];

export interface FuzzTarget {
  name: string;
  isText: boolean;
}

export function fuzzTargets(): FuzzTarget[] {
  return readdirSync(FOLDER).flatMap((file) => {
    const [, name, extension] = /^(\w+)\.(c|cc|ts)$/.exec(file) ?? [];
    return name && !SHARED.includes(file) ? [{ name, isText: extension === "ts" }] : [];
  });
}

/** The source of a target in TypeScript. */
export function targetOf(name: string): string {
  return join(FOLDER, `${name}.ts`);
}

/** Inputs that are part of the sources: `npm test` runs each. */
export function corpusOf(name: string): string {
  return join(FOLDER, "corpus", name);
}

/** Inputs that were found on this machine. */
export function foundOf(name: string): string {
  return join(BUILD, "fuzz", "corpus", name);
}

/** The paths of the inputs in the sources. */
export function inputsOf(name: string): string[] {
  const folder = corpusOf(name);
  return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
}
