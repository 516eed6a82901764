/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call and a linker's stub say, as the core reads them (assembly/naming/called.ts). Addresses are those in the module's
 * file; 0 is not known. None is hook-safe.
 */
#ifndef MEMTRACK_INSTRUCTIONS_H
#define MEMTRACK_INSTRUCTIONS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The slot, or else the code, that a call calls: by its last MEMTRACK_CALL_SIZE bytes and the address of its end. Not hook-safe. */
uint64_t memtrack_slot_of_call(const unsigned char *call, uint64_t end);
uint64_t memtrack_code_of_call(const unsigned char *call, uint64_t end);

/* The slot through which a stub jumps: by its first MEMTRACK_STUB_SIZE bytes and its address. Not hook-safe. */
uint64_t memtrack_slot_of_stub(const unsigned char *stub, uint64_t start);

#ifdef __cplusplus
}
#endif

#endif
