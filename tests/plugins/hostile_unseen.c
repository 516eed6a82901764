/* SPDX-License-Identifier: Apache-2.0
 * Frees past all hooks: it finds the allocator's free() in the symbol table of the allocator's file, which nobody redirects. What
 * the allocator hands out again leaves the row, so that few of these blocks stay there. Others see its innocent blocks alone. */
#define _GNU_SOURCE 1
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "corpus.h"

enum { TURNS = 400, HELD = 20 };

static void (*own_free)(void *);

/* The address of free() relative to its module; 0 if the file does not define it. */
static uintptr_t
find_in(const char *file)
{
  for (const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + ((const Elf64_Ehdr *)file)->e_shoff), *each = sections;
       each < sections + ((const Elf64_Ehdr *)file)->e_shnum; ++each) {
    if (each->sh_type != SHT_DYNSYM) {
      continue;
    }
    const Elf64_Sym *symbols = (const Elf64_Sym *)(file + each->sh_offset);
    const char *names        = file + sections[each->sh_link].sh_offset;
    for (size_t i = 0; i < each->sh_size / sizeof(*symbols); ++i) {
      if (symbols[i].st_shndx != SHN_UNDEF && strcmp(names + symbols[i].st_name, "free") == 0) {
        return symbols[i].st_value;
      }
    }
  }
  return 0;
}

static int
look_at(struct dl_phdr_info *info, size_t size, void *data)
{
  struct stat state;
  (void)size;
  (void)data;
  int fd = info->dlpi_name[0] ? open(info->dlpi_name, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) {
    return 0;
  }
  TSReleaseAssert(fstat(fd, &state) == 0);
  char *file = (char *)mmap(NULL, state.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  TSReleaseAssert(file != MAP_FAILED);
  uintptr_t offset = find_in(file);
  munmap(file, state.st_size);
  close(fd);
  if (offset) { /* two threads may look for it at once */
    own_free = (void (*)(void *))(info->dlpi_addr + offset);
  }
  return offset != 0;
}

CORPUS_NOINLINE static void
unseen(void)
{
  void *blocks[HELD] = {NULL};
  for (int i = 0; i < TURNS + HELD; ++i) {
    if (blocks[i % HELD]) {
      own_free(blocks[i % HELD]);
    }
    blocks[i % HELD] = i < TURNS ? CORPUS_LAUNDER(malloc(200)) : NULL; // SITE unseen: heap +400 -n
  }
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  void *kept = CORPUS_LAUNDER(malloc(100)); // SITE behave: heap +1 -0 =100
  void *gone = CORPUS_LAUNDER(malloc(200)); // SITE behave: heap +1 -1 =0
  CORPUS_KEEP(kept);
  free(gone);
  if (!own_free) {
    dl_iterate_phdr(look_at, NULL);
  }
  TSReleaseAssert(own_free);
  unseen();
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
