/* SPDX-License-Identifier: Apache-2.0
 * A remap plugin that releases everything: per module (in TSRemapDone), per instance, per transaction. */
#include <map>
#include <memory>
#include <string>
#include "corpus.h"
#include <ts/remap.h>

namespace
{
std::unique_ptr<std::map<std::string, std::string>> shared;

struct Instance {
  std::string config = std::string(200, 'c');
  std::map<std::string, std::string> rules;
  TSMBuffer buffer = TSMBufferCreate();
  TSMutex mutex    = TSMutexCreate();

  Instance() { rules["a rule with a long name, longer than fits in the object"] = config; }
  ~Instance()
  {
    TSMBufferDestroy(buffer);
    TSMutexDestroy(mutex);
  }
};
} // namespace

TSReturnCode
TSRemapInit(TSRemapInterface *, char *, int)
{
  shared = std::make_unique<std::map<std::string, std::string>>();
  shared->emplace("what all instances share, which is not nothing", std::string(500, 's'));
  return TS_SUCCESS;
}

void
TSRemapDone()
{
  shared.reset();
}

TSReturnCode
TSRemapNewInstance(int, char *[], void **instance, char *, int)
{
  *instance = new Instance;
  return TS_SUCCESS;
}

void
TSRemapDeleteInstance(void *instance)
{
  delete static_cast<Instance *>(instance);
}

TSRemapStatus
TSRemapDoRemap(void *instance, TSHttpTxn txn, TSRemapRequestInfo *)
{
  std::string copied = static_cast<Instance *>(instance)->config + "and more";
  int length         = 0;
  char *url          = TSHttpTxnEffectiveUrlStringGet(txn, &length);
  copied.append(url, length);
  TSfree(url);
  CORPUS_KEEP(copied.data());
  return TSREMAP_NO_REMAP;
}
