//===- ThreadPool.cpp - Threads that run CPU kernels ----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pool for the process, made at the first use. The calling thread works
// too, so a job makes progress even if no thread could be made. Threads do not
// survive fork; a child makes a pool of its own.
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

using namespace pbs::runtime;

/// Kernels keep tiles on the stack.
static constexpr size_t kStackBytes = 8 << 20;
static constexpr int kMaxThreads = 1024;

//===----------------------------------------------------------------------===//
// Number of threads
//===----------------------------------------------------------------------===//

/// Processors that the control group's quota amounts to, 0 if there is none
/// (cgroup v2, cpu.max: "QUOTA PERIOD" in microseconds).
static int getQuota() {
  int processors = 0;
  if (FILE *file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    long long quota, period;
    if (std::fscanf(file, "%lld %lld", &quota, &period) == 2 && period > 0)
      processors = static_cast<int>((quota + period - 1) / period);
    std::fclose(file);
  }
  return processors;
}

int pbs::runtime::getDefaultThreads() {
  if (const char *text = std::getenv("PBS_NUM_THREADS")) {
    char *end;
    long value = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && value > 0)
      return static_cast<int>(std::min<long>(value, kMaxThreads));
  }
  cpu_set_t set;
  int processors = 1;
  if (sched_getaffinity(0, sizeof(set), &set) == 0)
    processors = CPU_COUNT(&set);
  int quota = getQuota();
  if (quota > 0)
    processors = std::min(processors, quota);
  return std::clamp(processors, 1, kMaxThreads);
}

//===----------------------------------------------------------------------===//
// The pool
//===----------------------------------------------------------------------===//

namespace {
/// One parallelFor.
struct Job {
  int64_t numItems;
  void (*function)(void *, int64_t);
  void *context;
  std::atomic<int64_t> next{0};
  /// Threads that may still join, and those that work on it; guarded by the
  /// mutex of the pool.
  int helpersWanted;
  int helpersActive = 0;

  void work() {
    for (int64_t item; (item = next.fetch_add(1)) < numItems;)
      function(context, item);
  }
};

class Pool {
public:
  void run(Job &job) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      while (numThreads < job.helpersWanted && startThread())
        ++numThreads;
      jobs.push_back(&job);
    }
    jobAdded.notify_all();
    job.work();
    std::unique_lock<std::mutex> lock(mutex);
    jobs.erase(std::find(jobs.begin(), jobs.end(), &job));
    helperDone.wait(lock, [&] { return job.helpersActive == 0; });
  }

private:
  bool startThread() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int error = pthread_create(
        &thread, &attributes,
        [](void *pool) -> void * {
          static_cast<Pool *>(pool)->loop();
          return nullptr;
        },
        this);
    pthread_attr_destroy(&attributes);
    return error == 0;
  }

  Job *findJob() {
    for (Job *job : jobs)
      if (job->helpersWanted > 0 && job->next.load() < job->numItems)
        return job;
    return nullptr;
  }

  [[noreturn]] void loop() {
    std::unique_lock<std::mutex> lock(mutex);
    while (true) {
      Job *job = nullptr;
      jobAdded.wait(lock, [&] { return (job = findJob()) != nullptr; });
      --job->helpersWanted;
      ++job->helpersActive;
      lock.unlock();
      job->work();
      lock.lock();
      if (--job->helpersActive == 0)
        helperDone.notify_all();
    }
  }

  std::mutex mutex;
  std::condition_variable jobAdded;
  std::condition_variable helperDone;
  std::deque<Job *> jobs;
  int numThreads = 0;
};
} // namespace

/// The pool of this process. Never destroyed: its threads may outlive statics.
static Pool &getPool() {
  static std::mutex mutex;
  static Pool *pool = nullptr;
  static pid_t owner = 0;
  std::lock_guard<std::mutex> lock(mutex);
  if (!pool || owner != getpid()) {
    pool = new Pool;
    owner = getpid();
  }
  return *pool;
}

void pbs::runtime::parallelFor(int64_t numItems, int numThreads,
                               void (*function)(void *, int64_t),
                               void *context) {
  int helpers = static_cast<int>(
      std::min<int64_t>(std::clamp(numThreads, 1, kMaxThreads), numItems) - 1);
  if (helpers <= 0) {
    for (int64_t item = 0; item < numItems; ++item)
      function(context, item);
    return;
  }
  Job job;
  job.numItems = numItems;
  job.function = function;
  job.context = context;
  job.helpersWanted = helpers;
  getPool().run(job);
}
