/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins' calls that return memory of the server which the plugin must release with TSfree. It is counted like TSmalloc memory of
 * the calling line, as many bytes as the server wrote. Where the block has room for a tag it stays, otherwise a longer copy takes
 * its place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hook/block.h"
#include "hook/plugin_hooks.h"

/* A copy with room for a tag; the server's block is released. NULL if there is no memory, and then the block remains. */
static MT_NOINLINE char *
lengthen(char *text, size_t size, size_t margin)
{
  int error  = errno;
  char *copy = malloc(size + margin);
  if (copy) {
    MEMTRACK_GUARD_REENTRY;
    memcpy(copy, text, size);
    memtrack_api._TSfree(text);
  }
  errno = error;
  return copy;
}

/* Counts `size` bytes that the server handed to a call at `address`, and returns what the plugin gets. */
static char *
count_owed(char *text, size_t size, uintptr_t address)
{
  memtrack_block_take_over(text);
  size_t margin = memtrack_watch_margin_of(size, address), usable = malloc_usable_size(text);
  if (MT_UNLIKELY(margin == 0 || usable < size)) {
    return text;
  }
  char *block = usable - size < margin ? lengthen(text, size, margin) : text;
  if (MT_UNLIKELY(block == NULL)) {
    memtrack_account_lose();
    return text;
  }
  memtrack_block_record_by(margin, block, size, memtrack_hooks_get(key), address,
                           memtrack_plugin_attributes(MEMTRACK_CLASS_TSAPI, 0), NULL);
  return block;
}

#define IS_OWED(text) ((text) && memtrack_plugin_is_armed())

/* A zero follows the text of a URL and of a file. */
char *
hook_TSUrlStringGet(void *buffer, void *url, int *length)
{
  char *text = memtrack_api.TSUrlStringGet(buffer, url, length);
  return IS_OWED(text) ? count_owed(text, (size_t)*length + 1, MT_RETURN_ADDRESS) : text;
}

char *
hook_TSHttpTxnEffectiveUrlStringGet(void *transaction, int *length)
{
  char *text = memtrack_api.TSHttpTxnEffectiveUrlStringGet(transaction, length);
  return IS_OWED(text) ? count_owed(text, (size_t)*length + 1, MT_RETURN_ADDRESS) : text;
}

/* The length need not be asked for. */
char *
hook_TSMatcherReadIntoBuffer(char *file, int *length)
{
  int own    = 0;
  char *text = memtrack_api.TSMatcherReadIntoBuffer(file, length ? length : &own);
  return IS_OWED(text) ? count_owed(text, (size_t)(length ? *length : own) + 1, MT_RETURN_ADDRESS) : text;
}

/* No zero follows. */
char *
hook_TSSslSecretGet(const char *name, int name_length, int *length)
{
  char *data = memtrack_api.TSSslSecretGet(name, name_length, length);
  return IS_OWED(data) ? count_owed(data, (size_t)*length, MT_RETURN_ADDRESS) : data;
}

/* The caller's variable is written once, because another thread may read it. */
int
hook_TSMgmtStringGet(const char *record, char **text)
{
  char *got  = NULL;
  int result = memtrack_api.TSMgmtStringGet(record, &got);
  if (result == MEMTRACK_TS_SUCCESS) {
    *text = IS_OWED(got) ? count_owed(got, strlen(got) + 1, MT_RETURN_ADDRESS) : got;
  }
  return result;
}
