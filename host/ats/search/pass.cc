/* SPDX-License-Identifier: Apache-2.0 */
#include "search/pass.h"

#include <algorithm>
#include <cstring>
#include <unistd.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/peek.h"
#include "core/epoch.h"
#include "core/model.h"
#include "core/tag.h"
#include "hook/release.h"
#include "hook/state.h"
#include "hook/unseen.h"
#include "module/module.h"
#include "search/candidates.h"
#include "search/lines.h"
#include "search/pace.h"
#include "search/place.h"
#include "search/reader.h"
#include "search/regions.h"

static_assert(MEMTRACK_PIECE == MEMTRACK_SEARCH_PIECE);

static memtrack_core core;
static memtrack_regions before, now, fresh;
static memtrack_reader reader;
static memtrack_pass counts; /* under the model's mutex */
static uint64_t size;        /* of the instance; 0 while there is none */
static uint8_t packet[MEMTRACK_INPUT_SIZE];
static bool stopped;
static bool interrupted; /* the pass was told to end; it stays so if it may go on at once */
static bool broken;

/* ---- Reading -------------------------------------------------------------------------------------------------------------------
 */

bool
memtrack_pass_is_stopped()
{
  return memtrack_load(&stopped);
}

static bool
is_to_end()
{
  interrupted = interrupted || memtrack_pass_is_stopped();
  return interrupted;
}

static void
scan(void *region, uint64_t address, uint32_t length)
{
  uint32_t kind = reader.margin ? MEMTRACK_PIECE_UNALIGNED : MEMTRACK_PIECE_MEMORY;
  kind          = ((const memtrack_region *)region)->rare ? MEMTRACK_PIECE_BUFFER : kind;
  memtrack_call(&core, scanPiece, address, length, kind);
}

static void
read_pieces(const memtrack_regions *regions)
{
  memtrack_call(&core, beginPieces, regions->pieces, memtrack_tag_key());
  for (uint32_t number; !is_to_end() && (number = memtrack_call(&core, nextPiece)) != MEMTRACK_PIECE_NONE;) {
    memtrack_span piece;
    reader.argument = (void *)memtrack_regions_piece(regions, number, &piece);
    memtrack_reader_read(&reader, piece);
    memtrack_pace_rest();
  }
}

/* Reads again what could not be read. Returns false if something that is there cannot be. */
static bool
read_rest()
{
  bool complete  = !reader.lost;
  uint64_t page  = (uint64_t)sysconf(_SC_PAGESIZE);
  uint32_t count = reader.unread_count;
  for (uint32_t i = 0; i < count; ++i) {
    for (uint64_t at = reader.unread[i].start; at < reader.unread[i].end; at += page) {
      reader.argument = (void *)memtrack_regions_at(&now, at);
      complete        = complete && (!reader.argument || memtrack_reader_retry(&reader, at));
    }
  }
  return complete;
}

/* Whether the process has pages in the swap, or may have some because the system does not tell. */
static bool
has_swap()
{
  bool swapped = false;
  bool read    = memtrack_lines_each("/proc/self/status", [&](const char *line, uint32_t length) {
    length  = memtrack_core_input(&core, line, length);
    swapped = swapped || (memtrack_call(&core, readMeasure, MEMTRACK_MEASURE_SWAP, length) && memtrack_call(&core, answerNumber));
    return true;
  });
  return swapped || !read;
}

/* Returns why not everything was read, MEMTRACK_GAP_.... */
static uint32_t
read_memory(uint32_t flags)
{
  bool thorough  = (flags & MEMTRACK_PASS_THOROUGH) != 0;
  reader.swapped = has_swap();
  reader.margin  = thorough ? MEMTRACK_SEARCH_MARGIN : 0;
  memtrack_reader_begin(&reader);
  memtrack_regions_list(&core, &before, thorough, reader.swapped);
  memtrack_pace_rest();
  read_pieces(&before);
  memtrack_regions_list(&core, &now, thorough, reader.swapped);
  memtrack_regions_new(&now, &before, &fresh);
  memtrack_pace_rest();
  read_pieces(&fresh);
  if (before.gap || now.gap || fresh.gap) {
    return before.gap ? before.gap : now.gap ? now.gap : fresh.gap;
  }
  return !read_rest() ? MEMTRACK_GAP_UNREAD : reader.swapped != has_swap() ? MEMTRACK_GAP_SWAP : MEMTRACK_GAP_NONE;
}

/* ---- A pass --------------------------------------------------------------------------------------------------------------------
 */

/* No block is in a module: a lookup that comes to one has ended. What lies behind the mapping may be a device, and is not read. */
static uint64_t
readable_at(uint64_t address, uint64_t length)
{
  uint64_t limit = memtrack_module_at(address) ? 0 : memtrack_regions_limit(&now, address);
  return limit ? std::min({length, limit - address, (uint64_t)MEMTRACK_PIECE}) : 0;
}

static void
answer_read()
{
  uint64_t address = memtrack_call(&core, requestAddress);
  uint64_t length  = readable_at(address, memtrack_call(&core, requestLength));
  memtrack_call(&core, answerRequest, length ? (uint32_t)memtrack_peek(address, reader.window, length) : 0);
}

static void
answer_place()
{
  char text[256];
  memtrack_candidate found;
  uint64_t address = memtrack_call(&core, requestAddress);
  if (!memtrack_module_at(address) && memtrack_candidates_at(address, &found)) {
    memtrack_call(&core, answerPlaceIn, found.birth, found.start, found.size, found.mapped);
    return;
  }
  size_t length = memtrack_place_write(&core, &now, address, text, sizeof(text));
  memtrack_call(&core, answerPlace, memtrack_core_input(&core, text, length));
}

static void
answer_requests()
{
  for (uint32_t what; !is_to_end() && (what = memtrack_call(&core, nextRequest)) != MEMTRACK_REQUEST_NONE; memtrack_pace_rest()) {
    if (what == MEMTRACK_REQUEST_READ) {
      answer_read();
    } else {
      answer_place();
    }
  }
}

/* Keys of tags. They change at each arming. */
struct keys {
  uint64_t own, openssl;
};

static keys
present_keys()
{
  return keys{memtrack_hooks_get(key), memtrack_hooks_get(openssl_key)};
}

static void
prepare(uint32_t length, const keys &key)
{
  memtrack_call(&core, searchKeys, key.own, key.openssl, memtrack_load(&memtrack_tag_births),
                (uint32_t)memtrack_epochs() & MEMTRACK_EPOCH_MASK);
  memcpy(memtrack_core_at(&core, core.input), packet, length);
  memtrack_call(&core, searchWatch, length);
}

struct outcome {
  bool ended;   /* it was not told to end, and the keys are those with which it began */
  uint32_t gap; /* why not everything was read */
};

/* Whether somebody may use the slack of blocks: a program that was told how much room a block has, or one that has a part of a
   block whose tag still stands, because it was released past the hooks. */
static bool
is_slack_used()
{
  return memtrack_load(&memtrack_rooms_told) || memtrack_unseen_count();
}

/* Within memtrack_guarded(). */
static outcome
make(uint32_t length)
{
  keys key    = present_keys();
  interrupted = false;
  prepare(length, key);
  uint32_t flags = memtrack_call(&core, wantedPass);
  memtrack_regions_find_buffers(&core);
  memtrack_call(&core, beginPass, flags | (is_slack_used() ? MEMTRACK_PASS_SLACK : 0));
  uint32_t gap = memtrack_candidates_offer(&core) ? read_memory(flags) : MEMTRACK_GAP_TABLES;
  keys then    = present_keys();
  bool ended   = !is_to_end() && key.own == then.own && key.openssl == then.openssl;
  memtrack_call(&core, endPass, ended && gap == MEMTRACK_GAP_NONE);
  memtrack_place_begin();
  answer_requests();
  return outcome{ended, gap};
}

/* Tells the model what was found. Returns false after a trap. */
static bool
deliver()
{
  uint32_t length = 0;
  for (uint32_t i = 0;; ++i) {
    if (!memtrack_guarded([&] { length = memtrack_call(&core, findings, i); })) {
      return false;
    }
    if (!length) {
      return true;
    }
    memcpy(packet, memtrack_core_at(&core, core.output), length);
    memtrack_model_with([=](memtrack_core *model) {
      memcpy(memtrack_core_at(model, model->input), packet, length);
      memtrack_call(model, takeFindings, length, memtrack_clock_seconds());
    });
  }
}

/* Copies the watch list. Returns its length. */
static uint32_t
copy_watch_list()
{
  uint32_t length = 0;
  memtrack_model_with([&](memtrack_core *model) {
    length = memtrack_call(model, watchList);
    memcpy(packet, memtrack_core_at(model, model->output), length);
    counts.sites = length / MEMTRACK_WATCH_SIZE;
  });
  return length;
}

void
memtrack_pass_tell(uint32_t gap)
{
  memtrack_model_with([=](memtrack_core *model) {
    if (uint32_t length = memtrack_call(model, gapNotice, gap)) {
      memtrack_model_log(model, MEMTRACK_WARNING, length);
    }
  });
}

static void
end_after_trap()
{
  memtrack_store(&broken, true);
  memtrack_log(MEMTRACK_ERROR,
               "the core trapped while searching memory for references (%s): no search until traffic_server is restarted; the "
               "server is not affected",
               memtrack_trap_reason());
  memtrack_pass_tell(MEMTRACK_GAP_TRAP);
}

bool
memtrack_pass_make()
{
  uint32_t length = copy_watch_list();
  uint64_t begun  = memtrack_clock_ns();
  outcome result  = {};
  if (!length) {
    return false;
  }
  memtrack_pace_begin();
  if (!memtrack_guarded([&] { result = make(length); }) || !deliver()) {
    end_after_trap();
    return false;
  }
  memtrack_model_with([=](memtrack_core *) {
    counts.passes += 1;
    counts.complete += result.ended && result.gap == MEMTRACK_GAP_NONE;
    counts.bytes = reader.bytes;
    counts.ns    = memtrack_clock_ns() - begun;
  });
  if (result.ended) {
    memtrack_pass_tell(result.gap);
  }
  return true;
}

int
memtrack_pass_open()
{
  if (memtrack_core_open(&core, MEMTRACK_ROLE_SEARCH, 0) || memtrack_regions_open(&before) || memtrack_regions_open(&now) ||
      memtrack_regions_open(&fresh) || memtrack_candidates_open()) {
    memtrack_pass_close();
    return -1;
  }
  if (!memtrack_guarded([] { reader.window = memtrack_core_at(&core, memtrack_call(&core, windowAt)); })) {
    memtrack_pass_close();
    end_after_trap();
    return -1;
  }
  reader.scan = scan;
  memtrack_store(&size, core.size);
  return 0;
}

void
memtrack_pass_close()
{
  memtrack_core_close(&core);
  memtrack_store(&size, 0);
  memtrack_regions_close(&before);
  memtrack_regions_close(&now);
  memtrack_regions_close(&fresh);
  memtrack_candidates_close();
}

void
memtrack_pass_stop(bool stop)
{
  memtrack_store(&stopped, stop);
}

bool
memtrack_pass_is_broken()
{
  return memtrack_load(&broken);
}

const memtrack_pass *
memtrack_pass_counts()
{
  return &counts;
}

uint64_t
memtrack_pass_memory()
{
  return memtrack_load(&size);
}
