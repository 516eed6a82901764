// SPDX-License-Identifier: Apache-2.0
//
// The build id of loaded modules, and of images that are broken in every way that the reader has to look for.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "module/build_id.h"

static char samples[PATH_MAX - 64];

// The id of a sample, in `text`.
static void
read_sample(const char *name, char text[MEMTRACK_BUILD_ID_TEXT])
{
  char path[PATH_MAX];
  struct link_map *map;
  snprintf(path, sizeof(path), "%s/%s", samples, name);
  void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  assert_non_null(handle);
  assert_int_equal(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
  memtrack_build_id_read(map->l_addr, map->l_addr, text, MEMTRACK_BUILD_ID_TEXT);
  dlclose(handle);
}

static void
is_what_the_linker_was_told(void **state)
{
  (void)state;
  char text[MEMTRACK_BUILD_ID_TEXT];
  read_sample("cc-id.so", text);
  assert_string_equal(text, "4d656d747261636b");
}

static void
of_a_module_without_one_is_empty(void **state)
{
  (void)state;
  char text[MEMTRACK_BUILD_ID_TEXT] = "before";
  read_sample("cc-linked.so", text);
  assert_string_equal(text, "");
}

// ---- an image of our own: headers, a segment of all of it, a note before the build id, the build id ----

struct note {
  ElfW(Nhdr) head;
  char name[4];
  unsigned char content[32];
};

static struct {
  ElfW(Ehdr) file;
  ElfW(Phdr) parts[2];
  struct note other, id;
} image;

static void
make_image(size_t length)
{
  memset(&image, 0, sizeof(image));
  memcpy(image.file.e_ident, ELFMAG, SELFMAG);
  image.file.e_phoff     = offsetof(__typeof__(image), parts);
  image.file.e_phentsize = sizeof(ElfW(Phdr));
  image.file.e_phnum     = 2;
  image.parts[0]         = (ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = sizeof(image)};
  image.parts[1] =
    (ElfW(Phdr)){.p_type = PT_NOTE, .p_vaddr = offsetof(__typeof__(image), other), .p_filesz = sizeof(struct note) + 16 + length};
  image.other.head = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = 30, .n_type = NT_GNU_ABI_TAG}; // padded to 32
  image.id.head    = (ElfW(Nhdr)){.n_namesz = 4, .n_descsz = length, .n_type = NT_GNU_BUILD_ID};
  memcpy(image.other.name, "GNU", 4);
  memcpy(image.id.name, "GNU", 4);
  for (size_t i = 0; i < sizeof(image.id.content); ++i) {
    image.id.content[i] = i + 1;
  }
}

static const char *
read_image(void)
{
  static char text[MEMTRACK_BUILD_ID_TEXT];
  memtrack_build_id_read((uintptr_t)&image, (uintptr_t)&image, text, sizeof(text));
  return text;
}

static void
is_found_behind_other_notes_and_a_long_one_is_cut(void **state)
{
  (void)state;
  make_image(4);
  assert_string_equal(read_image(), "01020304");
  make_image(32);
  assert_string_equal(read_image(), "0102030405060708090a0b0c0d0e0f1011121314");
}

static void
of_a_broken_image_is_empty(void **state)
{
  (void)state;
  make_image(4);
  image.file.e_ident[0] = 0;
  assert_string_equal(read_image(), "");
  make_image(4);
  image.file.e_phoff = 1 << 20;
  assert_string_equal(read_image(), "");
  make_image(4);
  image.file.e_phnum = UINT16_MAX;
  assert_string_equal(read_image(), "");
  make_image(4);
  image.file.e_phentsize = 1;
  assert_string_equal(read_image(), "");
  make_image(4);
  image.parts[0].p_flags = PF_X; // not to be read
  assert_string_equal(read_image(), "");
  make_image(4);
  image.parts[1].p_vaddr = sizeof(image) + 1; // not loaded
  assert_string_equal(read_image(), "");
  make_image(4);
  image.parts[1].p_filesz = sizeof(image); // goes on behind the segment
  assert_string_equal(read_image(), "");
  make_image(4);
  image.other.head.n_descsz = UINT32_MAX; // goes on behind the notes
  assert_string_equal(read_image(), "");
  make_image(4);
  image.other.head.n_namesz = UINT32_MAX;
  assert_string_equal(read_image(), "");
  make_image(4);
  image.id.head.n_descsz = 8; // its end is missing
  assert_string_equal(read_image(), "");
  make_image(4);
  memcpy(image.id.name, "Foo", 4); // another's
  assert_string_equal(read_image(), "");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(is_what_the_linker_was_told),
    cmocka_unit_test(of_a_module_without_one_is_empty),
    cmocka_unit_test(is_found_behind_other_notes_and_a_long_one_is_cut),
    cmocka_unit_test(of_a_broken_image_is_empty),
  };
  // Beside the folder of this program.
  ssize_t length                   = readlink("/proc/self/exe", samples, sizeof(samples) - 1);
  samples[length > 0 ? length : 0] = '\0';
  *strrchr(samples, '/')           = '\0';
  strcpy(strrchr(samples, '/'), "/native-samples");
  return cmocka_run_group_tests(tests, NULL, NULL);
}
