/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions used of elfutils' libdw and libelf, which read symbols and debug information. They are not linked: the loader
 * refuses a module whose libraries are missing, and a server whose plugin is refused ends. Without elfutils, names of plugins'
 * sites contain less; nothing else changes.
 */
#ifndef MEMTRACK_ELFUTILS_H
#define MEMTRACK_ELFUTILS_H

#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <gelf.h>
#include <setjmp.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/reason.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_ELFUTILS(X)      \
  X(dwarf_attr)                   \
  X(dwarf_attr_integrate)         \
  X(dwarf_begin_elf)              \
  X(dwarf_child)                  \
  X(dwarf_cu_die)                 \
  X(dwarf_diecu)                  \
  X(dwarf_dieoffset)              \
  X(dwarf_end)                    \
  X(dwarf_filesrc)                \
  X(dwarf_formref_die)            \
  X(dwarf_formstring)             \
  X(dwarf_formudata)              \
  X(dwarf_get_units)              \
  X(dwarf_getsrcfiles)            \
  X(dwarf_getsrclines)            \
  X(dwarf_hasattr)                \
  X(dwarf_haspc)                  \
  X(dwarf_lineaddr)               \
  X(dwarf_lineendsequence)        \
  X(dwarf_lineno)                 \
  X(dwarf_linesrc)                \
  X(dwarf_new_oom_handler)        \
  X(dwarf_onesrcline)             \
  X(dwarf_peel_type)              \
  X(dwarf_ranges)                 \
  X(dwarf_setalt)                 \
  X(dwarf_siblingof)              \
  X(dwarf_tag)                    \
  X(dwelf_dwarf_gnu_debugaltlink) \
  X(dwelf_elf_gnu_build_id)       \
  X(dwelf_elf_gnu_debuglink)      \
  X(elf_begin)                    \
  X(elf_end)                      \
  X(elf_getdata)                  \
  X(elf_getscn)                   \
  X(elf_getshdrnum)               \
  X(elf_getshdrstrndx)            \
  X(elf_kind)                     \
  X(elf_nextscn)                  \
  X(elf_rawdata)                  \
  X(elf_strptr)                   \
  X(elf_version)                  \
  X(elf_getphdrnum)               \
  X(gelf_getehdr)                 \
  X(gelf_getphdr)                 \
  X(gelf_getrela)                 \
  X(gelf_getshdr)                 \
  X(gelf_getsym)

struct memtrack_elfutils {
#define X(name) __typeof__(&name) name;
  MEMTRACK_ELFUTILS(X)
#undef X
};

/* Valid while elfutils is open. */
extern struct memtrack_elfutils memtrack_elfutils MT_HIDDEN;
static const struct memtrack_elfutils *const elfutils = &memtrack_elfutils;

/* Loads the libraries. Returns 0, or -1 with a reason. init-only: it holds the loader's lock while loading, and stack unwinding
   waits for that lock. */
int memtrack_elfutils_open(struct memtrack_reason *reason);

/* Where this thread continues when libdw has no memory: libdw must not return then, and its own handler ends the process. To be
   used like setjmp() before calls that read debug information, which must not be used any more afterwards. Not hook-safe. */
#define MEMTRACK_ELFUTILS_NO_MEMORY(place) (memtrack_elfutils_place = &(place), setjmp(place))
extern __thread jmp_buf *memtrack_elfutils_place MT_INITIAL_EXEC MT_HIDDEN;

/* Continues there: a handler for dwarf_new_oom_handler(). Not hook-safe. */
void memtrack_elfutils_no_memory(void) MT_NORETURN;

/* Whether the libraries are loaded. Any thread. */
bool memtrack_elfutils_is_open(void);

#ifdef __cplusplus
}
#endif

#endif
