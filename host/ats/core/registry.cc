/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

#include <cstring>

#include "base/atomic.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/peek.h"
#include "base/words.h"
#include "core/key.h"
#include "core/tag.h"

/* Locations are literals of the server or a library; this limits the read of any other pointer, which may be invalid: OpenSSL
   itself does not read the file name of an allocation. */
#define LOCATION_MAX  65536
#define BUILTIN_READS 127 /* bytes that the built-in tracker reads of an IOBuffer's location */
#define COPY_TRIES    16  /* of a record without the mutex */

namespace
{
memtrack_core core;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Written under the mutex, read without it. */
uint64_t seq;     /* odd during a change */
uint32_t version; /* of names and owners */
uint32_t published = MEMTRACK_SITE_FIRST;
uint64_t refused;
uint32_t in_use;
const char *trap; /* its reason: assigns no more numbers */

/* Publishes changes to readers without the mutex. Under the mutex. */
void
publish()
{
  memtrack_store_release(&version, memtrack_call(&core, version));
  memtrack_store(&in_use, memtrack_call(&core, sitesInUse));
  memtrack_store(&refused, memtrack_call(&core, refusals));
  uint32_t count = memtrack_call(&core, siteCount);
  memtrack_store(&memtrack_tag_births, (count - 1) << MEMTRACK_EPOCH_BITS);
  memtrack_store_release(&published, count);
}

/* Runs a body. Returns false if it traps, or if one has trapped before. Under the mutex. */
template <typename Body>
bool
run(Body body)
{
  if (!trap && !memtrack_guarded(body)) {
    memtrack_store(&trap, memtrack_trap_reason());
  }
  return !trap;
}

/* Runs a body that queries the registry. Returns false if it traps, now or before. */
template <typename Body>
bool
ask(Body body)
{
  memtrack_lock lock(&mutex);
  return run(body);
}

/* Runs a body that changes the registry. Returns false if it traps, now or before: a number that the body has assigned may not be
   published, and must not be used. */
template <typename Body>
bool
change(Body body)
{
  memtrack_lock lock(&mutex);
  uint64_t before = seq;
  memtrack_store(&seq, before + 1);
  memtrack_fence_release();
  bool good = run([=] {
    body();
    publish();
  });
  memtrack_store_release(&seq, before + 2);
  return good;
}

/* Reads a text that may be anywhere with system calls, so it is called before the mutex is taken. Where none is allowed, an
   IOBuffer's location is read like the built-in tracker reads it, and others are not. Not inlined: it takes 200 bytes of stack,
   which registering then uses again. */
MT_NOINLINE uint64_t
length_of(const char *text, uint64_t attributes)
{
  if (!text) {
    return 0;
  }
  bool is_read = memtrack_attributes_class(attributes) == MEMTRACK_CLASS_IOBUFFER && !memtrack_peek_works();
  return is_read ? strnlen(text, BUILTIN_READS) : memtrack_peek_length(text, LOCATION_MAX);
}

uint32_t
put_input(const char *text, uint64_t length)
{
  return length ? memtrack_core_input(&core, text, length) : 0;
}

/* Copies a record of a table. Returns false if a change may have torn it. */
MT_NO_THREAD_SANITIZER bool
copy_record(uint8_t *to, const uint8_t *from, uint32_t size)
{
  uint64_t before = memtrack_load_acquire(&seq);
  memtrack_copy_words(reinterpret_cast<uint64_t *>(to), from, size / sizeof(uint64_t));
  memtrack_fence_acquire();
  return !(before & 1) && memtrack_load(&seq) == before;
}

/* Copies a table to the same place in a model. Each record is consistent. Holds the mutex for no more than a record, and only if
   changes follow one another without a pause: a thread with a new site does not wait for the other names. */
void
copy_table(const memtrack_core *model, uint32_t from, uint32_t count, uint32_t size)
{
  for (uint32_t i = 0; i < count; ++i) {
    uint8_t *to           = memtrack_core_at(model, model->names + from + i * size);
    const uint8_t *record = memtrack_core_at(&core, core.names + from + i * size);
    bool good             = false;
    for (int tries = 0; !good && tries < COPY_TRIES; ++tries) {
      good = copy_record(to, record, size);
    }
    if (!good) {
      memtrack_lock lock(&mutex);
      memcpy(to, record, size);
    }
  }
}

/* Appends a part of a text. Returns its length, truncated to the remaining room. */
uint32_t
add_part(const char *part, uint32_t *used)
{
  uint32_t room = MEMTRACK_INPUT_SIZE - *used, length = part ? strnlen(part, room) : 0;
  memcpy(memtrack_core_at(&core, core.input) + *used, part ? part : "", length);
  *used += length;
  return length;
}
} // namespace

int
memtrack_registry_open(uint32_t sites)
{
  return memtrack_core_open(&core, MEMTRACK_ROLE_REGISTRY, sites);
}

uint32_t
memtrack_registry_site(uint64_t address, uint64_t attributes, const char *text, uint32_t owner, uint32_t flags)
{
  uint32_t site   = MEMTRACK_SITE_UNKNOWN;
  uint64_t length = length_of(text, attributes);
  bool good =
    change([=, &site] { site = memtrack_call(&core, register, address, attributes, put_input(text, length), owner, flags); });
  return good ? site : MEMTRACK_SITE_OTHER + memtrack_attributes_class(attributes);
}

bool
memtrack_registry_is_own(uint32_t site)
{
  return site >= MEMTRACK_SITE_FIRST && site < MEMTRACK_SITE_FIRST + core.sites;
}

bool
memtrack_registry_builtin_row(const char *line, uint64_t length, struct memtrack_builtin_row *row)
{
  return change([=] {
           row->site   = memtrack_call(&core, registerBuiltinRow, memtrack_core_input(&core, line, length));
           row->allocs = memtrack_call(&core, builtinAllocs);
           row->frees  = memtrack_call(&core, builtinFrees);
           row->in_use = memtrack_call(&core, builtinInUse);
         }) &&
         row->site != MEMTRACK_SITE_UNKNOWN;
}

uint32_t
memtrack_registry_freelist(const char *name, uint32_t length)
{
  uint32_t site = MEMTRACK_SITE_UNKNOWN;
  bool good     = change([=, &site] { site = memtrack_call(&core, registerFreelist, put_input(name, length)); });
  return good ? site : MEMTRACK_SITE_OTHER + MEMTRACK_CLASS_FREELIST;
}

uint32_t
memtrack_registry_call(uint64_t address, uint64_t attributes, const struct memtrack_call_name *call, uint32_t owner, uint32_t flags)
{
  uint32_t site = MEMTRACK_SITE_UNKNOWN;
  bool good     = change([=, &site] {
    uint32_t used = 0, module = add_part(call->module, &used), file = add_part(call->file, &used);
    site = memtrack_call(&core, registerCall, address, attributes, module, call->offset, file, owner, flags);
  });
  return good ? site : MEMTRACK_SITE_OTHER + memtrack_attributes_class(attributes);
}

void
memtrack_registry_rename(uint32_t site, const struct memtrack_call_name *call)
{
  change([=] {
    uint32_t used = 0, module = add_part(call->module, &used), function = add_part(call->function, &used);
    uint32_t file = add_part(call->file, &used), called = add_part(call->called, &used);
    memtrack_call(&core, renameCall, site, module, call->offset, function, file, called);
  });
}

void
memtrack_registry_free(uint32_t site)
{
  change([=] { memtrack_call(&core, freeSite, site); });
}

uint32_t
memtrack_registry_owner(const char *text)
{
  uint32_t owner  = MEMTRACK_OWNER_OTHER;
  uint64_t length = text ? strnlen(text, MEMTRACK_INPUT_SIZE) : 0;
  bool good       = change([=, &owner] {
    owner = memtrack_call(&core, registerOwner, put_input(text, length));
    if (owner == MEMTRACK_OWNER_OTHER) {
      memtrack_limit_hit(MEMTRACK_LIMIT_OWNERS);
    }
  });
  return good ? owner : MEMTRACK_OWNER_OTHER;
}

void
memtrack_registry_file(const char *name, uint32_t owner, const char *build_id, const char *path)
{
  uint32_t key = owner == MEMTRACK_OWNER_OTHER ? MEMTRACK_OWNER_NONE : owner;
  change([=] {
    uint32_t used = 0, name_length = add_part(name, &used), id_length = add_part(build_id, &used);
    uint32_t path_length = add_part(path, &used);
    if (memtrack_call(&core, registerFile, name_length, id_length, path_length, key)) {
      memtrack_limit_hit(MEMTRACK_LIMIT_FILES);
    }
  });
}

void
memtrack_registry_retire(uint32_t owner)
{
  change([=] { memtrack_call(&core, retireOwner, owner); });
}

void
memtrack_registry_text(uint32_t site, char *text, uint64_t size)
{
  memtrack_lock lock(&mutex);
  if (site < memtrack_registry_count()) {
    const uint8_t *name = memtrack_core_at(&core, core.names + site * MEMTRACK_NAME_SIZE);
    uint16_t length;
    memcpy(&length, name + MEMTRACK_NAME_LENGTH, sizeof(length));
    length = length < size ? length : size - 1;
    memcpy(text, name + MEMTRACK_NAME_TEXT, length);
    text[length] = '\0';
  }
}

/* Calls into the model, not into the registry. If the registry has trapped, its earlier data is still valid. Changes during the
   copying may be missing: the model then has an older version, and the next copy has them. A number is not freed meanwhile, because
   only the model's user frees numbers. */
bool
memtrack_registry_copy(struct memtrack_core *model)
{
  int result     = -1;
  uint32_t count = memtrack_registry_count(); /* before the version: the version has the names of these sites */
  uint32_t known = memtrack_load_acquire(&version);
  bool good      = memtrack_guarded([=, &result] {
    if (known != memtrack_call(model, knownVersion)) {
      uint32_t files  = core.names_end - core.names - MEMTRACK_FILES_MAX * MEMTRACK_FILE_SIZE;
      uint32_t owners = files - MEMTRACK_OWNERS_MAX * MEMTRACK_OWNER_SIZE;
      copy_table(model, 0, owners / MEMTRACK_NAME_SIZE, MEMTRACK_NAME_SIZE);
      copy_table(model, owners, MEMTRACK_OWNERS_MAX, MEMTRACK_OWNER_SIZE);
      copy_table(model, files, MEMTRACK_FILES_MAX, MEMTRACK_FILE_SIZE);
    }
    result = memtrack_call(model, updateNames, count, known);
  });
  return good && result == 0;
}

bool
memtrack_registry_key(uint32_t site, uint64_t *address, uint64_t *attributes)
{
  *address = *attributes = 0;
  ask([=] {
    *address    = memtrack_call(&core, addressOf, site);
    *attributes = memtrack_call(&core, attributesOf, site);
  });
  return *address != 0 || *attributes != 0;
}

uint32_t
memtrack_registry_count()
{
  return memtrack_load_acquire(&published);
}

uint32_t
memtrack_registry_in_use()
{
  return memtrack_load(&in_use);
}

uint64_t
memtrack_registry_refusals()
{
  return memtrack_load(&refused);
}

const char *
memtrack_registry_trap()
{
  return memtrack_load(&trap);
}

const struct memtrack_core *
memtrack_registry_core()
{
  return &core;
}
