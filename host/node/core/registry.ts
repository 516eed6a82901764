// SPDX-License-Identifier: Apache-2.0
//
// The instance that assigns the numbers of sites and owners, the same for all shards.

import * as abi from "../../../assembly/abi.ts";
import { Instance, type Text } from "./instance.ts";
import type { Model } from "./model.ts";

export class Registry extends Instance {
  constructor(module: WebAssembly.Module, sites: number) {
    super(module, abi.ROLE_REGISTRY, sites);
  }

  /**
   * @param owner key of the site's owner
   * @param flags NAME_...
   */
  register(place: bigint, detail: bigint, text: Text, owner = abi.OWNER_CORE, flags = 0): number {
    return this.wasm.register(place, detail, this.input(text), owner, flags) >>> 0;
  }

  /** Registers the owner of a loaded module. Returns the owner's key. */
  registerOwner(text: Text): number {
    return this.wasm.registerOwner(this.input(text)) >>> 0;
  }

  /** Registers a module's file. `key` is its owner's key, or OWNER_NONE for a library. */
  registerFile(name: string, buildId: string, path: string, key: number): boolean {
    const lengths = [name, buildId, path].map((text) => Buffer.byteLength(text)) as [number, number, number];
    this.input(name + buildId + path);
    return this.wasm.registerFile(...lengths, key) === 0;
  }

  /** Retires the owner of an unloaded module. */
  retireOwner(key: number): boolean {
    return this.wasm.retireOwner(key) === 0;
  }

  /** Sets a better text for a plugin's site: the part after memory/plugin/. */
  renameSite(site: number, text: Text): boolean {
    return this.wasm.renameSite(site, this.input(text)) === 0;
  }

  /** Frees the number of a site without memory in use, for reassignment. */
  freeSite(site: number): boolean {
    return this.wasm.freeSite(site) === 0;
  }

  registerName(name: Text): number {
    return this.wasm.registerName(this.input(name)) >>> 0;
  }

  get siteCount(): number {
    return this.wasm.siteCount() >>> 0;
  }

  /** Whether a number belongs to a registered site, not to a row that sums others. */
  isOwnSite(site: number): boolean {
    return Boolean(this.wasm.isOwnSite(site));
  }

  /** Number of registered sites whose numbers are not free. */
  get sitesInUse(): number {
    return this.wasm.sitesInUse() >>> 0;
  }

  get refusals(): bigint {
    return BigInt.asUintN(64, this.wasm.refusals());
  }

  /** The key of a registered site, or undefined if it has none (registered by name). */
  key(site: number): { place: bigint; detail: bigint } | undefined {
    const place = BigInt.asUintN(64, this.wasm.addressOf(site));
    const detail = BigInt.asUintN(64, this.wasm.attributesOf(site));
    return place || detail ? { place, detail } : undefined;
  }

  /** Copies names, owners and files to a model if they have changed since its last copy. The model then knows all sites. */
  copyNames(model: Model): void {
    model.updateNames(this.bytes.subarray(this.wasm.namesAt(), this.wasm.namesEnd()), this.siteCount, this.wasm.version());
  }
}
