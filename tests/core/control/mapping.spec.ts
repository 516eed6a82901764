// SPDX-License-Identifier: Apache-2.0
//
// Lines of maps and smaps: which mappings can hold a reference.

import { LINE_OTHER, LINE_READ, LINE_SHARED, LINE_SKIPPED, LINE_UNDUMPED } from "../../../assembly/abi";
import { mappingEnd, mappingName, mappingStart, readMapping } from "../../../assembly/control/mapping";
import { freshControl, put, Random, seed } from "../support";

const HEAP = "55d0c0a0f000-55d0c0a30000 rw-p 00000000 00:00 0                          [heap]\n";

function mapping(permissions: string, name: string): u32 {
  return readMapping(put("7f00a000-7F00B000 " + permissions + " 00012000 08:01 7 " + name));
}

describe("a line of /proc/self/maps", () => {
  test("has the addresses, and a name or none", () => {
    freshControl();
    expect(readMapping(put(HEAP))).toBe(LINE_READ);
    expect(mappingStart()).toBe(0x55d0c0a0f000);
    expect(mappingEnd()).toBe(0x55d0c0a30000);
    expect(mappingName()).toBe(<u32>HEAP.indexOf("["));
    const bare = "7fff-ffffffffffffffff rw-p 00000000 00:00 0";
    expect(readMapping(put(bare))).toBe(LINE_READ);
    expect(mappingEnd()).toBe(u64.MAX_VALUE);
    expect(mappingName()).toBe(<u32>bare.length);
  });

  test("is of memory that holds variables: private, also once it is read-only, or code made at run time", () => {
    freshControl();
    expect(mapping("rw-p", "")).toBe(LINE_READ);
    expect(mapping("r--p", "")).toBe(LINE_READ);
    expect(mapping("rwxp", "")).toBe(LINE_READ);
    expect(mapping("r-xp", "")).toBe(LINE_READ);
    expect(mapping("rw-p", "/usr/lib/libfoo.so")).toBe(LINE_READ);
    expect(mapping("r--p", "/usr/lib/libfoo.so (deleted)")).toBe(LINE_READ);
    expect(mapping("rw-p", "[stack]")).toBe(LINE_READ);
    expect(mapping("rw-p", "[anon:glibc: malloc]")).toBe(LINE_READ);
    expect(mapping("rw-p", "/dev/zero")).toBe(LINE_READ);
    expect(mapping("rw-s", "/dev/zero (deleted)")).toBe(LINE_READ);
    expect(mapping("rw-s", "/memfd:pool (deleted)")).toBe(LINE_READ);
    expect(mapping("rw-s", "/SYSV00000000 (deleted)")).toBe(LINE_READ);
  });

  test("is of a file that is shared and can be written to", () => {
    freshControl();
    expect(mapping("rw-s", "/var/cache/file")).toBe(LINE_SHARED);
    expect(mapping("rw-s", "/var/cache/file (deleted)")).toBe(LINE_SHARED);
    expect(mapping("rw-s", "/dev/shm/table")).toBe(LINE_SHARED);
  });

  test("is of other memory", () => {
    freshControl();
    expect(mapping("---p", "")).toBe(LINE_SKIPPED);
    expect(mapping("-w-p", "")).toBe(LINE_SKIPPED);
    expect(mapping("r-xp", "/usr/lib/libfoo.so")).toBe(LINE_SKIPPED);
    expect(mapping("r--s", "/var/lib/addresses.mmdb")).toBe(LINE_SKIPPED);
    expect(mapping("rw-s", "anon_inode:[io_uring]")).toBe(LINE_SKIPPED);
    expect(mapping("rw-s", "socket:[1234]")).toBe(LINE_SKIPPED);
    expect(mapping("rw-s", "/[aio] (deleted)")).toBe(LINE_SKIPPED);
    expect(mapping("rw-s", "/dev/dri/card0")).toBe(LINE_SKIPPED);
    expect(mapping("rw-p", "/dev/mem")).toBe(LINE_SKIPPED);
    expect(mapping("rw-s", "/sys/devices/pci0000:00/0000:00:03.0/resource0")).toBe(LINE_SKIPPED);
    expect(mapping("rw-s", "/proc/bus/pci/00/03.0")).toBe(LINE_SKIPPED);
    expect(mapping("r--p", "[vvar]")).toBe(LINE_SKIPPED);
    expect(mapping("r-xp", "[vdso]")).toBe(LINE_SKIPPED);
    expect(mapping("--xp", "[vsyscall]")).toBe(LINE_SKIPPED);
  });
});

describe("a line of /proc/self/smaps", () => {
  test("says that a mapping is not in core dumps, by a flag of that name", () => {
    freshControl();
    expect(readMapping(put("VmFlags: rd wr mr mw me dd ac \n"))).toBe(LINE_UNDUMPED);
    expect(readMapping(put("VmFlags: dd"))).toBe(LINE_UNDUMPED);
    expect(readMapping(put("VmFlags: rd wr mr mw me ac \n"))).toBe(LINE_OTHER);
    expect(readMapping(put("VmFlags: ddd xdd d\n"))).toBe(LINE_OTHER);
    expect(readMapping(put("VmFlags:\n dd"))).toBe(LINE_OTHER);
  });

  test("is none of a mapping in all other cases, whatever it contains", () => {
    freshControl();
    for (
      const lines = ["", "Size:   132 kB", "AnonHugePages:  0 kB", "deaf", "dead-", "-", "1-2", "1-2 rw", "Dirty: 1"];
      lines.length;
    )
      expect(readMapping(put(lines.pop()))).toBe(LINE_OTHER);
    readMapping(put(HEAP));
    const random = new Random(seed());
    for (let turn = 0; turn < 2000; ++turn) {
      let text = "";
      for (let length = random.below(60); length; --length) text += String.fromCharCode(random.below(128));
      readMapping(put(turn % 2 ? HEAP.substr(0, random.below(HEAP.length)) + text : text));
      expect(mappingName()).toBeLessThan(4096);
    }
  });
});
