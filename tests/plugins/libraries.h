/* SPDX-License-Identifier: Apache-2.0
 *
 * Libraries that plugins use: one object of each, made and dropped. leak_libraries.so makes them, innocent_libraries.so makes and
 * drops them, and libraries_truth computes what the making keeps.
 *
 * `make` calls its library; what the library allocates belongs to the line of that call. `drop` releases everything that `make`
 * returned. The argument is the path of a MaxMind database.
 */
#ifndef LIBRARIES_H
#define LIBRARIES_H

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <brotli/encode.h>
#include <bzlib.h>
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <expat.h>
#include <hiredis/hiredis.h>
#include <idn2.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <lua.hpp>
#include <lz4frame.h>
#include <lzma.h>
#include <maxminddb.h>
#include <nghttp2/nghttp2.h>
#include <pcre.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <sqlite3.h>
#include <yaml-cpp/yaml.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#define LIBRARY_NOINLINE __attribute__((noinline, noclone))
#define LIBRARY_CHECK(condition)                                                 \
  do {                                                                           \
    if (!(condition)) {                                                          \
      fprintf(stderr, "libraries: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                   \
    }                                                                            \
  } while (0)

static const char library_json[] =
  "{\"name\": [1, 2.5, \"a text that is longer than a small string\", null, true], \"more\": {\"x\": 1}}";

LIBRARY_NOINLINE static void *
jansson_make(const char *)
{
  return json_loads(library_json, 0, nullptr);
}

static void
jansson_drop(void *object)
{
  json_decref(static_cast<json_t *>(object));
}

LIBRARY_NOINLINE static void *
cjson_make(const char *)
{
  return cJSON_Parse(library_json);
}

static void
cjson_drop(void *object)
{
  cJSON_Delete(static_cast<cJSON *>(object));
}

LIBRARY_NOINLINE static void *
pcre_make(const char *)
{
  const char *error;
  int at;
  return pcre_compile("^(a|b)+c{2,7}(?<name>x*)$", 0, &error, &at, nullptr);
}

static void
pcre_drop(void *object)
{
  pcre_free(object);
}

LIBRARY_NOINLINE static void *
pcre2_make(const char *)
{
  int error;
  PCRE2_SIZE at;
  return pcre2_compile(reinterpret_cast<PCRE2_SPTR>("^(a|b)+c{2,7}(?<name>x*)$"), PCRE2_ZERO_TERMINATED, 0, &error, &at, nullptr);
}

static void
pcre2_drop(void *object)
{
  pcre2_code_free(static_cast<pcre2_code *>(object));
}

LIBRARY_NOINLINE static void *
xml2_make(const char *)
{
  static const char text[] = "<?xml version='1.0'?><top a='1'><!-- a comment --><in>text</in><in b='2'/></top>";
  return xmlReadMemory(text, sizeof(text) - 1, "none", nullptr, 0);
}

static void
xml2_drop(void *object)
{
  xmlFreeDoc(static_cast<xmlDoc *>(object));
}

LIBRARY_NOINLINE static void *
expat_make(const char *)
{
  static const char text[] = "<top a='1'><in>text</in></top>";
  XML_Parser parser        = XML_ParserCreate(nullptr);
  LIBRARY_CHECK(XML_Parse(parser, text, sizeof(text) - 1, 1) == XML_STATUS_OK);
  return parser;
}

static void
expat_drop(void *object)
{
  XML_ParserFree(static_cast<XML_Parser>(object));
}

LIBRARY_NOINLINE static void *
zlib_make(const char *)
{
  auto *stream = new z_stream();
  LIBRARY_CHECK(deflateInit2(stream, 6, Z_DEFLATED, 15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  return stream;
}

static void
zlib_drop(void *object)
{
  auto *stream = static_cast<z_stream *>(object);
  deflateEnd(stream);
  delete stream;
}

LIBRARY_NOINLINE static void *
bz2_make(const char *)
{
  auto *stream = new bz_stream();
  LIBRARY_CHECK(BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK);
  return stream;
}

static void
bz2_drop(void *object)
{
  auto *stream = static_cast<bz_stream *>(object);
  BZ2_bzDecompressEnd(stream);
  delete stream;
}

LIBRARY_NOINLINE static void *
zstd_make(const char *)
{
  char in[100]       = "compressed", out[1000];
  ZSTD_CCtx *context = ZSTD_createCCtx();
  LIBRARY_CHECK(!ZSTD_isError(ZSTD_compressCCtx(context, out, sizeof(out), in, sizeof(in), 1)));
  return context;
}

static void
zstd_drop(void *object)
{
  ZSTD_freeCCtx(static_cast<ZSTD_CCtx *>(object));
}

LIBRARY_NOINLINE static void *
brotli_make(const char *)
{
  return BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
}

static void
brotli_drop(void *object)
{
  BrotliEncoderDestroyInstance(static_cast<BrotliEncoderState *>(object));
}

LIBRARY_NOINLINE static void *
lzma_make(const char *)
{
  auto *stream = new lzma_stream(LZMA_STREAM_INIT);
  LIBRARY_CHECK(lzma_stream_decoder(stream, UINT64_MAX, 0) == LZMA_OK);
  return stream;
}

static void
lzma_drop(void *object)
{
  auto *stream = static_cast<lzma_stream *>(object);
  lzma_end(stream);
  delete stream;
}

LIBRARY_NOINLINE static void *
lz4_make(const char *)
{
  LZ4F_cctx *context;
  char out[1000];
  LIBRARY_CHECK(!LZ4F_isError(LZ4F_createCompressionContext(&context, LZ4F_VERSION)));
  LIBRARY_CHECK(!LZ4F_isError(LZ4F_compressBegin(context, out, sizeof(out), nullptr)));
  return context;
}

static void
lz4_drop(void *object)
{
  LZ4F_freeCompressionContext(static_cast<LZ4F_cctx *>(object));
}

LIBRARY_NOINLINE static void *
curl_make(const char *)
{
  CURL *handle = curl_easy_init();
  curl_easy_setopt(handle, CURLOPT_URL, "http://127.0.0.1:1/a/path");
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "an agent");
  return handle;
}

static void
curl_drop(void *object)
{
  curl_easy_cleanup(static_cast<CURL *>(object));
}

LIBRARY_NOINLINE static void *
sqlite_make(const char *)
{
  sqlite3 *database;
  LIBRARY_CHECK(sqlite3_open(":memory:", &database) == SQLITE_OK);
  LIBRARY_CHECK(sqlite3_exec(database, "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'text')", nullptr, nullptr, nullptr) ==
                SQLITE_OK);
  return database;
}

static void
sqlite_drop(void *object)
{
  sqlite3_close(static_cast<sqlite3 *>(object));
}

LIBRARY_NOINLINE static void *
hiredis_make(const char *)
{
  static const char text[] = "*2\r\n$3\r\nfoo\r\n:12\r\n";
  void *reply              = nullptr;
  redisReader *reader      = redisReaderCreate();
  redisReaderFeed(reader, text, sizeof(text) - 1);
  LIBRARY_CHECK(redisReaderGetReply(reader, &reply) == REDIS_OK && reply);
  redisReaderFree(reader);
  return reply;
}

static void
hiredis_drop(void *object)
{
  freeReplyObject(object);
}

LIBRARY_NOINLINE static void *
maxminddb_make(const char *path)
{
  auto *database = new MMDB_s();
  LIBRARY_CHECK(MMDB_open(path, MMDB_MODE_MMAP, database) == MMDB_SUCCESS);
  return database;
}

static void
maxminddb_drop(void *object)
{
  auto *database = static_cast<MMDB_s *>(object);
  MMDB_close(database);
  delete database;
}

/* LuaJIT maps its memory itself, unless it is given an allocator. */
LIBRARY_NOINLINE static void *
luajit_allocate(void *, void *block, size_t, size_t size)
{
  if (size == 0) {
    free(block);
    return nullptr;
  }
  return realloc(block, size);
}

LIBRARY_NOINLINE static void *
luajit_make(const char *)
{
  return lua_newstate(luajit_allocate, nullptr);
}

static void
luajit_drop(void *object)
{
  lua_close(static_cast<lua_State *>(object));
}

LIBRARY_NOINLINE static void *
yamlcpp_make(const char *)
{
  return new YAML::Node(YAML::Load("{name: [1, 2, a text that is longer than a small string], more: {x: 1}}"));
}

static void
yamlcpp_drop(void *object)
{
  delete static_cast<YAML::Node *>(object);
}

struct Yaml {
  yaml_parser_t parser;
  yaml_document_t document;
};

LIBRARY_NOINLINE static void *
yaml_make(const char *)
{
  static const unsigned char text[] = "{name: [1, 2, a text], more: {x: 1}}";
  auto *yaml                        = new Yaml();
  yaml_parser_initialize(&yaml->parser);
  yaml_parser_set_input_string(&yaml->parser, text, sizeof(text) - 1);
  LIBRARY_CHECK(yaml_parser_load(&yaml->parser, &yaml->document));
  return yaml;
}

static void
yaml_drop(void *object)
{
  auto *yaml = static_cast<Yaml *>(object);
  yaml_document_delete(&yaml->document);
  yaml_parser_delete(&yaml->parser);
  delete yaml;
}

LIBRARY_NOINLINE static void *
idn2_make(const char *)
{
  char *name = nullptr;
  LIBRARY_CHECK(idn2_to_ascii_8z("b\xc3\xbc"
                                 "cher.example",
                                 &name, IDN2_NONTRANSITIONAL) == IDN2_OK);
  return name;
}

static void
idn2_drop(void *object)
{
  free(object);
}

LIBRARY_NOINLINE static void *
nghttp2_make(const char *)
{
  nghttp2_session_callbacks *callbacks;
  nghttp2_session *session;
  LIBRARY_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  LIBRARY_CHECK(nghttp2_session_client_new(&session, callbacks, nullptr) == 0);
  nghttp2_session_callbacks_del(callbacks);
  return session;
}

static void
nghttp2_drop(void *object)
{
  nghttp2_session_del(static_cast<nghttp2_session *>(object));
}

static const struct Library {
  const char *name;
  void *(*make)(const char *);
  void (*drop)(void *);
} libraries[] = {
#define LIBRARY(name)               \
  {                                 \
#name, name##_make, name##_drop \
  }
  LIBRARY(jansson), LIBRARY(cjson),     LIBRARY(pcre),   LIBRARY(pcre2),   LIBRARY(xml2), LIBRARY(expat), LIBRARY(zlib),
  LIBRARY(bz2),     LIBRARY(zstd),      LIBRARY(brotli), LIBRARY(lzma),    LIBRARY(lz4),  LIBRARY(curl),  LIBRARY(sqlite),
  LIBRARY(hiredis), LIBRARY(maxminddb), LIBRARY(luajit), LIBRARY(yamlcpp), LIBRARY(yaml), LIBRARY(idn2),  LIBRARY(nghttp2),
};

#endif
