/* SPDX-License-Identifier: Apache-2.0
 *
 * Key of a site: an address (for OpenSSL of the file's text, for an IOBuffer of its location's text, for a plugin's call the return
 * address), and attributes: class, line or kind of object, and owner key. All are hook-safe.
 */
#ifndef MEMTRACK_KEY_H
#define MEMTRACK_KEY_H

#include <stdint.h>

#include "core_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline uint64_t
memtrack_attributes(uint32_t cls, uint32_t line, uint32_t owner)
{
  return (uint64_t)owner << MEMTRACK_ATTRIBUTES_OWNER_SHIFT |
         (cls << MEMTRACK_ATTRIBUTES_CLASS_SHIFT | (line & MEMTRACK_ATTRIBUTES_LINE_MASK));
}

static inline uint32_t
memtrack_attributes_class(uint64_t attributes)
{
  return (uint32_t)attributes >> MEMTRACK_ATTRIBUTES_CLASS_SHIFT;
}

static inline uint32_t
memtrack_attributes_owner(uint64_t attributes)
{
  return attributes >> MEMTRACK_ATTRIBUTES_OWNER_SHIFT;
}

#ifdef __cplusplus
}
#endif

#endif
