// SPDX-License-Identifier: Apache-2.0
//
// The instance that knows the rules of names: here, of the functions and lines that a program for debug information found.

import * as abi from "../../../assembly/abi.ts";
import { Instance } from "./instance.ts";

/** Most bytes of a function's name, and of a place, as in the plugin (host/ats/symbol/symbol.c, owner/naming.c). */
const NAME_MAX = 255;
const PLACE_MAX = 159;

export class Naming extends Instance {
  constructor(module: WebAssembly.Module) {
    super(module, abi.ROLE_CONTROL, 0);
  }

  /** Whether a function is never a site, as far as its linkage name and the file of its line tell. */
  isWrapper(linkageName: string, path: string): boolean {
    if (path && this.wasm.isSystemPath(this.#ask(path))) return true;
    return (
      this.wasm.mangledKind(this.#ask(linkageName)) !== abi.MANGLED_OWN ||
      Boolean(this.wasm.isAllocatorName(this.#ask(linkageName)))
    );
  }

  /** The short form of a function's name. @param declaration the linkage name demangled; equal to it if it is not mangled */
  functionName({ linkageName, declaration }: { linkageName: string; declaration: string }): string {
    const whole = declaration === linkageName ? "" : declaration;
    this.#ask(whole + linkageName);
    return this.#answer(this.wasm.shortenName(BigInt(whole.length), BigInt(linkageName.length), NAME_MAX));
  }

  /** Those functions of a call that a dump names, the innermost first: of too many, those before the last are left out. */
  chain<T>(functions: readonly T[]): readonly T[] {
    return functions.length > abi.INLINED_MAX ? [...functions.slice(0, abi.INLINED_MAX - 1), functions.at(-1)!] : functions;
  }

  /** "handler (foo.c:88)" */
  line(name: string, path: string, line: number): string {
    this.#ask(name + path);
    return this.#answer(this.wasm.writeLine(BigInt(name.length), BigInt(path.length), line, PLACE_MAX));
  }

  /** "handler+0x1a" */
  distance(name: string, distance: bigint): string {
    return this.#answer(this.wasm.writeDistance(this.#ask(name), distance, PLACE_MAX));
  }

  /** ".build-id/4d/656d747261636b.debug"; empty if a build id cannot be one. */
  debugPath(buildId: string): string {
    const bytes = Buffer.from(buildId, "hex");
    this.bytes.set(bytes.subarray(0, abi.QUESTION_MAX), this.wasm.inputAt());
    return this.#answer(this.wasm.debugPath(BigInt(bytes.length)));
  }

  /** Copies a text of bytes into the input region. Returns its length. */
  #ask(text: string): bigint {
    const bytes = Buffer.from(text, "latin1").subarray(0, abi.QUESTION_MAX);
    this.bytes.set(bytes, this.wasm.inputAt());
    return BigInt(bytes.length);
  }

  #answer(length: number): string {
    return this.output(length).toString("latin1");
  }
}
