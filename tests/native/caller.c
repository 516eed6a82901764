// SPDX-License-Identifier: Apache-2.0
//
// A module whose calls are sites: each of its functions calls the function that it is given. stack_test.c loads it as a plugin.
#include "caller.h"

// The barrier prevents a tail call, which would leave no return address here.
#define SITE_(n)                                                                                              \
  static __attribute__((noinline)) uintptr_t site_##n(called function, uintptr_t a, uintptr_t b, uintptr_t c) \
  {                                                                                                           \
    uintptr_t result = function(a, b, c);                                                                     \
    __asm__ volatile("" : "+r"(result));                                                                      \
    return result;                                                                                            \
  }
#define NAME_(n)      site_##n,
#define FOR_4_(M, n)  M(n##0) M(n##1) M(n##2) M(n##3)
#define FOR_16_(M, n) FOR_4_(M, n##0) FOR_4_(M, n##1) FOR_4_(M, n##2) FOR_4_(M, n##3)
#define FOR_64_(M, n) FOR_16_(M, n##0) FOR_16_(M, n##1) FOR_16_(M, n##2) FOR_16_(M, n##3)
#define FOR_256_(M)   FOR_64_(M, 0) FOR_64_(M, 1) FOR_64_(M, 2) FOR_64_(M, 3)

FOR_256_(SITE_)

caller const caller_sites[CALLER_SITES] = {FOR_256_(NAME_)};
