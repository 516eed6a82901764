// SPDX-License-Identifier: Apache-2.0
//
// The plugin API's allocating functions as version 10 of the server has them: inline functions in C++, which pass the line of their
// header. In version 9 they are macros, which pass the caller's line.
#ifndef INLINE_API_H
#define INLINE_API_H

#include "fault_server.h"

#line 1 "/builds/x/include/ts/ts.h"
#define INLINE_API_TEXT_(x) #x
#define INLINE_API_TEXT(x)  INLINE_API_TEXT_(x)
#define INLINE_API_PATH     "memory/" __FILE__ ":" INLINE_API_TEXT(__LINE__)

inline void *
TSmalloc(size_t size)
{
  return _TSmalloc(size, INLINE_API_PATH);
}

inline void *
TSrealloc(void *block, size_t size)
{
  return _TSrealloc(block, size, INLINE_API_PATH);
}

inline char *
TSstrdup(const char *text)
{
  return _TSstrdup(text, -1, INLINE_API_PATH);
}

inline char *
TSstrndup(const char *text, int64_t length)
{
  return _TSstrdup(text, length, INLINE_API_PATH);
}

template <typename T>
T *
TSRalloc(size_t count = 1)
{
  return static_cast<T *>(TSmalloc(count * sizeof(T)));
}

#endif
