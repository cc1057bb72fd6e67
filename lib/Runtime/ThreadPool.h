//===- ThreadPool.h - Threads that run CPU kernels --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_RUNTIME_THREADPOOL_H
#define PBS_LIB_RUNTIME_THREADPOOL_H

#include <cstdint>

namespace pbs::runtime {

/// Threads to use where the caller names none: PBS_NUM_THREADS, else the
/// processors that the affinity mask and the control group leave this process.
int getDefaultThreads();

/// Calls `function(context, i)` for each `i` below `numItems`, in any order, by
/// at most `numThreads` threads, the calling one included. Returns when all
/// calls have. May be called by several threads at once.
void parallelFor(int64_t numItems, int numThreads,
                 void (*function)(void *context, int64_t item), void *context);

} // namespace pbs::runtime

#endif // PBS_LIB_RUNTIME_THREADPOOL_H
