// SPDX-License-Identifier: Apache-2.0
//
// A small module: limits_test.c loads a thousand copies, and plays a plugin's reloads with it; slots_test.c unloads it.
int extra(void);
long extra_owner_inside(long (*tell)(void));
int extra_calls_another(void);

int
extra(void)
{
  return 1;
}

// A plugin's function: returns the result of the test's function, called from here.
long
extra_owner_inside(long (*tell)(void))
{
  return tell();
}

// Through a slot, which is empty: no module has this function.
extern int extra_wanted(void) __attribute__((weak));

int
extra_calls_another(void)
{
  return extra_wanted ? extra_wanted() : 0;
}
