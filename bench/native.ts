// SPDX-License-Identifier: Apache-2.0
//
// The C programs of bench/native: built, and run with named numbers. They print lines of words.

import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { BUILD, TOP } from "../tools/build.ts";

const PROGRAMS = join(BUILD, "bench");

type Arguments = Record<string, string | number>;

/** What a comparison needs to know of the run it is part of. */
export interface Run {
  quick: boolean;
  rounds: number;
  /** Shows what is being done. */
  progress(text: string): void;
  /** Says that a part cannot be measured here, and why. */
  leaveOut(part: string, reason: string): void;
}

export function buildNative(): void {
  const made = spawnSync("make", ["-s", "-j2", "-C", join(TOP, "bench", "native")], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`bench/native does not build:\n${made.stdout}${made.stderr}`);
}

/** A command line that runs one of the programs, for whoever is to run it. */
export function commandOf(program: string, args: Arguments): string[] {
  return [join(PROGRAMS, program), ...Object.entries(args).map(([name, value]) => `${name}=${value}`)];
}

/** The words of each line that a program prints. */
export async function run(program: string, args: Arguments): Promise<string[][]> {
  return wordsOf(await output(commandOf(program, args)));
}

export function wordsOf(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line)
    .map((line) => line.trim().split(/\s+/));
}

interface OutputOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** What a command prints on stdout. Throws with all it said where it fails. */
export function output(command: string[], { env, cwd }: OutputOptions = {}): Promise<string> {
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env }, cwd });
    let [said, errors] = ["", ""];
    child.stdout.on("data", (text) => (said += text));
    child.stderr.on("data", (text) => (errors += text));
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(new Error(error.code === "ENOENT" ? `${file} is not installed, or not on the PATH` : `${file}: ${error.message}`));
    });
    child.on("close", (code, signal) => {
      if (code === 0) resolve(said);
      else reject(new Error(`${command.join(" ")} ended with ${signal ?? code}:\n${said}${errors}`));
    });
  });
}

/** A table of lists, for the values of each round. */
export class Rounds {
  readonly #lists = new Map<string, number[]>();

  add(key: string, value: string | number | undefined): void {
    const number = Number(value);
    if (value === undefined || Number.isNaN(number)) throw new Error(`${key}: ${value} is not a number`);
    const list = this.#lists.get(key);
    if (list) list.push(number);
    else this.#lists.set(key, [number]);
  }

  of(key: string): number[] {
    const list = this.#lists.get(key);
    if (!list) throw new Error(`nothing was measured of ${key}`);
    return list;
  }

  has(key: string): boolean {
    return this.#lists.has(key);
  }

  keys(): string[] {
    return [...this.#lists.keys()];
  }
}

/** The order of a round: each takes every place once before one takes a place again, and the direction changes after that. */
export function orderOf<T>(things: T[], round: number): T[] {
  const by = round % things.length;
  const turned = [...things.slice(by), ...things.slice(0, by)];
  return Math.floor(round / things.length) % 2 ? turned.toReversed() : turned;
}
