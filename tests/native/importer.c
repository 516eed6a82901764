// SPDX-License-Identifier: Apache-2.0
//
// Calls the functions of definer.c: in its constructor, through its slots, and through a pointer in its initialized data.
int definer_plain(void);
int definer_protected(void);
int definer_resolved(void);
int definer_versioned(void);

int importer_constructor, importer_sum(void);
int (*importer_pointer)(void) = definer_plain;

int
importer_sum(void)
{
  return definer_plain() + 10 * definer_protected() + 100 * definer_resolved() + 1000 * definer_versioned();
}

__attribute__((constructor)) static void
construct(void)
{
  importer_constructor = importer_sum();
}
