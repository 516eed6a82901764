// SPDX-License-Identifier: Apache-2.0
//
// Chooses the calls of memtrack.so that are made to fail one at a time (tests/native/fault.c, which is preloaded into a server).

import { readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";

const ERRNO = constants.errno;

/** How each function may fail: the first error is the likeliest. 0 where the function sets none. */
export const ERRORS: Record<string, readonly (number | "short")[]> = {
  mmap: [ERRNO.ENOMEM, ERRNO.EAGAIN],
  munmap: [ERRNO.ENOMEM],
  mremap: [ERRNO.ENOMEM],
  mprotect: [ERRNO.ENOMEM, ERRNO.EACCES],
  madvise: [ERRNO.EINVAL, ERRNO.ENOMEM],
  posix_madvise: [ERRNO.EINVAL, ERRNO.ENOMEM],
  mincore: [ERRNO.EAGAIN, ERRNO.ENOMEM],
  open: [ERRNO.EMFILE, ERRNO.EACCES, ERRNO.ENOENT, ERRNO.EINTR],
  dup: [ERRNO.EMFILE],
  fcntl: [ERRNO.EMFILE],
  poll: [ERRNO.ENOMEM],
  fstat: [ERRNO.EIO],
  lstat: [ERRNO.EACCES, ERRNO.EIO],
  clock_gettime: [ERRNO.EPERM],
  getrlimit: [ERRNO.EPERM],
  nanosleep: [ERRNO.EINTR],
  write: [ERRNO.ENOSPC, "short", ERRNO.EINTR, ERRNO.EIO, ERRNO.EAGAIN],
  send: [ERRNO.EAGAIN, "short"],
  read: [ERRNO.EIO, "short", ERRNO.EINTR],
  pread: [ERRNO.EIO, "short", ERRNO.EINTR],
  prctl: [ERRNO.EPERM],
  pwrite: [ERRNO.EIO, "short", ERRNO.EACCES],
  opendir: [ERRNO.EMFILE, ERRNO.EACCES],
  readdir: [ERRNO.EIO],
  readlink: [ERRNO.EACCES, "short"],
  getrandom: [ERRNO.EAGAIN, "short"],
  process_vm_writev: [ERRNO.EPERM, "short"],
  syscall: [ERRNO.EPERM, ERRNO.ENOSYS],
  malloc: [ERRNO.ENOMEM],
  calloc: [ERRNO.ENOMEM],
  realloc: [ERRNO.ENOMEM],
  reallocarray: [ERRNO.ENOMEM],
  memalign: [ERRNO.ENOMEM],
  aligned_alloc: [ERRNO.ENOMEM],
  valloc: [ERRNO.ENOMEM],
  pvalloc: [ERRNO.ENOMEM],
  posix_memalign: [ERRNO.ENOMEM],
  fopen: [ERRNO.EMFILE, ERRNO.ENOMEM, ERRNO.EACCES],
  open_memstream: [ERRNO.ENOMEM],
  open_wmemstream: [ERRNO.ENOMEM],
  fopen64: [ERRNO.EMFILE, ERRNO.ENOMEM, ERRNO.EACCES],
  freopen: [ERRNO.EMFILE, ERRNO.EACCES],
  freopen64: [ERRNO.EMFILE, ERRNO.EACCES],
  fdopen: [ERRNO.ENOMEM],
  popen: [ERRNO.EMFILE, ERRNO.ENOMEM, ERRNO.EAGAIN],
  tmpfile: [ERRNO.EMFILE, ERRNO.ENOSPC],
  tmpfile64: [ERRNO.EMFILE, ERRNO.ENOSPC],
  fmemopen: [ERRNO.ENOMEM],
  fopencookie: [ERRNO.ENOMEM],
  setmntent: [ERRNO.EMFILE, ERRNO.EACCES],
  fdopendir: [ERRNO.ENOMEM],
  fts_open: [ERRNO.ENOMEM],
  fts64_open: [ERRNO.ENOMEM],
  if_nameindex: [ERRNO.ENOBUFS],
  getaddrinfo: [ERRNO.ENOMEM],
  getifaddrs: [ERRNO.EMFILE],
  iconv_open: [ERRNO.ENOMEM],
  regcomp: [0],
  fgets: [ERRNO.EIO],
  fread: [ERRNO.EIO, "short"],
  getdelim: [ERRNO.ENOMEM],
  __getdelim: [ERRNO.ENOMEM],
  realpath: [ERRNO.EACCES, ERRNO.ENOMEM],
  pthread_create: [ERRNO.EAGAIN],
  pthread_getattr_np: [ERRNO.ENOMEM],
  thrd_create: [0],
  timer_create: [ERRNO.EAGAIN],
  mq_notify: [ERRNO.ENOMEM],
  getaddrinfo_a: [0],
  pthread_key_create: [ERRNO.EAGAIN],
  pthread_setspecific: [ERRNO.ENOMEM],
  __register_atfork: [ERRNO.ENOMEM],
  dlopen: [0],
  dlmopen: [0],
  dlsym: [0],
  dladdr: [0],
  dladdr1: [0],
  dlinfo: [0],
};

/** A place in memtrack.so, or in elfutils, that calls a function. */
export interface Place {
  function: string;
  offset: bigint;
  calls: number;
  failed: number;
}

const NAME_SIZE = 32;
const PLACE_SIZE = NAME_SIZE + 3 * 8;
const PLACES_MAX = 4096;

/** Makes the file in which fault.c counts the calls. */
export function makeList(path: string): void {
  writeFileSync(path, Buffer.alloc(PLACES_MAX * PLACE_SIZE), { mode: 0o666 });
}

export function readList(path: string): Place[] {
  const bytes = readFileSync(path);
  const places: Place[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; at += PLACE_SIZE) {
    const name = bytes
      .subarray(at, at + NAME_SIZE)
      .toString("latin1")
      .replace(/\0.*/s, "");
    const [offset, calls, failed] = [0, 8, 16].map((more) => bytes.readBigUInt64LE(at + NAME_SIZE + more)) as [
      bigint,
      bigint,
      bigint,
    ];
    places.push({ function: name, offset, calls: Number(calls), failed: Number(failed) });
  }
  return places;
}

/** A call that fails. */
export interface Fault {
  function: string;
  error: number | "short";
  /** Where the call is. */
  place: string;
  inElfutils: boolean;
  /** The value of MEMTRACK_FAULT. */
  wish: string;
  /** Like `open+1a2b#3 EMFILE`. */
  name: string;
}

/** The first call of each place with its likeliest error; or the first `calls` of each, with each error. */
export function choose(places: Place[], calls: number): Fault[] {
  return places.flatMap((place) => {
    const errors = ERRORS[place.function]!;
    const numbers = Array.from({ length: Math.min(calls, place.calls) }, (_, index) => index + 1);
    return numbers.flatMap((call) => (calls > 1 ? errors : errors.slice(0, 1)).map((error) => faultAt(place, call, error)));
  });
}

function faultAt(place: Place, call: number, error: number | "short"): Fault {
  const at = `${place.function}+${place.offset.toString(16)}`;
  const text = error === "short" ? error : error === 0 ? "fails" : errorName(error);
  const inElfutils = place.offset >> 40n !== 0n; // the module's number
  return { function: place.function, error, place: at, inElfutils, wish: `${at}#${call}:${error}`, name: `${at}#${call} ${text}` };
}

function errorName(error: number): string {
  return Object.entries(ERRNO).find(([, value]) => value === error)![0];
}
