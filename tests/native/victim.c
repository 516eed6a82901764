// SPDX-License-Identifier: Apache-2.0
//
// Stands where traffic_server stands: a full RELRO module that calls target.so through slots.
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

// A function of a plugin's, as the context's tests call it: says what the test's function says, called from here.
long
victim_owner_inside(long (*tell)(long, long, long, long, long, long))
{
  return tell(1, 2, 3, 4, 5, 6);
}

OWN_CALLS(victim)
