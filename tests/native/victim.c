// SPDX-License-Identifier: Apache-2.0
//
// Plays traffic_server's part: a full RELRO module that calls target.so through slots.
#include <stdint.h>
#include <stdio.h>

#include "own_calls.h"

extern int target_level;
extern void target_increment(const char *where, int64_t size);
extern void target_dump(FILE *file);

void victim_increment(const char *where, int64_t size);
void victim_dump(FILE *file);

void
victim_increment(const char *where, int64_t size)
{
  if (target_level) {
    target_increment(where, size);
  }
}

void
victim_dump(FILE *file)
{
  target_dump(file);
}

long victim_owner_inside(long (*tell)(long, long, long, long, long, long));

// Plays a plugin's function in the context tests: returns the result of the test's function, called from here.
long
victim_owner_inside(long (*tell)(long, long, long, long, long, long))
{
  return tell(1, 2, 3, 4, 5, 6);
}

long TSRemapInit(void);
void *victim_look_up(void *(*look_up)(void *, const char *), void *handle, const char *name);

// The function by which the server recognizes a plugin of remap.config.
long
TSRemapInit(void)
{
  return 0;
}

// Looks up a name from here, so that RTLD_NEXT means the modules after this one.
void *
victim_look_up(void *(*look_up)(void *, const char *), void *handle, const char *name)
{
  void *found = look_up(handle, name);
  __asm__ volatile("" : "+r"(found)); // not a jump: the return address is here
  return found;
}

OWN_CALLS(victim)
