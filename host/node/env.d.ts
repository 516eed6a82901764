// SPDX-License-Identifier: Apache-2.0
//
// What the Node host uses and Node's own types do not declare: the one type of AssemblyScript's in assembly/abi.ts, which is
// imported as it is, and of WebAssembly what the core needs. (lib.dom would declare the latter, and a thousand globals that Node
// has not.)

declare type u32 = number;

declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string; kind: string }[];
    static exports(module: Module): { name: string; kind: string }[];
  }
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
}
