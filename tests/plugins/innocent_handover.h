/* SPDX-License-Identifier: Apache-2.0
 * Memory that innocent_handover_from.so allocates for a transaction, and innocent_handover_to.so frees. */
#ifndef INNOCENT_HANDOVER_H
#define INNOCENT_HANDOVER_H

#include <memory>
#include <string>

#define HANDOVER_ARG "handed over"

struct Handover {
  void *server;
  void *heap;
  std::string text;
  std::unique_ptr<int[]> numbers;
};

#endif
