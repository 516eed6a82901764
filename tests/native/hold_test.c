// SPDX-License-Identifier: Apache-2.0
//
// A module is held by the path under which the loader lists it, whatever has become of its file; a plugin that the server loads
// from a copy has the plugin's own file.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module/hold.h"
#include "module/module.h"

static char folder[PATH_MAX], path[PATH_MAX + 16], other[PATH_MAX + 16];

static void
copy(const char *from, const char *to)
{
  static char bytes[1 << 20];
  int fd       = open(from, O_RDONLY);
  ssize_t size = read(fd, bytes, sizeof(bytes));
  assert_in_range(size, 1, sizeof(bytes) - 1);
  close(fd);
  fd = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
  assert_int_equal(write(fd, bytes, size), size);
  close(fd);
}

static uintptr_t
base_of(void *handle)
{
  struct link_map *map = NULL;
  assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
  return map->l_addr;
}

static void
a_file_that_is_removed_or_replaced_does_not_matter(void **state)
{
  (void)state;
  void *handle   = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  uintptr_t base = base_of(handle);
  assert_int_equal(unlink(path), 0);
  for (int replaced = 0; replaced < 2; ++replaced) {
    void *held = memtrack_module_hold(path, base, NULL);
    assert_ptr_equal(held, handle);
    dlclose(held);
    assert_null(memtrack_module_hold(path, base + 4096, NULL)); // another module was there
    if (!replaced) {
      copy(other, path);
    }
  }
  // Held, it outlives its user; then it is gone.
  void *held = memtrack_module_hold(path, base, NULL);
  dlclose(handle);
  assert_int_equal(((int (*)(void))dlsym(held, "extra"))(), 1);
  dlclose(held);
  assert_null(memtrack_module_hold(path, base, NULL));
  assert_null(dlerror());
}

static void
the_program_is_held_by_its_name_here(void **state)
{
  (void)state;
  void *program = dlopen(NULL, RTLD_LAZY);
  void *held    = memtrack_module_hold(MEMTRACK_PROGRAM_PATH, base_of(program), NULL);
  assert_ptr_equal(held, program);
  dlclose(held);
  dlclose(program);
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

// It has a C library of its own, if any, and is left alone.
static void
a_module_of_another_namespace_is_neither_listed_nor_held(void **state)
{
  (void)state;
  void *handle = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
  if (!handle) {
    skip(); // not with every sanitizer
  }
  assert_null(memtrack_module_hold(path, base_of(handle), NULL));
  assert_int_equal(memtrack_module_scan(NULL, false, ignore, ignore), 0);
  assert_null(memtrack_module_at((uintptr_t)dlsym(handle, "extra")));
  dlclose(handle);
}

// Makes all folders of a path.
static void
make_folders(char *file)
{
  for (char *end = strchr(file + 1, '/'); end; end = strchr(end + 1, '/')) {
    *end = '\0';
    mkdir(file, 0700);
    *end = '/';
  }
}

static void
remove_folders(char *file, const char *up_to)
{
  assert_int_equal(unlink(file), 0);
  while (strlen(file) > strlen(up_to)) {
    *strrchr(file, '/') = '\0';
    rmdir(file);
  }
}

// The copy is at RUNTIME/UUID/ plus the plugin's path, and version 10 keeps it.
static void
a_copy_leads_to_the_plugins_own_file(void **state)
{
  (void)state;
  char from[sizeof(path) * 2 + 64], file[PATH_MAX], link[64];
  snprintf(from, sizeof(from), "%s/5db726f1-e37f-4db1-9c13-6415681cea41%s", folder, path);
  make_folders(from);
  copy(path, from);
  void *handle = dlopen(from, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(handle);
  const void *entry = dlsym(handle, "extra");
  assert_int_equal(memtrack_module_scan(entry, true, ignore, ignore), 0);
  const struct memtrack_module *module = memtrack_module_at((uintptr_t)entry);
  assert_int_equal(module->kind, MEMTRACK_MODULE_PLUGIN);
  struct memtrack_module_source source;
  memtrack_module_describe(module, &source);
  snprintf(link, sizeof(link), "/proc/self/fd/%d", source.fd);
  ssize_t length = readlink(link, file, sizeof(file) - 1);
  assert_true(length > 0);
  file[length] = '\0';
  assert_string_equal(file, path);
  memtrack_module_source_close(&source);
  dlclose(handle);
  memtrack_module_sweep(ignore);
  remove_folders(from, folder);
}

static int
open_once(void **state)
{
  (void)state;
  char own[PATH_MAX] = "";
  open_accounting(64);
  assert_true(readlink("/proc/self/exe", own, sizeof(own) - 32) > 0);
  *strrchr(own, '/') = '\0';
  snprintf(folder, sizeof(folder), "%s/hold-XXXXXX", own);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof(path), "%s/module.so", folder);
  snprintf(other, sizeof(other), "%s/victim.so", own);
  strcat(own, "/extra.so");
  copy(own, path);
  return 0;
}

static int
remove_folder(void **state)
{
  (void)state;
  unlink(path);
  return rmdir(folder);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_program_is_held_by_its_name_here),
    cmocka_unit_test(a_module_of_another_namespace_is_neither_listed_nor_held),
    cmocka_unit_test(a_copy_leads_to_the_plugins_own_file),
    cmocka_unit_test(a_file_that_is_removed_or_replaced_does_not_matter),
  };
  return cmocka_run_group_tests(tests, open_once, remove_folder);
}
