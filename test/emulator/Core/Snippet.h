//===- Snippet.h - Run a few lines of PTX in tests --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_SNIPPET_H
#define PBS_TEST_EMULATOR_CORE_SNIPPET_H

#include "Emulator.h"
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace pbs::emu::test {

/// The body of a kernel. It has %me, %lane, %warp (b32), %in and %out (b64,
/// global), %map (b64, a tensor map), `smem` (8 KiB of shared memory, with 1024
/// aligned), and registers %p0-9, %r0-99, %f0-79, %d0-19, %h0-9.
struct Snippet {
  std::string body;
  unsigned threads = 32, blocks = 1;
  LaunchOptions options = {};
  std::vector<uint32_t> in = std::vector<uint32_t>(1024, 0);
  TensorMap map = {};

  std::string text() const {
    return R"(.version 8.6
.target sm_90a
.address_size 64
.shared .align 1024 .b8 smem[8192];
.visible .entry k(.param .u64 in, .param .u64 out, .param .align 64 .b8 map[128]) {
.reg .pred %p<10>; .reg .b32 %r<100>; .reg .f32 %f<80>; .reg .b64 %d<20>;
.reg .b16 %h<10>; .reg .b32 %me, %lane, %warp; .reg .b64 %in, %out, %map;
mov.u32 %me, %tid.x; and.b32 %lane, %me, 31; shr.u32 %warp, %me, 5;
ld.param.u64 %in, [in]; ld.param.u64 %out, [out];
mov.b64 %map, map; cvta.param.u64 %map, %map;
)" + body + "\nret;\n}\n";
  }

  struct Result {
    Report report;
    std::vector<uint32_t> out;
    Statistics statistics;
  };

  /// `in` at %in, 4 KiB at %out. A tensor map is of the words at %in.
  Result run() const {
    Result result;
    std::string error;
    auto module = Module::parse(text(), error);
    EXPECT_NE(module, nullptr) << error << "\n" << text();
    if (!module)
      return result;
    const Kernel *kernel = module->kernels().front();
    DeviceMemory memory;
    uint64_t input = memory.allocate(in.size() * 4);
    uint64_t output = memory.allocate(4096);
    std::memcpy(reinterpret_cast<void *>(input), in.data(), in.size() * 4);
    std::memset(reinterpret_cast<void *>(output), 0, 4096);
    std::vector<std::byte> params(kernel->paramBytes());
    TensorMap tensor = map;
    tensor.address = input;
    std::memcpy(params.data() + kernel->params()[0].offset, &input, 8);
    std::memcpy(params.data() + kernel->params()[1].offset, &output, 8);
    std::memcpy(params.data() + kernel->params()[2].offset, &tensor,
                sizeof(tensor));
    result.report = kernel->launch({blocks}, {threads}, 0, params.data(),
                                   memory, options, &result.statistics);
    result.out.resize(1024);
    std::memcpy(result.out.data(), reinterpret_cast<void *>(output), 4096);
    return result;
  }

  /// The kind of report under all modes and some seeds; they have to agree.
  std::string kind() const {
    std::string kind = "never run";
    for (int mode = 0; mode < 3; ++mode)
      for (uint64_t seed = 0; seed < 3; ++seed) {
        Snippet copy = *this;
        copy.options.completion = static_cast<Completion>(mode);
        copy.options.seed = seed;
        Report report = copy.run().report;
        if (mode == 0 && seed == 0)
          kind = report.kind;
        EXPECT_EQ(report.kind, kind) << report.format();
      }
    return kind;
  }
};

/// Whether every run ends in a report, whatever its kind: what is first to be
/// seen may depend on the interleaving.
inline bool isAlwaysReported(const std::string &body, unsigned threads) {
  for (int mode = 0; mode < 3; ++mode)
    for (uint64_t seed = 0; seed < 5; ++seed) {
      Snippet snippet;
      snippet.body = body;
      snippet.threads = threads;
      snippet.options.completion = static_cast<Completion>(mode);
      snippet.options.seed = seed;
      if (!snippet.run().report)
        return false;
    }
  return true;
}

inline std::string kindOf(const std::string &body, unsigned threads = 32) {
  Snippet snippet;
  snippet.body = body;
  snippet.threads = threads;
  return snippet.kind();
}

/// What lanes 0, 1, ... store from %r0, without a report.
inline std::vector<uint32_t> valuesOf(const std::string &body,
                                      unsigned threads = 32) {
  Snippet snippet;
  snippet.body = body + R"(
mul.wide.u32 %d0, %me, 4; add.s64 %d0, %d0, %out; st.global.b32 [%d0], %r0;)";
  snippet.threads = threads;
  for (unsigned i = 0; i < snippet.in.size(); ++i)
    snippet.in[i] = i;
  Snippet::Result result = snippet.run();
  EXPECT_FALSE(result.report) << result.report.format();
  result.out.resize(threads);
  return result.out;
}

} // namespace pbs::emu::test

#endif // PBS_TEST_EMULATOR_CORE_SNIPPET_H
