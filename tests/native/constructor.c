// SPDX-License-Identifier: Apache-2.0
//
// A module whose constructor waits, with the loader's lock held. waiting_test.c loads it.
void wait_in_constructor(void);

__attribute__((constructor)) static void
construct(void)
{
  wait_in_constructor();
}
