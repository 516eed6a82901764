// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/log.h"
#include "base/peek.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "core/tag.h"
#include "dump/builtin.h"
#include "dump/dump.h"
#include "hook/heap.h"
#include "hook/iobuffer.h"
#include "hook/openssl.h"
#include "hook/plugin.h"
#include "hook/state.h"
#include "module/module.h"
#include "module/slots.h"
#include "owner/naming.h"
#include "owner/walk.h"
#include "server/api.h"
#include "server/server.h"

// Server version of the installed libtscore.
#define SERVER_VERSION "9.2.9"

void
memtrack_log(enum memtrack_severity severity, const char *format, ...)
{
  va_list list;
  (void)severity;
  va_start(list, format);
  vfprintf(stderr, format, list);
  va_end(list);
  fputc('\n', stderr);
}

static void
need(bool good, const char *what, const char *why)
{
  if (!good) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
  }
}

static void
no_dump(FILE *file)
{
  (void)file;
}

void
host_open(uint32_t sites)
{
  need(memtrack_registry_open(sites) == 0 && memtrack_shards_open(sites) == 0 && memtrack_model_open(sites) == 0 &&
         memtrack_naming_open(MEMTRACK_SITE_FIRST + sites) == 0,
       "the accounting", "cannot be opened");
}

void
host_install_iobuffer(void)
{
  struct memtrack_reason reason;
  const struct memtrack_server *server = memtrack_server_find(SERVER_VERSION);
  need(server != NULL, "the server", "is not one that is known");
  need(memtrack_iobuffer_install(server, no_dump, &reason) == 0, "the IOBuffer hook", reason.text);
}

void
host_verify(void)
{
  struct memtrack_reason reason;
  memtrack_iobuffer_set_level(2);
  need(memtrack_iobuffer_pass_on(true, &reason) == 0, "verify mode", reason.text);
  memtrack_builtin_mark();
}

void
host_install_openssl(void)
{
  struct memtrack_reason reason;
  need(memtrack_openssl_find(&reason) == 0 && memtrack_openssl_install(&reason) == 0, "the OpenSSL hook", reason.text);
}

void
host_arm_plugins(void)
{
  struct memtrack_reason reason;
  need(memtrack_hook_heap_open(&reason) == 0, "the heap's hooks", reason.text);
  memtrack_api_open();
  memtrack_hook_plugin_open(&reason); /* refused: this program has only the memory functions of the plugin API */
  memtrack_store(&memtrack_hooks.key, memtrack_tag_key());
  memtrack_store(&memtrack_hooks.armed, true);
  memtrack_store(&memtrack_hooks.heap, true);
}

static void *
hook_of(const struct memtrack_redirect *redirect, const char *symbol)
{
  while (redirect->symbol && strcmp(redirect->symbol, symbol) != 0) {
    ++redirect;
  }
  return redirect->hook;
}

void *
host_plugin_hook(const char *symbol)
{
  void *hook = hook_of(memtrack_plugin_api, symbol);
  hook       = hook ? hook : hook_of(memtrack_plugin_heap, symbol);
  need(hook != NULL, symbol, "has no hook");
  return hook;
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

void
host_arm_server(void)
{
  need(memtrack_module_scan(NULL, false, ignore, ignore) == 0, "the modules", "cannot be listed");
  memtrack_walk_open();
  memtrack_store(&memtrack_hooks.server_heap, true);
}

void *
host_server_hook(const char *symbol)
{
  void *hook = hook_of(memtrack_server_heap, symbol);
  hook       = hook ? hook : hook_of(memtrack_server_own_heap, symbol);
  need(hook != NULL, symbol, "has no hook");
  return hook;
}

size_t
host_dump(int fd)
{
  struct memtrack_state state = {.level = 2, .iobuffer = MEMTRACK_HOOK_INSTALLED, .openssl = MEMTRACK_HOOK_INSTALLED};
  need(memtrack_dump_write(fd, MEMTRACK_DUMP_REASON_OTHER, &state) == 0, "the dump", "failed");
  return lseek(fd, 0, SEEK_CUR);
}

void
host_dump_verified(int fd)
{
  struct memtrack_state state = {
    .level    = 1,
    .iobuffer = MEMTRACK_HOOK_INSTALLED,
    .plugins  = MEMTRACK_HOOK_INSTALLED,
    .heap     = MEMTRACK_HOOK_INSTALLED,
    .verify   = true,
  };
  need(memtrack_dump_write(fd, MEMTRACK_DUMP_REASON_OTHER, &state) == 0, "the dump", "failed");
}

uint64_t
host_total(void)
{
  uint32_t count      = memtrack_registry_count();
  uint64_t(*pairs)[2] = calloc(count, sizeof(*pairs));
  uint64_t sum        = 0;
  for (uint32_t i = 0; i < memtrack_shard_count(); ++i) {
    for (int frees = 0; frees < 2; ++frees) {
      memtrack_shard_read(memtrack_shard_get(i), frees ? MEMTRACK_RECORD_FREES : MEMTRACK_RECORD_ALLOCS, count, (uint8_t *)pairs);
      for (uint32_t site = 0; site < count; ++site) {
        sum += pairs[site][0];
      }
    }
  }
  free(pairs);
  return sum;
}

uint64_t
host_shard_size(void)
{
  return memtrack_shard_get(0)->core.size;
}

static struct memtrack_core search;

#define SEARCH_KEY 0x0123456789abcdefu

void
host_search_open(uint32_t first, uint32_t count, uint32_t births, uint32_t epoch)
{
  struct memtrack_reason reason;
  need(memtrack_peek_open(&reason) == 0, "the reader of memory", reason.text);
  need(memtrack_core_open(&search, MEMTRACK_ROLE_SEARCH, 0) == 0, "the search", "cannot be opened");
  uint8_t *list = memtrack_core_at(&search, search.input);
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t entry[] = {first + i, MEMTRACK_CLASS_HEAP, 1000};
    memcpy(list + i * MEMTRACK_WATCH_SIZE, entry, sizeof(entry));
  }
  memtrack_call(&search, searchKeys, SEARCH_KEY, SEARCH_KEY + 1, births, epoch);
  memtrack_call(&search, searchWatch, count * MEMTRACK_WATCH_SIZE);
}

void *
host_search_begin(void)
{
  memtrack_call(&search, beginPass, 0);
  return memtrack_core_at(&search, memtrack_call(&search, windowAt));
}

void
host_peek(void *to, const void *from, size_t size)
{
  need(memtrack_peek((uintptr_t)from, to, size) == size, "memory", "cannot be read");
}

void
host_search_piece(uint64_t address, uint32_t length, bool unaligned)
{
  memtrack_call(&search, scanPiece, address, length, unaligned ? MEMTRACK_PIECE_UNALIGNED : MEMTRACK_PIECE_MEMORY);
}

void
host_search_end(bool complete)
{
  memtrack_call(&search, endPass, complete);
  for (uint32_t what; (what = memtrack_call(&search, nextRequest)) != MEMTRACK_REQUEST_NONE;) {
    if (what == MEMTRACK_REQUEST_READ) {
      uint64_t address = memtrack_call(&search, requestAddress);
      uint32_t length  = memtrack_call(&search, requestLength);
      uint8_t *window  = memtrack_core_at(&search, memtrack_call(&search, windowAt));
      memtrack_call(&search, answerRequest, (uint32_t)memtrack_peek(address, window, length));
    } else {
      memcpy(memtrack_core_at(&search, search.input), "heap", 4);
      memtrack_call(&search, answerPlace, 4);
    }
  }
}

void
host_search_tag(void *block, uint64_t usable, uint32_t birth)
{
  memtrack_tag_write(block, usable, usable - MEMTRACK_TAG_SIZE, birth, SEARCH_KEY);
}

void
host_search_report(void)
{
  uint64_t watched = 0, held = 0, blocks = 0;
  const uint8_t *packet = memtrack_core_at(&search, search.output);
  for (uint32_t site = 0; memtrack_call(&search, findings, site); ++site) {
    uint32_t number;
    memcpy(&number, packet + MEMTRACK_FINDING_WATCHED, sizeof(number));
    watched += number;
    memcpy(&number, packet + MEMTRACK_FINDING_HELD, sizeof(number));
    held += number;
    memcpy(&number, packet + MEMTRACK_FINDING_BLOCKS, sizeof(number));
    blocks += number;
  }
  fprintf(stderr, "%lu blocks, %lu watched, %lu held\n", blocks, watched, held);
}
