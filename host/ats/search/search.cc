/* SPDX-License-Identifier: Apache-2.0 */
#include "search/search.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "core/model.h"
#include "owner/context.h"
#include "search/pace.h"
#include "search/pass.h"
#include "search/place.h"

/* The stack is memtrack's own memory, which is not searched. Below it nothing is mapped to read or write. */
#define STACK_SIZE (512u << 10)
#define GUARD_SIZE 65536u

#define PASSES_PER_SAMPLE 10
#define STEP_MS           20l /* in which a pause notices that it is to end */

static memtrack_search_wish wanted; /* of the last poll */
static uint32_t period_ms;
static pthread_t thread;
static bool started; /* the thread exists, or has ended and is not joined yet */
static bool ended;
static char *stack;

/* Until it is time for the next pass. */
static void
wait_since(uint64_t begun)
{
  const timespec step = {0, STEP_MS * MEMTRACK_NS_PER_MS};
  while (!memtrack_pass_is_stopped() && memtrack_clock_ns() - begun < (uint64_t)memtrack_load(&period_ms) * MEMTRACK_NS_PER_MS) {
    nanosleep(&step, nullptr);
  }
}

/* The search cannot begin. It is tried again each second, and said once. */
static void
say_once(bool *said, const char *what, int error)
{
  memtrack_pass_tell(MEMTRACK_GAP_START);
  if (!*said) {
    *said = true;
    memtrack_log(MEMTRACK_WARNING, "the search for references %s: %s; it is tried again each second", what, strerror(error));
  }
}

static void *
run(void *)
{
  static bool said;
  MEMTRACK_GUARD_REENTRY; /* memtrack's own memory is not the server's */
  pthread_setname_np(pthread_self(), "memtrack-search");
  if (memtrack_pass_open() == 0) {
    uint64_t begun = memtrack_clock_ns();
    while (!memtrack_pass_is_stopped() && memtrack_pass_make()) {
      wait_since(begun);
      begun = memtrack_clock_ns();
    }
    memtrack_pass_close();
  } else if (!memtrack_pass_is_broken()) {
    say_once(&said, "cannot begin", ENOMEM);
  }
  memtrack_store_release(&ended, true);
  return nullptr;
}

/* Returns whether there is a stack. */
static bool
have_stack()
{
  if (!stack) {
    stack = (char *)memtrack_own_map(STACK_SIZE, MAP_STACK | MAP_NORESERVE);
    if (stack && mmap(stack, GUARD_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
      memtrack_own_unmap(stack, STACK_SIZE);
      stack = nullptr;
    }
  }
  return stack != nullptr;
}

/* No signal of the server's is handled on it. */
static void
start()
{
  static bool said;
  sigset_t all, old;
  pthread_attr_t attributes;
  int error = ENOMEM;
  if (have_stack() && pthread_attr_init(&attributes) == 0) {
    pthread_attr_setstack(&attributes, stack + GUARD_SIZE, STACK_SIZE - GUARD_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    memtrack_store(&ended, false);
    error = pthread_create(&thread, &attributes, run, nullptr);
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    pthread_attr_destroy(&attributes);
  }
  started = error == 0;
  if (error) {
    say_once(&said, "cannot start a thread", error);
  }
}

static bool
is_watching()
{
  bool watching = false;
  memtrack_model_with([&](memtrack_core *model) { watching = memtrack_call(model, isWatching) != 0; });
  return watching;
}

void
memtrack_search_poll(const memtrack_search_wish *wish)
{
  bool on = wish->armed && wish->percent && !memtrack_pass_is_broken();
  wanted  = *wish;
  memtrack_pace_set(wish->percent);
  memtrack_store(&period_ms, (wish->interval ? wish->interval : PASSES_PER_SAMPLE) * (1000 / PASSES_PER_SAMPLE));
  memtrack_pass_stop(!on);
  if (started && memtrack_load_acquire(&ended)) {
    pthread_join(thread, nullptr);
    started = false;
  }
  if (!started && on && is_watching()) {
    start();
  }
  memtrack_place_poll();
}

void
memtrack_search_request(const char *text, uint32_t percent)
{
  memtrack_model_with_sums([=](memtrack_core *model) {
    uint32_t length = memtrack_core_input(model, text, strlen(text));
    length          = memtrack_call(model, answerSearch, length, percent);
    memtrack_model_log(model, (enum memtrack_severity)memtrack_call(model, answerSeverity), length);
  });
}

void
memtrack_search_status()
{
  memtrack_model_with([](memtrack_core *model) {
    const memtrack_pass *pass = memtrack_pass_counts();
    memtrack_call(model, beginSearchedRows);
    while (uint32_t length = memtrack_call(model, writeSearchedRow)) {
      memtrack_model_log(model, MEMTRACK_NOTE, length);
    }
    memtrack_model_log(model, MEMTRACK_NOTE,
                       memtrack_call(model, writeSearchStatus, wanted.percent, pass->sites, pass->passes, pass->complete,
                                     pass->bytes, pass->ns / MEMTRACK_NS_PER_MS));
  });
}

uint64_t
memtrack_search_memory()
{
  return memtrack_pass_memory();
}
