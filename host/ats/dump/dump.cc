/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/dump.h"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <ctime>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/peek.h"
#include "core/account.h"
#include "core/ask.h"
#include "core/model.h"
#include "core/registry.h"
#include "core/shard.h"
#include "core_digest.h"
#include "dump/builtin.h"
#include "dump/output.h"
#include "dump/spans.h"
#include "hook/objects.h"
#include "hook/ranges.h"
#include "hook/state.h"
#include "hook/unseen.h"
#include "hook/warning.h"
#include "owner/naming.h"
#include "search/search.h"

static uint64_t
own_memory()
{
  uint64_t sum = memtrack_model_memory() + memtrack_registry_core()->size + memtrack_ask_core()->size + memtrack_objects_memory() +
                 memtrack_ranges_memory() + memtrack_naming_memory() + memtrack_search_memory();
  uint32_t shards = memtrack_shard_count();
  for (uint32_t i = 0; i < shards; ++i) {
    sum += memtrack_shard_get(i)->core.size;
  }
  return sum;
}

static void
put_text(memtrack_core *model, uint32_t which, const char *text)
{
  memtrack_call(model, setHeaderText, which, memtrack_core_input(model, text ? text : "", text ? strlen(text) : 0));
}

/* Sets the header's data about accounting. Within memtrack_model_with(). */
static void
put_counts(memtrack_core *model, const memtrack_state *state)
{
  auto put = [=](uint32_t which, uint64_t value) { memtrack_call(model, setHeaderNumber, which, value); };
  /* Plugins' releases are checked, and the allocator leaves no mark that identifies a second release. */
  bool unmarked = state->plugins == MEMTRACK_HOOK_INSTALLED && !memtrack_hooks.freed_mark;
  put(MEMTRACK_FACT_SHARDS, memtrack_shard_count());
  put(MEMTRACK_FACT_SITES, memtrack_registry_in_use());
  put(MEMTRACK_FACT_REFUSED_SITES, memtrack_registry_refusals());
  put(MEMTRACK_FACT_LOST, memtrack_account_lost());
  put(MEMTRACK_FACT_TRAPS, memtrack_shard_traps());
  put(MEMTRACK_FACT_MEMORY, own_memory());
  put(MEMTRACK_FACT_DAMAGED, memtrack_hooks_get(damaged));
  put(MEMTRACK_FACT_TWICE, unmarked ? UINT64_MAX : memtrack_hooks_get(twice));
  put(MEMTRACK_FACT_UNSEEN, memtrack_unseen_count());
  put(MEMTRACK_FACT_UNTRACKED, memtrack_objects_untracked());
  for (uint32_t limit = 0; limit < MEMTRACK_LIMIT_COUNT; ++limit) {
    memtrack_call(model, setExhausted, limit, memtrack_limit_hits(limit));
  }
}

/* Sets the header's data about this dump, hooks and settings. Within memtrack_model_with(). */
static void
put_state(memtrack_core *model, uint64_t number, uint32_t reason, const memtrack_state *state)
{
  auto put = [=](uint32_t which, uint64_t value) { memtrack_call(model, setHeaderNumber, which, value); };
  put(MEMTRACK_FACT_DUMP, number);
  put(MEMTRACK_FACT_TIME, time(nullptr));
  put(MEMTRACK_FACT_REASON, reason);
  put(MEMTRACK_FACT_LEVEL, state->level);
  put(MEMTRACK_FACT_ARMED, state->armed_since ? memtrack_clock_seconds() - state->armed_since : 0);
  put(MEMTRACK_FACT_VERIFY, state->verify);
  put(MEMTRACK_FACT_IOBUFFER, state->iobuffer);
  put(MEMTRACK_FACT_OPENSSL, state->openssl);
  put(MEMTRACK_FACT_PLUGINS, state->plugins);
  put(MEMTRACK_FACT_BUFFERS, state->buffers);
  put(MEMTRACK_FACT_WEIGHTS, state->weights);
  put(MEMTRACK_FACT_HEAP, state->heap);
  put(MEMTRACK_FACT_SERVER_HEAP, state->server_heap);
  put(MEMTRACK_FACT_FREELISTS, state->freelists);
  put_text(model, MEMTRACK_TEXT_CORE, MEMTRACK_CORE_DIGEST);
  put_text(model, MEMTRACK_TEXT_MEMORY_READER, memtrack_peek_reader());
  put_text(model, MEMTRACK_TEXT_IOBUFFER, state->iobuffer_reason);
  put_text(model, MEMTRACK_TEXT_OPENSSL, state->openssl_reason);
  put_text(model, MEMTRACK_TEXT_PLUGINS, state->plugins_reason);
  put_text(model, MEMTRACK_TEXT_BUFFERS, state->buffers_reason);
  put_text(model, MEMTRACK_TEXT_FREELISTS, state->freelists_reason);
  put_text(model, MEMTRACK_TEXT_WEIGHTS, state->weights_reason);
  put_text(model, MEMTRACK_TEXT_SERVER_HEAP, state->server_heap_reason);
}

/* Sums, renders and writes. Returns 0 or an errno. Within memtrack_model_with(). */
static int
make(memtrack_core *model, int fd, uint64_t number, uint32_t reason, const memtrack_state *state)
{
  if (state->verify) {
    memtrack_builtin_collect(model);
    memtrack_call(model, verifyCompare);
  } else {
    memtrack_model_collect(model);
  }
  memtrack_call(model, applyBaseline);
  memtrack_spans_collect(model);
  put_state(model, number, reason, state);
  put_counts(model, state);
  uint32_t size = memtrack_call(model, render);
  return size ? memtrack_output_write(fd, memtrack_core_at(model, model->output), size) : EMSGSIZE;
}

int
memtrack_dump_write(int fd, uint32_t reason, const struct memtrack_state *state)
{
  static uint64_t number;
  static int last_error; /* logged once per error */
  int error = EIO;
  memtrack_naming_resolve(); /* sites first used in the last second do not have their final names yet */
  memtrack_warning_write();
  memtrack_model_with([&](memtrack_core *model) {
    error = make(model, fd, ++number, reason, state);
    if (error && error != last_error) {
      memtrack_log(MEMTRACK_ERROR,
                   "dump %" PRIu64
                   " could not be written to the server's standard error: %s; nothing counted is lost, the next dump has it",
                   number, strerror(error));
    }
    last_error = error;
  });
  return error;
}
