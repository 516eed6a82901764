/* SPDX-License-Identifier: Apache-2.0
 * Takes blocks for a transaction, and forgets some of them when it closes: of one site every second, of one every fifth, of one one
 * in a thousand. The others are released. Its argument: so many MiB of other blocks, kept in a table, that a search has to read. */
#include <string>
#include <thread>
#include <vector>
#include "corpus.h"

struct words {
  uint64_t word[16];
};

/* Of other sizes, or the compiler would make one function of them. */
struct more_words : words {
  uint64_t further[2];
};

struct most_words : words {
  uint64_t further[4];
};

struct taken {
  words *second, *fifth, *thousandth;
};

static int argument;
static std::vector<char *> kept;

CORPUS_NOINLINE static words *
for_second()
{
  words *made = static_cast<words *>(malloc(sizeof(words)));
  CORPUS_KEEP(made);
  return made;
}

CORPUS_NOINLINE static words *
for_fifth()
{
  words *made = static_cast<words *>(malloc(sizeof(more_words)));
  CORPUS_KEEP(made);
  return made;
}

CORPUS_NOINLINE static words *
for_thousandth()
{
  words *made = static_cast<words *>(malloc(sizeof(most_words)));
  CORPUS_KEEP(made);
  return made;
}

/* Each word is written, so that nothing of an earlier block is left. */
static words *
filled(words *made)
{
  for (uint64_t &word : made->word) {
    word = 0x1111111111111111;
  }
  return made;
}

static void
release(words *block, unsigned long transaction, unsigned share)
{
  if (transaction % share) {
    free(block);
  }
}

static int
handle(TSCont, TSEvent event, void *data)
{
  static unsigned long transactions;
  TSHttpTxn txn = static_cast<TSHttpTxn>(data);
  if (event == TS_EVENT_HTTP_READ_REQUEST_HDR) {
    TSUserArgSet(txn, argument, new taken{filled(for_second()), filled(for_fifth()), filled(for_thousandth())});
  } else if (taken *mine = static_cast<taken *>(TSUserArgGet(txn, argument))) {
    unsigned long number = __atomic_fetch_add(&transactions, 1, __ATOMIC_RELAXED);
    release(mine->second, number, 2);
    release(mine->fifth, number, 5);
    release(mine->thousandth, number, 1000);
    *mine = taken{};
    CORPUS_KEEP(mine); // the words are written, though it is deleted
    delete mine;
  }
  TSHttpTxnReenable(txn, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

/* In a thread: 8 GiB take longer than the server may take to start. */
static void
keep(size_t mb)
{
  constexpr size_t SIZE = 1000;
  for (size_t bytes = 0; bytes < mb << 20; bytes += SIZE) {
    kept.push_back(static_cast<char *>(memset(malloc(SIZE), 1, SIZE)));
  }
}

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  TSUserArgIndexReserve(TS_USER_ARGS_TXN, "shares", "blocks of a transaction", &argument);
  std::thread(keep, argc > 1 ? std::stoul(argv[1]) : 0).detach();
  TSCont cont = TSContCreate(handle, nullptr);
  TSHttpHookAdd(TS_HTTP_READ_REQUEST_HDR_HOOK, cont);
  TSHttpHookAdd(TS_HTTP_TXN_CLOSE_HOOK, cont);
}
