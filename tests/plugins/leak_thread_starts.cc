// SPDX-License-Identifier: Apache-2.0
// In each transaction: a thread by each of the ways that the C and the C++ library have, one after the other. Each uses OpenSSL, on
// the plugin's behalf, and forgets it.
#include <cstdio>
#include <fcntl.h>
#include <mqueue.h>
#include <mutex>
#include <netdb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <thread>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include "corpus.h"

static sem_t done;
static mqd_t queue;

static void
await()
{
  while (sem_wait(&done) != 0) {
  }
}

static void *
on_pthread(void *data)
{
  CORPUS_KEEP(OPENSSL_malloc(31)); // SITE on_pthread: openssl +1 -0 =31
  return data;
}

static int
on_thrd(void *)
{
  CORPUS_KEEP(OPENSSL_malloc(32)); // SITE on_thrd: openssl +1 -0 =32
  return 0;
}

static void
on_std_thread()
{
  CORPUS_KEEP(OPENSSL_malloc(33)); // SITE on_std_thread: openssl +1 -0 =33
}

static void on_timer(union sigval)
{
  CORPUS_KEEP(OPENSSL_malloc(34)); // SITE on_timer: openssl +1 -0 =34
  sem_post(&done);
}

static void on_message(union sigval)
{
  CORPUS_KEEP(OPENSSL_malloc(35)); // SITE on_message: openssl +1 -0 =35
  sem_post(&done);
}

static void on_address(union sigval)
{
  CORPUS_KEEP(OPENSSL_malloc(36)); // SITE on_address: openssl +1 -0 =36
  sem_post(&done);
}

static sigevent
event_of(void (*function)(union sigval))
{
  sigevent event;
  memset(&event, 0, sizeof(event));
  event.sigev_notify          = SIGEV_THREAD;
  event.sigev_notify_function = function;
  return event;
}

static void
await_timer()
{
  sigevent event = event_of(on_timer);
  itimerspec soon;
  timer_t timer;
  memset(&soon, 0, sizeof(soon));
  soon.it_value.tv_nsec = 1;
  TSReleaseAssert(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  timer_settime(timer, 0, &soon, nullptr);
  await();
  timer_delete(timer);
}

static void
await_message()
{
  sigevent event = event_of(on_message);
  char text;
  TSReleaseAssert(mq_notify(queue, &event) == 0);
  mq_send(queue, "x", 1, 0);
  await();
  mq_receive(queue, &text, 1, nullptr);
}

static void
await_address()
{
  sigevent event = event_of(on_address);
  addrinfo hints;
  gaicb request, *requests[] = {&request};
  memset(&hints, 0, sizeof(hints));
  memset(&request, 0, sizeof(request));
  hints.ai_flags     = AI_NUMERICHOST;
  request.ar_name    = "127.0.0.1";
  request.ar_request = &hints;
  TSReleaseAssert(getaddrinfo_a(GAI_NOWAIT, requests, 1, &event) == 0); // SITE await_address: heap +n -n =n
  await();
  freeaddrinfo(request.ar_result);
}

static void
behave(TSHttpTxn)
{
  static std::mutex one_at_a_time;
  std::lock_guard<std::mutex> lock(one_at_a_time);
  pthread_t pthread;
  thrd_t thrd;
  TSReleaseAssert(pthread_create(&pthread, nullptr, on_pthread, nullptr) == 0);
  pthread_join(pthread, nullptr);
  TSReleaseAssert(thrd_create(&thrd, on_thrd, nullptr) == thrd_success);
  thrd_join(thrd, nullptr);
  std::thread(on_std_thread).join();
  await_timer();
  await_message();
  await_address();
}

CORPUS_HANDLER(behave)

CORPUS_EXPORT void
TSPluginInit(int, const char *[])
{
  char name[40];
  mq_attr one;
  corpus_register();
  memset(&one, 0, sizeof(one));
  one.mq_maxmsg = one.mq_msgsize = 1;
  sem_init(&done, 0, 0);
  snprintf(name, sizeof(name), "/memtrack-corpus-%d", static_cast<int>(getpid()));
  queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &one);
  TSReleaseAssert(queue != -1);
  mq_unlink(name);
  TSHttpHookAdd(CORPUS_AT_REQUEST, TSContCreate(corpus_handler, nullptr)); // SITE TSPluginInit: TSCont +1 -0 once
}
