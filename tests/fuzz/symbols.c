// SPDX-License-Identifier: Apache-2.0
//
// ELF files and their debug information: a module of build/native-samples, cut and changed. An input is the number of a module,
// where to cut it, and changes: a section, a place in it, a byte. libdw reads the result; whatever it says, the texts are within
// their sizes and the ranges are in order.
#define _GNU_SOURCE
#include "fuzz.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/symbol.h"

static const char *const NAMES[] = {"c-O2", "c-dwarf4", "c-clang", "c-stripped", "cc-id", "cc-dwz", "cc-gz", "c-symbols"};

#define MODULES (sizeof(NAMES) / sizeof(*NAMES))

struct module {
  uint8_t *bytes;
  size_t size;
};

static struct module modules[MODULES];

static void
read_module(struct module *module, const char *name)
{
  char path[4096];
  struct stat status;
  snprintf(path, sizeof(path), "%s/%s.so", SAMPLES, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  CLAIM(fd >= 0 && fstat(fd, &status) == 0);
  module->size  = (size_t)status.st_size;
  module->bytes = malloc(module->size);
  CLAIM(read(fd, module->bytes, module->size) == (ssize_t)module->size);
  close(fd);
}

static void
start(void)
{
  CLAIM(memtrack_symbols_start(NULL) == 0);
  memtrack_symbols_root = SAMPLES "/root";
  for (size_t i = 0; i < MODULES; ++i) {
    read_module(&modules[i], NAMES[i]);
  }
}

// The byte that a change is to: in the file's header, in the headers of sections and segments, or in a section.
static size_t
place_of(const struct module *module, struct input *input)
{
  Elf64_Ehdr header;
  memcpy(&header, module->bytes, sizeof(header));
  size_t number = take(input, 1), offset = take(input, 2);
  if (number == 0xff) {
    return offset % sizeof(header);
  }
  if (number == 0xfe) {
    return header.e_shoff + offset % (header.e_shnum * sizeof(Elf64_Shdr));
  }
  if (number == 0xfd) {
    return header.e_phoff + offset % (header.e_phnum * sizeof(Elf64_Phdr));
  }
  const Elf64_Shdr *section = (const Elf64_Shdr *)(module->bytes + header.e_shoff) + number % header.e_shnum;
  return section->sh_offset + (section->sh_type == SHT_NOBITS || !section->sh_size ? 0 : offset % section->sh_size);
}

static int
changed(const struct module *module, struct input *input)
{
  static uint8_t *copy;
  size_t cut = take(input, 3), size = cut ? cut % module->size : module->size;
  copy = realloc(copy, module->size);
  memcpy(copy, module->bytes, module->size);
  for (int i = 0; i < 16 && input->size; ++i) {
    size_t place               = place_of(module, input);
    copy[place % module->size] = (uint8_t)take(input, 1);
  }
  int fd = memfd_create("module", MFD_CLOEXEC);
  CLAIM(fd >= 0 && write(fd, copy, size) == (ssize_t)size);
  return fd;
}

static void
query(struct memtrack_symbols *symbols, struct input *input)
{
  char text[300], texts[3][MEMTRACK_SYMBOL_TEXT];
  struct memtrack_range *ranges;
  size_t room  = 1 + take(input, 1);
  size_t count = memtrack_symbols_wrappers(symbols, &ranges);
  for (size_t i = 0; i < count; ++i) {
    CLAIM(ranges[i].from < ranges[i].to && (i == 0 || ranges[i - 1].to < ranges[i].from));
  }
  free(ranges);
  for (uint64_t offset = 0x1000; offset < 0x1800; offset += 23) {
    memtrack_symbols_name(symbols, offset, text, room);
    CLAIM(strnlen(text, room) < room && is_printable(text));
    memtrack_symbols_function(symbols, offset, text, room);
    CLAIM(strnlen(text, room) < room && is_printable(text));
    for (size_t i = memtrack_symbols_chain(symbols, offset, texts, 3); i > 0; --i) {
      CLAIM(i <= 3 && strnlen(texts[i - 1], MEMTRACK_SYMBOL_TEXT) < MEMTRACK_SYMBOL_TEXT && is_printable(texts[i - 1]));
    }
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input input = {data, size};
  struct memtrack_reason reason;
  if (!modules[0].bytes) {
    start();
  }
  const struct module *module      = &modules[take(&input, 1) % MODULES];
  int fd                           = changed(module, &input);
  struct memtrack_symbols *symbols = memtrack_symbols_open(fd, SAMPLES "/module.so", 0, &reason);
  if (symbols) {
    query(symbols, &input);
    memtrack_symbols_close(symbols);
  } else {
    CLAIM(strnlen(reason.text, sizeof(reason.text)) < sizeof(reason.text));
  }
  return 0;
}
