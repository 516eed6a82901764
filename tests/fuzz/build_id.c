// SPDX-License-Identifier: Apache-2.0
//
// A module's headers and notes in memory, as the loader maps them: the header's page, and segments that end within the module.
// Whatever they say, nothing outside of the module is read.
#include "fuzz.h"

#include <elf.h>
#include <link.h>

#include "module/build_id.h"

#define PAGE 4096u

// Loaded segments end where the module ends: the loader has refused others.
static void
bound(uint8_t *module, size_t size)
{
  ElfW(Ehdr) header;
  memcpy(&header, module, sizeof(header));
  for (size_t i = 0; i < header.e_phnum && header.e_phoff < size && (i + 1) * sizeof(ElfW(Phdr)) <= size - header.e_phoff; ++i) {
    ElfW(Phdr) part;
    uint8_t *at = module + header.e_phoff + i * sizeof(part);
    memcpy(&part, at, sizeof(part));
    if (part.p_type == PT_LOAD) {
      part.p_vaddr %= size;
      part.p_filesz %= size - part.p_vaddr + 1;
      memcpy(at, &part, sizeof(part));
    }
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char text[64];
  size_t room     = size > PAGE ? size : PAGE;
  uint8_t *module = aligned_alloc(PAGE, (room + PAGE - 1) / PAGE * PAGE);
  room            = (room + PAGE - 1) / PAGE * PAGE;
  memset(module, 0, room);
  memcpy(module, data, size);
  memcpy(module, ELFMAG, SELFMAG);
  bound(module, room);
  memtrack_build_id_read((uintptr_t)module, (uintptr_t)module, text, sizeof(text));
  CLAIM(strspn(text, "0123456789abcdef") == strlen(text) && strlen(text) % 2 == 0);
  free(module);
  return 0;
}
