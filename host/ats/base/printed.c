/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/printed.h"

#include <stddef.h>

char *
memtrack_printed(void (*print)(FILE *))
{
  char *text  = NULL;
  size_t size = 0;
  FILE *file  = open_memstream(&text, &size);
  if (file) {
    print(file);
    fclose(file);
  }
  return text;
}
