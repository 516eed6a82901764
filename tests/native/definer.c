// SPDX-License-Identifier: Apache-2.0
//
// Plays an allocator's part in definition_test.c: functions that importer.so finds in the dynamic symbol table of this module. The
// version script definer.map gives definer_versioned two versions.
int definer_plain(void);
int definer_protected(void);
int definer_resolved(void);
int versioned_old(void);
int versioned_new(void);

int
definer_plain(void)
{
  return 1;
}

__attribute__((visibility("protected"))) int
definer_protected(void)
{
  return 1;
}

static int
chosen(void)
{
  return 1;
}

static int (*choose(void))(void)
{
  return chosen;
}

__attribute__((ifunc("choose"))) int definer_resolved(void);

int
versioned_old(void)
{
  return 1;
}

int
versioned_new(void)
{
  return 1;
}

__asm__(".symver versioned_old, definer_versioned@OLD");
__asm__(".symver versioned_new, definer_versioned@@NEW");
