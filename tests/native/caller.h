// SPDX-License-Identifier: Apache-2.0
#ifndef CALLER_H
#define CALLER_H

#include <stdint.h>

enum { CALLER_SITES = 256 };

typedef uintptr_t (*called)(uintptr_t, uintptr_t, uintptr_t);
typedef uintptr_t (*caller)(called function, uintptr_t a, uintptr_t b, uintptr_t c);

// The module exports them under this name.
extern caller const caller_sites[CALLER_SITES];

#endif
