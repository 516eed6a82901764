/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/build_id.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the file's beginning that are mapped with every page size. The linker puts the program headers there. */
#define HEAD_SIZE 4096u

/* A module's program headers, in its memory. */
struct headers {
  const ElfW(Phdr) * first;
  size_t count;
};

static size_t
padded(size_t size)
{
  return (size + 3) & ~(size_t)3;
}

static struct headers
find_headers(uintptr_t start)
{
  const ElfW(Ehdr) *file = (const ElfW(Ehdr) *)start;
  struct headers headers = {0};
  if (memcmp(file->e_ident, ELFMAG, SELFMAG) == 0 && file->e_phentsize == sizeof(ElfW(Phdr)) && file->e_phoff < HEAD_SIZE &&
      file->e_phoff % sizeof(ElfW(Addr)) == 0 && file->e_phnum * sizeof(ElfW(Phdr)) <= HEAD_SIZE - file->e_phoff) {
    headers = (struct headers){(const ElfW(Phdr) *)(start + file->e_phoff), file->e_phnum};
  }
  return headers;
}

/* Whether a part of the file is loaded and readable. */
static bool
is_readable(struct headers headers, const ElfW(Phdr) * part)
{
  for (size_t i = 0; i < headers.count; ++i) {
    const ElfW(Phdr) *segment = &headers.first[i];
    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_R) && part->p_vaddr >= segment->p_vaddr &&
        part->p_vaddr - segment->p_vaddr <= segment->p_filesz &&
        part->p_filesz <= segment->p_filesz - (part->p_vaddr - segment->p_vaddr)) {
      return true;
    }
  }
  return false;
}

/* The build id among the notes of a segment, or NULL. */
static const unsigned char *
find_id(const unsigned char *notes, size_t size, size_t *length)
{
  ElfW(Nhdr) note;
  while (size >= sizeof(note)) {
    memcpy(&note, notes, sizeof(note));
    size -= sizeof(note);
    notes += sizeof(note);
    size_t name = padded(note.n_namesz), id = padded(note.n_descsz);
    if (name > size || note.n_descsz > size - name) {
      return NULL;
    }
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") && memcmp(notes, "GNU", sizeof("GNU")) == 0) {
      *length = note.n_descsz;
      return notes + name;
    }
    size_t next = name + id < size ? name + id : size;
    notes += next;
    size -= next;
  }
  return NULL;
}

void
memtrack_build_id_read(uintptr_t start, uintptr_t base, char *text, size_t size)
{
  struct headers headers  = find_headers(start);
  const unsigned char *id = NULL;
  size_t length           = 0;
  for (size_t i = 0; i < headers.count && !id; ++i) {
    const ElfW(Phdr) *part = &headers.first[i];
    if (part->p_type == PT_NOTE && is_readable(headers, part)) {
      id = find_id((const unsigned char *)(base + part->p_vaddr), part->p_filesz, &length);
    }
  }
  text[0] = '\0';
  for (size_t i = 0; i < length && 2 * i + 3 <= size; ++i) {
    snprintf(text + 2 * i, 3, "%02x", id[i]);
  }
}
