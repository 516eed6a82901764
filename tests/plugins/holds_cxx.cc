/* SPDX-License-Identifier: Apache-2.0
 * Holds the transactions of requests for /held/cxx, with the C++ API: the handler of the event is the API's library's. */
#include <atomic>
#include <cstdio>
#include <string>
#include <tscpp/api/GlobalPlugin.h>
#include <tscpp/api/PluginInit.h>
#include <tscpp/api/Transaction.h>

namespace
{
class Holder : public atscppapi::GlobalPlugin
{
public:
  Holder() { registerHook(HOOK_READ_REQUEST_HEADERS); }

  void
  handleReadRequestHeaders(atscppapi::Transaction &transaction) override
  {
    if (transaction.getClientRequest().getUrl().getPath() == "held/cxx") {
      dprintf(2, "holds: cxx %d\n", ++held_);
    } else {
      transaction.resume();
    }
  }

private:
  std::atomic<int> held_{0};
};
} // namespace

void
TSPluginInit(int, const char *[])
{
  atscppapi::RegisterGlobalPlugin("memtrack's corpus", "memtrack", "none");
  new Holder;
}
