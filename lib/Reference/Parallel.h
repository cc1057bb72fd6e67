//===- Parallel.h - Loops on all processors ---------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_REFERENCE_PARALLEL_H
#define PBS_LIB_REFERENCE_PARALLEL_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace pbs::reference {

/// Calls `body(i)` for each i below `count`, in any order.
template <typename Body>
void parallelFor(int64_t count, const Body &body) {
  std::atomic<int64_t> next{0};
  auto work = [&] {
    for (int64_t i; (i = next++) < count;)
      body(i);
  };
  int64_t limit = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min(limit, count); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
}

/// Inner product in f64.
inline double dot(const float *a, const float *b, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i)
    sum += double(a[i]) * double(b[i]);
  return sum;
}

} // namespace pbs::reference

#endif // PBS_LIB_REFERENCE_PARALLEL_H
