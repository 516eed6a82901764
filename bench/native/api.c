// SPDX-License-Identifier: Apache-2.0
//
// The plugin API's memory functions, implemented like the server's: the hooks of TSmalloc and similar functions call them.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *_TSmalloc(size_t size, const char *path);
void *_TSrealloc(void *block, size_t size, const char *path);
char *_TSstrdup(const char *text, int64_t length, const char *path);
void _TSfree(void *block);

void *
_TSmalloc(size_t size, const char *path)
{
  (void)path;
  return malloc(size);
}

void *
_TSrealloc(void *block, size_t size, const char *path)
{
  (void)path;
  return realloc(block, size);
}

char *
_TSstrdup(const char *text, int64_t length, const char *path)
{
  (void)path;
  return strndup(text, length);
}

void
_TSfree(void *block)
{
  free(block);
}
