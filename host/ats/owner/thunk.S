/* SPDX-License-Identifier: Apache-2.0
 *
 * The code of the thunks (thunk.h): each passes the address of its own data, which has a fixed distance from the code, to one common
 * entry. thunk.c maps this code again, at the same distance from other data, so the code reaches nothing but its data: the first
 * thunk of each 4 KB of data holds the entry's address. A thunk jumps, so its code is in no stack trace; the entry is, with what the
 * unwinder needs.
 */
#define THUNKS 4096 /* as large as the largest page, which is 64 KB, at 16 bytes of code and of data each */
#define SIZE   16

#if defined(__x86_64__)
#define ALIGNMENT 4096
.macro thunk offset
  leaq memtrack_thunk_data+\offset(%rip), %r11
  jmpq *memtrack_thunk_data+(\offset & ~4095)(%rip)
.endm
#elif defined(__aarch64__)
#define ALIGNMENT 65536
.macro thunk offset
  adrp x16, memtrack_thunk_data+\offset
  ldr x17, [x16]
  add x6, x16, :lo12:memtrack_thunk_data+\offset
  br x17
.endm
#else
#error "thunk.S knows x86-64 and aarch64 only"
#endif

  .hidden memtrack_thunk_code
  .hidden memtrack_thunk_code_end
  .hidden memtrack_thunk_data
  .hidden memtrack_thunk_enter

  .section .bss.thunks, "aw", %nobits
  .balign ALIGNMENT
  .globl memtrack_thunk_data
memtrack_thunk_data:
  .skip THUNKS * SIZE

  .section .text.thunks, "ax", %progbits
  .balign ALIGNMENT
  .globl memtrack_thunk_code
  .type memtrack_thunk_code, %function
memtrack_thunk_code:
  .set at, 0
  .rept THUNKS
  thunk at
  .balign SIZE
  .set at, at + SIZE
  .endr
  .size memtrack_thunk_code, . - memtrack_thunk_code
  .globl memtrack_thunk_code_end
memtrack_thunk_code_end:

  .globl memtrack_thunk_enter
  .type memtrack_thunk_enter, %function
#if defined(__x86_64__)
  .hidden memtrack_context /* a mention without a thread-local relocation, as here on aarch64, fails the link */

/* Sets the owner, calls the thunk's function with the six arguments in their registers, and restores the owner, also when an
   exception or pthread_exit() unwinds the frame. In C this would be two frames, because a function in C cannot receive the thunk
   in addition to six arguments in registers: as deep as the server's stack is, the processor predicts no return. */
memtrack_thunk_enter:
  .cfi_startproc
  .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
  .cfi_lsda 0x1b, .Lcleanups
  movq memtrack_context@gottpoff(%rip), %rax
  movl %fs:(%rax), %r10d
  pushq %r10
  .cfi_adjust_cfa_offset 8
  movl 8(%r11), %r10d
  movl %r10d, %fs:(%rax)
.Lcall:
  callq *(%r11)
.Lreturned:
  movq memtrack_context@gottpoff(%rip), %rsi
  popq %rcx
  .cfi_adjust_cfa_offset -8
  movl %ecx, %fs:(%rsi)
  ret
.Lunwound:
  .cfi_adjust_cfa_offset 8
  movq memtrack_context@gottpoff(%rip), %rsi
  movl (%rsp), %ecx
  movl %ecx, %fs:(%rsi)
  movq %rax, %rdi
  call _Unwind_Resume@plt
  .cfi_endproc
  .size memtrack_thunk_enter, . - memtrack_thunk_enter

/* For the unwinder: no base of its own, no types; one call with the place that it returns to when it is unwound. */
  .section .gcc_except_table, "a", %progbits
.Lcleanups:
  .byte 0xff, 0xff, 0x01
  .uleb128 .Lcleanups_end - .Lcleanups_start
.Lcleanups_start:
  .uleb128 .Lcall - memtrack_thunk_enter
  .uleb128 .Lreturned - .Lcall
  .uleb128 .Lunwound - memtrack_thunk_enter
  .uleb128 0
.Lcleanups_end:

/* As in every object file of C with cleanups. */
  .hidden DW.ref.__gcc_personality_v0
  .weak DW.ref.__gcc_personality_v0
  .section .data.rel.local.DW.ref.__gcc_personality_v0, "awG", %progbits, DW.ref.__gcc_personality_v0, comdat
  .balign 8
  .type DW.ref.__gcc_personality_v0, %object
  .size DW.ref.__gcc_personality_v0, 8
DW.ref.__gcc_personality_v0:
  .quad __gcc_personality_v0
#else

/* The thunk is the seventh argument. */
  .hidden memtrack_thunk_run
memtrack_thunk_enter:
  .cfi_startproc
  b memtrack_thunk_run
  .cfi_endproc
  .size memtrack_thunk_enter, . - memtrack_thunk_enter
#endif

  .section .note.GNU-stack, "", %progbits
