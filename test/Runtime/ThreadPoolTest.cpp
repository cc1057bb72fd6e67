//===- ThreadPoolTest.cpp - Threads that run CPU kernels ------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace pbs::runtime;

/// Runs `items` items and returns how often each was run.
static std::vector<int> countCalls(int64_t items, int threads) {
  std::vector<std::atomic<int>> calls(items);
  parallelFor(
      items, threads,
      [](void *context, int64_t item) {
        ++(*static_cast<std::vector<std::atomic<int>> *>(context))[item];
      },
      &calls);
  return {calls.begin(), calls.end()};
}

TEST(ThreadPool, EachItemOnce) {
  for (int threads : {1, 2, 3, 8})
    for (int64_t items : {0, 1, 2, 7, 1000})
      EXPECT_EQ(countCalls(items, threads), std::vector<int>(items, 1));
}

TEST(ThreadPool, SeveralCallersAtOnce) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 8; ++i)
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat)
        if (countCalls(100, 4) != std::vector<int>(100, 1))
          ++wrong;
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, WorksAfterFork) {
  countCalls(100, 4);
  pid_t child = fork();
  if (child == 0)
    _exit(countCalls(100, 4) == std::vector<int>(100, 1) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(ThreadPool, EnvironmentSetsTheNumber) {
  setenv("PBS_NUM_THREADS", "3", 1);
  EXPECT_EQ(getDefaultThreads(), 3);
  unsetenv("PBS_NUM_THREADS");
  int available = getDefaultThreads();
  EXPECT_GE(available, 1);
  for (const char *bad : {"", "0", "-2", "many", "4x"}) {
    setenv("PBS_NUM_THREADS", bad, 1);
    EXPECT_EQ(getDefaultThreads(), available) << bad;
  }
  unsetenv("PBS_NUM_THREADS");
}
