/* SPDX-License-Identifier: Apache-2.0
 *
 * Creates two million objects in the first transaction, and destroys them in one whose path begins with "destroy".
 */
#include "corpus.h"

enum { COUNT = 2000000 };

CORPUS_NOINLINE static void
behave(TSHttpTxn txn)
{
  static TSMutex *objects;
  if (!objects) {
    objects = (TSMutex *)malloc(COUNT * sizeof(*objects));
    for (int i = 0; i < COUNT; ++i) {
      objects[i] = TSMutexCreate();
    }
  } else if (corpus_path_begins(txn, "destroy") && objects[0]) {
    for (int i = 0; i < COUNT; ++i) {
      TSMutexDestroy(objects[i]);
      objects[i] = NULL;
    }
  }
}

CORPUS_PLUGIN(CORPUS_AT_REQUEST, behave)
