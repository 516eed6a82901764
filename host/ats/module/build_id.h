/* SPDX-License-Identifier: Apache-2.0
 *
 * The build id of a module (the ELF note NT_GNU_BUILD_ID), which the linker writes. It identifies the contents of the file: debug
 * information with the same build id fits the module.
 */
#ifndef MEMTRACK_BUILD_ID_H
#define MEMTRACK_BUILD_ID_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Size of a text with 20 bytes of a build id, the most that linkers make, in hexadecimal. */
#define MEMTRACK_BUILD_ID_TEXT 41

/* Reads the build id of a loaded module, of which the caller has a handle, and writes it in hexadecimal into `text`, cut at `size`
   with its NUL; "" if the module has none. `start` is the address of the module's first segment; the addresses in its file are
   relative to `base`. Any thread. */
void memtrack_build_id_read(uintptr_t start, uintptr_t base, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
