/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds a mutex for a C++ block, however the block is left.
 */
#ifndef MEMTRACK_LOCK_H
#define MEMTRACK_LOCK_H

#include <pthread.h>

class memtrack_lock
{
public:
  explicit memtrack_lock(pthread_mutex_t *mutex) : mutex_(mutex) { pthread_mutex_lock(mutex_); }
  ~memtrack_lock() { pthread_mutex_unlock(mutex_); }
  memtrack_lock(const memtrack_lock &)            = delete;
  memtrack_lock &operator=(const memtrack_lock &) = delete;

private:
  pthread_mutex_t *mutex_;
};

#endif
