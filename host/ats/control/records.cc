/* SPDX-License-Identifier: Apache-2.0 */
#include "control/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/ask.h"

const memtrack_setting *
memtrack_setting_get(uint32_t which)
{
  static struct memtrack_setting settings[MEMTRACK_SETTING_COUNT];
  struct memtrack_setting *setting = &settings[which];
  memtrack_answer answer;
  if (!setting->name[0]) {
    memtrack_ask(&answer, nullptr, 0, [=](memtrack_core *core) {
      setting->normal  = (int64_t)memtrack_call(core, settingDefault, which);
      setting->effect  = memtrack_call(core, settingEffect, which);
      setting->is_text = memtrack_call(core, settingIsText, which) != 0;
      return memtrack_call(core, settingCheck, which);
    });
    memtrack_answer_copy(&answer, setting->check, sizeof(setting->check));
    memtrack_ask(&answer, nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, settingName, which); });
    memtrack_answer_copy(&answer, setting->name, sizeof(setting->name));
  }
  return setting;
}

int64_t
memtrack_setting_read(uint32_t which, memtrack_record_reader read)
{
  const struct memtrack_setting *setting = memtrack_setting_get(which);
  memtrack_answer answer;
  int64_t value = setting->normal;
  read(setting->name, &value);
  bool judged =
    memtrack_ask(&answer, nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, judgeSetting, which, value); });
  memtrack_answer_log(&answer);
  return judged ? answer.number : setting->normal;
}

void
memtrack_setting_set_level(int level)
{
  memtrack_answer answer;
  memtrack_ask(&answer, nullptr, 0, [=](memtrack_core *core) { return memtrack_call(core, setLevel, level); });
  memtrack_answer_log(&answer);
}

/* Checks a line. What the server makes of a value depends on where the value stops being a number, so the server is asked. */
static bool
check_line(const char *path, unsigned number, const char *line, memtrack_record_reader read)
{
  memtrack_answer answer;
  size_t length = strlen(line);
  int64_t taken = 0;
  uint32_t which;
  if (!memtrack_ask(&answer, line, length,
                    [&](memtrack_core *core) {
                      which = memtrack_call(core, checkRecordLine, length);
                      return 0u;
                    }) ||
      which >= MEMTRACK_SETTING_COUNT) {
    return false;
  }
  bool known = read(memtrack_setting_get(which)->name, &taken);
  memtrack_ask(&answer, line, length,
               [=](memtrack_core *core) { return memtrack_call(core, describeRecordLine, length, known, taken); });
  memtrack_log((enum memtrack_severity)answer.severity, "%s:%u: %s", path, number, answer.text);
  return true;
}

int
memtrack_records_check_file(const char *path, memtrack_record_reader read)
{
  int bad         = 0;
  char *line      = nullptr;
  size_t room     = 0;
  unsigned number = 0;
  FILE *file      = fopen(path, "re");
  while (file && getline(&line, &room, file) >= 0) {
    bad += check_line(path, ++number, line, read);
  }
  free(line);
  if (file) {
    fclose(file);
  }
  return bad;
}

int
memtrack_records_check_yaml(const char *path)
{
  memtrack_answer answer;
  int bad       = 0;
  FILE *file    = fopen(path, "re");
  char *text    = file ? (char *)malloc(MEMTRACK_QUESTION_MAX) : nullptr;
  size_t length = text ? fread(text, 1, MEMTRACK_QUESTION_MAX, file) : 0;
  while (length &&
         memtrack_ask(&answer, text, length,
                      [=](memtrack_core *core) { return memtrack_call(core, checkRecordsYaml, length, bad == 0); }) &&
         answer.length) {
    memtrack_log((enum memtrack_severity)answer.severity, "%s:%u: %s", path, (unsigned)answer.number, answer.text);
    ++bad;
  }
  free(text);
  if (file) {
    fclose(file);
  }
  return bad;
}
