/* SPDX-License-Identifier: Apache-2.0
 *
 * Names for code addresses of a module: the function, and the file and line where there is debug information. All that knows ELF
 * files and DWARF (elf_*.c, dwarf_*.c; elfutils reads them) is behind it: nothing but symbol.c includes the headers of those.
 *
 * It reads the module's file, never the loaded image, and holds neither the loader's lock nor another. A file is read with pread
 * and not mapped, since a file that is cut off while it is mapped ends the process. Nothing is ever asked from the network. All
 * that a module needs is in memory between open and close, so open, ask for what is wanted, close. Without elfutils no file is
 * read: then the loader is asked, which knows the functions that a loaded module exports.
 *
 * All functions allocate and are not hook-safe; one module at a time may be asked by one thread at a time.
 */
#ifndef MEMTRACK_SYMBOL_H
#define MEMTRACK_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "symbol/range.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_symbols;

/* How much is known of an address. */
enum memtrack_symbol {
  MEMTRACK_SYMBOL_NONE,     /* nothing */
  MEMTRACK_SYMBOL_FUNCTION, /* the function */
  MEMTRACK_SYMBOL_LINE      /* and the line */
};

/* Where separate debug information is, /usr/lib/debug. Tests have a folder of their own. */
extern const char *memtrack_symbols_root;

/* Loads elfutils. Returns 0, or -1 with a reason. init-only: under traffic, what unwinds a stack would wait for the loader's lock.
 */
int memtrack_symbols_start(struct memtrack_reason *reason);

/* Opens a module by its file. Takes `fd` over, whatever comes of it. `path` is where the file is, or was, installed: separate debug
   information is looked for by build id under memtrack_symbols_root, and by .gnu_debuglink beside the path, in .debug there and
   under memtrack_symbols_root. `base` is where the module is loaded (until it is closed), 0 for nowhere. NULL with a reason where
   the file is no module. */
struct memtrack_symbols *memtrack_symbols_open(int fd, const char *path, uintptr_t base, struct memtrack_reason *reason);

void memtrack_symbols_close(struct memtrack_symbols *symbols);

/* Writes the site of a RETURN ADDRESS, `offset` (run-time address - load base), into `text`, at most `size` bytes with the NUL:
     "handler (foo.cc:123)"   with debug information: the innermost function around the call, inlined ones included, that is no
                              wrapper, and its line; the outermost where all are wrappers
     "handler+0x1a"           with a symbol only
     ""                       with neither
   Returns which. Wrappers are functions of namespace std and __gnu_cxx, and operators new and delete; with debug information also
   functions that a system header defines or that nobody wrote (implicit copy constructors), and allocators: what is named
   ...alloc, ...allocate, ...allocarray, ...memalign or ...dup, takes something and returns plain memory. */
enum memtrack_symbol memtrack_symbols_name(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size);

/* Writes the name of the innermost function alone, wrapper or not: for a call whose file and line are known from elsewhere. */
enum memtrack_symbol memtrack_symbols_function(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size);

/* The code of wrappers that are functions of their own in this module, sorted and apart from each other, malloc'ed; what a plugin's
   own function is inlined into is not in it. A return address is compared by the byte before it. Returns how many, with *ranges
   NULL for none. */
size_t memtrack_symbols_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges);

#ifdef __cplusplus
}
#endif

#endif
