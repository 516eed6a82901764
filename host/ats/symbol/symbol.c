/* SPDX-License-Identifier: Apache-2.0
 *
 * A module's file contains its functions, sorted by address (elf_functions.c). Its debug information, own or separate
 * (elf_debug.c), contains the code ranges of its units, also sorted, and provides everything else on request:
 *
 *   address -> unit -> scopes: function [ inlined [ inlined ...]]   from the tree of the unit          (dwarf_unit.c)
 *                 \--> line of the innermost scope                  from its line table                (dwarf_position.c)
 *                      line of an outer scope                       the place at which the inner scope was called
 *
 * The site is the innermost scope that is not a wrapper (dwarf_wrapper.c), with its name (dwarf_name.c). A chain has the others
 * too. Each of those files answers one question and does not depend on this file, which composes a site's text from the answers.
 */
#define _GNU_SOURCE
#include "symbol/symbol.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "symbol/dwarf_name.h"
#include "symbol/dwarf_position.h"
#include "symbol/dwarf_unit.h"
#include "symbol/dwarf_wrapper.h"
#include "symbol/elf_called.h"
#include "symbol/elf_debug.h"
#include "symbol/elf_file.h"
#include "symbol/elf_functions.h"
#include "symbol/elf_variable.h"
#include "symbol/elfutils.h"
#include "symbol/mangled.h"
#include "symbol/place_text.h"

#define NAME_SIZE 256 /* name of a function in a site, with its NUL */

const char *memtrack_symbols_root = "/usr/lib/debug";

struct memtrack_symbols {
  uintptr_t base;                  /* load address; everything else is empty without elfutils */
  struct memtrack_elf file, debug; /* debug: separate debug information */
  struct memtrack_functions functions;
  struct memtrack_units units;
  jmp_buf no_memory; /* where a query continues without debug information */
};

/* Everything known about an address. */
struct place {
  uint64_t address;
  struct memtrack_unit *unit;
  const struct memtrack_function *function;
  struct memtrack_function exported; /* if the loader knows it */
  Dwarf_Die scopes[MEMTRACK_SCOPES_MAX];
  size_t count;
};

/* Name of scope number `index`, or else of the symbol; "" if there is none. */
static void
write_function(struct place *place, size_t index, char *text, size_t size)
{
  text[0] = '\0';
  if (index < place->count) {
    memtrack_scope_name(&place->scopes[index], text, size);
  }
  if (!text[0] && place->function) {
    memtrack_mangled_text(place->function->name, text, size);
  }
}

/* The exported function that contains an address. */
static const struct memtrack_function *
find_exported(const struct memtrack_symbols *symbols, uint64_t address, struct memtrack_function *function)
{
  Dl_info info;
  if (!symbols->base || !dladdr((const void *)(symbols->base + address), &info) || !info.dli_sname) {
    return NULL;
  }
  *function = (struct memtrack_function){.range = {(uintptr_t)info.dli_saddr - symbols->base, address + 1}, .name = info.dli_sname};
  return function;
}

/* Too large for the stack. Returns NULL without memory. */
static struct place *
find_place(const struct memtrack_symbols *symbols, uint64_t offset)
{
  struct place *place = malloc(sizeof(*place));
  if (place) {
    /* The call precedes its return address, which may belong to another line or another function. */
    place->address  = offset - 1;
    place->unit     = memtrack_units_at(&symbols->units, place->address);
    place->function = memtrack_elfutils_is_open() ? memtrack_functions_at(&symbols->functions, place->address)
                                                  : find_exported(symbols, place->address, &place->exported);
    place->count    = place->unit ? memtrack_unit_scopes(place->unit, place->address, place->scopes) : 0;
  }
  return place;
}

/* Number of the innermost scope that is not a wrapper; 0, the outermost, if all are. */
static size_t
find_site(struct place *place)
{
  size_t site = place->count;
  while (site > 0 && memtrack_scope_is_wrapper(&place->scopes[site - 1])) {
    --site;
  }
  return site ? site - 1 : 0;
}

/* Position of the call in scope number `index`: of the next scope or, in the innermost, of the other function. */
static bool
find_position(struct place *place, size_t index, struct memtrack_position *position)
{
  bool has_line =
    place->unit && (index + 1 < place->count ? memtrack_position_of_inlined(&place->scopes[index + 1], position)
                                             : memtrack_position_of_call(&place->unit->die, place->address, position));
  /* A line of a system header is useful only together with the scopes. */
  return has_line && (place->count > 0 || !memtrack_path_is_system(position->file));
}

static enum memtrack_symbol
write_site(struct place *place, size_t site, char *text, size_t size)
{
  char name[NAME_SIZE];
  struct memtrack_position position;
  if (find_position(place, site, &position)) {
    write_function(place, site, name, sizeof(name));
    memtrack_place_line(name, position.file, position.line, text, size);
    return MEMTRACK_SYMBOL_LINE;
  }
  if (place->function) {
    memtrack_mangled_text(place->function->name, name, sizeof(name));
    memtrack_place_distance(name, place->address + 1 - place->function->range.from, text, size);
    return MEMTRACK_SYMBOL_FUNCTION;
  }
  return MEMTRACK_SYMBOL_NONE;
}

static enum memtrack_symbol
site_of(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  enum memtrack_symbol known = MEMTRACK_SYMBOL_NONE;
  if (size) {
    text[0] = '\0';
  }
  struct place *place = find_place(symbols, offset);
  if (place) {
    known = write_site(place, find_site(place), text, size);
    free(place);
  }
  return known;
}

/* A scope that another one is inlined into: "handler (foo.cc:123)", or "handler" if the compiler has not recorded the line. */
static void
write_caller(struct place *place, size_t index, char *text, size_t size)
{
  char name[NAME_SIZE];
  struct memtrack_position position;
  write_function(place, index, name, sizeof(name));
  if (find_position(place, index, &position)) {
    memtrack_place_line(name, position.file, position.line, text, size);
  } else {
    memtrack_place_function(name[0] ? name : "??", text, size);
  }
}

static size_t
chain_of(struct memtrack_symbols *symbols, uint64_t offset, char (*texts)[MEMTRACK_SYMBOL_TEXT], size_t most)
{
  struct place *place = find_place(symbols, offset);
  if (!place) {
    return 0;
  }
  size_t site                = find_site(place);
  enum memtrack_symbol known = write_site(place, site, texts[0], sizeof(*texts));
  size_t count               = known != MEMTRACK_SYMBOL_NONE;
  /* Without a line the site is the symbol, which contains all scopes. */
  while (known == MEMTRACK_SYMBOL_LINE && site-- > 0) {
    if (!memtrack_scope_is_wrapper(&place->scopes[site])) {
      count -= count == most; /* in place of the one before the last */
      write_caller(place, site, texts[count++], sizeof(*texts));
    }
  }
  free(place);
  return count;
}

static enum memtrack_symbol
function_of(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  char name[NAME_SIZE] = "";
  struct place *place  = find_place(symbols, offset);
  if (place) {
    write_function(place, place->count ? place->count - 1 : 0, name, sizeof(name));
    free(place);
  }
  memtrack_place_function(name, text, size);
  return name[0] ? MEMTRACK_SYMBOL_FUNCTION : MEMTRACK_SYMBOL_NONE;
}

void
memtrack_symbols_called(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  const char *name = memtrack_elfutils_is_open() ? memtrack_elf_called(&symbols->file, offset) : NULL;
  text[0]          = '\0';
  if (name) {
    memtrack_mangled_text(name, text, size);
  }
}

/* The exported variable that contains an address; NULL if the loader knows none. */
static const char *
exported_variable(const struct memtrack_symbols *symbols, uint64_t offset)
{
  Dl_info info;
  return symbols->base && dladdr((const void *)(symbols->base + offset), &info) ? info.dli_sname : NULL;
}

enum memtrack_symbol
memtrack_symbols_variable(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  char short_name[NAME_SIZE] = "";
  bool by_file               = memtrack_elfutils_is_open();
  const char *name =
    by_file ? memtrack_elf_variable(symbols->file.elf, symbols->debug.elf, offset) : exported_variable(symbols, offset);
  const char *section = by_file ? memtrack_elf_section_at(symbols->file.elf, offset) : NULL;
  if (name) {
    memtrack_mangled_text(name, short_name, sizeof(short_name));
  }
  snprintf(text, size, "%s%s%s%s%s", short_name, name && section ? " " : "", section ? "(" : "", section ? section : "",
           section ? ")" : "");
  return name ? MEMTRACK_SYMBOL_FUNCTION : MEMTRACK_SYMBOL_NONE;
}

/* Adds the functions whose names are of a kind. */
static void
add_functions(const struct memtrack_symbols *symbols, uint32_t kind, struct memtrack_ranges *ranges)
{
  for (size_t i = 0; i < symbols->functions.count; ++i) {
    const struct memtrack_function *function = &symbols->functions.sorted[i];
    if (memtrack_mangled_kind(function->name) == kind) {
      memtrack_ranges_add(ranges, function->range.from, function->range.to);
    }
  }
}

static size_t
wrappers_of(struct memtrack_symbols *symbols, struct memtrack_range **ranges)
{
  struct memtrack_ranges in = {0}, out = {0}; /* code of wrappers; within it, inlined code of other functions */
  /* Without debug information it is unknown whether a trampoline contains the inlined function that it calls. */
  add_functions(symbols, MEMTRACK_MANGLED_WRAPPER, &in);
  memtrack_units_wrappers(&symbols->units, &in, &out);
  memtrack_ranges_merge(&in);
  memtrack_ranges_merge(&out);
  struct memtrack_ranges rest = memtrack_ranges_subtract(&in, &out);
  free(in.ranges);
  free(out.ranges);
  *ranges = rest.ranges;
  return rest.count;
}

/* Each of these calls is made again without debug information if libdw has no memory for it. What it had allocated is lost. */
static void
go_on_without_debug(struct memtrack_symbols *symbols)
{
  memtrack_units_abandon(&symbols->units);
  memtrack_log(MEMTRACK_WARNING, "out of memory while reading debug information: some sites have no file and line");
}

enum memtrack_symbol
memtrack_symbols_name(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  if (MEMTRACK_ELFUTILS_NO_MEMORY(symbols->no_memory)) {
    go_on_without_debug(symbols);
  }
  return site_of(symbols, offset, text, size);
}

size_t
memtrack_symbols_chain(struct memtrack_symbols *symbols, uint64_t offset, char (*texts)[MEMTRACK_SYMBOL_TEXT], size_t most)
{
  if (MEMTRACK_ELFUTILS_NO_MEMORY(symbols->no_memory)) {
    go_on_without_debug(symbols);
  }
  return chain_of(symbols, offset, texts, most);
}

enum memtrack_symbol
memtrack_symbols_function(struct memtrack_symbols *symbols, uint64_t offset, char *text, size_t size)
{
  if (MEMTRACK_ELFUTILS_NO_MEMORY(symbols->no_memory)) {
    go_on_without_debug(symbols);
  }
  return function_of(symbols, offset, text, size);
}

size_t
memtrack_symbols_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges)
{
  if (MEMTRACK_ELFUTILS_NO_MEMORY(symbols->no_memory)) {
    go_on_without_debug(symbols);
  }
  return wrappers_of(symbols, ranges);
}

/* By the names of symbols alone. */
static size_t
functions_of(const struct memtrack_symbols *symbols, uint32_t kind, struct memtrack_range **ranges)
{
  struct memtrack_ranges found = {0};
  add_functions(symbols, kind, &found);
  memtrack_ranges_merge(&found);
  *ranges = found.ranges;
  return found.count;
}

size_t
memtrack_symbols_named_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges)
{
  return functions_of(symbols, MEMTRACK_MANGLED_WRAPPER, ranges);
}

size_t
memtrack_symbols_api_wrappers(struct memtrack_symbols *symbols, struct memtrack_range **ranges)
{
  return functions_of(symbols, MEMTRACK_MANGLED_API, ranges);
}

/* Of a file that is open. A separate file has a symbol table of its own, which is read in each case. */
static void
read_symbols(struct memtrack_symbols *symbols, const char *path, bool with_debug)
{
  if (MEMTRACK_ELFUTILS_NO_MEMORY(symbols->no_memory)) {
    go_on_without_debug(symbols);
  } else {
    bool is_separate = memtrack_elf_find_debug(&symbols->debug, symbols->file.elf, path, memtrack_symbols_root);
    if (with_debug) {
      memtrack_units_open(&symbols->units, is_separate ? &symbols->debug : &symbols->file, memtrack_symbols_root);
    }
  }
  memtrack_functions_read(&symbols->functions, symbols->file.elf, symbols->debug.elf);
}

int
memtrack_symbols_start(struct memtrack_reason *reason)
{
  return memtrack_elfutils_open(reason);
}

bool
memtrack_symbols_are_loaders(void)
{
  return !memtrack_elfutils_is_open();
}

static struct memtrack_symbols *
open_symbols(int fd, const char *path, uintptr_t base, bool with_debug, struct memtrack_reason *reason)
{
  struct memtrack_symbols *symbols = calloc(1, sizeof(*symbols));
  if ((!symbols || !memtrack_elfutils_is_open()) && fd >= 0) {
    close(fd);
  }
  if (!symbols) {
    memtrack_reason_set(reason, "out of memory while reading the symbols of %.120s", path);
    return NULL;
  }
  symbols->base                 = base;
  symbols->units.shared_file.fd = -1;
  if (!memtrack_elfutils_is_open()) {
    return symbols;
  }
  const char *refusal = memtrack_elf_open(&symbols->file, fd, MEMTRACK_ELF_MODULE);
  if (refusal) {
    memtrack_reason_set(reason, "cannot read the symbols of %.120s: %s", path, refusal);
    free(symbols);
    return NULL;
  }
  read_symbols(symbols, path, with_debug);
  return symbols;
}

struct memtrack_symbols *
memtrack_symbols_open(int fd, const char *path, uintptr_t base, struct memtrack_reason *reason)
{
  return open_symbols(fd, path, base, true, reason);
}

struct memtrack_symbols *
memtrack_symbols_open_named(int fd, const char *path, uintptr_t base, struct memtrack_reason *reason)
{
  return open_symbols(fd, path, base, false, reason);
}

void
memtrack_symbols_close(struct memtrack_symbols *symbols)
{
  if (memtrack_elfutils_is_open()) {
    memtrack_units_close(&symbols->units);
    memtrack_functions_free(&symbols->functions);
    memtrack_elf_close(&symbols->debug);
    memtrack_elf_close(&symbols->file);
  }
  free(symbols);
}
