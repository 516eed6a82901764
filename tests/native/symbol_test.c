// SPDX-License-Identifier: Apache-2.0
//
// Names of real return addresses: the sample modules allocate through the functions here (ld --wrap), which take a backtrace. The
// first frame of the module that is not a wrapper must be named as the sample's source states. Then broken files.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "symbol/elfutils.h"
#include "symbol/mangled.h"
#include "symbol/symbol.h"

#define FRAMES_MAX 64
#define TEXT_SIZE  300

// ---- the other end of --wrap ----

void *__wrap_malloc(size_t size);
void *__wrap__Znwm(size_t size);
void *__wrap__Znam(size_t size);
void __wrap_free(void *block);
void __wrap__ZdlPv(void *block);
void __wrap__ZdlPvm(void *block, size_t size);
void __wrap__ZdaPv(void *block);

static void *frames[FRAMES_MAX];
static int frame_count;

static void *
record(size_t size)
{
  frame_count = backtrace(frames, FRAMES_MAX);
  return malloc(size);
}

void *
__wrap_malloc(size_t size)
{
  return record(size);
}

void *
__wrap__Znwm(size_t size)
{
  return record(size);
}

void *
__wrap__Znam(size_t size)
{
  return record(size);
}

void
__wrap_free(void *block)
{
  free(block);
}

void
__wrap__ZdlPv(void *block)
{
  free(block);
}

void
__wrap__ZdlPvm(void *block, size_t size)
{
  (void)size;
  free(block);
}

void
__wrap__ZdaPv(void *block)
{
  free(block);
}

// Printed, so that MEMTRACK_SEED repeats a run.
static uint64_t
random_seed(void)
{
  const char *given = getenv("MEMTRACK_SEED");
  uint64_t seed     = given ? strtoull(given, NULL, 0) : (uint64_t)getpid() << 32 ^ (uint64_t)time(NULL);
  print_message("seed %llu\n", (unsigned long long)seed);
  return seed | 1;
}

// ---- modules ----

static char samples[PATH_MAX];

struct module {
  char path[PATH_MAX + 64];
  void *handle;
  uint64_t base;
  struct memtrack_symbols *symbols;
  struct memtrack_range *wrappers;
  size_t wrapper_count;
};

static struct memtrack_symbols *
open_path(const char *path, uint64_t base)
{
  struct memtrack_reason reason;
  struct memtrack_symbols *symbols = memtrack_symbols_open(open(path, O_RDONLY | O_CLOEXEC), path, base, &reason);
  if (!symbols) {
    fail_msg("%s", reason.text);
  }
  return symbols;
}

static void
open_module(struct module *module, const char *name)
{
  struct link_map *map;
  snprintf(module->path, sizeof(module->path), "%s/%s.so", samples, name);
  module->handle = dlopen(module->path, RTLD_NOW | RTLD_LOCAL);
  if (!module->handle) {
    fail_msg("%s", dlerror());
  }
  assert_int_equal(dlinfo(module->handle, RTLD_DI_LINKMAP, &map), 0);
  module->base          = map->l_addr;
  module->symbols       = open_path(module->path, module->base);
  module->wrapper_count = memtrack_symbols_wrappers(module->symbols, &module->wrappers);
}

static void
close_module(struct module *module)
{
  free(module->wrappers);
  memtrack_symbols_close(module->symbols);
  dlclose(module->handle);
}

static bool
is_in_wrapper(const struct module *module, uint64_t offset)
{
  for (size_t i = 0; i < module->wrapper_count; ++i) {
    if (offset - 1 >= module->wrappers[i].from && offset - 1 < module->wrappers[i].to) {
      return true;
    }
  }
  return false;
}

static bool
is_in_module(const struct module *module, const void *address)
{
  Dl_info info;
  return dladdr(address, &info) && (uint64_t)info.dli_fbase == module->base;
}

// Runs a sample and returns the return address of the module's first frame outside of wrappers, relative to its base.
static uint64_t
site_of(const struct module *module, const char *sample)
{
  char name[64];
  snprintf(name, sizeof(name), "sample_%s", sample);
  void (*run)(void) = (void (*)(void))dlsym(module->handle, name);
  assert_non_null(run);
  frame_count = 0;
  run();
  for (int i = 0; i < frame_count; ++i) {
    uint64_t offset = (uint64_t)frames[i] - module->base;
    if (is_in_module(module, frames[i]) && !is_in_wrapper(module, offset)) {
      return offset;
    }
  }
  fail_msg("%s: nothing of %s was seen outside of wrappers", name, module->path);
  return 0;
}

// The line of a source marked `site: NAME`.
static int
line_of(const char *source, const char *sample)
{
  char path[PATH_MAX], marker[64], line[256];
  snprintf(path, sizeof(path), "%s/%s", SOURCES, source);
  snprintf(marker, sizeof(marker), "// site: %s\n", sample);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  int found = 0;
  for (int number = 1; fgets(line, sizeof(line), file); ++number) {
    if (strstr(line, marker)) {
      found = number;
    }
  }
  fclose(file);
  assert_int_not_equal(found, 0);
  return found;
}

struct sample {
  const char *name;
  const char *function; // the function with the marked line
  const char *symbol;   // the function with the code, if the compiler inlines
  bool is_exported;
};

static const struct sample in_c[] = {
  {"direct", "sample_direct", "sample_direct", true}, {"buried", "bury", "bury", false},
  {"inlined", "use", "sample_inlined", true},         {"chained", "third", "sample_chained", true},
  {"nested", "copy", "sample_nested", true},          {"wrapped", "sample_wrapped", "checked_malloc", false},
  {"named", "buffer_alloc", "buffer_alloc", false},
};

static const struct sample in_cc[] = {
  {"new", "sample_new", "sample_new", true},
  {"array", "sample_array", "sample_array", true},
  {"method", "sample::Cache::put", "sample::Cache::put", true},
  {"string", "sample_string", "sample_string", true},
  {"vector", "sample_vector", "sample_vector", true},
  {"map", "sample_map", "sample_map", true},
  {"shared", "sample_shared", "sample_shared", true},
  {"lambda", "sample_lambda::{lambda}::operator()", "std::_Function_handler<...>::_M_invoke", false},
  {"algorithm", "sample_algorithm::{lambda}::operator()", "sample_algorithm", true},
  {"pooled", "sample_pooled", "sample_pooled", true},
  {"template", "sample::Box<...>::fill", "sample::Box<...>::fill", true},
  {"implicit", "sample_implicit", "sample_implicit", true},
  {"hidden", "sample::hide", "sample::hide", false},
};

struct built {
  const char *name;
  const char *source;
  const struct sample *samples;
  size_t count;
};

#define C(name)                                          \
  {                                                      \
    name, "sample.c", in_c, sizeof(in_c) / sizeof(*in_c) \
  }
#define CC(name)                                             \
  {                                                          \
    name, "sample.cc", in_cc, sizeof(in_cc) / sizeof(*in_cc) \
  }

// A lambda has no name, and each compiler invents one; names in linkage names are numbered.
static void
check_line(const struct built *built, const struct sample *sample, const char *text)
{
  char wanted[TEXT_SIZE], found[TEXT_SIZE];
  bool is_clang = strstr(built->name, "clang") && strchr(sample->function, '{');
  snprintf(wanted, sizeof(wanted), "%s (%s:%d)", is_clang ? "" : sample->function, built->source,
           line_of(built->source, sample->name));
  strcpy(found, text);
  char *number = strstr(found, "#1}");
  if (number) {
    memmove(number, number + 2, strlen(number + 2) + 1);
  }
  if (is_clang ? !strstr(found, wanted) : strcmp(found, wanted) != 0) {
    fail_msg("%s, %s: \"%s\" is not \"%s\"", built->name, sample->name, found, wanted);
  }
}

static void
with_debug_information_a_site_is_the_function_and_line_of_the_source(void **state)
{
  static const struct built modules[] = {
    C("c-O0"),   C("c-O2"),    C("c-dwarf4"),  C("c-clang"),    CC("cc-O0"), CC("cc-O2"),  CC("cc-dwarf4"),
    CC("cc-gz"), CC("cc-lto"), CC("cc-clang"), CC("cc-linked"), CC("cc-id"), CC("cc-dwz"),
  };
  (void)state;
  for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); ++i) {
    struct module module;
    open_module(&module, modules[i].name);
    for (size_t j = 0; j < modules[i].count; ++j) {
      char text[TEXT_SIZE];
      uint64_t offset = site_of(&module, modules[i].samples[j].name);
      assert_int_equal(memtrack_symbols_name(module.symbols, offset, text, sizeof(text)), MEMTRACK_SYMBOL_LINE);
      check_line(&modules[i], &modules[i].samples[j], text);
    }
    close_module(&module);
  }
}

// The functions that the function of a sample is inlined into, wrappers left out, at the lines marked `site: NAME/1` and so on.
static const struct {
  const char *name, *callers[4];
} inlined[] = {
  {"inlined", {"sample_inlined", NULL}},
  {"chained", {"second", "first", "sample_chained", NULL}},
  {"nested", {"sample_nested", NULL}},
  {"algorithm", {"sample_algorithm", NULL}},
};

static const char *const *
callers_of(const struct sample *sample)
{
  static const char *const none[] = {NULL};
  for (size_t i = 0; i < sizeof(inlined) / sizeof(*inlined); ++i) {
    if (strcmp(inlined[i].name, sample->name) == 0) {
      return inlined[i].callers;
    }
  }
  return none;
}

static void
check_callers(const struct built *built, const struct sample *sample, char (*texts)[MEMTRACK_SYMBOL_TEXT], size_t count)
{
  char wanted[TEXT_SIZE], marker[64];
  const char *const *caller = callers_of(sample);
  size_t i                  = 0;
  for (; *caller; ++caller) {
    snprintf(marker, sizeof(marker), "%s/%zu", sample->name, ++i);
    snprintf(wanted, sizeof(wanted), "%s (%s:%d)", *caller, built->source, line_of(built->source, marker));
    if (i >= count || strcmp(texts[i], wanted) != 0) {
      fail_msg("%s, %s: \"%s\" is not \"%s\"", built->name, sample->name, i < count ? texts[i] : "", wanted);
    }
  }
  if (count != i + 1) {
    fail_msg("%s, %s: %zu functions, the last is \"%s\"", built->name, sample->name, count, count ? texts[count - 1] : "");
  }
}

static void
an_inlined_function_has_the_functions_that_it_is_inlined_into(void **state)
{
  static const struct built modules[] = {
    C("c-O0"),       C("c-O2"),   C("c-dwarf4"),  C("c-clang"),    CC("cc-O2"),
    CC("cc-dwarf4"), CC("cc-gz"), CC("cc-clang"), CC("cc-linked"), CC("cc-dwz"),
  };
  (void)state;
  for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); ++i) {
    struct module module;
    open_module(&module, modules[i].name);
    for (size_t j = 0; j < modules[i].count; ++j) {
      char texts[8][MEMTRACK_SYMBOL_TEXT], name[TEXT_SIZE];
      uint64_t offset = site_of(&module, modules[i].samples[j].name);
      size_t count    = memtrack_symbols_chain(module.symbols, offset, texts, 8);
      assert_int_equal(memtrack_symbols_name(module.symbols, offset, name, sizeof(name)), MEMTRACK_SYMBOL_LINE);
      assert_string_equal(texts[0], name);
      check_callers(&modules[i], &modules[i].samples[j], texts, count);
    }
    close_module(&module);
  }
}

static void
of_too_many_functions_the_innermost_and_the_last_are_left(void **state)
{
  struct module module;
  char texts[4][MEMTRACK_SYMBOL_TEXT];
  (void)state;
  open_module(&module, "c-O2");
  uint64_t offset = site_of(&module, "chained");
  for (size_t most = 2; most < 5; ++most) {
    memset(texts, '#', sizeof(texts));
    assert_int_equal(memtrack_symbols_chain(module.symbols, offset, texts, most), most);
    assert_memory_equal(texts[0], "third (", 7);
    assert_memory_equal(texts[1], most > 2 ? "second (" : "sample_chained (", most > 2 ? 8 : 16);
    assert_memory_equal(texts[most - 1], "sample_chained (", 16);
    assert_true(most == 4 || texts[most][0] == '#');
  }
  close_module(&module);
}

// Each name is the one that the function has alone.
static void
without_debug_information_a_call_has_one_function(void **state)
{
  static const char *const names[] = {"c-symbols", "c-stripped"};
  (void)state;
  for (size_t i = 0; i < 2; ++i) {
    struct module module;
    char texts[4][MEMTRACK_SYMBOL_TEXT], name[TEXT_SIZE];
    open_module(&module, names[i]);
    for (size_t j = 0; j < sizeof(in_c) / sizeof(*in_c); ++j) {
      uint64_t offset = site_of(&module, in_c[j].name);
      int known       = memtrack_symbols_name(module.symbols, offset, name, sizeof(name));
      size_t count    = memtrack_symbols_chain(module.symbols, offset, texts, 4);
      assert_int_equal(count, known == MEMTRACK_SYMBOL_NONE ? 0 : 1);
      assert_true(count == 0 || strcmp(texts[0], name) == 0);
    }
    assert_int_equal(memtrack_symbols_chain(module.symbols, UINT64_MAX, texts, 4), 0);
    close_module(&module);
  }
}

static const char *const modules_with_symbols[]      = {"c-symbols", "cc-symbols"};
static const char *const modules_with_dynamic_only[] = {"c-stripped", "cc-stripped"};

static void
without_it_a_site_is_the_function_and_the_distance(void **state)
{
  (void)state;
  for (size_t i = 0; i < 4; ++i) {
    struct module module;
    bool is_stripped            = i >= 2;
    const struct sample *sample = i % 2 ? in_cc : in_c;
    size_t count                = i % 2 ? sizeof(in_cc) / sizeof(*in_cc) : sizeof(in_c) / sizeof(*in_c);
    open_module(&module, is_stripped ? modules_with_dynamic_only[i - 2] : modules_with_symbols[i]);
    for (; count > 0; --count, ++sample) {
      char text[TEXT_SIZE], name[64];
      uint64_t offset = site_of(&module, sample->name);
      int known       = memtrack_symbols_name(module.symbols, offset, text, sizeof(text));
      if (is_stripped && !sample->is_exported) {
        assert_int_equal(known, MEMTRACK_SYMBOL_NONE);
        assert_string_equal(text, "");
        continue;
      }
      assert_int_equal(known, MEMTRACK_SYMBOL_FUNCTION);
      char *plus = strrchr(text, '+');
      assert_non_null(plus);
      unsigned long distance = strtoul(plus + 1, NULL, 16);
      // The compiler may have made a variant: bury.constprop.0.
      char *variant               = strchr(text + strlen(sample->symbol), '.');
      *(variant ? variant : plus) = '\0';
      assert_string_equal(text, sample->symbol);
      snprintf(name, sizeof(name), "sample_%s", sample->name);
      if (strcmp(name, sample->symbol) == 0) {
        assert_int_equal(offset - distance, (uint64_t)dlsym(module.handle, name) - module.base);
      }
    }
    close_module(&module);
  }
}

// With all symbols it ends where the next function begins. Exported alone, it would seem to contain whatever is behind it.
static void
an_exported_function_without_a_size_contains_no_others(void **state)
{
  (void)state;
  for (int is_stripped = 0; is_stripped < 2; ++is_stripped) {
    struct module module;
    char text[TEXT_SIZE];
    open_module(&module, is_stripped ? "c-stripped" : "c-symbols");
    uint64_t sizeless = (uintptr_t)dlsym(module.handle, "sample_sizeless") - module.base;
    int known         = memtrack_symbols_name(module.symbols, sizeless + 16 + 5, text, sizeof(text));
    assert_int_equal(known, is_stripped ? MEMTRACK_SYMBOL_NONE : MEMTRACK_SYMBOL_FUNCTION);
    assert_string_equal(text, is_stripped ? "" : "behind+0x5");
    close_module(&module);
  }
}

// Through a stub or, without one, through the slot itself.
static void
the_function_that_a_call_calls_is_the_one_of_its_slot(void **state)
{
  static const char *const names[] = {"c-stripped", "c-symbols", "c-O0", "c-clang", "c-noplt", "c-ibt"};
  (void)state;
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
    struct module module;
    char text[TEXT_SIZE];
    size_t found = 0;
    open_module(&module, names[i]);
    for (size_t j = 0; j < sizeof(in_c) / sizeof(*in_c); ++j) {
      memtrack_symbols_called(module.symbols, site_of(&module, in_c[j].name), text, sizeof(text));
      // As the samples are linked; none where the call is of an allocator of the module's own.
      if (strcmp(text, "__wrap_malloc") != 0 && text[0]) {
        fail_msg("%s: %s calls %s", names[i], in_c[j].name, text);
      }
      found += text[0] != '\0';
    }
    assert_true(found >= sizeof(in_c) / sizeof(*in_c) - 2);
    // Anywhere else: a name of an imported function, or none.
    for (uint64_t offset = 0; offset < 0x5000; ++offset) {
      memtrack_symbols_called(module.symbols, offset, text, sizeof(text));
      assert_true(!text[0] || dlsym(RTLD_DEFAULT, text) || dlsym(module.handle, text));
    }
    memtrack_symbols_called(module.symbols, UINT64_MAX, text, sizeof(text));
    assert_string_equal(text, "");
    close_module(&module);
  }
}

static void
a_variable_has_its_name_and_its_section(void **state)
{
  static const struct {
    const char *name, *exported, *hidden;
  } modules[] = {{"c-O2", "sample_exported (.bss)", "sample_hidden (.data)"},
                 {"c-symbols", "sample_exported (.bss)", "sample_hidden (.data)"},
                 {"c-stripped", "sample_exported (.bss)", "(.data)"}};
  (void)state;
  for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); ++i) {
    struct module module;
    char text[TEXT_SIZE];
    void *(*variable)(int);
    open_module(&module, modules[i].name);
    *(void **)&variable = dlsym(module.handle, "sample_variable");
    memtrack_symbols_variable(module.symbols, (uintptr_t)variable(0) - module.base, text, sizeof(text));
    assert_string_equal(text, modules[i].exported);
    int known = memtrack_symbols_variable(module.symbols, (uintptr_t)variable(1) - module.base, text, sizeof(text));
    assert_string_equal(text, modules[i].hidden);
    assert_int_equal(known, text[0] == '(' ? MEMTRACK_SYMBOL_NONE : MEMTRACK_SYMBOL_FUNCTION);
    assert_int_equal(memtrack_symbols_variable(module.symbols, UINT64_MAX, text, sizeof(text)), MEMTRACK_SYMBOL_NONE);
    assert_string_equal(text, "");
    close_module(&module);
  }
}

// libdw would open a .dwo file itself: it maps it, and waits for a FIFO (as these are). Without it a module has lines, and symbols
// for the functions; but a line of a system header is not a site.
static void
a_split_file_is_never_opened_and_costs_the_inlined_functions_only(void **state)
{
  static const struct built modules[] = {CC("cc-split"), CC("cc-split4")};
  (void)state;
  for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); ++i) {
    struct module module;
    int headers = 0;
    char text[TEXT_SIZE];
    open_module(&module, modules[i].name);
    for (size_t j = 0; j < modules[i].count; ++j) {
      const struct sample *sample = &modules[i].samples[j];
      int known                   = memtrack_symbols_name(module.symbols, site_of(&module, sample->name), text, sizeof(text));
      headers += known == MEMTRACK_SYMBOL_FUNCTION;
      assert_int_not_equal(known, MEMTRACK_SYMBOL_NONE);
      assert_true(known == MEMTRACK_SYMBOL_FUNCTION || strstr(text, " (sample.cc:"));
      if (strcmp(sample->name, "method") == 0) {
        check_line(&modules[i], sample, text);
      }
    }
    assert_int_not_equal(headers, 0);
    close_module(&module);
  }
}

static void
the_function_of_a_call_is_the_innermost_wrapper_or_not(void **state)
{
  (void)state;
  struct module module;
  char text[TEXT_SIZE];
  open_module(&module, "c-O2");
  assert_int_equal(memtrack_symbols_function(module.symbols, site_of(&module, "nested"), text, sizeof(text)),
                   MEMTRACK_SYMBOL_FUNCTION);
  assert_string_equal(text, "array_alloc");
  assert_int_equal(memtrack_symbols_function(module.symbols, site_of(&module, "direct"), text, sizeof(text)),
                   MEMTRACK_SYMBOL_FUNCTION);
  assert_string_equal(text, "sample_direct");
  assert_int_equal(memtrack_symbols_function(module.symbols, UINT64_MAX, text, sizeof(text)), MEMTRACK_SYMBOL_NONE);
  assert_string_equal(text, "");
  close_module(&module);
}

static void
wrappers_are_sorted_and_apart(void **state)
{
  static const char *const names[] = {"c-O2", "cc-O0", "cc-O2", "cc-lto", "cc-clang", "cc-symbols", "cc-stripped"};
  (void)state;
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
    struct module module;
    open_module(&module, names[i]);
    assert_int_not_equal(module.wrapper_count, 0);
    for (size_t j = 0; j < module.wrapper_count; ++j) {
      assert_true(module.wrappers[j].from < module.wrappers[j].to);
      assert_true(j == 0 || module.wrappers[j - 1].to < module.wrappers[j].from);
    }
    close_module(&module);
  }
  struct module module;
  open_module(&module, "c-stripped");
  assert_int_equal(module.wrapper_count, 0);
  assert_null(module.wrappers);
  close_module(&module);
}

static void
a_text_is_cut_in_the_name_and_never_longer_than_its_room(void **state)
{
  (void)state;
  struct module module;
  char text[TEXT_SIZE], whole[TEXT_SIZE];
  open_module(&module, "cc-O2");
  uint64_t offset = site_of(&module, "hidden");
  memtrack_symbols_name(module.symbols, offset, whole, sizeof(whole));
  for (size_t size = 0; size <= strlen(whole) + 1; ++size) {
    memset(text, '#', sizeof(text));
    memtrack_symbols_name(module.symbols, offset, text, size);
    assert_int_equal(text[size], '#');
    assert_true(size == 0 || strlen(text) < size);
    if (size > strlen(strrchr(whole, ' '))) {
      assert_string_equal(text + strlen(text) - strlen(strrchr(whole, ' ')), strrchr(whole, ' '));
    }
    memset(text, '#', sizeof(text));
    memtrack_symbols_function(module.symbols, offset, text, size);
    assert_int_equal(text[size], '#');
  }
  close_module(&module);
}

static void
names_are_written_as_people_write_them(void **state)
{
  static const struct {
    const char *mangled, *text;
    uint32_t kind;
  } names[] = {
    {"handler", "handler", MEMTRACK_MANGLED_OWN},
    {"handler.part.0", "handler.part.0", MEMTRACK_MANGLED_OWN},
    {"_ZL7handlerP6tsapi7.cold", "handler.cold", MEMTRACK_MANGLED_OWN},
    {"_Z3fooIiEvT_", "foo<int>", MEMTRACK_MANGLED_OWN},
    {"_ZN2ns5CacheINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEiE3putIiEEvT_", "ns::Cache<...>::put<int>",
     MEMTRACK_MANGLED_OWN},
    {"_ZNK12_GLOBAL__N_13BarclERKi", "Bar::operator()", MEMTRACK_MANGLED_OWN},
    {"_ZN3FooltERKS_", "Foo::operator<", MEMTRACK_MANGLED_OWN},
    {"_ZN3FoolsERKi", "Foo::operator<<", MEMTRACK_MANGLED_OWN},
    {"_ZN3FooixEm", "Foo::operator[]", MEMTRACK_MANGLED_OWN},
    {"_ZN1AptEv", "A::operator->", MEMTRACK_MANGLED_OWN},
    {"_ZN3FoocvbEv", "Foo::operator bool", MEMTRACK_MANGLED_OWN},
    {"_ZN3FoocvSt6vectorIiSaIiEEEv", "Foo::operator std::vector<...>", MEMTRACK_MANGLED_OWN},
    {"_ZThn8_N1A1bEv", "A::b", MEMTRACK_MANGLED_OWN},
    {"_Z3fooB5cxx11v", "foo", MEMTRACK_MANGLED_OWN},
    {"_ZNKR1A1bEv", "A::b", MEMTRACK_MANGLED_OWN},
    {"_ZZNK1A1bEiENKUlvE_clEv", "A::b::{lambda#1}::operator()", MEMTRACK_MANGLED_OWN},
    {"_ZZN1A1bEiENKUliiE0_clEii", "A::b::{lambda#2}::operator()", MEMTRACK_MANGLED_OWN},
    {"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<...>::push_back", MEMTRACK_MANGLED_WRAPPER},
    {"_ZNKSt6vectorIiSaIiEE12_M_check_lenEmPKc", "std::vector<...>::_M_check_len", MEMTRACK_MANGLED_WRAPPER},
    {"_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_", "std::move<int&>", MEMTRACK_MANGLED_WRAPPER},
    {"_ZNSs6appendEPKc", "std::string::append", MEMTRACK_MANGLED_WRAPPER},
    {"_ZN9__gnu_cxx13new_allocatorIiE8allocateEmPKv", "__gnu_cxx::new_allocator<int>::allocate", MEMTRACK_MANGLED_WRAPPER},
    {"_ZZNSt6vectorIiSaIiEE1aEvENKUlvE_clEv", "std::vector<...>::a::{lambda#1}::operator()", MEMTRACK_MANGLED_WRAPPER},
    {"_Znwm", "operator new", MEMTRACK_MANGLED_WRAPPER},
    {"_ZnamSt11align_val_t", "operator new[]", MEMTRACK_MANGLED_WRAPPER},
    {"_ZdaPv", "operator delete[]", MEMTRACK_MANGLED_WRAPPER},
    {"_ZN3FoonwEm", "Foo::operator new", MEMTRACK_MANGLED_WRAPPER},
    {"_ZNSt17_Function_handlerIFvvEZ3runiEUlvE_E9_M_invokeERKSt9_Any_data", "std::_Function_handler<...>::_M_invoke",
     MEMTRACK_MANGLED_TRAMPOLINE},
    // A malformed name stays unchanged.
    {"_Z", "_Z", MEMTRACK_MANGLED_OWN},
    {"_ZN", "_ZN", MEMTRACK_MANGLED_OWN},
    {"_Zfoo", "_Zfoo", MEMTRACK_MANGLED_OWN},
    {"", "", MEMTRACK_MANGLED_OWN},
    {"a\nb\xff|", "a?b?|", MEMTRACK_MANGLED_OWN},
    {"<<<((", "<<<((", MEMTRACK_MANGLED_OWN},
    {"operator", "operator", MEMTRACK_MANGLED_OWN},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
    char text[TEXT_SIZE];
    memtrack_mangled_text(names[i].mangled, text, sizeof(text));
    assert_string_equal(text, names[i].text);
    assert_int_equal(memtrack_mangled_kind(names[i].mangled), names[i].kind);
  }
}

// The names are random: half of them from a grammar that resembles mangled names.
static void
any_name_is_written_in_its_room(void **state)
{
  static const char alphabet[] = "_ZNKSt3foo9E_IiEvT0Ulclcv<>(){}[] &operator.\n\x80";
  uint64_t seed                = random_seed();
  (void)state;
  for (int round = 0; round < 20000; ++round) {
    char name[3000], text[100];
    size_t length = random_next(&seed) % (round % 100 ? 60 : sizeof(name));
    for (size_t i = 0; i < length; ++i) {
      name[i] = alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
    }
    name[length] = '\0';
    if (length > 2 && round % 2) {
      memcpy(name, "_Z", 2);
    }
    memset(text, '#', sizeof(text));
    size_t size = random_next(&seed) % (sizeof(text) - 1);
    memtrack_mangled_text(name, text, size);
    memtrack_mangled_kind(name);
    assert_int_equal(text[size], '#');
    assert_true(size == 0 || strlen(text) < size);
  }
}

// ---- broken files ----

// The contents of a file, and the same bytes as a file without a path.
struct bytes {
  unsigned char *at;
  size_t size;
};

static struct bytes
read_bytes(const char *name)
{
  char path[PATH_MAX + 64];
  struct stat stat;
  snprintf(path, sizeof(path), "%s/%s", samples, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0 && fstat(fd, &stat) == 0);
  struct bytes bytes = {malloc(stat.st_size), stat.st_size};
  assert_int_equal(read(fd, bytes.at, bytes.size), stat.st_size);
  close(fd);
  return bytes;
}

static int
file_of(const void *bytes, size_t size)
{
  int fd = memfd_create("module", MFD_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, size), size);
  return fd;
}

static void
ask_all(struct memtrack_symbols *symbols, uint64_t offset)
{
  char text[TEXT_SIZE], texts[3][MEMTRACK_SYMBOL_TEXT];
  struct memtrack_range *ranges;
  for (int i = 0; i < 8; ++i) {
    memtrack_symbols_name(symbols, offset + 97 * i, text, sizeof(text));
    for (size_t count = memtrack_symbols_chain(symbols, offset + 97 * i, texts, 3); count > 0; --count) {
      assert_true(count <= 3 && texts[count - 1][0] && strnlen(texts[count - 1], MEMTRACK_SYMBOL_TEXT) < MEMTRACK_SYMBOL_TEXT);
    }
    memtrack_symbols_function(symbols, offset + 97 * i, text, sizeof(text));
  }
  size_t count = memtrack_symbols_wrappers(symbols, &ranges);
  for (size_t i = 1; i < count; ++i) {
    assert_true(ranges[i - 1].to < ranges[i].from);
  }
  free(ranges);
}

static void
what_is_no_module_is_refused_with_its_path_and_a_reason(void **state)
{
  struct memtrack_reason reason;
  struct bytes module       = read_bytes("cc-O2.so");
  struct bytes object       = read_bytes("cc-O2.o");
  static const char words[] = "#!/bin/sh\necho this is no module, and longer than the header of one would be, which has 64\n";
  const struct {
    const void *bytes;
    size_t size;
    const char *reason;
  } files[] = {
    {"", 0, "not an ELF file"},
    {words, sizeof(words), "not an ELF file"},
    {module.at, 20, "not an ELF file"},
    {module.at, 64, "truncated"},
    {module.at, module.size / 2, "truncated"},
    {module.at, module.size - 1, "truncated"},
    {object.at, object.size, "not a shared object"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof(files) / sizeof(*files); ++i) {
    assert_null(memtrack_symbols_open(file_of(files[i].bytes, files[i].size), "/some/where.so", 0, &reason));
    assert_non_null(strstr(reason.text, "/some/where.so"));
    if (!strstr(reason.text, files[i].reason)) {
      fail_msg("%s", reason.text);
    }
  }
  assert_null(memtrack_symbols_open(open("/", O_RDONLY | O_CLOEXEC), "/", 0, &reason));
  assert_null(memtrack_symbols_open(-1, "/no/where.so", 0, &reason));
  free(module.at);
  free(object.at);
}

static void
an_address_outside_of_the_code_has_no_name(void **state)
{
  static const uint64_t offsets[] = {0, 1, 2, 64, 0x7fffffff, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
  (void)state;
  struct module module;
  open_module(&module, "cc-O2");
  for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); ++i) {
    char text[TEXT_SIZE] = "before";
    assert_int_equal(memtrack_symbols_name(module.symbols, offsets[i], text, sizeof(text)), MEMTRACK_SYMBOL_NONE);
    assert_string_equal(text, "");
  }
  close_module(&module);
}

// A separate file of another build would name wrong lines; using none is better.
static void
separate_debug_information_of_another_build_is_left_alone(void **state)
{
  char folder[] = "/tmp/memtrack-symbol-XXXXXX", path[64], debug[64], text[TEXT_SIZE];
  struct memtrack_reason reason;
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof(path), "%s/cc-linked.so", folder);
  snprintf(debug, sizeof(debug), "%s/cc-linked.so.debug", folder);
  struct bytes linked = read_bytes("cc-linked.so"), other = read_bytes("cc-linked.so.debug");
  struct module module;
  open_module(&module, "cc-linked");
  uint64_t offset = site_of(&module, "method");
  close_module(&module);
  for (int is_other = 0; is_other < 2; ++is_other) {
    const struct bytes *files[] = {&linked, &other};
    const char *paths[]         = {path, debug};
    other.at[other.size - 1] ^= is_other;
    for (int i = 0; i < 2; ++i) {
      int fd = open(paths[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      assert_int_equal(write(fd, files[i]->at, files[i]->size), files[i]->size);
      close(fd);
    }
    struct memtrack_symbols *symbols = memtrack_symbols_open(open(path, O_RDONLY | O_CLOEXEC), path, 0, &reason);
    assert_non_null(symbols);
    assert_int_equal(memtrack_symbols_name(symbols, offset, text, sizeof(text)),
                     is_other ? MEMTRACK_SYMBOL_FUNCTION : MEMTRACK_SYMBOL_LINE);
    memtrack_symbols_close(symbols);
  }
  unlink(path);
  unlink(debug);
  rmdir(folder);
  free(linked.at);
  free(other.at);
}

struct span {
  size_t from, size;
  const char *name;
};

// The sections with debug information in the file.
static size_t
find_sections(const struct bytes *file, struct span *spans, size_t room)
{
  const Elf64_Ehdr *header   = (const void *)file->at;
  const Elf64_Shdr *sections = (const void *)(file->at + header->e_shoff);
  const char *names          = (const char *)file->at + sections[header->e_shstrndx].sh_offset;
  size_t count               = 0;
  for (int i = 0; i < header->e_shnum && count < room; ++i) {
    if (strncmp(names + sections[i].sh_name, ".debug_", 7) == 0) {
      spans[count++] = (struct span){sections[i].sh_offset, sections[i].sh_size, names + sections[i].sh_name};
    }
  }
  return count;
}

// libdw would read past their end.
static void
strings_without_an_end_cost_the_lines_only(void **state)
{
  static const char *const names[] = {".debug_str", ".debug_line_str"};
  struct memtrack_reason reason;
  char text[TEXT_SIZE];
  struct span spans[32];
  struct module module;
  (void)state;
  open_module(&module, "cc-O2");
  uint64_t offset = site_of(&module, "method");
  close_module(&module);
  struct bytes bytes = read_bytes("cc-O2.so");
  size_t count       = find_sections(&bytes, spans, 32);
  for (int wanted = 0; wanted < 2; ++wanted) {
    size_t i = 0;
    while (i < count && strcmp(spans[i].name, names[wanted]) != 0) {
      ++i;
    }
    assert_true(i < count);
    unsigned char *last = &bytes.at[spans[i].from + spans[i].size - 1];
    for (int is_broken = 0; is_broken < 2; ++is_broken) {
      *last                            = is_broken ? 'x' : 0;
      struct memtrack_symbols *symbols = memtrack_symbols_open(file_of(bytes.at, bytes.size), "/some/where.so", 0, &reason);
      assert_non_null(symbols);
      assert_int_equal(memtrack_symbols_name(symbols, offset, text, sizeof(text)),
                       is_broken ? MEMTRACK_SYMBOL_FUNCTION : MEMTRACK_SYMBOL_LINE);
      memtrack_symbols_close(symbols);
    }
    *last = 0;
  }
  free(bytes.at);
}

// Random bytes in a section, in the whole file, or in its first and last page, which hold the headers: reading must end, and must
// stay within its memory.
static void
broken_debug_information_costs_names_and_nothing_else(void **state)
{
  static const char *const names[] = {"c-O2.so",     "cc-O2.so",      "cc-dwarf4.so", "cc-gz.so",
                                      "cc-clang.so", "cc-symbols.so", "cc-dwz.so"};
  uint64_t seed                    = random_seed();
  (void)state;
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
    struct bytes good = read_bytes(names[i]);
    struct bytes bad  = {malloc(good.size), good.size};
    struct span spans[32];
    size_t count   = find_sections(&good, spans, 30);
    spans[count++] = (struct span){64, good.size - 64, "all"};
    spans[count++] = (struct span){16, 4096, "begin"};
    spans[count++] = (struct span){good.size - 4096, 4096, "end"};
    struct memtrack_reason reason;
    for (int round = 0; round < 100; ++round) {
      struct span span = spans[random_next(&seed) % count];
      memcpy(bad.at, good.at, good.size);
      for (uint64_t writes = 1 + random_next(&seed) % 64; writes > 0 && span.size; --writes) {
        bad.at[span.from + random_next(&seed) % span.size] = random_next(&seed) % 4 ? random_next(&seed) : 0xff;
      }
      struct memtrack_symbols *symbols = memtrack_symbols_open(file_of(bad.at, bad.size), "/some/where.so", 0, &reason);
      if (symbols) {
        ask_all(symbols, 0x1100 + random_next(&seed) % 0x3000);
        memtrack_symbols_close(symbols);
      }
    }
    free(good.at);
    free(bad.at);
  }
}

static bool
is_mapped(const char *name)
{
  char line[PATH_MAX + 128];
  bool found = false;
  FILE *maps = fopen("/proc/self/maps", "r");
  assert_non_null(maps);
  while (!found && fgets(line, sizeof(line), maps)) {
    found = strstr(line, name) != NULL;
  }
  fclose(maps);
  return found;
}

// A mapped file that is truncated ends the process.
static void
no_file_is_mapped_to_be_read(void **state)
{
  static const char *const names[] = {"cc-linked.so", "cc-id.so", "cc-dwz.so"};
  static const char *const read[]  = {"cc-linked.so.debug", "656d747261636b.debug", "shared.debug"};
  (void)state;
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/%s", samples, names[i]);
    struct memtrack_symbols *symbols = open_path(path, 0);
    ask_all(symbols, 0x1200);
    assert_false(is_mapped(names[i]));
    assert_false(is_mapped(read[i]));
    memtrack_symbols_close(symbols);
  }
}

// Otherwise names would be missing or wrong: libdw would read the other file's strings.
static void
shared_debug_information_that_is_another_or_gone_costs_the_lines_only(void **state)
{
  char path[PATH_MAX + 64], hidden[PATH_MAX + 64], text[TEXT_SIZE];
  struct memtrack_reason reason;
  struct module module;
  (void)state;
  open_module(&module, "cc-dwz");
  uint64_t offset = site_of(&module, "method");
  assert_int_equal(memtrack_symbols_name(module.symbols, offset, text, sizeof(text)), MEMTRACK_SYMBOL_LINE);
  close_module(&module);
  struct bytes bytes = read_bytes("cc-dwz.so");
  snprintf(path, sizeof(path), "%s/shared.debug", samples);
  snprintf(hidden, sizeof(hidden), "%s/shared.debug.hidden", samples);
  assert_int_equal(rename(path, hidden), 0);
  // Missing; a FIFO; a file with another build id.
  for (int how = 0; how < 3; ++how) {
    char other[PATH_MAX + 64];
    snprintf(other, sizeof(other), "%s/cc-id.so", samples);
    if (how > 0) {
      assert_int_equal(how == 1 ? mkfifo(path, 0600) : symlink(other, path), 0);
    }
    struct memtrack_symbols *symbols = memtrack_symbols_open(file_of(bytes.at, bytes.size), "/some/where.so", 0, &reason);
    enum memtrack_symbol known       = symbols ? memtrack_symbols_name(symbols, offset, text, sizeof(text)) : MEMTRACK_SYMBOL_NONE;
    if (symbols) {
      memtrack_symbols_close(symbols);
    }
    if (how > 0) {
      unlink(path);
    }
    if (known != MEMTRACK_SYMBOL_FUNCTION) {
      rename(hidden, path);
      fail_msg("case %d: %d, \"%s\"", how, known, text);
    }
  }
  assert_int_equal(rename(hidden, path), 0);
  free(bytes.at);
}

static size_t
open_files(void)
{
  size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    count += fcntl(fd, F_GETFD) >= 0;
  }
  return count;
}

static void
a_closed_module_holds_no_memory_and_no_file(void **state)
{
  static const char *const names[] = {"c-stripped.so", "cc-O2.so", "cc-gz.so", "cc-split.so",
                                      "cc-linked.so",  "cc-id.so", "cc-dwz.so"};
  (void)state;
  // The first round allocates what the libraries keep: streams, locale, tables.
  size_t memory = 0, files = 0;
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); ++i) {
      char path[PATH_MAX + 64];
      snprintf(path, sizeof(path), "%s/%s", samples, names[i]);
      struct memtrack_symbols *symbols = open_path(path, 0);
      ask_all(symbols, 0x1200);
      memtrack_symbols_close(symbols);
    }
    struct mallinfo2 info = mallinfo2();
    if (round == 0) {
      memory = info.uordblks + info.hblkhd;
      files  = open_files();
    }
    fprintf(stderr, "%zu ", info.uordblks + info.hblkhd - memory);
    assert_int_equal(open_files(), files);
  }
}

static void
without_elfutils_a_site_is_what_the_loader_knows(void **state)
{
  struct module module;
  struct memtrack_reason reason;
  char text[TEXT_SIZE];
  (void)state;
  assert_false(memtrack_elfutils_is_open());
  size_t files = open_files();
  open_module(&module, "c-O2");
  assert_int_equal(open_files(), files);
  assert_int_equal(module.wrapper_count, 0);
  uint64_t offset = (uint64_t)dlsym(module.handle, "sample_direct") - module.base + 5;
  assert_int_equal(memtrack_symbols_name(module.symbols, offset, text, sizeof(text)), MEMTRACK_SYMBOL_FUNCTION);
  assert_string_equal(text, "sample_direct+0x5");
  assert_int_equal(memtrack_symbols_function(module.symbols, offset, text, sizeof(text)), MEMTRACK_SYMBOL_FUNCTION);
  assert_string_equal(text, "sample_direct");
  // The file's headers contain no function. The loader knows no function of a module that is not loaded.
  assert_int_equal(memtrack_symbols_name(module.symbols, 16, text, sizeof(text)), MEMTRACK_SYMBOL_NONE);
  assert_string_equal(text, "");
  struct memtrack_symbols *elsewhere = memtrack_symbols_open(-1, module.path, 0, &reason);
  assert_int_equal(memtrack_symbols_name(elsewhere, offset, text, sizeof(text)), MEMTRACK_SYMBOL_NONE);
  memtrack_symbols_close(elsewhere);
  close_module(&module);
}

static void
elfutils_is_loaded(void **state)
{
  struct memtrack_reason reason = {""};
  (void)state;
  assert_int_equal(memtrack_symbols_start(&reason), 0);
  assert_string_equal(reason.text, "");
  assert_true(memtrack_elfutils_is_open());
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(without_elfutils_a_site_is_what_the_loader_knows),
    cmocka_unit_test(elfutils_is_loaded),
    cmocka_unit_test(with_debug_information_a_site_is_the_function_and_line_of_the_source),
    cmocka_unit_test(an_inlined_function_has_the_functions_that_it_is_inlined_into),
    cmocka_unit_test(of_too_many_functions_the_innermost_and_the_last_are_left),
    cmocka_unit_test(without_debug_information_a_call_has_one_function),
    cmocka_unit_test(without_it_a_site_is_the_function_and_the_distance),
    cmocka_unit_test(an_exported_function_without_a_size_contains_no_others),
    cmocka_unit_test(the_function_that_a_call_calls_is_the_one_of_its_slot),
    cmocka_unit_test(a_variable_has_its_name_and_its_section),
    cmocka_unit_test(a_split_file_is_never_opened_and_costs_the_inlined_functions_only),
    cmocka_unit_test(no_file_is_mapped_to_be_read),
    cmocka_unit_test(shared_debug_information_that_is_another_or_gone_costs_the_lines_only),
    cmocka_unit_test(the_function_of_a_call_is_the_innermost_wrapper_or_not),
    cmocka_unit_test(wrappers_are_sorted_and_apart),
    cmocka_unit_test(a_text_is_cut_in_the_name_and_never_longer_than_its_room),
    cmocka_unit_test(names_are_written_as_people_write_them),
    cmocka_unit_test(any_name_is_written_in_its_room),
    cmocka_unit_test(what_is_no_module_is_refused_with_its_path_and_a_reason),
    cmocka_unit_test(an_address_outside_of_the_code_has_no_name),
    cmocka_unit_test(separate_debug_information_of_another_build_is_left_alone),
    cmocka_unit_test(strings_without_an_end_cost_the_lines_only),
    cmocka_unit_test(broken_debug_information_costs_names_and_nothing_else),
    cmocka_unit_test(a_closed_module_holds_no_memory_and_no_file),
  };
  ssize_t length                   = readlink("/proc/self/exe", samples, sizeof(samples) - 32);
  samples[length > 0 ? length : 0] = '\0';
  *strrchr(samples, '/')           = '\0';
  strcpy(strrchr(samples, '/'), "/native-samples");
  static char root[sizeof(samples) + 8];
  snprintf(root, sizeof(root), "%s/root", samples);
  memtrack_symbols_root = root;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
