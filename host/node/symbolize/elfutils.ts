// SPDX-License-Identifier: Apache-2.0
//
// Asks elfutils' eu-addr2line for the functions and lines of addresses. binutils' addr2line is no replacement: without debug
// information it names the nearest exported function, whether the address is in it or not.

import { spawnSync } from "node:child_process";
import { UsageError } from "../errors.ts";

const OUTPUT_MAX = 1024 * 1024 * 1024;

/** A function's linkage name, and the same demangled. */
export interface Named {
  linkageName: string;
  declaration: string;
}

/** A function around an address. */
export interface Frame extends Named {
  /** Empty if it is not known, as is the line 0. */
  path: string;
  line: number;
}

/** A function of the symbol table, and the address's distance from its beginning. */
export interface Symbol extends Named {
  distance: bigint;
}

/** For each address the functions around it, the innermost first: one of them is the function, the others are inlined into it. */
export function framesAt(file: string, addresses: readonly string[], env: NodeJS.ProcessEnv): Frame[][] {
  const plain = ask(file, ["-f", "-i"], addresses, env);
  const demangled = ask(file, ["-f", "-i", "-C"], addresses, env);
  return plain.map((lines, number) => {
    const frames: Frame[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const linkageName = functionIn(lines[i]!);
      const [, path = "", line = "0"] = /^(.+?):(\d+)(?::\d+)?(?: \(.*\))?$/.exec(lines[i + 1]!) ?? [];
      const known = path !== "??" && line !== "0";
      frames.push({
        linkageName,
        declaration: functionIn(demangled[number]?.[i] ?? "") || linkageName,
        path: known ? path : "",
        line: known ? Number(line) : 0,
      });
    }
    return frames;
  });
}

/** For each address the function that contains it; undefined if none does. */
export function symbolsAt(file: string, addresses: readonly string[], env: NodeJS.ProcessEnv): (Symbol | undefined)[] {
  const plain = ask(file, ["-S"], addresses, env);
  const demangled = ask(file, ["-S", "-C"], addresses, env);
  const parse = (line: string | undefined) => /^(.+)\+0x([0-9a-f]+)(?: \(.*\))?$/.exec(line ?? "");
  return plain.map((lines, number) => {
    const [, linkageName, distance] = parse(lines[0]) ?? [];
    if (linkageName === undefined || linkageName === "()") return undefined;
    return { linkageName, declaration: parse(demangled[number]?.[0])?.[1] ?? linkageName, distance: BigInt(`0x${distance}`) };
  });
}

/** Empty if it is not known. */
function functionIn(line: string): string {
  const name = line.replace(/ inlined at .+:\d+.* in .*$/, "");
  return name === "??" ? "" : name;
}

/** A function of a file's symbol table. */
export interface Function extends Named {
  address: bigint;
  size: bigint;
}

/** All functions of a file whose sizes are known. */
export function functionsIn(file: string, env: NodeJS.ProcessEnv): Function[] {
  const list = (options: string[]) => run("eu-nm", ["-f", "posix", ...options, file], "", env).stdout.split("\n");
  const parse = (line: string | undefined) => /^(.+) [a-zA-Z] ([0-9a-f]+) ([0-9a-f]+)$/.exec(line ?? "");
  return [[], ["-D"]].flatMap((table) => {
    const demangled = list([...table, "-C"]);
    return list(table).flatMap((line, index) => {
      const [, linkageName, address, size] = parse(line) ?? [];
      if (linkageName === undefined) return [];
      const declaration = parse(demangled[index])?.[1] ?? linkageName;
      return [{ linkageName, declaration, address: BigInt(`0x${address}`), size: BigInt(`0x${size}`) }];
    });
  });
}

/** The lines of the answer to each address. */
function ask(file: string, options: string[], addresses: readonly string[], env: NodeJS.ProcessEnv): string[][] {
  const input = addresses.map((address) => `${address}\n`).join("");
  const { stdout, problem } = run("eu-addr2line", ["-a", ...options, "-e", file], input, env);
  const answers: string[][] = [];
  for (const line of stdout.split("\n")) {
    if (/^0x[0-9a-f]+$/.test(line)) answers.push([]);
    else if (line) answers.at(-1)?.push(line);
  }
  // It also fails, without a word, if the last address is in no function.
  if (problem || answers.length !== addresses.length) {
    throw new UsageError(`eu-addr2line cannot read ${file}: ${problem || "it gave no answer"}`);
  }
  return answers;
}

function run(
  program: string,
  args: string[],
  input: string,
  env: NodeJS.ProcessEnv,
): { stdout: string; problem: string | undefined } {
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    input,
    encoding: "latin1",
    env: { ...env, LC_ALL: "C" },
    maxBuffer: OUTPUT_MAX,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") {
    throw new UsageError(`there is no ${program}, which finds the names: install the package elfutils (apt install elfutils)`);
  }
  return { stdout: stdout ?? "", problem: error?.message ?? signal ?? (status === 0 ? undefined : stderr.trim()) };
}
