/* SPDX-License-Identifier: Apache-2.0
 *
 * Marshal buffers that change while memtrack reads what they hold. Threads create, fill, copy and destroy buffers, and end after
 * the number of rounds that plugin.config tells; a buffer that was destroyed is soon created again at the same address. Others are
 * left with garbage in the place of their heap's words.
 */
#include "corpus.h"

#define KEPT 64

static unsigned long rounds = 1000;

static TSMLoc
add_url(TSMBuffer buffer, int length)
{
  static const char text[5000] = "/";
  TSMLoc url;
  TSUrlCreate(buffer, &url);
  TSUrlPathSet(buffer, url, text, length);
  return url;
}

CORPUS_NOINLINE static void *
change(void *seed)
{
  TSMBuffer kept[KEPT] = {0};
  uint64_t random      = (uintptr_t)seed;
  for (unsigned long i = 0; i < rounds; ++i) {
    random           = random * 6364136223846793005u + 1442695040888963407u;
    TSMBuffer *place = &kept[random >> 40 & (KEPT - 1)];
    TSMLoc copy;
    if (*place && random >> 60 < 4) {
      TSMBufferDestroy(*place);
      *place = NULL;
      continue;
    }
    if (!*place) {
      *place = TSMBufferCreate();
    }
    if (random >> 60 < 8) {
      TSMBuffer other = TSMBufferCreate();
      TSUrlClone(*place, other, add_url(other, 10 + (random >> 30 & 1023)), &copy);
      TSMBufferDestroy(other);
    } else {
      add_url(*place, random >> 30 & 4095);
    }
  }
  for (int i = 0; i < KEPT; ++i) {
    if (kept[i]) {
      TSMBufferDestroy(kept[i]);
    }
  }
  return NULL;
}

/* The words of the first heap behind the one that identifies it. */
CORPUS_NOINLINE static void
spoil(uintptr_t word)
{
  TSMBuffer buffer = TSMBufferCreate();
  uintptr_t *heap  = *(uintptr_t **)buffer;
  for (int i = 4; i < 17; ++i) {
    heap[i] = word ? word : (uintptr_t)heap;
  }
}

CORPUS_NOINLINE static void
spoil_all(void)
{
  spoil(0);
  spoil(1);
  spoil(8);
  spoil((uintptr_t)spoil);
  spoil(UINTPTR_MAX - 7);
  spoil((uintptr_t)1 << 60);
  memset((void *)TSMBufferCreate(), 0xff, sizeof(void *));
  memset((void *)TSMBufferCreate(), 0, sizeof(void *));
}

void
TSPluginInit(int argc, const char *argv[])
{
  corpus_register();
  if (argc > 1) {
    rounds = strtoul(argv[1], NULL, 10);
  }
  spoil_all();
  for (uintptr_t i = 1; i <= 3; ++i) {
    TSThreadCreate(change, (void *)i);
  }
}
