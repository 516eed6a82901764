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

OWN_CALLS(victim)
