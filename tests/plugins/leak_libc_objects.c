/* SPDX-License-Identifier: Apache-2.0
 * Objects of the C library: of each kind one that is closed, and one that is forgotten. A forgotten regex_t is on the stack, where
 * the next one is as well.
 * Their memory is the C library's heap, which also keeps a stream that freopen() has closed, and tables of iconv. */
#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <iconv.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <regex.h>
#include <stdio.h>
#include <wchar.h>
#include "corpus.h"

CORPUS_NOINLINE static void
use_streams(void)
{
  char *text    = NULL;
  wchar_t *wide = NULL;
  size_t size;
  fclose(fopen("/dev/null", "r"));           // SITE use_streams: FILE +1 -1 =0
  CORPUS_KEEP(fopen("/dev/null", "r"));      // SITE use_streams: FILE +1 -0 =0; heap +n -n =n
  fclose(fdopen(open("/dev/null", 0), "r")); // SITE use_streams: FILE +1 -1 =0
  fclose(tmpfile());                         // SITE use_streams: FILE +1 -1 =0
  fclose(fmemopen(NULL, 10, "w"));           // SITE use_streams: FILE +1 -1 =0
  CORPUS_KEEP(fmemopen(NULL, 10, "w"));      // SITE use_streams: FILE +1 -0 =0; heap +n -n =n
  fclose(open_memstream(&text, &size));      // SITE use_streams: FILE +1 -1 =0
  fclose(open_wmemstream(&wide, &size));     // SITE use_streams: FILE +1 -1 =0
  FILE *goes_on = fopen("/dev/null", "r");   // SITE use_streams: FILE +1 -0 =0; heap +n -n =n
  CORPUS_KEEP(freopen("/dev/zero", "r", goes_on));
  FILE *ends = fopen("/dev/null", "r"); // SITE use_streams: FILE +1 -1 =0; heap +n -n =n
  CORPUS_KEEP(freopen("/no such/file", "r", ends));
  free(text);
  free(wide);
}

CORPUS_NOINLINE static void
use_folders(void)
{
  closedir(opendir("/"));                      // SITE use_folders: DIR +1 -1 =0
  closedir(fdopendir(open("/", O_DIRECTORY))); // SITE use_folders: DIR +1 -1 =0
  CORPUS_KEEP(opendir("/"));                   // SITE use_folders: DIR +1 -0 =0; heap +n -n =n
  CORPUS_KEEP(opendir("/no such/folder"));
}

CORPUS_NOINLINE static void
use_addresses(void)
{
  struct addrinfo hints, *list;
  struct ifaddrs *interfaces;
  memset(&hints, 0, sizeof(hints));
  hints.ai_flags = AI_NUMERICHOST;
  TSReleaseAssert(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0); // SITE use_addresses: addrinfo +1 -1 =0
  freeaddrinfo(list);
  TSReleaseAssert(getaddrinfo("127.0.0.1", "80", &hints, &list) == 0); // SITE use_addresses: addrinfo +1 -0 =0; heap +n -n =n
  TSReleaseAssert(getaddrinfo("no address", "80", &hints, &list) != 0);
  TSReleaseAssert(getifaddrs(&interfaces) == 0); // SITE use_addresses: other +1 -1 =0
  freeifaddrs(interfaces);
  if_freenameindex(if_nameindex()); // SITE use_addresses: other +1 -1 =0
  CORPUS_KEEP(if_nameindex());      // SITE use_addresses: other +1 -0 =0; heap +n -n =n
}

CORPUS_NOINLINE static void
use_expressions(void)
{
  regex_t kept, moved, freed, wrong;
  TSReleaseAssert(regcomp(&kept, "a.*b", 0) == 0); // SITE use_expressions: regex_t +1 -0 =0; heap +n -n =n
  CORPUS_KEEP(&kept);
  TSReleaseAssert(regcomp(&freed, "a.*b", REG_EXTENDED) == 0); // SITE use_expressions: regex_t +1 -1 =0
  moved = freed;
  CORPUS_KEEP(&moved);
  regfree(&moved);
  TSReleaseAssert(regcomp(&wrong, "(", REG_EXTENDED) != 0);
  iconv_close(iconv_open("UTF-8", "UTF-16")); // SITE use_expressions: other +1 -1 =0; heap +n -n =n
}

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  (void)txn;
  use_streams();
  use_folders();
  use_addresses();
  use_expressions();
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int argc, const char *argv[])
{
  char *paths[] = {(char *)"/dev/null", NULL};
  (void)argc;
  (void)argv;
  corpus_register();
  /* Read before it is closed: glibc's fts_close() looks at a field that only fts_read() sets, and may keep two blocks. */
  FTS *tree = fts_open(paths, FTS_PHYSICAL, NULL); // SITE TSPluginInit: other +1 -1 =0 once
  fts_read(tree);
  fts_close(tree);
  pclose(popen("exit 0", "r"));                                         // SITE TSPluginInit: FILE +1 -1 =0 once
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, NULL)); // SITE TSPluginInit: TSCont +1 -0 once
}
