// SPDX-License-Identifier: Apache-2.0
//
// The plugin API is found under the names of each server version, and missing functions are reported. Constants and structs equal
// those of ts.h.
#define _GNU_SOURCE
#include "support.h"

#include <dlfcn.h>
#include <string.h>

#include <ts/ts.h>

#include "server/api.h"
#include "server/awaited.h"

#define X(name, value) _Static_assert((int)TS_##name == MEMTRACK_TS_##name, #name);
MEMTRACK_API_CONSTANTS(X)
#undef X

#define X(name, value) \
  _Static_assert((int)TS_EVENT_##name == (value) && (value) >= MEMTRACK_AWAITED_FIRST && (value) <= MEMTRACK_AWAITED_LAST, #name);
MEMTRACK_AWAITED_OF_TRANSACTION(X)
MEMTRACK_AWAITED_OF_SESSION(X)
#undef X

#define SAME_MEMBER(ours, theirs, member)                                               \
  _Static_assert(offsetof(struct ours, member) == offsetof(theirs, member) &&           \
                   sizeof(((struct ours *)0)->member) == sizeof(((theirs *)0)->member), \
                 #member);
SAME_MEMBER(memtrack_api_registration, TSPluginRegistrationInfo, plugin_name)
SAME_MEMBER(memtrack_api_registration, TSPluginRegistrationInfo, vendor_name)
SAME_MEMBER(memtrack_api_registration, TSPluginRegistrationInfo, support_email)
SAME_MEMBER(memtrack_api_message, TSPluginMsg, tag)
SAME_MEMBER(memtrack_api_message, TSPluginMsg, data)
SAME_MEMBER(memtrack_api_message, TSPluginMsg, data_size)
_Static_assert(sizeof(struct memtrack_api_registration) == sizeof(TSPluginRegistrationInfo), "registration");
_Static_assert(sizeof(struct memtrack_api_message) == sizeof(TSPluginMsg), "message");
_Static_assert(sizeof(TSMgmtInt) == sizeof(int64_t) && sizeof(TSMgmtCounter) == sizeof(int64_t) &&
                 sizeof(TSHRTime) == sizeof(int64_t),
               "integers of the API");

// A module built beside this program.
static void
a_program_without_the_api_lacks_all_of_it(void **state)
{
  (void)state;
  memtrack_api_open();
  for (int i = 0; i < MEMTRACK_API_COUNT; ++i) {
    assert_null(memtrack_api_name(i));
    assert_null(((void **)&memtrack_api)[i]);
  }
  assert_string_equal(memtrack_api_lacks(MEMTRACK_API_CALL), "TSContCreate");
  assert_string_equal(memtrack_api_lacks(MEMTRACK_API_HOOK), "_TSmalloc");
  assert_string_equal(memtrack_api_lacks(MEMTRACK_API_OPTIONAL), "TSHttpTxnHookRegisteredFor");
}

static void
each_function_is_found_by_its_name(const char *server, const char *version, bool in_c)
{
  void *handle = open_beside(server, RTLD_NOW | RTLD_GLOBAL);
  memtrack_api_open();
  assert_null(memtrack_api_lacks(MEMTRACK_API_CALL));
  assert_null(memtrack_api_lacks(MEMTRACK_API_HOOK));
  assert_string_equal(memtrack_api.TSTrafficServerVersionGet(), version);
  for (int i = 0; i < MEMTRACK_API_COUNT; ++i) {
    const char *name = memtrack_api_name(i);
    if (name) {
      assert_ptr_equal(((void **)&memtrack_api)[i], dlsym(handle, name));
      assert_int_equal(strncmp(name, "_Z", 2) != 0, in_c);
    }
  }
}

static void
the_names_in_cxx_are_found(void **state)
{
  (void)state;
  each_function_is_found_by_its_name("server10.so", "10.3.0", false);
  assert_string_equal(memtrack_api_lacks(MEMTRACK_API_OPTIONAL), "TSHttpTxnHookRegisteredFor");
  assert_string_equal(memtrack_api_name(MEMTRACK_API__TSfree), "_Z6TSfreePv");
}

static void
the_names_in_c_are_found(void **state)
{
  (void)state;
  each_function_is_found_by_its_name("server9.so", "9.1.4", true);
  assert_null(memtrack_api_lacks(MEMTRACK_API_OPTIONAL));
  assert_string_equal(memtrack_api_name(MEMTRACK_API__TSfree), "_TSfree");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_program_without_the_api_lacks_all_of_it),
    // In this order: a module found once is not unloaded, and names in C are found first.
    cmocka_unit_test(the_names_in_cxx_are_found),
    cmocka_unit_test(the_names_in_c_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
