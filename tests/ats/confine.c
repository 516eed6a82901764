// SPDX-License-Identifier: Apache-2.0
//
// confine HOW PROGRAM [ARGUMENTS]: runs a program as a hardened service or a container does. HOW: `exec-gain`, no memory becomes
// executable (systemd's MemoryDenyWriteExecute, by the kernel's own PR_SET_MDWE); `foreign-memory`, process_vm_readv,
// process_vm_writev and ptrace are forbidden (a container's seccomp profile); `proc`, /proc is empty (a chroot). Exit status 77 if
// the system does not allow that.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE // Linux 6.3
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static int
refuse_exec_gain(void)
{
  return prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0);
}

static int
refuse_foreign_memory(void)
{
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -1 : 0;
}

static int
write_map(const char *path, const char *text)
{
  int file    = open(path, O_WRONLY);
  ssize_t all = strlen(text), written = file < 0 ? -1 : write(file, text, all);
  close(file);
  return written == all ? 0 : -1;
}

// In namespaces of its own, which the same user owns.
static int
hide_proc(void)
{
  char user[64], group[64];
  snprintf(user, sizeof(user), "%u %u 1", geteuid(), geteuid());
  snprintf(group, sizeof(group), "%u %u 1", getegid(), getegid());
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) || write_map("/proc/self/setgroups", "deny") ||
             write_map("/proc/self/uid_map", user) || write_map("/proc/self/gid_map", group) ||
             mount("none", "/proc", "tmpfs", 0, NULL)
           ? -1
           : 0;
}

int
main(int argc, char *argv[])
{
  static const struct {
    const char *how;
    int (*confine)(void);
  } ways[] = {{"exec-gain", refuse_exec_gain}, {"foreign-memory", refuse_foreign_memory}, {"proc", hide_proc}};
  for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); ++i) {
    if (strcmp(argv[1], ways[i].how) == 0) {
      if (ways[i].confine()) {
        perror(argv[1]);
        return 77;
      }
      execv(argv[2], argv + 2);
      perror(argv[2]);
      return 1;
    }
  }
  fprintf(stderr, "usage: confine exec-gain|foreign-memory|proc PROGRAM [ARGUMENTS]\n");
  return 2;
}
