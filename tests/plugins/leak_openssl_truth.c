/* SPDX-License-Identifier: Apache-2.0
 *
 * Computes the expected leaks of leak_openssl.so: unlike a plugin, a separate program can set OpenSSL's memory functions in time,
 * and see each allocation. It prints, per file and line, the blocks and bytes that each further round keeps:
 *
 *    crypto/bio/bio_lib.c:83 1 152
 *
 * The first rounds are skipped, because OpenSSL also allocates permanent memory in them.
 */
#include <stdio.h>
#include <stdlib.h>
#include "leak_openssl.h"

enum { SITES_MAX = 256, ROUNDS = 10 };

struct site {
  const char *file;
  int line;
  long blocks, bytes;
};

/* Precedes each block, and is aligned like a block. */
struct head {
  struct site *site;
  size_t size;
};

static struct site sites[SITES_MAX];

static void
count(struct head *head, long sign)
{
  head->site->blocks += sign;
  head->site->bytes += sign * (long)head->size;
}

static void *
counting_malloc(size_t size, const char *file, int line)
{
  struct head *head = size ? malloc(sizeof(*head) + size) : NULL;
  if (!head) {
    return NULL;
  }
  struct site *site = sites;
  while (site->file && !(site->line == line && strcmp(site->file, file) == 0)) {
    if (++site == sites + SITES_MAX) {
      abort();
    }
  }
  site->file = file;
  site->line = line;
  *head      = (struct head){site, size};
  count(head, 1);
  return head + 1;
}

static void
counting_free(void *block, const char *file, int line)
{
  (void)file;
  (void)line;
  if (block) {
    struct head *head = (struct head *)block - 1;
    count(head, -1);
    free(head);
  }
}

static void *
counting_realloc(void *block, size_t size, const char *file, int line)
{
  void *moved = counting_malloc(size, file, line);
  if (block && moved) {
    size_t old = ((struct head *)block - 1)->size;
    memcpy(moved, block, old < size ? old : size);
  }
  if (moved || size == 0) {
    counting_free(block, file, line);
  }
  return moved;
}

int
main(void)
{
  struct site before[SITES_MAX];
  if (!CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free)) {
    fputs("OpenSSL has allocated already\n", stderr);
    return 1;
  }
  for (int round = 0; round < 2 * ROUNDS; ++round) {
    if (round == ROUNDS) {
      memcpy(before, sites, sizeof(sites));
    }
    corpus_openssl_objects();
  }
  for (int i = 0; i < SITES_MAX && sites[i].file; ++i) {
    long blocks = sites[i].blocks - before[i].blocks;
    long bytes  = sites[i].bytes - before[i].bytes;
    if (blocks) {
      printf("%s:%d %ld %ld\n", sites[i].file, sites[i].line, blocks / ROUNDS, bytes / ROUNDS);
    }
  }
  return 0;
}
