/* SPDX-License-Identifier: Apache-2.0
 * Allocates and releases through pointers to the functions, from everywhere that a program can have them. All of them are equal, as
 * without memtrack; argument "differ": a line in traffic.out for each pair that is not. */
#define _GNU_SOURCE 1
#include <argz.h>
#include <dlfcn.h>
#include <malloc.h>
#include <obstack.h>
#include <stdio.h>
#include "corpus.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

typedef void *(*malloc_like)(size_t);
typedef void (*free_like)(void *);

/* In read-only, in writable and in zeroed data; and a word that the plugin changes before the first use. */
static const struct {
  malloc_like allocate;
  free_like release;
} constant = {malloc, free};
static struct {
  const char *name;
  malloc_like allocate;
  free_like release;
} variable = {"variable", malloc, free};
static malloc_like assigned;
static free_like released_by = free;

CORPUS_NOINLINE static void
compare(const char *name, void *one, void *other)
{
  if (CORPUS_LAUNDER(one) != CORPUS_LAUNDER(other)) {
    fprintf(stderr, "innocent_pointers: %s differs\n", name);
  }
}

CORPUS_NOINLINE static void
compare_all(void)
{
  void *library = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  TSReleaseAssert(library);
  compare("constant", (void *)constant.allocate, (void *)malloc);
  compare("variable", (void *)variable.release, (void *)free);
  compare("of the library", dlsym(library, "malloc"), (void *)malloc);
  compare("default", dlsym(RTLD_DEFAULT, "free"), (void *)free);
  compare("next", dlsym(RTLD_NEXT, "free"), (void *)free);
  compare("of a version", dlvsym(RTLD_DEFAULT, "realloc", "GLIBC_2.2.5"), (void *)realloc);
  dlclose(library);
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  static free_like found;
  (void)txn;
  if (!found) {
    assigned = malloc;
    found    = (free_like)dlsym(RTLD_DEFAULT, "free");
    compare_all();
  }
  for (int i = 0; i < 10; ++i) {
    constant.release(CORPUS_LAUNDER(malloc(100)));
    variable.release(CORPUS_LAUNDER(constant.allocate(200)));
    found(CORPUS_LAUNDER(assigned(300)));
    released_by(CORPUS_LAUNDER(variable.allocate(400)));
    free(CORPUS_LAUNDER(memalign(64, 500)));
    found(CORPUS_LAUNDER(pvalloc(600)));

    char *vector = NULL;
    size_t size  = 0;
    for (int j = 0; j < 10; ++j) {
      TSReleaseAssert(argz_add(&vector, &size, "a text that is added to the others") == 0);
    }
    free(vector);

    struct obstack stack;
    obstack_init(&stack);
    obstack_blank(&stack, 20000);
    obstack_finish(&stack);
    obstack_free(&stack, NULL);
  }
  TSfree(CORPUS_LAUNDER(TSmalloc(70)));
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave) // SITE TSPluginInit: TSCont +1 -0 once
