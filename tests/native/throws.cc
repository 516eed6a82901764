// SPDX-License-Identifier: Apache-2.0
//
// What the tests in C cannot express: functions that throw and catch, and the handler for exhausted memory.
#include <new>

extern "C" {
int throws_bad_alloc(void (*body)(void *), void *data);
void throw_bad_alloc();
void set_new_handler(void (*handler)());

int
throws_bad_alloc(void (*body)(void *), void *data)
{
  try {
    body(data);
    return 0;
  } catch (const std::bad_alloc &) {
    return 1;
  }
}

void
throw_bad_alloc()
{
  throw std::bad_alloc();
}

void
set_new_handler(void (*handler)())
{
  std::set_new_handler(handler);
}
}
