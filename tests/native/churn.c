// SPDX-License-Identifier: Apache-2.0
//
// Of churn_test.c: a library that allocates and releases in every way, from its constructor on.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void *churn_use(size_t size);
void churn_drop(void *block);

static struct {
  void *(*allocate)(size_t);
  void *(*resize)(void *, size_t);
  void (*release)(void *);
} volatile ops = {malloc, realloc, free};

static char *early;

__attribute__((constructor)) static void
begin(void)
{
  early = strdup("as early as can be");
}

__attribute__((destructor)) static void
end(void)
{
  free(early);
}

void *
churn_use(size_t size)
{
  void *block = ops.resize(ops.allocate(size), 2 * size);
  void *zeros = calloc(3, size);
  __asm__ volatile("" : "+r"(zeros));
  ops.release(zeros);
  void *aligned = aligned_alloc(64, 64);
  __asm__ volatile("" : "+r"(aligned));
  free(aligned);
  return block;
}

void
churn_drop(void *block)
{
  free(block);
}
