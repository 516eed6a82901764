/* SPDX-License-Identifier: Apache-2.0
 *
 * The code of the thunks (thunk.h): each passes the address of its own data, which has a fixed distance from the code, to a common
 * entry. thunk.c maps this code again, at the same distance from other data, so the code reaches nothing but its data: the first
 * thunk of each 4 KB of data holds the address of the entry of these thunks, of which there are two: for functions, and for handlers.
 * A thunk jumps, so its code is in no stack trace; the entry is, with what the unwinder needs.
 */
#include "server/awaited.h"

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
  .hidden memtrack_thunk_enter_handler

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

  .hidden memtrack_context_answers
  .hidden memtrack_context_unanswered
  .globl memtrack_thunk_enter_handler
  .type memtrack_thunk_enter_handler, %function

/* The same for a handler: int (void *cont, int event, void *data). While it runs, the context has the data of an event after which the
   server waits, until the plugin answers (context.h). What is left of it afterwards has no answer yet. For other events, and if a
   handler calls another for the same data, there is nothing to do. The frame is a struct memtrack_call. */
memtrack_thunk_enter_handler:
  .cfi_startproc
  .cfi_personality 0x9b, DW.ref.__gcc_personality_v0
  .cfi_lsda 0x1b, .Lhandler_cleanups
  leal -MEMTRACK_AWAITED_FIRST(%rsi), %ecx
  cmpl $(MEMTRACK_AWAITED_LAST - MEMTRACK_AWAITED_FIRST), %ecx
  ja memtrack_thunk_enter
  movq memtrack_context@gottpoff(%rip), %rax
  movq %fs:8(%rax), %rcx
  cmpq %rdx, %rcx
  je memtrack_thunk_enter
  subq $40, %rsp
  .cfi_adjust_cfa_offset 40
  movq %rcx, (%rsp)
  movq %r11, 8(%rsp)
  movq memtrack_context_answers(%rip), %rcx
  movq %rcx, 16(%rsp)
  movl %fs:(%rax), %ecx
  movl %ecx, 24(%rsp)
  movl %esi, 28(%rsp)
  movl 8(%r11), %ecx
  movl %ecx, %fs:(%rax)
  movq %rdx, %fs:8(%rax)
.Lhandler_call:
  callq *(%r11)
.Lhandler_returned:
  movq memtrack_context@gottpoff(%rip), %rsi
  cmpq $0, %fs:8(%rsi)
  jne .Lunanswered
.Lrestore:
  movl 24(%rsp), %ecx
  movl %ecx, %fs:(%rsi)
  movq (%rsp), %rcx
  movq %rcx, %fs:8(%rsi)
  addq $40, %rsp
  .cfi_adjust_cfa_offset -40
  ret
.Lunanswered:
  .cfi_adjust_cfa_offset 40
  movq %rax, 32(%rsp)
  movq %rsp, %rdi
  call memtrack_context_unanswered
  movq 32(%rsp), %rax
  movq memtrack_context@gottpoff(%rip), %rsi
  jmp .Lrestore
.Lhandler_unwound:
  movq %rax, 32(%rsp)
  movq %rsp, %rdi
  call memtrack_context_unanswered
  movq memtrack_context@gottpoff(%rip), %rsi
  movl 24(%rsp), %ecx
  movl %ecx, %fs:(%rsi)
  movq (%rsp), %rcx
  movq %rcx, %fs:8(%rsi)
  movq 32(%rsp), %rdi
  call _Unwind_Resume@plt
  .cfi_endproc
  .size memtrack_thunk_enter_handler, . - memtrack_thunk_enter_handler

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
.Lhandler_cleanups:
  .byte 0xff, 0xff, 0x01
  .uleb128 .Lhandler_cleanups_end - .Lhandler_cleanups_start
.Lhandler_cleanups_start:
  .uleb128 .Lhandler_call - memtrack_thunk_enter_handler
  .uleb128 .Lhandler_returned - .Lhandler_call
  .uleb128 .Lhandler_unwound - memtrack_thunk_enter_handler
  .uleb128 0
.Lhandler_cleanups_end:

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

  .hidden memtrack_thunk_run_handler
  .globl memtrack_thunk_enter_handler
  .type memtrack_thunk_enter_handler, %function
memtrack_thunk_enter_handler:
  .cfi_startproc
  b memtrack_thunk_run_handler
  .cfi_endproc
  .size memtrack_thunk_enter_handler, . - memtrack_thunk_enter_handler
#endif

  .section .note.GNU-stack, "", %progbits
