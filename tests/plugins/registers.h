/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that waits in a system call and has the only references to blocks in its registers, where no search sees them.
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <sys/epoll.h>
#include <sys/syscall.h>

/* Takes six blocks out of the array into the registers that a call keeps, waits for the epoll instance, and puts them back. On
   other processors than x86-64 it waits only. */
static inline void
wait_in_registers(void **blocks, int epoll)
{
  struct epoll_event got;
#ifdef __x86_64__
  long result                          = SYS_epoll_wait;
  register long timeout __asm__("r10") = -1;
  register void **all __asm__("r8")    = blocks;
  __asm__ volatile("sub $128, %%rsp\n push %%rbp\n push %%rbx\n"
                   "mov (%%r8), %%rbx\n mov 8(%%r8), %%rbp\n mov 16(%%r8), %%r12\n"
                   "mov 24(%%r8), %%r13\n mov 32(%%r8), %%r14\n mov 40(%%r8), %%r15\n"
                   "movq $0, (%%r8)\n movq $0, 8(%%r8)\n movq $0, 16(%%r8)\n"
                   "movq $0, 24(%%r8)\n movq $0, 32(%%r8)\n movq $0, 40(%%r8)\n"
                   "syscall\n"
                   "mov %%rbx, (%%r8)\n mov %%rbp, 8(%%r8)\n mov %%r12, 16(%%r8)\n"
                   "mov %%r13, 24(%%r8)\n mov %%r14, 32(%%r8)\n mov %%r15, 40(%%r8)\n"
                   "pop %%rbx\n pop %%rbp\n add $128, %%rsp"
                   : "+a"(result)
                   : "D"(epoll), "S"(&got), "d"(1), "r"(timeout), "r"(all)
                   : "rcx", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
#else
  epoll_wait(epoll, &got, 1, -1);
  (void)blocks;
#endif
}

#endif
