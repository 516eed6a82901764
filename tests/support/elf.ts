// SPDX-License-Identifier: Apache-2.0
//
// Modules for tests of what is read of a module.

/** A module of the fewest bytes: a build id, and sections of these names and types. */
export function elf(buildId: string, sections: [name: string, type: number][]): Buffer {
  const id = Buffer.from(buildId, "hex");
  const note = Buffer.concat([Buffer.from([4, 0, 0, 0, id.length, 0, 0, 0, 3, 0, 0, 0]), Buffer.from("GNU\0"), id]);
  const all: [string, number][] = [["", 0], [".note.gnu.build-id", 7], ...sections, [".shstrtab", 3]];
  const names = Buffer.from(all.map(([name]) => `${name}\0`).join(""));
  const table = Buffer.alloc(64 * all.length);
  let at = 0;
  all.forEach(([name, type], index) => {
    const [offset, size] = type === 7 ? [64, note.length] : type === 3 ? [64 + note.length, names.length] : [64, 1];
    table.writeUInt32LE(at, 64 * index);
    table.writeUInt32LE(type, 64 * index + 4);
    table.writeBigUInt64LE(BigInt(offset), 64 * index + 24);
    table.writeBigUInt64LE(BigInt(size), 64 * index + 32);
    at += name.length + 1;
  });
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeBigUInt64LE(BigInt(64 + note.length + names.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(all.length, 60);
  header.writeUInt16LE(all.length - 1, 62);
  return Buffer.concat([header, note, names, table]);
}
