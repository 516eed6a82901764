/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin whose memory memtrack can see, or cannot: for each transaction it takes memory, touches all of it and keeps it. Its
 * arguments are `map` (mmap, as LuaJIT does), `unseen` (mmap by the system call, which no hook sees) or `malloc`, the bytes of a
 * block, the blocks of a transaction, and how many transactions take memory (0: all).
 */
#define _GNU_SOURCE 1
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ts/ts.h>

static int maps, unseen;
static size_t size;
static unsigned long blocks;
static unsigned long most;
static unsigned long transactions;

static void *volatile kept;

static void *
take(void)
{
  if (unseen) {
    return (void *)syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  return maps ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : malloc(size);
}

static int
on_transaction(TSCont cont, TSEvent event, void *data)
{
  (void)cont;
  (void)event;
  if (!most || __atomic_fetch_add(&transactions, 1, __ATOMIC_RELAXED) < most) {
    for (unsigned long i = 0; i < blocks; ++i) {
      void *memory = take();
      if (memory && memory != MAP_FAILED) {
        memset(memory, 1, size);
        kept = memory;
      }
    }
  }
  TSHttpTxnReenable((TSHttpTxn)data, TS_EVENT_HTTP_CONTINUE);
  return 0;
}

void
TSPluginInit(int argc, const char *argv[])
{
  TSPluginRegistrationInfo info = {.plugin_name = "mapper", .vendor_name = "memtrack", .support_email = "none"};
  TSPluginRegister(&info);
  maps   = argc > 1 && strcmp(argv[1], "map") == 0;
  unseen = argc > 1 && strcmp(argv[1], "unseen") == 0;
  size   = argc > 2 ? strtoul(argv[2], NULL, 10) : 1 << 20;
  blocks = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
  most   = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
  TSHttpHookAdd(TS_HTTP_TXN_CLOSE_HOOK, TSContCreate(on_transaction, NULL));
}
