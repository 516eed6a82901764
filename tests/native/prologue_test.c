// SPDX-License-Identifier: Apache-2.0
//
// Which first instructions may be overwritten by a jump of 14 bytes (arm64: 16).
#include "support.h"

#include <string.h>

#include "module/prologue.h"

struct sample {
  const char *what;
  const char *why; // expected: a part of the reason, NULL if there is none
  size_t length;
  unsigned char code[32];
};

#if defined(__x86_64__)
enum { SIZE = 14 };
static const struct sample samples[] = {
  {"increment of 10.2: a call that returns behind the jump",
   NULL,
   87,
   {0x41, 0x54, 0x49, 0x89, 0xf4, 0x55, 0x48, 0x89, 0xfd, 0x53, 0xe8, 0xe1, 0xfd, 0xff, 0xff, 0x80, 0x78, 0x20}},
  {"dump of 10.2: a jump over a return, both behind the jump",
   NULL,
   633,
   {0x48, 0x8d, 0x05, 0x19, 0x20, 0x54, 0x00, 0x44, 0x8b, 0x00, 0x45, 0x85, 0xc0, 0x75, 0x01, 0xc3}},
  {"endbr64, stack protector, an array's address",
   NULL,
   100,
   {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x81, 0xec, 0x18, 0x01, 0x00, 0x00, 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28}},
  {"compared with a variable, far conditional jump",
   NULL,
   100,
   {0x83, 0x3d, 0x11, 0x22, 0x33, 0x00, 0x00, 0x0f, 0x84, 0x80, 0x00, 0x00, 0x00, 0x90, 0x90}},
  {"a constant of 64 bits, a vector cleared", NULL, 100, {0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0x66, 0x0f, 0xef, 0xc0}},
  {"a frame, a stored constant, an index",
   NULL,
   100,
   {0x55, 0x48, 0x89, 0xe5, 0xc7, 0x44, 0x24, 0x08, 1, 0, 0, 0, 0x8b, 0x44, 0x98, 0x10}},
  {"13 bytes", "shorter", 13, {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3}},
  {"a call that returns into the jump",
   "returns",
   100,
   {0x55, 0xe8, 0, 1, 0, 0, 0x48, 0x89, 0xe5, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56}},
  {"a loop in the jump", "jumps", 100, {0x31, 0xc0, 0x48, 0x39, 0xf8, 0x75, 0xfb, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}},
  {"a loop to the entry", "jumps", 100, {0x48, 0x39, 0xf8, 0x75, 0xfb, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}},
  {"a jump over an instruction",
   "jumps",
   100,
   {0x85, 0xff, 0x74, 0x02, 0x31, 0xc0, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}},
  {"another function begins", "jumps", 100, {0x31, 0xc0, 0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}},
  {"a thunk", "jumps", 100, {0xe9, 0, 1, 0, 0, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}},
  {"a jump that somebody wrote", "not know", 100, {0xff, 0x25, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}},
  {"a breakpoint", "not know", 100, {0xcc, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}},
};
#else
enum { SIZE = 16 };
#define CODE(a, b, c, d)                                                                                           \
  {                                                                                                                \
    (a) & 255, (a) >> 8 & 255, (a) >> 16 & 255, (unsigned)(a) >> 24, (b)&255, (b) >> 8 & 255, (b) >> 16 & 255,     \
      (unsigned)(b) >> 24, (c)&255, (c) >> 8 & 255, (c) >> 16 & 255, (unsigned)(c) >> 24, (d)&255, (d) >> 8 & 255, \
      (d) >> 16 & 255, (unsigned)(d) >> 24                                                                         \
  }
static const struct sample samples[] = {
  {"paciasp, a frame, a call that returns behind the jump", NULL, 64, CODE(0xd503233f, 0xa9bd7bfd, 0x910003fd, 0x94000010)},
  {"12 bytes", "shorter", 12, CODE(0xa9bd7bfd, 0x910003fd, 0xd65f03c0, 0)},
  {"a call that returns into the jump", "returns", 64, CODE(0xa9bd7bfd, 0x94000010, 0x910003fd, 0x910003fd)},
  {"a conditional jump", "jumps", 64, CODE(0xb4000040, 0x910003fd, 0x910003fd, 0x910003fd)},
  {"a return", "jumps", 64, CODE(0x910003fd, 0xd65f03c0, 0x910003fd, 0x910003fd)},
};
#endif

static void
only_instructions_to_which_no_thread_returns_may_be_overwritten(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); ++i) {
    const char *why = memtrack_prologue_check(samples[i].code, samples[i].length, SIZE);
    if ((why != NULL) != (samples[i].why != NULL) || (why && !strstr(why, samples[i].why))) {
      fail_msg("%s: %s", samples[i].what, why ? why : "may be overwritten");
    }
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(only_instructions_to_which_no_thread_returns_may_be_overwritten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
