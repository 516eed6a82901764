/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads how to unwind a frame from the call frame information that every module has for its exceptions (.eh_frame: DWARF 5, section
 * 6.4, in the form of the x86-64 ABI). Nearly all frames have the same form:
 *
 *    the caller's sp = sp or bp, plus a constant;  its ip is stored below that;  its bp is unchanged, or stored further below
 *
 * Only this form is supported. The code reads the module's tables as the loader mapped them, located like the unwinder does; it
 * opens no file and needs no elfutils, unlike the rest of the room.
 */
#ifndef MEMTRACK_EH_FRAME_H
#define MEMTRACK_EH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_FRAME_BP 6 /* DWARF number of the register bp */

/* Offsets in words. */
struct memtrack_frame {
  bool from_bp;       /* the caller's sp is relative to bp, otherwise to sp */
  uint16_t to_caller; /* words from that register to the caller's sp */
  uint16_t bp_below;  /* words from the caller's sp down to its saved bp; 0: bp is unchanged */
};

/* Reads how to unwind the frame of a return address. Returns false if there is no information, or if it has another form.
   hook-safe: takes no lock (nor does the unwinder's lookup, since glibc 2.35), and reads the tables of the module whose code is
   running. */
bool memtrack_eh_frame_read(uintptr_t ip, struct memtrack_frame *frame);

/* Code of the function that contains an address, as those tables tell it: [from, to). Returns false if they do not. hook-safe, as
   above. */
bool memtrack_eh_frame_function(uintptr_t address, uintptr_t *from, uintptr_t *to);

#ifdef __cplusplus
}
#endif

#endif
