/* SPDX-License-Identifier: Apache-2.0
 *
 * Names for code addresses of a module: the function, and with debug information the file and line. It hides everything about ELF
 * files and DWARF (elf_*.c, dwarf_*.c, with elfutils): only symbol.c includes their headers.
 *
 * It reads the module's file, never the loaded image, and holds neither the loader's lock nor another. Files are read with pread
 * and not mapped, because truncating a mapped file would end the process. Nothing is requested from the network. All data of a
 * module is in memory between open and close: open, query, close. Without elfutils no file is read; the loader is asked instead,
 * which knows the exported functions of a loaded module.
 *
 * All functions allocate and are not hook-safe; a module may be used by one thread at a time.
 */
#ifndef MEMTRACK_SYMBOL_H
#define MEMTRACK_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "symbol/range.h"

#ifdef __cplusplus
extern "C" {
#endif

struct memtrack_symbols;

#define MEMTRACK_SYMBOL_TEXT 160 /* bytes of a function in a chain, with the NUL */

/* Result of a query. */
enum memtrack_symbol {
  MEMTRACK_SYMBOL_NONE,     /* nothing known */
  MEMTRACK_SYMBOL_FUNCTION, /* the function, or the variable, is known */
  MEMTRACK_SYMBOL_LINE      /* the function and its line are known */
};

/* Folder of separate debug information, /usr/lib/debug. Tests use another folder. */
extern const char *memtrack_symbols_root;

/* Loads elfutils. Returns 0, or -1 with a reason. init-only: under traffic, stack unwinding would wait for the loader's lock. */
int memtrack_symbols_start(struct memtrack_reason *reason);

/* Whether there is no elfutils: names come from the loader, and only while the module is loaded. Any thread. */
bool memtrack_symbols_are_loaders(void);

/* Opens a module by its file. Takes ownership of `fd`, also on failure. `path` is where the file is or was installed: separate
   debug information is searched by build id below memtrack_symbols_root, and by .gnu_debuglink beside the path, in .debug there
   and below memtrack_symbols_root. `base` is the module's load address (it must stay loaded until it is closed), or 0. Returns
   NULL with a reason if the file is not a module. */
struct memtrack_symbols *memtrack_symbols_open(int fd, const char *path, uintptr_t base, struct memtrack_reason *reason);

/* The same without debug information, for a large module: only its symbol tables are read. */
struct memtrack_symbols *memtrack_symbols_open_named(int fd, const char *path, uintptr_t base, struct memtrack_reason *reason);

void memtrack_symbols_close(struct memtrack_symbols *symbols);

/* Writes the site of a RETURN ADDRESS, `offset` (run-time address - load base), into `text`, at most `size` bytes with the NUL:
     "handler (foo.cc:123)"   with debug information: the innermost function around the call, also an inlined one, that is not a
                              wrapper, and its line; the outermost function if all are wrappers
     "handler+0x1a"           with a symbol only
     ""                       with neither
   Returns which. Wrappers are functions of namespace std and __gnu_cxx, and operators new and delete; with debug information also
   functions defined in a system header, implicit functions (copy constructors), and allocators: functions named ...alloc,
   ...allocate, ...allocarray, ...memalign or ...dup that take arguments and return plain memory. */
enum memtrack_symbol memtrack_symbols_name(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size);

/* Writes the site of a return address as memtrack_symbols_name() does, and with debug information also the functions that it is
   inlined into, each with the line of its call, wrappers left out; the function with the code comes last. Of more than `most`
   (at least 2) those before the last are missing. Returns the number of texts; 0 if nothing is known. */
size_t memtrack_symbols_chain(struct memtrack_symbols *symbols, uint64_t offset, char (*texts)[MEMTRACK_SYMBOL_TEXT], size_t most);

/* Writes the name of the innermost function alone, wrapper or not: for a call whose file and line are known from elsewhere. */
enum memtrack_symbol memtrack_symbols_function(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size);

/* Writes the short name of the function of another module that the call before this return address calls: for a call without a
   line. "" if it is not known. */
void memtrack_symbols_called(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size);

/* Writes the variable at an offset, and its section, of a module: "table (.bss)". Without a symbol "(.bss)", without elfutils the
   name of an exported variable. Returns MEMTRACK_SYMBOL_FUNCTION if there is a name, else MEMTRACK_SYMBOL_NONE. */
enum memtrack_symbol memtrack_symbols_variable(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size);

/* The code of the standalone wrapper functions in this module, sorted and disjoint, malloc'ed; without the code of other
   functions inlined into them. Compare the byte before a return address with it. Returns the number of ranges; *ranges is NULL
   if there are none. */
size_t memtrack_symbols_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges);

/* In the same form, by the names of the symbols alone. */
size_t memtrack_symbols_named_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges);

/* In the same form, the code of the plugin API's inline functions that allocate (ts.h since version 10), by the symbols alone. */
size_t memtrack_symbols_api_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges);

#ifdef __cplusplus
}
#endif

#endif
