// SPDX-License-Identifier: Apache-2.0
//
// A plugin's IOBuffer is marked only if it and its block contain what the server stores there; otherwise nothing is read that the
// server has not proved to exist, and nothing is written.
#include "support.h"

#include <string.h>

#include "hook/buffer.h"
#include "module/module.h"
#include "owner/location.h"
#include "server/api.h"

// In victim.so, which is the plugin here.
extern long victim_owner_inside(long (*tell)(long, long, long, long, long, long));

struct data {
  void *class;
  const char *location;
};
struct block {
  void *class;
  struct data *data;
  const char *location;
};
struct buffer {
  void *class;
  struct block *block;
  const char *location;
};

static int class;
static const char CREATED[] = "memory/IOBuffer/InkAPI.cc:1", SIZED[] = "memory/IOBuffer/InkAPI.cc:2";
static struct data data;
static struct block block;
static struct buffer buffer;

static void *
create_buffer(void)
{
  buffer = (struct buffer){.class = &class, .location = CREATED};
  return &buffer;
}

// The block that a buffer has at its creation, or that it gets.
static void *
start_of_buffer(void *object)
{
  assert_ptr_equal(object, &buffer);
  if (!buffer.block) {
    data         = (struct data){.class = &class, .location = buffer.location};
    block        = (struct block){.class = &class, .data = &data, .location = buffer.location};
    buffer.block = &block;
  }
  return buffer.block;
}

static void
create_sized(void)
{
  buffer = (struct buffer){.class = &class, .location = SIZED};
  start_of_buffer(&buffer);
}

static void
destroy_buffer(void *object)
{
  assert_ptr_equal(object, &buffer);
}

static int64_t
write_avail(void *object)
{
  assert_ptr_equal(object, &block);
  return 128;
}

static unsigned events;

static void
count_event(const char *location, int64_t size)
{
  assert_ptr_equal(location, size < 0 ? SIZED : buffer.location);
  assert_int_equal(size < 0 ? -size : size, 128);
  ++events;
}

// Marks the buffer as if victim.so had created it.
static void
mark(bool sized)
{
  events = 0;
  memtrack_buffer_mark(&buffer, sized, (uintptr_t)victim_owner_inside + 4, MEMTRACK_OWNER_CORE, count_event);
}

static void
a_buffer_is_marked_where_the_server_keeps_its_location(void **state)
{
  (void)state;
  create_buffer();
  mark(false);
  assert_non_null(memtrack_location_of_text(buffer.location));
  assert_int_equal(events, 0);
  create_sized();
  mark(true);
  assert_non_null(memtrack_location_of_text(buffer.location));
  assert_ptr_equal(block.location, buffer.location);
  assert_ptr_equal(data.location, buffer.location);
  assert_int_equal(events, 2);
}

static void
a_buffer_of_another_form_is_left_alone(void **state)
{
  (void)state;
  create_buffer();
  buffer.location = (const char *)0xdeadbeefdeadbeef;
  mark(false);
  assert_ptr_equal(buffer.location, 0xdeadbeefdeadbeef);
}

static void
assert_left_alone(void)
{
  struct buffer buffer_before = buffer;
  struct block block_before   = block;
  struct data data_before     = data;
  mark(true);
  assert_memory_equal(&buffer, &buffer_before, sizeof(buffer));
  assert_memory_equal(&block, &block_before, sizeof(block));
  assert_memory_equal(&data, &data_before, sizeof(data));
  assert_int_equal(events, 0);
}

static void *
no_block(void *object)
{
  (void)object;
  return NULL;
}

static void
a_block_of_another_form_is_left_alone_with_its_buffer(void **state)
{
  (void)state;
  create_sized();
  block.location = CREATED;
  block.data     = (struct data *)0xdeadbeefdeadbeef; // not read: the block is not the buffer's
  assert_left_alone();
  create_sized();
  block.data = NULL;
  assert_left_alone();
  create_sized();
  block.data = (struct data *)((uintptr_t)&data + 1);
  assert_left_alone();
  create_sized();
  data.location = CREATED;
  assert_left_alone();
  create_sized();
  memtrack_api.TSIOBufferStart = no_block;
  assert_left_alone();
  memtrack_api.TSIOBufferStart = start_of_buffer;
}

static void
no_buffer_is_no_buffer(void **state)
{
  (void)state;
  memtrack_buffer_mark(NULL, false, (uintptr_t)victim_owner_inside + 4, MEMTRACK_OWNER_CORE, count_event);
  memtrack_buffer_mark(NULL, true, (uintptr_t)victim_owner_inside + 4, MEMTRACK_OWNER_CORE, count_event);
  memtrack_buffer_mark((void *)0xdeadbeefdeadbeef, true, 0, MEMTRACK_OWNER_CORE, count_event); // the caller is unknown
}

static void
ignore(struct memtrack_module *module)
{
  (void)module;
}

static int
open_buffers(void **state)
{
  (void)state;
  struct memtrack_reason reason = {{0}};
  open_accounting(64);
  memtrack_module_scan((const void *)(uintptr_t)victim_owner_inside, false, ignore, ignore);
  memtrack_api.TSIOBufferCreate          = create_buffer;
  memtrack_api.TSIOBufferDestroy         = destroy_buffer;
  memtrack_api.TSIOBufferStart           = start_of_buffer;
  memtrack_api.TSIOBufferBlockWriteAvail = write_avail;
  int result                             = memtrack_buffer_calibrate(&reason);
  print_message("%s\n", reason.text);
  return result;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_buffer_is_marked_where_the_server_keeps_its_location),
    cmocka_unit_test(a_buffer_of_another_form_is_left_alone),
    cmocka_unit_test(a_block_of_another_form_is_left_alone_with_its_buffer),
    cmocka_unit_test(no_buffer_is_no_buffer),
  };
  return cmocka_run_group_tests(tests, open_buffers, NULL);
}
