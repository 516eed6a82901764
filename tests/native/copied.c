// SPDX-License-Identifier: Apache-2.0
//
// Of slots_test.c, and built as programs are: the linker gives the program a copy of the library's variable.
typedef int (*answer)(void);
extern answer pointers_copied;
answer *copied_at(void);

answer *
copied_at(void)
{
  return &pointers_copied;
}
