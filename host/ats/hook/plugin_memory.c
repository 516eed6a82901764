/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins' calls of TSmalloc and similar functions.
 */
#include <limits.h>
#include <string.h>

#include "hook/block.h"
#include "hook/plugin_hooks.h"
#include "hook/release.h"
#include "owner/plugin_call.h"

/* The site of a call: its return address, which is also that of the hook into which the function that asks is inlined. Since
   version 10 TSmalloc is an inline function: a plugin without optimization has one of its own, and the call in it is never a site
   (`inlined`). */
#define SITE(inlined) ((inlined) ? memtrack_plugin_call_of_api(MT_RETURN_ADDRESS) : MT_RETURN_ADDRESS)

/* Sizes that are not tracked, and all sizes while sites are watched. */
static MT_NOINLINE void *
malloc_slowly(size_t size, const char *path, uintptr_t address)
{
  size_t margin = size ? memtrack_watch_margin(size, address) : 0;
  void *block;
  {
    MEMTRACK_GUARD_REENTRY;
    block = memtrack_api._TSmalloc(size + margin, path);
  }
  if (block && margin) {
    memtrack_block_record_by(margin, block, size, memtrack_hooks_get(key), address,
                             memtrack_plugin_attributes(MEMTRACK_CLASS_TSAPI, 0), path);
  }
  return block;
}

MT_INLINE void *
count_malloc(size_t size, const char *path, bool inlined)
{
  if (!memtrack_plugin_is_armed()) {
    return memtrack_api._TSmalloc(size, path);
  }
  if (MT_UNLIKELY(size - 1 >= memtrack_hooks_get(quick_size))) {
    return malloc_slowly(size, path, SITE(inlined));
  }
  void *block;
  {
    MEMTRACK_GUARD_REENTRY;
    block = memtrack_api._TSmalloc(size + MEMTRACK_TAG_SIZE, path);
  }
  if (MT_LIKELY(block != NULL)) {
    memtrack_block_record(block, size, memtrack_hooks_get(key), SITE(inlined), memtrack_plugin_attributes(MEMTRACK_CLASS_TSAPI, 0),
                          path);
  }
  return block;
}

MT_INLINE void *
count_realloc(void *block, size_t size, const char *path, bool inlined)
{
  if (!memtrack_plugin_is_armed()) {
    return memtrack_api._TSrealloc(block, size, path);
  }
  uintptr_t address = SITE(inlined);
  size_t margin     = size ? memtrack_watch_margin_of(size, address) : 0;
  if (MT_UNLIKELY(margin == 0)) {
    memtrack_release(block, MEMTRACK_CLASS_TSAPI);
    return memtrack_api._TSrealloc(block, size, path);
  }
  uint64_t site = memtrack_plugin_attributes(MEMTRACK_CLASS_TSAPI, 0);
  MEMTRACK_GUARD_REENTRY;
  if (block == NULL) {
    void *fresh = memtrack_api._TSrealloc(NULL, size + margin, path);
    if (fresh) {
      memtrack_block_record_by(margin, fresh, size, memtrack_hooks_get(key), address, site, path);
    }
    return fresh;
  }
  uint32_t birth;
  return memtrack_block_resize(block, size, memtrack_hooks_get(key), address, site, path, memtrack_api._TSrealloc,
                               memtrack_birth_untagged(MEMTRACK_CLASS_TSAPI), margin, &birth);
}

MT_INLINE char *
count_strdup(const char *text, int64_t length, const char *path, bool inlined)
{
  int chars = (int)length; /* as the server does, which has no more in 9.2 and 10 */
  if (memtrack_plugin_is_armed() && text && chars < 0) {
    chars = (int)strlen(text);
  }
  if (!memtrack_plugin_is_armed() || text == NULL || MT_UNLIKELY(chars < 0 || chars == INT_MAX)) {
    return memtrack_api._TSstrdup(text, length, path);
  }
  uintptr_t address = SITE(inlined);
  size_t size       = (size_t)chars + 1;
  size_t margin     = memtrack_watch_margin_of(size, address);
  char *copy;
  {
    MEMTRACK_GUARD_REENTRY;
    copy = memtrack_api._TSmalloc(size + margin, path);
  }
  if (copy) {
    strncpy(copy, text, size - 1); /* pads with zeros, like the server's own function */
    copy[size - 1] = '\0';
    memtrack_block_record_by(margin, copy, size, memtrack_hooks_get(key), address,
                             memtrack_plugin_attributes(MEMTRACK_CLASS_TSAPI, 0), path);
  }
  return copy;
}

MT_HOT void *
hook__TSmalloc(size_t size, const char *path)
{
  return count_malloc(size, path, false);
}

void *
hook__TSrealloc(void *block, size_t size, const char *path)
{
  return count_realloc(block, size, path, false);
}

char *
hook__TSstrdup(const char *text, int64_t length, const char *path)
{
  return count_strdup(text, length, path, false);
}

void *
memtrack_inlined__TSmalloc(size_t size, const char *path)
{
  return count_malloc(size, path, true);
}

void *
memtrack_inlined__TSrealloc(void *block, size_t size, const char *path)
{
  return count_realloc(block, size, path, true);
}

char *
memtrack_inlined__TSstrdup(const char *text, int64_t length, const char *path)
{
  return count_strdup(text, length, path, true);
}

MT_HOT void
hook__TSfree(void *block)
{
  if (memtrack_plugin_is_armed() && block) {
    memtrack_release_likely(block, malloc_usable_size(block), MEMTRACK_CLASS_TSAPI);
  }
  MEMTRACK_GUARD_REENTRY;
  memtrack_api._TSfree(block);
}
