/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "module/entry.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/membarrier.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "module/prologue.h"
#include "module/quiet.h"

#define MEMORY "/proc/self/mem"

#if defined(__x86_64__)

#define JUMP_SIZE 14

static const unsigned char to_return[] = {0xc3};

static const unsigned char jump_code[] = {0xff, 0x25, 0, 0, 0, 0};

/* jmp *0(%rip), and the target. Returns its size. */
static size_t
encode(unsigned char *jump, const unsigned char *before, const void *to)
{
  (void)before;
  memcpy(jump, jump_code, sizeof(jump_code));
  memcpy(jump + sizeof(jump_code), &to, sizeof(to));
  return JUMP_SIZE;
}

#elif defined(__aarch64__)

static const unsigned char to_return[] = {0xc0, 0x03, 0x5f, 0xd6};
static const uint32_t jump_code[]      = {0x58000050, 0xd61f0200};

/* ldr x16, #8; br x16; and the target. A landing pad comes first if the function begins with one: bti c for bti c or paciasp.
   Returns its size. */
static size_t
encode(unsigned char *jump, const unsigned char *before, const void *to)
{
  static const uint32_t landing = 0xd503245f, signs = 0xd503233f;
  size_t size = 0;
  if (memcmp(before, &landing, sizeof(landing)) == 0 || memcmp(before, &signs, sizeof(signs)) == 0) {
    memcpy(jump, &landing, sizeof(landing));
    size = sizeof(landing);
  }
  memcpy(jump + size, jump_code, sizeof(jump_code));
  memcpy(jump + size + sizeof(jump_code), &to, sizeof(to));
  return size + sizeof(jump_code) + sizeof(to);
}

#else
#error "entry.c writes jumps for x86-64 and aarch64 only"
#endif

bool
memtrack_entry_in_program(const void *function)
{
  Dl_info info;
  struct link_map *map;
  return dladdr1(function, &info, (void **)&map, RTLD_DL_LINKMAP) && map && map->l_name[0] == '\0';
}

/* Where a jump leads that stands at the function already, as encode() writes it; NULL if there is none. */
static const void *
present_target(const unsigned char *at, size_t size)
{
  const void *to;
  const unsigned char *code = at + size - sizeof(to) - sizeof(jump_code);
  memcpy(&to, at + size - sizeof(to), sizeof(to));
  return memcmp(code, jump_code, sizeof(jump_code)) == 0 ? to : NULL;
}

int
memtrack_entry_find(struct memtrack_entry *entry, const char *symbol, void *function, struct memtrack_reason *reason)
{
  unsigned char jump[MEMTRACK_ENTRY_SIZE];
  const ElfW(Sym) *found = NULL;
  Dl_info info;
  *entry = (struct memtrack_entry){.symbol = symbol};
  if (!dladdr1(function, &info, (void **)&found, RTLD_DL_SYMENT) || !found || info.dli_saddr != function) {
    return memtrack_reason_set(reason, "the size of %s is not known", symbol);
  }
  size_t size    = encode(jump, function, NULL);
  const void *to = found->st_size >= size ? present_target(function, size) : NULL;
  if (to) {
    return memtrack_reason_set(reason, "%s is already redirected, to %s", symbol,
                               dladdr(to, &info) && info.dli_fname ? info.dli_fname : "an unknown module");
  }
  if (memtrack_prologue_check(symbol, function, found->st_size, size, reason)) {
    return -1;
  }
  entry->at   = function;
  entry->size = size;
  memcpy(entry->before, function, size);
  return 0;
}

/* All processors drop the code that they have read in advance. */
static int
synchronize(void)
{
  return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) ? -1 : 0;
}

/* Returns 0, or -1 with errno. */
static int
put(int memory, unsigned char *at, const unsigned char *bytes, size_t size)
{
  ssize_t written = pwrite(memory, bytes, size, (off_t)(uintptr_t)at);
  if (written != (ssize_t)size) {
    errno = written < 0 ? errno : EIO;
    return -1;
  }
  __builtin___clear_cache((char *)at, (char *)at + size);
  return synchronize();
}

static int
put_all(int memory, const struct memtrack_entry *entry, const unsigned char *bytes)
{
  const size_t first = sizeof(to_return);
  return put(memory, entry->at + first, bytes + first, entry->size - first) || put(memory, entry->at, bytes, first) ? -1 : 0;
}

/* Replaces the function's first bytes; on a failure puts `previous` back, as far as that is possible. */
static int
replace(int memory, const struct memtrack_entry *entry, const unsigned char *previous, const unsigned char *bytes,
        struct memtrack_reason *reason)
{
  if (put(memory, entry->at, to_return, sizeof(to_return))) {
    memtrack_reason_set(reason, "cannot write code through " MEMORY ": %s", strerror(errno));
  } else if (memtrack_quiet_wait(reason) == 0) {
    if (put_all(memory, entry, bytes) == 0) {
      return 0;
    }
    memtrack_reason_set(reason, "cannot write code through " MEMORY ": %s", strerror(errno));
  }
  if (put_all(memory, entry, previous)) {
    memtrack_reason_set(reason, "cannot restore %s through " MEMORY ": %s", entry->symbol, strerror(errno));
  }
  return -1;
}

/* Without core files (proxy.config.core_limit 0) the server is not dumpable, and a process that is not may not open the file unless
   it is root's. So the server is dumpable during this call. */
static int
open_as_dumpable(void)
{
  bool changed = prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
  int memory   = open(MEMORY, O_RDWR | O_CLOEXEC);
  int error    = errno;
  if (changed) {
    prctl(PR_SET_DUMPABLE, 0);
  }
  errno = error;
  return memory;
}

static int
open_memory(struct memtrack_reason *reason)
{
  if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0)) {
    return memtrack_reason_set(reason, "the kernel cannot synchronize code (membarrier: %s)", strerror(errno));
  }
  int memory = memtrack_limit_descriptor(open_as_dumpable());
  return memory >= 0 ? memory : memtrack_reason_set(reason, "cannot write code: " MEMORY ": %s", strerror(errno));
}

int
memtrack_entry_write(struct memtrack_entry *entry, const void *to, struct memtrack_reason *reason)
{
  int memory = open_memory(reason);
  if (memory < 0) {
    return -1;
  }
  encode(entry->after, entry->before, to);
  int result = replace(memory, entry, entry->before, entry->after, reason);
  close(memory);
  entry->written = result == 0;
  return result;
}

int
memtrack_entry_restore(struct memtrack_entry *entry, struct memtrack_reason *reason)
{
  if (!entry->written) {
    return 0;
  }
  if (memcmp(entry->at, entry->after, entry->size) != 0) {
    return memtrack_reason_set(reason, "somebody else has overwritten the jump at %s", entry->symbol);
  }
  int memory = open_memory(reason);
  if (memory < 0) {
    return -1;
  }
  int result = replace(memory, entry, entry->after, entry->before, reason);
  close(memory);
  entry->written = result != 0;
  return result;
}
