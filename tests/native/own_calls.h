// SPDX-License-Identifier: Apache-2.0
//
// A module that defines functions and calls them through slots, as libstdc++ does with operator new. The second one slots_test.c
// defines as well.
#ifndef OWN_CALLS_H
#define OWN_CALLS_H

#define OWN_CALL_(name, value)                                    \
  int name(void);                                                 \
  __attribute__((noinline)) int name(void)                        \
  {                                                               \
    int result = value; /* of which the compiler knows nothing */ \
    __asm__ volatile("" : "+r"(result));                          \
    return result;                                                \
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
