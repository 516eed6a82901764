// SPDX-License-Identifier: Apache-2.0
//
// Of slots_test.c: all words through which a module can refer to a function of another one.
#include <stddef.h>

typedef int (*answer)(void);
extern int target_own(void);

extern answer const pointers_constant[2];
extern answer pointers_variable, pointers_changed, pointers_copied;
answer pointers_address(void);
int pointers_call(void);

answer const pointers_constant[2] = {target_own, target_own};
answer pointers_variable          = target_own;
answer pointers_changed           = target_own;
answer pointers_copied            = target_own;

const struct {
  char first;
  answer odd;
} __attribute__((packed)) pointers_odd = {1, target_own};
const void *const pointers_behind      = (const char *)target_own + 1;
static void *(*volatile pointers_malloc)(size_t);
extern void *malloc(size_t);

answer
pointers_address(void)
{
  return target_own;
}

int
pointers_call(void)
{
  int result = target_own();
  __asm__ volatile("" : "+r"(result));
  return result;
}

void *(*pointers_of_malloc(void))(size_t);

void *(*pointers_of_malloc(void))(size_t)
{
  pointers_malloc = malloc;
  return pointers_malloc;
}
