/* SPDX-License-Identifier: Apache-2.0
 *
 * What a function of the server prints to a file, as a text.
 */
#ifndef MEMTRACK_PRINTED_H
#define MEMTRACK_PRINTED_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The text that the function prints, to be freed; NULL if there is no memory. Not hook-safe. */
char *memtrack_printed(void (*print)(FILE *));

#ifdef __cplusplus
}
#endif

#endif
