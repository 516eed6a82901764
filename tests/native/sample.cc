// SPDX-License-Identifier: Apache-2.0
//
// The same in C++, where the C++ library makes most allocations on a caller's behalf.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#define NOINLINE    __attribute__((noinline))
#define KEEP(block) __asm__ volatile("" : : "r"(block) : "memory")

extern "C" {
void sample_new();
void sample_array();
void sample_method();
void sample_string();
void sample_vector();
void sample_map();
void sample_shared();
void sample_lambda();
void sample_algorithm();
void sample_pooled();
void sample_template();
void sample_hidden();
void sample_implicit();
}

namespace sample
{
struct Cache {
  char *block = nullptr;
  void put(size_t size);
};

NOINLINE void
Cache::put(size_t size)
{
  block = new char[size]; // site: method
  KEEP(block);
}

template <typename T> struct Box {
  T *content = nullptr;
  NOINLINE void
  fill()
  {
    content = new T(); // site: template
    KEEP(content);
  }
};

struct Pooled {
  int value = 0;
  NOINLINE static void *
  operator new(size_t size)
  {
    void *block = malloc(size);
    KEEP(block);
    return block;
  }
  NOINLINE static void
  operator delete(void *block)
  {
    free(block);
  }
};

namespace
{
NOINLINE void
hide(std::vector<int> &numbers)
{
  numbers.push_back(1); // site: hidden
  KEEP(numbers.data());
}
} // namespace
} // namespace sample

void
sample_new()
{
  auto number = new int(1); // site: new
  KEEP(number);
  delete number;
}

void
sample_array()
{
  auto numbers = new int[10]; // site: array
  KEEP(numbers);
  delete[] numbers;
}

void
sample_method()
{
  sample::Cache cache;
  cache.put(10);
  delete[] cache.block;
}

// Not std::string, whose growth is compiled into the C++ library.
void
sample_string()
{
  std::u16string text;
  for (int i = 0; i < 20; ++i) {
    text += u'x'; // site: string
  }
  KEEP(text.data());
}

void
sample_vector()
{
  std::vector<double> numbers;
  KEEP(&numbers);
  for (int i = 0; i < 20; ++i) {
    numbers.push_back(i); // site: vector
  }
  KEEP(numbers.data());
}

void
sample_map()
{
  std::map<int, std::string> names;
  names[1] = "one"; // site: map
  KEEP(&names);
}

void
sample_shared()
{
  auto number = std::make_shared<int>(1); // site: shared
  KEEP(number.get());
}

static NOINLINE void
call(const std::function<void(int)> &function)
{
  function(10);
  KEEP(&function);
}

void
sample_lambda()
{
  call([](int size) {
    auto block = new char[size]; // site: lambda
    KEEP(block);
    delete[] block;
  });
}

void
sample_algorithm()
{
  std::vector<std::vector<int>> rows(2);
  KEEP(rows.data());
  std::for_each(rows.begin(), rows.end(), [](std::vector<int> &row) { // site: algorithm/1
    row.reserve(10);                                                  // site: algorithm
  });
  KEEP(rows.data());
}

void
sample_pooled()
{
  auto pooled = new sample::Pooled(); // site: pooled
  KEEP(pooled);
  delete pooled;
}

void
sample_template()
{
  sample::Box<std::map<std::string, std::vector<int>>> box;
  box.fill();
  delete box.content;
}

void
sample_hidden()
{
  std::vector<int> numbers;
  sample::hide(numbers);
}

// Its implicit copy constructor has no source.
struct Settings {
  std::vector<int> numbers;
};

void
sample_implicit()
{
  Settings settings;
  settings.numbers.resize(10);
  auto copy = new Settings(settings); // site: implicit
  KEEP(copy);
  delete copy;
}
