// SPDX-License-Identifier: Apache-2.0
//
// A module with one function; limits_test.c loads a thousand copies.
int extra(void);

int
extra(void)
{
  return 1;
}
