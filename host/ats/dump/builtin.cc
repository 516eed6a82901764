/* SPDX-License-Identifier: Apache-2.0 */
#include "dump/builtin.h"

#include <cstdlib>
#include <cstring>

#include "core/account.h"
#include "core/model.h"
#include "core/registry.h"
#include "hook/iobuffer.h"

namespace
{
/* The present output of the built-in tracker. */
class table
{
public:
  table() : text_(memtrack_iobuffer_builtin()) {}
  ~table() { free(text_); }
  table(const table &)            = delete;
  table &operator=(const table &) = delete;

  /* Calls body with each row, after registering the row's site. */
  template <typename Body>
  void
  each(Body body) const
  {
    for (const char *line = text_; line && *line;) {
      memtrack_builtin_row row;
      size_t length = strcspn(line, "\n");
      if (memtrack_registry_builtin_row(line, length, &row)) {
        body(row);
      }
      line += length + (line[length] != '\0');
    }
  }

private:
  char *text_;
};

/* While an object of this class exists, no event happens. */
struct quiet {
  quiet() { memtrack_iobuffer_lock(); }
  ~quiet() { memtrack_iobuffer_unlock(); }
};
} // namespace

void
memtrack_builtin_carry_over()
{
  table().each([](const memtrack_builtin_row &row) { memtrack_account_carry(row.site, row.allocs, row.frees, row.in_use); });
}

void
memtrack_builtin_collect(memtrack_core *model)
{
  quiet now;
  table builtin;
  builtin.each([](const memtrack_builtin_row &) {}); /* the model learns the sites from the registry */
  memtrack_model_collect(model);
  memtrack_call(model, verifyStart);
  builtin.each(
    [=](const memtrack_builtin_row &row) { memtrack_call(model, verifyRow, row.site, row.allocs, row.frees, row.in_use); });
}

void
memtrack_builtin_mark()
{
  memtrack_model_with([](memtrack_core *model) {
    memtrack_builtin_collect(model);
    memtrack_call(model, verifyMark);
  });
}
