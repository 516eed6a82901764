/* SPDX-License-Identifier: Apache-2.0
 * Maps memory in each way, touches a part of it, and keeps it, or a part of it: what is resident is in the row of the call. */
#define _GNU_SOURCE 1
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "corpus.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS };

static void
touch(char *memory, int first, int pages)
{
  TSReleaseAssert((void *)memory != MAP_FAILED);
  for (int i = first; i < first + pages; ++i) {
    memory[i * PAGE] = 'm';
  }
  CORPUS_KEEP(memory);
}

CORPUS_NOINLINE static void
keep_whole(void)
{
  char *some = (char *)mmap(NULL, 5 * PAGE - 100, RW, PRIVATE, -1, 0); // SITE keep_whole: mapped +1 -0 =12288
  touch(some, 0, 3);
  char *none = (char *)mmap(NULL, 1000 * PAGE, PROT_NONE, PRIVATE | MAP_NORESERVE, -1, 0); // SITE keep_whole: mapped +1 -0 =0
  touch(none, 0, 0);
  char *advised = (char *)mmap64(NULL, 4 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_whole: mapped +1 -0 =8192
  touch(advised, 0, 4);
  madvise(advised + PAGE, 2 * PAGE, MADV_DONTNEED);
  char *populated = (char *)mmap(NULL, 3 * PAGE, RW, PRIVATE | MAP_POPULATE, -1, 0); // SITE keep_whole: mapped +1 -0 =12288
  touch(populated, 0, 0);
}

/* As allocators align: the ends are given back. A call that fails changes nothing. */
CORPUS_NOINLINE static void
keep_parts(void)
{
  char *middle = (char *)mmap(NULL, 8 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_parts: mapped +1 -0 =12288
  touch(middle, 0, 8);
  TSReleaseAssert(munmap(middle, 2 * PAGE) == 0 && munmap(middle + 5 * PAGE, 3 * PAGE) == 0);
  TSReleaseAssert(munmap(middle + 1, PAGE) && munmap(middle + 2 * PAGE, 0) && munmap(middle + 2 * PAGE, (size_t)-PAGE));
  char *ends = (char *)mmap(NULL, 5 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_parts: mapped +1 -0 =16384
  touch(ends, 0, 5);
  TSReleaseAssert(munmap(ends + 2 * PAGE, PAGE) == 0);
  char *replaced = (char *)mmap(NULL, 6 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_parts: mapped +1 -0 =16384
  touch(replaced, 0, 6);
  char *fixed = (char *)mmap(replaced + PAGE, 2 * PAGE, RW, PRIVATE | MAP_FIXED, -1, 0); // SITE keep_parts: mapped +1 -0 =4096
  touch(fixed, 0, 1);
  TSReleaseAssert(mmap(replaced, PAGE, RW, PRIVATE | MAP_FIXED, 1 << 20, 1) == MAP_FAILED); // an offset that is no page
}

CORPUS_NOINLINE static void
keep_moved(void)
{
  char *grown = (char *)mmap(NULL, 2 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_moved: mapped +1 -0 =24576
  grown       = (char *)mremap(grown, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
  touch(grown, 0, 6);
  char *shrunk = (char *)mmap(NULL, 6 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_moved: mapped +1 -0 =8192
  touch(shrunk, 0, 6);
  shrunk = (char *)mremap(shrunk, 6 * PAGE, 2 * PAGE, 0);
  touch(shrunk, 0, 0);
  char *target = (char *)mmap(NULL, 3 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_moved: mapped +1 -1 =0
  touch(target, 0, 3);
  char *moved = (char *)mmap(NULL, 3 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_moved: mapped +1 -0 =8192
  touch(moved, 0, 2);
  moved = (char *)mremap(moved, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  TSReleaseAssert(moved == target);
  touch(moved, 0, 0);
}

/* Whose pages are also the page cache's. */
CORPUS_NOINLINE static void
keep_shared(void)
{
  int file     = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  char *copied = (char *)mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, file, 0); // SITE keep_shared: mapped +1 -0 =0
  touch(copied, 0, 1);
  close(file);
  munmap(copied + 2 * PAGE, 2 * PAGE);
  char *shared = (char *)mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0); // SITE keep_shared: mapped +1 -0 =0
  touch(shared, 0, 1);
}

CORPUS_NOINLINE static void
keep_nothing(void)
{
  char *whole = (char *)mmap(NULL, 4 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_nothing: mapped +1 -1 =0
  touch(whole, 0, 4);
  munmap(whole, 4 * PAGE);
  char *halves = (char *)mmap(NULL, 4 * PAGE, RW, PRIVATE, -1, 0); // SITE keep_nothing: mapped +1 -1 =0
  touch(halves, 0, 4);
  munmap(halves + 2 * PAGE, 2 * PAGE);
  munmap(halves, 2 * PAGE);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  keep_whole();
  keep_parts();
  keep_moved();
  keep_shared();
  keep_nothing();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
