// SPDX-License-Identifier: Apache-2.0
//
// The files of loaded modules: the server (`core`), plugins and libraries, by their names in owners and sites. The build id identifies
// a file's contents, so that a reader finds its debug information later, on another machine. The bytes of an entry:
//
//    0       4             6           8            10      12                                            320
//    ┌───────┬─────────────┬───────────┬────────────┬───────┬─────────────────────────────────────────────┐
//    │ owner │ bytes of the│ build id, │ path       │ named │ name, build id in hexadecimal, path, one    │
//    │       │ name,       │           │            │       │ behind the other; ASCII or UTF-8            │
//    └───────┴─────────────┴───────────┴────────────┴───────┴─────────────────────────────────────────────┘
//
// The entry of a plugin is reused after its owner is removed (owner.ts). The registry keeps this table; a model has a copy.

import { FILES_MAX, FILE_SIZE, INPUT_SIZE, OWNER_CORE, OWNER_NONE, OWNER_OTHER } from "../abi";
import { files, input } from "../base/memory";
import { recordAt } from "../base/regions";
import { OwnerKey } from "../base/types";
import * as writer from "../base/writer";
import { ownerOf } from "./owner";


@unmanaged
export class ModuleFile {
  /** OWNER_NONE for a library. */
  owner: OwnerKey;
  /** 0 in a free entry. */
  nameLength: u16;
  idLength: u16;
  pathLength: u16;
  /** In a model's copy: 1 if a row of the current dump names the module (report/modules.ts). */
  named: u16;
}

const TEXT: usize = offsetof<ModuleFile>();
/** Digits of a build id: linkers make at most 20 bytes. */
const ID_MAX: u32 = 40;
/** Bytes of a name. With the build id, it leaves half of the text to the path. */
const NAME_ROOM: u32 = 112;
const DOTS: u32 = 3;

/**
 * Registers the file of a loaded module. The input region holds its name, its build id in hexadecimal (may be empty) and its path, one
 * behind the other. A long path loses its beginning.
 * @param owner owner key; OWNER_NONE for a library
 * @returns 0, or -1 if the table is full
 */
export function put(nameLength: u32, idLength: u32, pathLength: u32, owner: OwnerKey): i32 {
  if (!nameLength || nameLength > INPUT_SIZE || idLength > INPUT_SIZE || pathLength > INPUT_SIZE) return -1;
  if (nameLength + idLength + pathLength > INPUT_SIZE) return -1;
  const at = entryFor(input, min(nameLength, NAME_ROOM), owner);
  if (!at) return -1;
  at.owner = owner;
  at.nameLength = <u16>min(nameLength, NAME_ROOM);
  at.idLength = <u16>min(idLength, ID_MAX);
  writer.begin(nameOf(at), changetype<usize>(at) + FILE_SIZE);
  writer.writeSanitized(input, at.nameLength);
  writer.writeSanitized(input + nameLength, at.idLength);
  const room: u32 = FILE_SIZE - <u32>TEXT - at.nameLength - at.idLength;
  const path = input + nameLength + idLength;
  if (pathLength <= room) writer.writeSanitized(path, pathLength);
  else {
    writer.ascii("...");
    writer.writeSanitized(path + pathLength - (room - DOTS), room - DOTS);
  }
  at.pathLength = <u16>(writer.position() - pathOf(at));
  return 0;
}

/** The entry with a number below FILES_MAX; it may be free. */
export function fileAt(number: u32): ModuleFile {
  return recordAt<ModuleFile>(files, number, FILE_SIZE);
}

export function nameOf(at: ModuleFile): usize {
  return changetype<usize>(at) + TEXT;
}

export function idOf(at: ModuleFile): usize {
  return nameOf(at) + at.nameLength;
}

export function pathOf(at: ModuleFile): usize {
  return idOf(at) + at.idLength;
}

/** The entry with this name, if it belongs to the same owner or to a library; otherwise a free entry. Null if the table is full. */
function entryFor(name: usize, length: u32, owner: OwnerKey): ModuleFile | null {
  let free: ModuleFile | null = null;
  for (let i: u32 = 0; i < FILES_MAX; ++i) {
    const at = fileAt(i);
    if (at.nameLength == length && (at.owner == owner || at.owner == OWNER_NONE) && !memory.compare(nameOf(at), name, length)) {
      return at;
    }
    if (!free && isFree(at)) free = at;
  }
  return free;
}

function isFree(at: ModuleFile): bool {
  if (!at.nameLength) return true;
  return at.owner != OWNER_NONE && at.owner != OWNER_CORE && ownerOf(at.owner) == OWNER_OTHER;
}
