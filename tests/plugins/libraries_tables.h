/* SPDX-License-Identifier: Apache-2.0
 *
 * Gives libraries the C library's functions as their allocator, from a table of the plugin's data. To be called before their first
 * use.
 */
#ifndef LIBRARIES_TABLES_H
#define LIBRARIES_TABLES_H

#include <cstdint>
#include "libraries.h"

static const struct {
  void *(*allocate)(size_t);
  void *(*clear)(size_t, size_t);
  void *(*resize)(void *, size_t);
  char *(*copy)(const char *);
  void (*release)(void *);
} library_functions = {malloc, calloc, realloc, strdup, free};

/* SQLite asks for the size of a block, which precedes it. */
static void *
table_set_size(void *start, int size)
{
  int64_t *head = static_cast<int64_t *>(start);
  if (!head) {
    return nullptr;
  }
  *head = size;
  return head + 1;
}

static void *
table_malloc(int size)
{
  return table_set_size(library_functions.allocate(size + sizeof(int64_t)), size);
}

static void *
table_realloc(void *block, int size)
{
  return table_set_size(library_functions.resize(static_cast<int64_t *>(block) - 1, size + sizeof(int64_t)), size);
}

static void
table_free(void *block)
{
  library_functions.release(static_cast<int64_t *>(block) - 1);
}

static int
table_size(void *block)
{
  return static_cast<int>(static_cast<int64_t *>(block)[-1]);
}

static int
table_roundup(int size)
{
  return (size + 7) & ~7;
}

static int
table_init(void *)
{
  return SQLITE_OK;
}

static void
table_shutdown(void *)
{
}

static inline void
libraries_set_tables()
{
  static cJSON_Hooks hooks = {library_functions.allocate, library_functions.release};
  cJSON_InitHooks(&hooks);
  json_set_alloc_funcs(library_functions.allocate, library_functions.release);
  pcre_malloc = library_functions.allocate;
  pcre_free   = library_functions.release;
  LIBRARY_CHECK(
    xmlMemSetup(library_functions.release, library_functions.allocate, library_functions.resize, library_functions.copy) == 0);
  LIBRARY_CHECK(curl_global_init_mem(CURL_GLOBAL_ALL, library_functions.allocate, library_functions.release,
                                     library_functions.resize, library_functions.copy, library_functions.clear) == CURLE_OK);
  static const sqlite3_mem_methods methods = {table_malloc,  table_free, table_realloc,  table_size,
                                              table_roundup, table_init, table_shutdown, nullptr};
  LIBRARY_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}

#endif
