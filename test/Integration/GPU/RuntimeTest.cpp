//===- RuntimeTest.cpp - Streams, graphs and errors of the runtime --------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

using namespace pbs::test;
using pbs::reference::DType;
using pbs::reference::Problem;

static Problem makeSmall() {
  return makeProblem(DType::BF16, 64, true, 200, 300);
}

static pbs_run_options makeOptions(const DeviceStream &stream) {
  pbs_run_options options = {};
  options.struct_size = sizeof(options);
  options.stream = stream.get();
  return options;
}

static void expectContains(const std::string &text,
                           std::initializer_list<const char *> words) {
  for (const char *word : words)
    EXPECT_NE(text.find(word), std::string::npos) << text;
}

//===----------------------------------------------------------------------===//
// Streams and graphs
//===----------------------------------------------------------------------===//

TEST(GPURuntime, StreamsOfOneProgramDoNotShareAWorkspace) {
  AttentionCase first(makeSmall(), true, Layout::RowMajor, 1);
  AttentionCase second(makeSmall(), true, Layout::RowMajor, 2);
  Program program = first.compile();
  ASSERT_TRUE(program);
  DeviceStream streams[2];
  first.poison();
  second.poison();
  // Both are under way before either is waited for, the later one first.
  ASSERT_EQ(first.run(program.get(), makeOptions(streams[0])), "");
  ASSERT_EQ(second.run(program.get(), makeOptions(streams[1])), "");
  streams[1].synchronize();
  second.expectRight();
  streams[0].synchronize();
  first.expectRight();
}

TEST(GPURuntime, GrowingWorkspaceIsNotTakenFromARun) {
  AttentionCase small(makeSmall(), true);
  Problem problem = makeProblem(DType::BF16, 64, true, 10, 20);
  problem.batch = 30;
  AttentionCase large(problem, true);
  Program program = small.compile();
  ASSERT_TRUE(program);
  ASSERT_LT(small.getWorkspaceSize(program.get()),
            large.getWorkspaceSize(program.get()));
  DeviceStream stream;
  small.poison();
  large.poison();
  ASSERT_EQ(small.run(program.get(), makeOptions(stream)), "");
  ASSERT_EQ(large.run(program.get(), makeOptions(stream)), "");
  stream.synchronize();
  small.expectRight();
  large.expectRight();
}

TEST(GPURuntime, GraphsReplayARun) {
  AttentionCase call(makeSmall(), true);
  Program program = call.compile();
  ASSERT_TRUE(program);
  DeviceStream stream;
  pbs_run_options options = makeOptions(stream);
  options.workspace_size = call.getWorkspaceSize(program.get());
  DeviceMemory workspace(options.workspace_size);
  options.workspace = workspace.get();
  // Loads the code, which a capture does not allow on every driver.
  ASSERT_EQ(call.run(program.get(), options), "");
  stream.synchronize();
  std::string expected = call.getOutputs();

  const Device &device = Device::get();
  void *graph, *exec;
  device.check(device.streamBeginCapture(stream.get(), 0), "capture");
  EXPECT_EQ(call.run(program.get(), options), "");
  device.check(device.streamEndCapture(stream.get(), &graph), "capture");
  device.check(device.graphInstantiate(&exec, graph, 0), "instantiate");
  for (int i = 0; i < 2; ++i) {
    call.poison();
    device.check(device.graphLaunch(exec, stream.get()), "launch");
    stream.synchronize();
    EXPECT_EQ(expected, call.getOutputs());
  }
  device.check(device.graphExecDestroy(exec), "destroy");
  device.check(device.graphDestroy(graph), "destroy");
  call.expectRight();
}

TEST(GPURuntime, CheckedRunsDetectASharedWorkspace) {
  AttentionCase first(makeSmall(), true);
  AttentionCase second(makeSmall(), true, Layout::RowMajor, 2);
  Program program = first.compile();
  ASSERT_TRUE(program);
  size_t size = first.getWorkspaceSize(program.get());
  DeviceMemory workspace(size);
  std::string errors[2];
  // Both run again and again until one meets the other.
  std::atomic<bool> isFound{false};
  auto run = [&](AttentionCase &call, std::string &error) {
    Device::get();
    DeviceStream stream;
    pbs_run_options options = makeOptions(stream);
    options.checked = 1;
    options.workspace = workspace.get();
    options.workspace_size = size;
    for (int i = 0; i < 1000 && !isFound; ++i) {
      error = call.run(program.get(), options);
      if (!error.empty())
        isFound = true;
    }
  };
  std::thread other([&] { run(second, errors[1]); });
  run(first, errors[0]);
  other.join();
  EXPECT_TRUE(isFound);
  EXPECT_NE((errors[0] + errors[1])
                .find("expected a workspace of its own for each run"),
            std::string::npos);
  // Afterwards it is free again.
  DeviceStream stream;
  pbs_run_options options = makeOptions(stream);
  options.checked = 1;
  options.workspace = workspace.get();
  options.workspace_size = size;
  EXPECT_EQ(first.run(program.get(), options), "");
}

TEST(GPURuntime, ThreadsShareAProgram) {
  std::vector<std::unique_ptr<AttentionCase>> calls;
  for (uint32_t seed = 0; seed < 3; ++seed) {
    calls.push_back(std::make_unique<AttentionCase>(
        makeProblem(DType::BF16, 64, true, 100, 150), true, Layout::RowMajor,
        seed));
    calls.back()->poison();
  }
  Program program = calls[0]->compile();
  ASSERT_TRUE(program);
  std::vector<std::thread> threads;
  for (auto &call : calls)
    threads.emplace_back([&program, &call] {
      Device::get();
      DeviceStream stream;
      EXPECT_EQ(call->run(program.get(), makeOptions(stream)), "");
      stream.synchronize();
    });
  for (std::thread &thread : threads)
    thread.join();
  for (auto &call : calls)
    call->expectRight();
}

TEST(GPURuntime, RunsWithoutACurrentContext) {
  AttentionCase call(makeSmall(), false);
  Program program = call.compile();
  ASSERT_TRUE(program);
  call.poison();
  std::thread([&] {
    pbs_run_options options = {};
    options.struct_size = sizeof(options);
    options.checked = 1;
    EXPECT_EQ(call.run(program.get(), options), "");
  }).join();
  call.expectRight();
}

/// PBS_EMU_DEVICES gives the emulator several devices.
TEST(GPURuntime, ProgramsRunOnEveryDevice) {
  std::vector<std::unique_ptr<AttentionCase>> calls;
  int numDevices = Device::get().getCount();
  for (int device = 0; device < numDevices; ++device) {
    calls.push_back(std::make_unique<AttentionCase>(
        makeSmall(), true, Layout::RowMajor, device, device));
    calls.back()->poison();
  }
  Program program = calls[0]->compile();
  ASSERT_TRUE(program);
  // The current context is that of device 0.
  pbs_run_options options = {};
  options.struct_size = sizeof(options);
  Device::get();
  for (auto &call : calls)
    EXPECT_EQ(call->run(program.get(), options), "");
  for (int device = 0; device < numDevices; ++device) {
    const Device &driver = Device::get(device);
    driver.check(driver.ctxSynchronize(), "cuCtxSynchronize");
    calls[device]->expectRight();
  }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST(GPURuntime, CheckedModeFindsBadLists) {
  AttentionCase call(makeSmall(), true);
  Program program = call.compile();
  ASSERT_TRUE(program);
  std::vector<int32_t> count = call.count, index = call.index;
  int64_t blocks = call.problem.getNumKeyBlocks();
  auto getError = [&](auto change) {
    call.count = count;
    call.index = index;
    change();
    call.uploadLists();
    return call.run(program.get(), /*checked=*/true);
  };
  expectContains(getError([&] { call.count[5] = 99; }), {"99", "5"});
  expectContains(getError([&] {
                   call.count[3] = 1;
                   call.index[3 * blocks] = 55;
                 }),
                 {"55", "3"});
  expectContains(getError([&] {
                   call.count[3] = 2;
                   call.index[3 * blocks] = call.index[3 * blocks + 1] = 2;
                 }),
                 {"2", "once"});
  EXPECT_EQ(getError([] {}), "");
}

TEST(GPURuntime, UncheckedBadListsStayInsideMemory) {
  AttentionCase call(makeSmall(), true);
  Program program = call.compile();
  ASSERT_TRUE(program);
  for (int32_t &entry : call.index)
    entry = entry % 2 ? 1 << 30 : -7;
  for (int32_t &entry : call.count)
    entry += 1000;
  call.uploadLists();
  EXPECT_EQ(call.run(program.get()), "");
}

TEST(GPURuntime, WrongMemoryIsAnError) {
  Problem problem = makeSmall();
  Program program = AttentionCase(problem, false).compile();
  ASSERT_TRUE(program);
  auto run = [&](Buffer &q, size_t offset, pbs_device device) {
    Buffer k(PBS_BF16, {1, 2, 300, 64}), v = k, o(PBS_BF16, {1, 4, 200, 64}),
                                         l(PBS_F32, {1, 4, 200});
    DeviceTensor tensors[] = {DeviceTensor(q), DeviceTensor(k), DeviceTensor(v),
                              DeviceTensor(o), DeviceTensor(l)};
    std::vector<pbs_tensor> arguments;
    for (DeviceTensor &tensor : tensors)
      arguments.push_back(tensor.get());
    arguments[0].data = static_cast<char *>(arguments[0].data) + offset;
    arguments[0].device = device;
    return pbs_program_run(program.get(), arguments.data(), arguments.size(),
                           nullptr) == PBS_OK
               ? std::string()
               : std::string(pbs_last_error());
  };
  Buffer padded(PBS_BF16, {1, 4, 200, 64}, {0, 1, 2, 3}, 1);
  expectContains(run(padded, 0, PBS_CUDA), {"'q'", "strides", "65"});
  Buffer q(PBS_BF16, {1, 4, 200, 64});
  expectContains(run(q, 2, PBS_CUDA), {"'q'", "aligned to 16"});
  expectContains(run(q, 0, PBS_CPU), {"'q'"});
}
