// SPDX-License-Identifier: Apache-2.0
//
// For the targets of libFuzzer in this folder: input as a sequence of numbers, and the claims that a target makes of every input.
// A claim that does not hold ends the program, and libFuzzer saves the input.
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(holds)                                                                  \
  do {                                                                                \
    if (!(holds)) {                                                                   \
      fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #holds); \
      abort();                                                                        \
    }                                                                                 \
  } while (0)

// What is left of the input.
struct input {
  const uint8_t *at;
  size_t size;
};

// The next bytes as a number; those missing are 0.
static inline uint64_t
take(struct input *input, size_t bytes)
{
  uint64_t number = 0;
  size_t present  = bytes < input->size ? bytes : input->size;
  memcpy(&number, input->at, present);
  input->at += present;
  input->size -= present;
  return number;
}

// The next bytes up to a NUL, or the rest, as a string of exactly that length, malloc'ed so that a read past its end is found.
static inline char *
take_text(struct input *input)
{
  size_t length = strnlen((const char *)input->at, input->size);
  char *text    = (char *)calloc(1, length + 1);
  memcpy(text, input->at, length);
  take(input, 0);
  size_t used = length < input->size ? length + 1 : length;
  input->at += used;
  input->size -= used;
  return text;
}

// Lines that were logged since the start (fuzz.c). A terminal can show each. No input that the host may pass makes the core trap; a
// line that says so ends the program.
extern unsigned fuzz_lines;

// Whether a text ended by NUL has only characters that a terminal shows.
static inline bool
is_printable(const char *text)
{
  for (; *text; ++text) {
    if ((unsigned char)*text < ' ' || *text == 0x7f) {
      return false;
    }
  }
  return true;
}

#ifdef __cplusplus
}
#endif

#endif
