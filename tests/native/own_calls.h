// SPDX-License-Identifier: Apache-2.0
//
// A module that defines functions and calls them through slots, like libstdc++ with operator new. slots_test.c also defines the
// second function.
#ifndef OWN_CALLS_H
#define OWN_CALLS_H

#define OWN_CALL_(name, value)                        \
  int name(void);                                     \
  __attribute__((noinline)) int name(void)            \
  {                                                   \
    int result = value; /* unknown to the compiler */ \
    __asm__ volatile("" : "+r"(result));              \
    return result;                                    \
  }

#define OWN_CALLS(module)                          \
  OWN_CALL_(module##_own, 1)                       \
  OWN_CALL_(module##_interposed, 10)               \
  int module##_calls_both(void);                   \
  int module##_calls_both(void)                    \
  {                                                \
    return module##_own() + module##_interposed(); \
  }

#endif
