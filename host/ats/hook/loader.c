/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hook/loader.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/log.h"
#include "hook/modules.h"
#include "hook/real.h"
#include "hook/state.h"
#include "module/module.h"
#include "owner/context.h"
#include "owner/naming.h"
#include "owner/thunk.h"

/* The functions that the server looks up in a plugin: TSRemap... for remap.config, TSPluginInit for plugin.config. Many plugins
   define both, so the function that is looked up tells how the plugin is used. */
static bool
is_remap_entry(const char *name)
{
  return strncmp(name, "TSRemap", strlen("TSRemap")) == 0;
}

static bool
is_entry(const char *name)
{
  return strcmp(name, "TSPluginInit") == 0 || is_remap_entry(name);
}

/* Runs when the server has loaded a plugin and looks up its functions. On any thread that loads; not part of an event. For all
   other names dlsym() is jumped to, because RTLD_NEXT and RTLD_DEFAULT depend on its return address. */
static void *
hook_dlsym(void *handle, const char *name)
{
  if (!is_entry(name)) {
    return dlsym(handle, name);
  }
  void *address = dlsym(handle, name);
  if (address == NULL) {
    return NULL;
  }
  /* Scans each time: the known module at this address may be an earlier module that another thread is just removing. */
  memtrack_module_scan(address, is_remap_entry(name), memtrack_modules_found, memtrack_modules_gone);
  return memtrack_context_wrap(address);
}

/* Another module may be loaded in the place of one that is gone before the next poll. */
static int
unload(void *handle)
{
  int result = memtrack_real.dlclose(handle);
  memtrack_module_sweep(memtrack_modules_gone);
  memtrack_modules_forget_addresses();
  return result;
}

/* Runs when the server unloads a plugin, for example on a network thread that drops the last reference to a configuration: reads no
   file, and waits for no thread that does, unless plugins are unloaded faster than the task thread names their sites. Without
   elfutils names come from the loader, which knows only loaded modules. */
static int
hook_dlclose(void *handle)
{
  if (memtrack_symbols_are_loaders() || memtrack_naming_is_crowded()) {
    memtrack_naming_resolve();
  }
  int result = unload(handle);
  memtrack_add_ordered(&memtrack_hooks.unloads, 1);
  return result;
}

/* A library is followed at the first function that is looked up in it, not only at the next poll. */
static MT_NOINLINE void *
look_up(void *handle, const char *name)
{
  void *function = dlsym(handle, name);
  void *hook     = function ? memtrack_modules_api_hook(name, function) : NULL;
  if (function && !hook && !memtrack_module_at((uintptr_t)function)) {
    memtrack_module_scan(NULL, false, memtrack_modules_found, memtrack_modules_gone);
  }
  return hook ? hook : function;
}

/* A plugin or a library looks up a function. The plugin API's are answered with their hooks. Those of the C library and of C++ are
   the shared hooks already (hook/heap.h). RTLD_DEFAULT and RTLD_NEXT depend on the return address, so dlsym() is jumped to. */
static void *
plugin_dlsym(void *handle, const char *name)
{
  if (handle == RTLD_NEXT || (handle == RTLD_DEFAULT && !memtrack_modules_api_hook(name, NULL))) {
    return dlsym(handle, name);
  }
  return look_up(handle, name);
}

/* Runs when a plugin or a library unloads another library. */
static int
plugin_dlclose(void *handle)
{
  return unload(handle);
}

/* The file that dlmopen() was asked for, until the poll has said it: the first of several between two polls. */
static char apart[512];
enum { APART_NONE, APART_NOTED, APART_COMPLETE };
static uint32_t apart_state;

static MT_NOINLINE void
note_apart(const char *file)
{
  uint32_t expected = APART_NONE;
  if (memtrack_replace_ordered(&apart_state, &expected, APART_NOTED)) {
    snprintf(apart, sizeof(apart), "%s", file);
    memtrack_store_release(&apart_state, APART_COMPLETE);
  }
}

/* The namespace's modules are searched where the caller says, so dlmopen() is jumped to. */
static void *
plugin_dlmopen(Lmid_t space, const char *file, int mode)
{
  if (space != LM_ID_BASE && file) {
    note_apart(file);
  }
  return dlmopen(space, file, mode);
}

static void
report_apart(void)
{
  static char said[sizeof(apart)];
  if (memtrack_load_acquire(&apart_state) != APART_COMPLETE) {
    return;
  }
  if (strcmp(apart, said) != 0) {
    memcpy(said, apart, sizeof(said));
    memtrack_log(MEMTRACK_NOTE, "%s is in a namespace of its own (dlmopen): what it allocates has no row", said);
  }
  memtrack_store_release(&apart_state, APART_NONE);
}

/* Number of loads and unloads so far, as counted by the loader. */
static int
count_changes(struct dl_phdr_info *info, size_t size, void *changes)
{
  (void)size;
  *(uint64_t *)changes = info->dlpi_adds + info->dlpi_subs;
  return 1; /* the number is the same in each module */
}

/* Each reason once. */
static void
report_thunks(void)
{
  static struct memtrack_reason said;
  struct memtrack_reason reason;
  if (memtrack_thunk_retry(&reason) && strcmp(reason.text, said.text) != 0) {
    said = reason;
    memtrack_log(MEMTRACK_WARNING, "further plugin functions run without an owner: %s", reason.text);
  }
}

static bool started;

void
memtrack_loader_start(void)
{
  started = true;
}

/* Skipped while a load or unload is in progress: a plugin that is loaded, but whose functions the server has not looked up yet,
   would be registered as a library. */
void
memtrack_loader_poll(void)
{
  static uint64_t seen, scanned;
  uint64_t changes = 0;
  report_thunks();
  report_apart();
  dl_iterate_phdr(count_changes, &changes);
  if (started && changes == seen && changes != scanned) {
    scanned = memtrack_module_scan(NULL, false, memtrack_modules_found, memtrack_modules_gone) ? scanned : changes;
  }
  seen = changes;
}

const struct memtrack_redirect memtrack_loader_calls[] = {
  {"dlsym", (void *)hook_dlsym},
  {"dlclose", (void *)hook_dlclose},
  {NULL, NULL},
};

const struct memtrack_redirect memtrack_loader_calls_of_plugins[] = {
  {"dlsym", (void *)plugin_dlsym},
  {"dlclose", (void *)plugin_dlclose},
  {"dlmopen", (void *)plugin_dlmopen},
  {NULL, NULL},
};

MEMTRACK_RESOLVER(dlclose, plugin_dlclose)

struct memtrack_definition memtrack_loader_definitions[] = {
  MEMTRACK_DEFINITION(dlclose, plugin_dlclose, dlclose),
  {.symbol = NULL},
};
