// SPDX-License-Identifier: Apache-2.0
//
// Builds and runs the C programs of bench/native. They take named numbers and print lines of words.

import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { BUILD, TOP } from "../tools/build.ts";

const PROGRAMS = join(BUILD, "bench");

type Arguments = Record<string, string | number>;

/** The run that a comparison is part of. */
export interface Run {
  quick: boolean;
  rounds: number;
  /** Shows the current step. */
  progress(text: string): void;
  /** Records that a part cannot be measured on this machine, and why. */
  leaveOut(part: string, reason: string): void;
}

export function buildNative(): void {
  const made = spawnSync("make", ["-s", "-j2", "-C", join(TOP, "bench", "native")], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`bench/native does not build:\n${made.stdout}${made.stderr}`);
}

/** The command line of one of the programs, for a caller that runs it by other means. */
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

/** Runs a command and returns its standard output. Throws with its whole output if it fails. */
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

/** Lists of values, one value per round, by key. */
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

/** The order of things in a round. Rotates each round, so that each thing takes every position, and reverses after a full turn. */
export function orderOf<T>(things: T[], round: number): T[] {
  const by = round % things.length;
  const turned = [...things.slice(by), ...things.slice(0, by)];
  return Math.floor(round / things.length) % 2 ? turned.toReversed() : turned;
}
