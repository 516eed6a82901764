// SPDX-License-Identifier: Apache-2.0
//
// The hooks of the C library's functions whose results must be closed, and of those that start threads, with hostile arguments. One
// test for each function.
#define _GNU_SOURCE
#include "hostile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <limits.h>
#include <mntent.h>
#include <mqueue.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <regex.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "hook/libc_objects.h"
#include "hook/objects.h"
#include "hook/plugin.h"

static const struct memtrack_redirect *const objects[] = {memtrack_libc_objects, memtrack_libc_object_ends, NULL};
static const struct memtrack_redirect *const starts[]  = {memtrack_plugin_api, memtrack_plugin_api_inlined, NULL};

static const char *const MODES[] = {"r", "w+e", "", "no mode", "r,ccs=NOTHING"};

// Text at the end of memory.
static char *
guarded(const char *text)
{
  return before_guard(text, strlen(text) + 1);
}

// ---- streams ----

static void
read_stream(FILE *file)
{
  answer("stream", file != NULL);
  if (file) {
    answer("first byte", getc(file));
    answer("error", ferror(file));
    fclose(file);
  }
}

typedef FILE *(*fopen_like)(const char *, const char *);

static void
open_streams(function tested)
{
  fopen_like f = (fopen_like)(uintptr_t)tested;
  FILE *file;
  FOR_EACH (i, MODES) {
    WITH_ERRNO(file = f(guarded("/dev/zero"), guarded(MODES[i])));
    read_stream(file);
  }
  WITH_ERRNO(file = f(guarded("/no such/file"), guarded("r")));
  read_stream(file);
  WITH_ERRNO(file = f(guarded(""), guarded("r")));
  read_stream(file);
  WITH_ERRNO(file = f(POISON, guarded("r"))); // the kernel looks at it
  read_stream(file);
}

static void
open_a_stream_of_no_mode(function tested)
{
  ((fopen_like)(uintptr_t)tested)("/dev/null", POISON);
}

static void
test_opening(const char *symbol)
{
  compare_hooks(symbol, plain_of(symbol), "", objects, open_streams);
  compare_ends(plain_of(symbol), hook_of(memtrack_libc_objects, symbol), open_a_stream_of_no_mode);
}

static void
hostile_fopen(void **state)
{
  (void)state;
  test_opening("fopen");
}

static void
hostile_fopen64(void **state)
{
  (void)state;
  test_opening("fopen64");
}

static void
hostile_setmntent(void **state)
{
  (void)state;
  compare_hooks("setmntent", plain_of("setmntent"), "", objects, open_streams);
}

static void
attach_streams(function tested)
{
  FILE *(*f)(int, const char *) = (FILE * (*)(int, const char *))(uintptr_t)tested;
  static const int NONE[]       = {-1, INT_MAX, INT_MIN};
  FILE *file;
  FOR_EACH (i, NONE) {
    WITH_ERRNO(file = f(NONE[i], guarded("r")));
    read_stream(file);
  }
  FOR_EACH (i, MODES) {
    int descriptor = open("/dev/zero", O_RDONLY);
    WITH_ERRNO(file = f(descriptor, guarded(MODES[i])));
    if (!file) {
      close(descriptor);
    }
    read_stream(file);
  }
}

static void
hostile_fdopen(void **state)
{
  (void)state;
  compare_hooks("fdopen", plain_of("fdopen"), "", objects, attach_streams);
}

static void
run_commands(function tested)
{
  FILE *(*f)(const char *, const char *) = (fopen_like)(uintptr_t)tested;
  FILE *file;
  FOR_EACH (i, MODES) {
    WITH_ERRNO(file = f(guarded("exit 3"), guarded(MODES[i])));
    answer("command", file != NULL);
    if (file) {
      answer("status", pclose(file));
    }
  }
  WITH_ERRNO(file = f(guarded("echo x"), guarded("re")));
  answer("output", file ? getc(file) : 0);
  answer("closed as a stream", file ? fclose(file) : 0); // waits for nobody
}

static void
hostile_popen(void **state)
{
  (void)state;
  compare_hooks("popen", plain_of("popen"), "", objects, run_commands);
}

static void
make_streams(function tested)
{
  FILE *(*f)(void) = (FILE * (*)(void))(uintptr_t)tested;
  FILE *file;
  WITH_ERRNO(file = f());
  read_stream(file);
}

static void
hostile_tmpfile(void **state)
{
  (void)state;
  compare_hooks("tmpfile", plain_of("tmpfile"), "", objects, make_streams);
}

static void
hostile_tmpfile64(void **state)
{
  (void)state;
  compare_hooks("tmpfile64", plain_of("tmpfile64"), "", objects, make_streams);
}

static void
open_memory(function tested)
{
  FILE *(*f)(void *, size_t, const char *) = (FILE * (*)(void *, size_t, const char *))(uintptr_t)tested;
  FILE *file;
  WITH_ERRNO(file = f(before_guard("x", 1), 1, guarded("r")));
  read_stream(file);
  WITH_ERRNO(file = f(POISON, 100, guarded("r+"))); // nobody reads it
  answer("stream", file != NULL);
  if (file) {
    fclose(file);
  }
  WITH_ERRNO(file = f(NULL, 10, guarded("w+")));
  read_stream(file);
  WITH_ERRNO(file = f(POISON, 0, guarded("")));
  read_stream(file);
}

static void
hostile_fmemopen(void **state)
{
  (void)state;
  compare_hooks("fmemopen", plain_of("fmemopen"), "", objects, open_memory);
}

static void
write_memory(function tested)
{
  FILE *(*f)(char **, size_t *) = (FILE * (*)(char **, size_t *))(uintptr_t)tested;
  char **text                   = before_guard(NULL, sizeof(*text));
  size_t *size                  = before_guard(NULL, sizeof(*size));
  FILE *file;
  WITH_ERRNO(file = f(text, size));
  answer("written", fputs("some text", file));
  answer("closed", fclose(file));
  answer("size", *size);
  answer("text", strcmp(*text, "some text"));
  free(*text);
}

static void
write_memory_nowhere(function tested)
{
  FILE *(*f)(char **, size_t *) = (FILE * (*)(char **, size_t *))(uintptr_t)tested;
  size_t size;
  fclose(f(POISON, &size));
}

static void
hostile_open_memstream(void **state)
{
  (void)state;
  compare_hooks("open_memstream", plain_of("open_memstream"), "", objects, write_memory);
  compare_ends(plain_of("open_memstream"), hook_of(memtrack_libc_objects, "open_memstream"), write_memory_nowhere);
}

static void
write_wide_memory(function tested)
{
  FILE *(*f)(wchar_t **, size_t *) = (FILE * (*)(wchar_t **, size_t *))(uintptr_t)tested;
  wchar_t **text                   = before_guard(NULL, sizeof(*text));
  size_t *size                     = before_guard(NULL, sizeof(*size));
  FILE *file;
  WITH_ERRNO(file = f(text, size));
  answer("written", fputws(L"some text", file));
  answer("closed", fclose(file));
  answer("size", *size);
  answer("text", wcscmp(*text, L"some text"));
  free(*text);
}

static void
hostile_open_wmemstream(void **state)
{
  (void)state;
  compare_hooks("open_wmemstream", plain_of("open_wmemstream"), "", objects, write_wide_memory);
}

// A stream whose functions close another one.
static ssize_t
give_nothing(void *cookie, char *to, size_t size)
{
  (void)cookie;
  (void)to;
  (void)size;
  return 0;
}

static FILE *inner;

static int
close_inner(void *cookie)
{
  answer("cookie", cookie == POISON);
  return fclose(inner);
}

static void
open_cookies(function tested)
{
  FILE *(*f)(void *, const char *, cookie_io_functions_t) =
    (FILE * (*)(void *, const char *, cookie_io_functions_t))(uintptr_t)tested;
  FILE *file;
  FOR_EACH (i, MODES) {
    WITH_ERRNO(file = f(POISON, guarded(MODES[i]), (cookie_io_functions_t){.read = give_nothing, .close = close_inner}));
    inner = file ? fopen("/dev/null", "r") : NULL;
    read_stream(file);
  }
  WITH_ERRNO(file = f(NULL, guarded("r"), (cookie_io_functions_t){0}));
  read_stream(file);
}

static void
hostile_fopencookie(void **state)
{
  (void)state;
  compare_hooks("fopencookie", plain_of("fopencookie"), "", objects, open_cookies);
}

// The stream as the tested table's opens and closes it: it is known to the hook.
static const struct memtrack_redirect *table_of_tested;

static FILE *
opened(const char *path)
{
  function f = table_of_tested ? hook_of(table_of_tested, "fopen") : NULL;
  return f ? ((fopen_like)(uintptr_t)f)(path, "r") : fopen(path, "r");
}

typedef FILE *(*freopen_like)(const char *, const char *, FILE *);

static void
reopen_streams(function tested)
{
  freopen_like f = (freopen_like)(uintptr_t)tested;
  FILE *file     = opened("/dev/null"), *again;
  WITH_ERRNO(again = f(guarded("/dev/zero"), guarded("r"), file));
  answer("the same", again == file);
  WITH_ERRNO(again = f(NULL, guarded("r"), file)); // another mode of the same file
  answer("the same", again == file);
  read_stream(again);
  file = opened("/dev/null");
  WITH_ERRNO(again = f(guarded("/no such/file"), guarded("r"), file));
  answer("closed", again == NULL);
  fclose(file); // as careless programs do; the C library has not released it
}

static void
reopen_nothing(function tested)
{
  ((freopen_like)(uintptr_t)tested)("/dev/null", "r", NULL);
}

static void
test_with_known(const char *symbol, scenario run)
{
  table_of_tested = memtrack_libc_objects;
  compare_hooks(symbol, plain_of(symbol), "", objects, run);
  table_of_tested = NULL;
  compare_hooks(symbol, plain_of(symbol), "", objects, run);
}

static void
hostile_freopen(void **state)
{
  (void)state;
  test_with_known("freopen", reopen_streams);
  compare_ends(plain_of("freopen"), hook_of(memtrack_libc_objects, "freopen"), reopen_nothing);
}

static void
hostile_freopen64(void **state)
{
  (void)state;
  test_with_known("freopen64", reopen_streams);
}

typedef int (*close_like)(void *);

static void
close_streams(function tested)
{
  close_like f = (close_like)(uintptr_t)tested;
  WITH_ERRNO(answer("closed", f(opened("/dev/null"))));
  FILE *full = opened("/dev/null");
  close(fileno(full)); // the end reports it, and is an end
  WITH_ERRNO(answer("refused", f(full)));
  FILE *own = fmemopen(NULL, 10, "w"); // of another function
  WITH_ERRNO(answer("closed", f(own)));
}

static void
close_nothing(function tested)
{
  ((close_like)(uintptr_t)tested)(NULL);
}

static void
close_nowhere(function tested)
{
  ((close_like)(uintptr_t)tested)(POISON);
}

static void
test_closing(const char *symbol, scenario run)
{
  test_with_known(symbol, run);
  compare_ends(plain_of(symbol), hook_of(memtrack_libc_object_ends, symbol), close_nowhere);
}

static void
hostile_fclose(void **state)
{
  (void)state;
  test_closing("fclose", close_streams);
  compare_ends(plain_of("fclose"), hook_of(memtrack_libc_objects, "fclose"), close_nothing);
}

static void
hostile_endmntent(void **state)
{
  (void)state;
  test_closing("endmntent", close_streams);
}

static void
close_commands(function tested)
{
  close_like f = (close_like)(uintptr_t)tested;
  WITH_ERRNO(answer("status", f(popen("exit 5", "r"))));
  WITH_ERRNO(answer("no command", f(opened("/dev/null"))));
}

static void
hostile_pclose(void **state)
{
  (void)state;
  test_closing("pclose", close_commands);
}

// ---- folders ----

static void
read_folder(DIR *folder)
{
  answer("folder", folder != NULL);
  if (folder) {
    answer("entry", readdir(folder) != NULL);
    answer("closed", closedir(folder));
  }
}

static void
open_folders(function tested)
{
  DIR *(*f)(const char *)          = (DIR * (*)(const char *))(uintptr_t)tested;
  static const char *const PATHS[] = {"/", "", "/no such/folder", "/dev/null"};
  DIR *folder;
  FOR_EACH (i, PATHS) {
    WITH_ERRNO(folder = f(guarded(PATHS[i])));
    read_folder(folder);
  }
}

static void
hostile_opendir(void **state)
{
  (void)state;
  compare_hooks("opendir", plain_of("opendir"), "", objects, open_folders);
}

static void
attach_folders(function tested)
{
  DIR *(*f)(int)          = (DIR * (*)(int))(uintptr_t)tested;
  static const int NONE[] = {-1, INT_MAX, INT_MIN};
  int none                = open("/dev/null", O_RDONLY);
  DIR *folder;
  FOR_EACH (i, NONE) {
    WITH_ERRNO(folder = f(NONE[i]));
    read_folder(folder);
  }
  WITH_ERRNO(folder = f(none));
  read_folder(folder);
  close(none);
  WITH_ERRNO(folder = f(open("/", O_RDONLY | O_DIRECTORY)));
  read_folder(folder);
}

static void
hostile_fdopendir(void **state)
{
  (void)state;
  compare_hooks("fdopendir", plain_of("fdopendir"), "", objects, attach_folders);
}

static void
close_folders(function tested)
{
  close_like f = (close_like)(uintptr_t)tested;
  DIR *folder  = opendir("/");
  WITH_ERRNO(answer("nothing", f(NULL)));
  WITH_ERRNO(answer("closed", f(folder)));
  folder = opendir("/");
  close(dirfd(folder));
  WITH_ERRNO(answer("refused", f(folder)));
}

static void
hostile_closedir(void **state)
{
  (void)state;
  test_closing("closedir", close_folders);
}

static char *nothing[] = {"/dev/null", NULL};

static void
walk_trees(function tested)
{
  FTS *(*f)(char *const *, int, void *) = (FTS * (*)(char *const *, int, void *))(uintptr_t)tested;
  FTS *tree;
  char *const *paths = before_guard(nothing, sizeof(nothing));
  WITH_ERRNO(tree = f(paths, FTS_PHYSICAL, NULL));
  answer("entry", fts_read(tree) != NULL);
  answer("closed", fts_close(tree));
  WITH_ERRNO(tree = f(POISON, INT_MAX, NULL));
  answer("refused", tree == NULL);
}

static void
hostile_fts_open(void **state)
{
  (void)state;
  compare_hooks("fts_open", plain_of("fts_open"), "", objects, walk_trees);
}

static void
hostile_fts64_open(void **state)
{
  (void)state;
  compare_hooks("fts64_open", plain_of("fts64_open"), "", objects, walk_trees);
}

static void
leave_trees(function tested)
{
  close_like f = (close_like)(uintptr_t)tested;
  WITH_ERRNO(answer("closed", f(fts_open(nothing, FTS_PHYSICAL, NULL))));
}

static void
hostile_fts_close(void **state)
{
  (void)state;
  test_closing("fts_close", leave_trees);
}

static void
hostile_fts64_close(void **state)
{
  (void)state;
  test_closing("fts64_close", leave_trees);
}

// ---- addresses ----

typedef int (*getaddrinfo_like)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static void
look_addresses_up(function tested)
{
  getaddrinfo_like f           = (getaddrinfo_like)(uintptr_t)tested;
  const struct addrinfo plain  = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  const struct addrinfo *hints = before_guard(&plain, sizeof(plain));
  struct addrinfo **list       = before_guard(NULL, sizeof(void *));
  WITH_ERRNO(answer("found", f(guarded("127.0.0.1"), guarded("80"), hints, list)));
  answer("one", (*list)->ai_next == NULL);
  freeaddrinfo(*list);
  *list = POISON;
  WITH_ERRNO(answer("no address", f(guarded("no address"), guarded("80"), hints, list)));
  answer("kept", *list == POISON);
  WITH_ERRNO(answer("nothing", f(NULL, NULL, hints, POISON)));
  const struct addrinfo wrong = {.ai_family = 4711};
  WITH_ERRNO(answer("wrong family", f(guarded("127.0.0.1"), NULL, before_guard(&wrong, sizeof(wrong)), POISON)));
}

static void
look_an_address_up_nowhere(function tested)
{
  const struct addrinfo plain = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  ((getaddrinfo_like)(uintptr_t)tested)("127.0.0.1", NULL, &plain, POISON);
}

static void
hostile_getaddrinfo(void **state)
{
  (void)state;
  compare_hooks("getaddrinfo", plain_of("getaddrinfo"), "", objects, look_addresses_up);
  compare_ends(plain_of("getaddrinfo"), hook_of(memtrack_libc_objects, "getaddrinfo"), look_an_address_up_nowhere);
}

// In two parts, as its pointers allow.
static void
forget_addresses(function tested)
{
  void (*f)(struct addrinfo *) = (void (*)(struct addrinfo *))(uintptr_t)tested;
  struct addrinfo *list        = NULL;
  WITH_ERRNO(f(NULL));
  answer("found", getaddrinfo("127.0.0.1", "80", NULL, &list)); // for each type of socket
  struct addrinfo *rest = list->ai_next;
  list->ai_next         = NULL;
  WITH_ERRNO(f(rest));
  WITH_ERRNO(f(list));
}

static void
hostile_freeaddrinfo(void **state)
{
  (void)state;
  test_closing("freeaddrinfo", forget_addresses);
}

static void
list_interfaces(function tested)
{
  int (*f)(struct ifaddrs **) = (int (*)(struct ifaddrs **))(uintptr_t)tested;
  struct ifaddrs **list       = before_guard(NULL, sizeof(void *));
  WITH_ERRNO(answer("listed", f(list)));
  freeifaddrs(*list);
}

static void
list_interfaces_nowhere(function tested)
{
  ((int (*)(struct ifaddrs **))(uintptr_t)tested)(POISON);
}

static void
hostile_getifaddrs(void **state)
{
  (void)state;
  compare_hooks("getifaddrs", plain_of("getifaddrs"), "", objects, list_interfaces);
  compare_ends(plain_of("getifaddrs"), hook_of(memtrack_libc_objects, "getifaddrs"), list_interfaces_nowhere);
}

static void
forget_interfaces(function tested)
{
  void (*f)(struct ifaddrs *) = (void (*)(struct ifaddrs *))(uintptr_t)tested;
  struct ifaddrs *list        = NULL;
  WITH_ERRNO(f(NULL));
  answer("listed", getifaddrs(&list));
  WITH_ERRNO(f(list));
}

static void
hostile_freeifaddrs(void **state)
{
  (void)state;
  test_with_known("freeifaddrs", forget_interfaces);
}

static void
name_interfaces(function tested)
{
  struct if_nameindex *(*f)(void) = (struct if_nameindex * (*)(void))(uintptr_t)tested;
  struct if_nameindex *list;
  WITH_ERRNO(list = f());
  answer("named", list != NULL);
  if_freenameindex(list);
}

static void
hostile_if_nameindex(void **state)
{
  (void)state;
  compare_hooks("if_nameindex", plain_of("if_nameindex"), "", objects, name_interfaces);
}

static void
forget_names(function tested)
{
  void (*f)(struct if_nameindex *) = (void (*)(struct if_nameindex *))(uintptr_t)tested;
  WITH_ERRNO(f(if_nameindex()));
}

static void
hostile_if_freenameindex(void **state)
{
  (void)state;
  test_closing("if_freenameindex", forget_names);
}

// ---- converters and expressions ----

static void
open_converters(function tested)
{
  iconv_t (*f)(const char *, const char *) = (iconv_t(*)(const char *, const char *))(uintptr_t)tested;
  iconv_t converter;
  WITH_ERRNO(converter = f(guarded("UTF-8"), guarded("UTF-16")));
  answer("closed", iconv_close(converter));
  WITH_ERRNO(converter = f(guarded("no charset"), guarded("")));
  answer("none", converter == (iconv_t)-1);
}

static void
hostile_iconv_open(void **state)
{
  (void)state;
  compare_hooks("iconv_open", plain_of("iconv_open"), "", objects, open_converters);
}

static void
close_converters(function tested)
{
  close_like f = (close_like)(uintptr_t)tested;
  WITH_ERRNO(answer("none", f((iconv_t)-1)));
  WITH_ERRNO(answer("closed", f(iconv_open("UTF-8", "UTF-16"))));
}

static void
hostile_iconv_close(void **state)
{
  (void)state;
  test_closing("iconv_close", close_converters);
}

typedef int (*regcomp_like)(regex_t *, const char *, int);

static void
compile_expressions(function tested)
{
  regcomp_like f = (regcomp_like)(uintptr_t)tested;
  regex_t *regex = before_guard(NULL, sizeof(*regex)), moved;
  WITH_ERRNO(answer("compiled", f(regex, guarded("a.*b"), 0)));
  moved = *regex;
  memset(regex, 0x5a, sizeof(*regex));
  answer("found", regexec(&moved, "a b", 0, NULL, 0));
  regfree(&moved);
  WITH_ERRNO(answer("wrong", f(regex, guarded("("), REG_EXTENDED)));
  WITH_ERRNO(answer("wrong flags", f(regex, guarded("["), -1)));
  WITH_ERRNO(answer("empty", f(regex, guarded(""), REG_NOSUB)));
  regfree(regex);
}

static void
compile_nowhere(function tested)
{
  ((regcomp_like)(uintptr_t)tested)(POISON, "a", 0);
}

static void
hostile_regcomp(void **state)
{
  (void)state;
  compare_hooks("regcomp", plain_of("regcomp"), "", objects, compile_expressions);
  compare_ends(plain_of("regcomp"), hook_of(memtrack_libc_objects, "regcomp"), compile_nowhere);
}

static void
free_expressions(function tested)
{
  void (*f)(regex_t *) = (void (*)(regex_t *))(uintptr_t)tested;
  regex_t *regex       = before_guard(NULL, sizeof(*regex));
  regcomp(regex, "a", 0);
  WITH_ERRNO(f(regex));
  WITH_ERRNO(f(regex)); // nothing is left to release
  regcomp(regex, "(", REG_EXTENDED);
  WITH_ERRNO(f(regex)); // POSIX does not forbid it
  answer("program", regex->buffer == NULL);
}

static void
hostile_regfree(void **state)
{
  (void)state;
  test_closing("regfree", free_expressions);
  compare_ends(plain_of("regfree"), hook_of(memtrack_libc_objects, "regfree"), close_nothing);
}

// ---- starts of threads ----

static int
return_number(void *argument)
{
  return argument == POISON ? -4711 : 0;
}

static int
leave_thread(void *argument)
{
  (void)argument;
  thrd_exit(INT_MIN);
}

typedef int (*thrd_create_like)(thrd_t *, thrd_start_t, void *);

static void
start_threads(function tested)
{
  thrd_create_like f = (thrd_create_like)(uintptr_t)tested;
  thrd_t *thread     = before_guard(NULL, sizeof(*thread));
  int result         = 0;
  WITH_ERRNO(answer("started", f(thread, return_number, POISON)));
  answer("joined", thrd_join(*thread, &result));
  answer("result", result);
  WITH_ERRNO(answer("started", f(thread, leave_thread, NULL)));
  answer("joined", thrd_join(*thread, &result));
  answer("result", result);
}

static void
start_a_thread_nowhere(function tested)
{
  ((thrd_create_like)(uintptr_t)tested)(POISON, return_number, NULL);
}

static void
hostile_thrd_create(void **state)
{
  (void)state;
  compare_hooks("thrd_create", plain_of("thrd_create"), "", starts, start_threads);
  compare_ends(plain_of("thrd_create"), hook_of(memtrack_plugin_api, "thrd_create"), start_a_thread_nowhere);
}

static sem_t notified;
static void *value_of_notification;

static void
notify(union sigval value)
{
  value_of_notification = value.sival_ptr;
  sem_post(&notified);
}

static void
await_notification(void)
{
  while (sem_wait(&notified)) {
  }
  answer("value", value_of_notification == POISON);
}

// All else is as memory is that nobody has set.
static struct sigevent *
event_of(int how)
{
  struct sigevent *event = before_guard(NULL, sizeof(*event));
  event->sigev_notify    = how;
  if (how == SIGEV_THREAD) {
    event->sigev_notify_function   = notify;
    event->sigev_notify_attributes = NULL;
    event->sigev_value.sival_ptr   = POISON;
  }
  return event;
}

typedef int (*timer_create_like)(clockid_t, struct sigevent *, timer_t *);

static void
make_timers(function tested)
{
  timer_create_like f          = (timer_create_like)(uintptr_t)tested;
  const struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
  timer_t *timer               = before_guard(NULL, sizeof(*timer));
  struct sigevent *event       = event_of(SIGEV_THREAD);
  char before[sizeof(*event)];
  memcpy(before, event, sizeof(before));
  WITH_ERRNO(answer("made", f(CLOCK_MONOTONIC, event, timer)));
  answer("the caller's event", memcmp((const char *)event, before, sizeof(before)));
  memset(event, 0x5a, sizeof(*event)); // the caller may
  answer("set", timer_settime(*timer, 0, &soon, NULL));
  await_notification();
  answer("deleted", timer_delete(*timer));
  WITH_ERRNO(answer("made", f(CLOCK_MONOTONIC, event_of(SIGEV_NONE), timer)));
  answer("deleted", timer_delete(*timer));
  WITH_ERRNO(answer("made", f(CLOCK_MONOTONIC, NULL, timer)));
  answer("deleted", timer_delete(*timer));
  WITH_ERRNO(answer("no way", f(CLOCK_MONOTONIC, event_of(4711), timer)));
  WITH_ERRNO(answer("no clock", f(4711, event_of(SIGEV_THREAD), timer)));
}

static void
make_a_timer_of_nothing(function tested)
{
  timer_t timer;
  ((timer_create_like)(uintptr_t)tested)(CLOCK_MONOTONIC, (struct sigevent *)16, &timer);
}

static void
hostile_timer_create(void **state)
{
  (void)state;
  compare_hooks("timer_create", plain_of("timer_create"), "", starts, make_timers);
  compare_ends(plain_of("timer_create"), hook_of(memtrack_plugin_api, "timer_create"), make_a_timer_of_nothing);
}

typedef int (*mq_notify_like)(mqd_t, const struct sigevent *);

static void
await_messages(function tested)
{
  mq_notify_like f   = (mq_notify_like)(uintptr_t)tested;
  struct mq_attr one = {.mq_maxmsg = 1, .mq_msgsize = 1};
  char name[40];
  snprintf(name, sizeof(name), "/memtrack-%d", (int)getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &one);
  mq_unlink(name);
  WITH_ERRNO(answer("no queue", f(-1, event_of(SIGEV_THREAD))));
  WITH_ERRNO(answer("no queue", f(-1, NULL)));
  WITH_ERRNO(answer("no way", f(-1, event_of(4711))));
  if (queue != (mqd_t)-1) { // a container may have none
    WITH_ERRNO(answer("asked", f(queue, event_of(SIGEV_THREAD))));
    answer("sent", mq_send(queue, "x", 1, 0));
    await_notification();
    WITH_ERRNO(answer("asked", f(queue, event_of(SIGEV_THREAD))));
    WITH_ERRNO(answer("no longer", f(queue, NULL)));
    mq_close(queue);
  }
}

static void
hostile_mq_notify(void **state)
{
  (void)state;
  compare_hooks("mq_notify", plain_of("mq_notify"), "", starts, await_messages);
}

typedef int (*getaddrinfo_a_like)(int, struct gaicb *[], int, struct sigevent *);

static void
ask_for_addresses(function tested)
{
  getaddrinfo_a_like f        = (getaddrinfo_a_like)(uintptr_t)tested;
  const struct addrinfo plain = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct gaicb request = {.ar_name = "127.0.0.1", .ar_request = &plain}, *requests[] = {&request, NULL};
  WITH_ERRNO(answer("waited", f(GAI_WAIT, requests, 2, POISON)));
  answer("found", gai_error(&request));
  freeaddrinfo(request.ar_result);
  WITH_ERRNO(answer("asked", f(GAI_NOWAIT, requests, 2, event_of(SIGEV_THREAD))));
  await_notification();
  answer("found", gai_error(&request));
  freeaddrinfo(request.ar_result);
  WITH_ERRNO(answer("no mode", f(4711, requests, 2, POISON)));
}

static void
hostile_getaddrinfo_a(void **state)
{
  (void)state;
  compare_hooks("getaddrinfo_a", plain_of("getaddrinfo_a"), "", starts, ask_for_addresses);
}

static int
open_libc(void **state)
{
  struct memtrack_reason reason;
  sem_init(&notified, 0, 0);
  memtrack_hook_plugin_open(&reason); // fills the tables, whatever server this is
  return open_hostile(state) || memtrack_objects_open();
}

static const struct CMUnitTest tests[] = {
  cmocka_unit_test(hostile_fopen),
  cmocka_unit_test(hostile_fopen64),
  cmocka_unit_test(hostile_setmntent),
  cmocka_unit_test(hostile_fdopen),
  cmocka_unit_test(hostile_popen),
  cmocka_unit_test(hostile_tmpfile),
  cmocka_unit_test(hostile_tmpfile64),
  cmocka_unit_test(hostile_fmemopen),
  cmocka_unit_test(hostile_open_memstream),
  cmocka_unit_test(hostile_open_wmemstream),
  cmocka_unit_test(hostile_fopencookie),
  cmocka_unit_test(hostile_freopen),
  cmocka_unit_test(hostile_freopen64),
  cmocka_unit_test(hostile_fclose),
  cmocka_unit_test(hostile_endmntent),
  cmocka_unit_test(hostile_pclose),
  cmocka_unit_test(hostile_opendir),
  cmocka_unit_test(hostile_fdopendir),
  cmocka_unit_test(hostile_closedir),
  cmocka_unit_test(hostile_fts_open),
  cmocka_unit_test(hostile_fts64_open),
  cmocka_unit_test(hostile_fts_close),
  cmocka_unit_test(hostile_fts64_close),
  cmocka_unit_test(hostile_getaddrinfo),
  cmocka_unit_test(hostile_freeaddrinfo),
  cmocka_unit_test(hostile_getifaddrs),
  cmocka_unit_test(hostile_freeifaddrs),
  cmocka_unit_test(hostile_if_nameindex),
  cmocka_unit_test(hostile_if_freenameindex),
  cmocka_unit_test(hostile_iconv_open),
  cmocka_unit_test(hostile_iconv_close),
  cmocka_unit_test(hostile_regcomp),
  cmocka_unit_test(hostile_regfree),
  cmocka_unit_test(hostile_thrd_create),
  cmocka_unit_test(hostile_timer_create),
  cmocka_unit_test(hostile_mq_notify),
  cmocka_unit_test(hostile_getaddrinfo_a),
};

int
main(void)
{
  return cmocka_run_group_tests(tests, open_libc, NULL);
}
