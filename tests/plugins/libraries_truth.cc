/* SPDX-License-Identifier: Apache-2.0
 *
 * Computes what leak_libraries.so keeps: all libraries call the functions of this program, as they would a preloaded allocator's.
 * It prints for each library the blocks and bytes that each further round keeps:
 *
 *    jansson 17 901
 *
 * The first rounds are skipped, because libraries also allocate permanent memory in them. The arguments are the path of a MaxMind
 * database, and optionally `tables`.
 */
#include <cerrno>
#include <malloc.h>
#include "libraries.h"
#include "libraries_tables.h"

enum { ROUNDS = 10 };

static long blocks, bytes;

extern "C" {
void *__libc_malloc(size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);
}

/* Precedes each block, and is as long as its alignment. */
struct Head {
  void *start;
  size_t size;
};

static void *
made(void *start, size_t offset, size_t size)
{
  if (!start) {
    return nullptr;
  }
  char *block                         = static_cast<char *>(start) + offset;
  reinterpret_cast<Head *>(block)[-1] = {start, size};
  ++blocks;
  bytes += size;
  return block;
}

extern "C" {

void *
malloc(size_t size)
{
  return made(__libc_malloc(size + sizeof(Head)), sizeof(Head), size);
}

void
free(void *block)
{
  if (block) {
    Head head = static_cast<Head *>(block)[-1];
    --blocks;
    bytes -= head.size;
    __libc_free(head.start);
  }
}

void *
calloc(size_t count, size_t size)
{
  void *block = malloc(count * size);
  return block ? memset(block, 0, count * size) : nullptr;
}

void *
memalign(size_t align, size_t size)
{
  size_t offset = align < sizeof(Head) ? sizeof(Head) : align;
  return made(__libc_memalign(offset, size + offset), offset, size);
}

void *
aligned_alloc(size_t align, size_t size)
{
  return memalign(align, size);
}

int
posix_memalign(void **block, size_t align, size_t size)
{
  void *fresh = memalign(align, size);
  *block      = fresh ? fresh : *block;
  return fresh ? 0 : ENOMEM;
}

size_t
malloc_usable_size(void *block)
{
  return block ? static_cast<Head *>(block)[-1].size : 0;
}

void *
realloc(void *block, size_t size)
{
  if (block && size == 0) {
    free(block);
    return nullptr;
  }
  void *moved = malloc(size);
  if (block && moved) {
    size_t old = malloc_usable_size(block);
    memcpy(moved, block, old < size ? old : size);
    free(block);
  }
  return moved;
}
}

int
main(int argc, char **argv)
{
  LIBRARY_CHECK(argc >= 2);
  if (argc > 2) {
    libraries_set_tables();
  }
  for (const Library &library : libraries) {
    long blocks_before = 0, bytes_before = 0;
    for (int round = 0; round < 2 * ROUNDS; ++round) {
      if (round == ROUNDS) {
        blocks_before = blocks;
        bytes_before  = bytes;
      }
      library.make(argv[1]);
    }
    long kept_blocks = blocks - blocks_before, kept_bytes = bytes - bytes_before;
    LIBRARY_CHECK(kept_blocks % ROUNDS == 0 && kept_bytes % ROUNDS == 0);
    printf("%s %ld %ld\n", library.name, kept_blocks / ROUNDS, kept_bytes / ROUNDS);
  }
  return 0;
}
