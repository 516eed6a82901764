/* SPDX-License-Identifier: Apache-2.0 */
#include "control/message.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ERROR_SIZE 512

static const struct {
  const char *name, *argument, *help;
} verbs[MEMTRACK_VERB_COUNT] = {
#define X(id, name, argument, what) {name, argument, what},
  MEMTRACK_VERBS(X)
#undef X
};

void
memtrack_message_help(unsigned n, char *text, size_t size)
{
  snprintf(text, size, "'%s%s%s': %s", verbs[n].name, *verbs[n].argument ? " " : "", verbs[n].argument, verbs[n].help);
}

static bool
is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* "mark [name], diff [name], ...": what an error ends with. */
static void
list_verbs(char *to, size_t room)
{
  size_t used = 0;
  for (unsigned i = 0; i < MEMTRACK_VERB_COUNT && used < room; ++i) {
    used +=
      snprintf(to + used, room - used, "%s%s%s%s", i ? ", " : "", verbs[i].name, *verbs[i].argument ? " " : "", verbs[i].argument);
  }
}

/* A character of a message, where it is nothing that a log or a terminal would act on. */
static char
printable(unsigned char c)
{
  return c < 0x20 || c == 0x7f ? '?' : c;
}

/* A piece of a message as it may be shown: short, and without the quotes that it stands in. */
static void
show(char to[44], const char *text, size_t length)
{
  size_t n = length < 40 ? length : 40;
  for (size_t i = 0; i < n; ++i) {
    to[i] = text[i] == '"' ? '?' : printable(text[i]);
  }
  strcpy(to + n, length > n ? "..." : "");
}

static int
fail(char *error, const char *what)
{
  char list[256];
  list_verbs(list, sizeof(list));
  snprintf(error, ERROR_SIZE, "plugin message %.180s; verbs are: %s", what, list);
  return -1;
}

int
memtrack_message_parse(const void *data, size_t size, struct memtrack_message *message, char error[ERROR_SIZE])
{
  const char *text = data;
  char what[200], shown[44];
  memset(message, 0, sizeof(*message));
  if (size && text[size - 1] == '\0') {
    --size; /* traffic_ctl sends the string's end too */
  }
  if (size > MEMTRACK_MESSAGE_MAX) {
    snprintf(what, sizeof(what), "of %zu bytes is ignored: at most %d are read", size, MEMTRACK_MESSAGE_MAX);
    return fail(error, what);
  }
  const char *nul = size ? memchr(text, '\0', size) : NULL;
  if (nul) {
    snprintf(what, sizeof(what), "is ignored: it has a NUL at byte %zu of %zu", (size_t)(nul - text), size);
    return fail(error, what);
  }
  while (size && is_blank(text[size - 1])) {
    --size;
  }
  while (size && is_blank(*text)) {
    ++text;
    --size;
  }
  if (!size) {
    return fail(error, "is empty");
  }
  size_t length = 0;
  while (length < size && !is_blank(text[length])) {
    ++length;
  }
  unsigned verb = 0;
  while (verb < MEMTRACK_VERB_COUNT && (strlen(verbs[verb].name) != length || memcmp(verbs[verb].name, text, length) != 0)) {
    ++verb;
  }
  show(shown, text, length);
  if (verb == MEMTRACK_VERB_COUNT) {
    snprintf(what, sizeof(what), "with the unknown verb \"%s\" is ignored", shown);
    return fail(error, what);
  }
  text += length;
  size -= length;
  while (size && is_blank(*text)) {
    ++text;
    --size;
  }
  message->verb = verb;
  char argument[44];
  show(argument, text, size);
  if (size && !*verbs[verb].argument) {
    snprintf(what, sizeof(what), "\"%s %s\" is ignored: %s takes no argument", shown, argument, verbs[verb].name);
    return fail(error, what);
  }
  if (verb == MEMTRACK_VERB_ARM) {
    if (size != 1 || *text < '0' || *text > '2') {
      snprintf(what, sizeof(what), "\"arm%s%s\" is ignored: the level is 0, 1 or 2", size ? " " : "", argument);
      return fail(error, what);
    }
    message->level = *text - '0';
  }
  /* As it may be shown, too: it comes back in diags.log. */
  for (size_t i = 0; i < size && i < MEMTRACK_ARGUMENT_MAX; ++i) {
    message->argument[i] = printable(text[i]);
  }
  return 0;
}
