/* SPDX-License-Identifier: Apache-2.0
 * Not a plugin: libraries of one size that late_reloads.so loads in each other's place, built once for each NUMBER. At the same
 * address, their functions have frames of different sizes. */
#include <stdlib.h>
#include <string.h>

#define ROOM (32 * NUMBER)

static void *kept;

__attribute__((constructor)) static void
on_load(void)
{
  kept = malloc(1000);
}

__attribute__((destructor)) static void
on_unload(void)
{
  free(kept);
}

__attribute__((noinline)) void *
late_same_make(void)
{
  char room[ROOM];
  memset(room, NUMBER, sizeof(room));
  __asm__ volatile("" : : "r"(room) : "memory");
  void *block = malloc(100 * NUMBER);
  __asm__ volatile("" : "+r"(block) : "r"(room) : "memory");
  return block;
}

__attribute__((noinline)) void
late_same_drop(void *block)
{
  free(block);
}
