/* SPDX-License-Identifier: Apache-2.0
 *
 * How a frame is left, by the call frame information that every module has for its exceptions (.eh_frame: DWARF 5, section 6.4, in
 * the form of the x86-64 ABI). It is nearly always of one form:
 *
 *    the caller's sp = sp or bp, and a constant;  its ip stands below that;  its bp is unchanged, or stands at a constant below it
 *
 * Only that form is told. This reads what the loader has mapped, the module's own tables, where it finds them as the unwinder does;
 * it opens no file and needs no elfutils, unlike the rest of the room.
 */
#ifndef MEMTRACK_EH_FRAME_H
#define MEMTRACK_EH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMTRACK_FRAME_BP 6 /* the number of bp among the registers */

/* In words. */
struct memtrack_frame {
  bool from_bp;       /* the caller's sp is counted from bp, else from sp */
  uint16_t to_caller; /* words from there to the caller's sp */
  uint16_t bp_below;  /* words from the caller's sp down to its bp; 0: it is unchanged */
};

/* How the frame of a return address is left. False where there is no information, or it is of another form. hook-safe: takes no
   lock (nor does the unwinder's look-up, since glibc 2.35), and reads the tables of the module whose code runs. */
bool memtrack_eh_frame_read(uintptr_t ip, struct memtrack_frame *frame);

#ifdef __cplusplus
}
#endif

#endif
