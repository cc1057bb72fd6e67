//===- DriverTest.cpp - Tests of the stand-in for the CUDA driver ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

using namespace pbs::emu::driver;

/// Adds 1 to `count` words.
static constexpr char kIncrement[] = R"(
.version 8.0
.target sm_90a
.address_size 64
.visible .entry increment(.param .u64 words, .param .u32 count)
.maxntid 128, 1, 1
{
  .reg .pred %p<2>;
  .reg .b32 %r<7>;
  .reg .b64 %rd<4>;
  .shared .align 4 .b8 scratch[64];
  mov.u32 %r6, scratch;
  ld.param.u64 %rd1, [words];
  ld.param.u32 %r1, [count];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  setp.ge.u32 %p1, %r5, %r1;
  @%p1 bra done;
  mul.wide.u32 %rd2, %r5, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r6, [%rd3];
  add.s32 %r6, %r6, 1;
  st.global.u32 [%rd3], %r6;
done:
  ret;
}
)";

namespace {
/// A context with the kernel above. The library is linked, so that the options
/// are those of the environment.
class DriverTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_EQ(cuInit(0), kSuccess);
    ASSERT_EQ(cuDevicePrimaryCtxReset_v2(0), kSuccess);
    void *context;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), kSuccess);
    ASSERT_EQ(cuCtxPushCurrent_v2(context), kSuccess);
    ASSERT_EQ(cuModuleLoadData(&module, kIncrement), kSuccess);
    ASSERT_EQ(cuModuleGetFunction(&increment, module, "increment"), kSuccess);
  }
  void TearDown() override { cuCtxPopCurrent_v2(nullptr); }

  static uint64_t allocate(size_t bytes) {
    uint64_t address = 0;
    EXPECT_EQ(cuMemAlloc_v2(&address, bytes), kSuccess);
    return address;
  }
  static void *makeStream(unsigned flags = 0) {
    void *stream = nullptr;
    EXPECT_EQ(cuStreamCreate(&stream, flags), kSuccess);
    return stream;
  }
  /// Increments the first `count` words at `address`.
  int launch(uint64_t address, uint32_t count, void *stream = nullptr,
             unsigned threads = 128, unsigned sharedBytes = 0) {
    void *params[] = {&address, &count};
    return cuLaunchKernel(increment, (count + 127) / 128, 1, 1, threads, 1, 1,
                          sharedBytes, stream, params, nullptr);
  }
  /// The text for an error, which names what was wrong.
  static std::string getText(int result) {
    const char *text = nullptr;
    cuGetErrorString(result, &text);
    return text ? text : "";
  }
  /// A word as it is now, without a wait.
  static uint32_t peek(uint64_t address) {
    return *reinterpret_cast<volatile uint32_t *>(address);
  }

  void *module = nullptr, *increment = nullptr;
};
} // namespace

#define EXPECT_FAILS(call, result, word)                                       \
  do {                                                                         \
    EXPECT_EQ(call, result);                                                   \
    EXPECT_NE(getText(result).find(word), std::string::npos)                   \
        << getText(result);                                                    \
  } while (false)

//===----------------------------------------------------------------------===//
// Device and modules
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, DeviceIsAHopperOne) {
  int count, major, minor, shared, value;
  char name[16];
  EXPECT_EQ(cuDeviceGetCount(&count), kSuccess);
  EXPECT_EQ(count, 1);
  cuDeviceGetAttribute(&major, 75, 0);
  cuDeviceGetAttribute(&minor, 76, 0);
  cuDeviceGetAttribute(&shared, 97, 0);
  EXPECT_EQ(major * 10 + minor, 90);
  EXPECT_EQ(shared, 227 * 1024);
  EXPECT_EQ(cuDeviceGetName(name, sizeof(name), 0), kSuccess);
  EXPECT_STREQ(name, "PBS emulator (s");
  EXPECT_FAILS(cuDeviceGetAttribute(&value, 9999, 0), kInvalidValue, "9999");
  EXPECT_FAILS(cuDeviceGet(&value, 3), kInvalidDevice, "got 3");
}

TEST_F(DriverTest, CallsNeedAContext) {
  std::thread([&] {
    uint64_t address;
    EXPECT_FAILS(cuMemAlloc_v2(&address, 4), kInvalidContext, "context");
    void *context;
    EXPECT_EQ(cuCtxGetCurrent(&context), kSuccess);
    EXPECT_EQ(context, nullptr);
    EXPECT_FAILS(cuCtxPopCurrent_v2(&context), kInvalidContext, "none");
    EXPECT_FAILS(cuCtxPushCurrent_v2(module), kInvalidContext, "primary");
  }).join();
}

/// PBS_EMU_DEVICES gives several devices.
TEST_F(DriverTest, DevicesHaveTheirOwnObjects) {
  int count;
  void *context;
  cuDeviceGetCount(&count);
  if (count < 2)
    GTEST_SKIP() << "one device";
  uint64_t first = allocate(4);
  EXPECT_EQ(launch(first, 2), kSuccess);
  EXPECT_EQ(cuCtxSynchronize(), kLaunchFailed);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 1), kSuccess);
  ASSERT_EQ(cuCtxPushCurrent_v2(context), kSuccess);
  // The error of the first stays with it.
  EXPECT_EQ(cuCtxSynchronize(), kSuccess);
  int device;
  EXPECT_EQ(cuCtxGetDevice(&device), kSuccess);
  EXPECT_EQ(device, 1);
  EXPECT_FAILS(cuMemsetD32_v2(first, 0, 1), kInvalidValue, "no allocation");
  EXPECT_FAILS(launch(allocate(4), 1), kInvalidHandle, "function");
  EXPECT_EQ(cuDevicePrimaryCtxReset_v2(1), kSuccess);
  EXPECT_EQ(cuCtxPopCurrent_v2(nullptr), kSuccess);
}

TEST_F(DriverTest, ModulesAreText) {
  void *other;
  EXPECT_FAILS(cuModuleLoadData(&other, "\177ELF\2\1\1"), kNoBinaryForGpu,
               "compute_90a");
  EXPECT_FAILS(cuModuleLoadData(&other, "nonsense"), kInvalidPtx, "line 1");
  EXPECT_FAILS(cuModuleLoadData(&other, nullptr), kInvalidValue, "null");
  EXPECT_FAILS(cuModuleGetFunction(&other, module, "other"), kNotFound,
               "(increment), got 'other'");
  EXPECT_FAILS(cuModuleGetFunction(&other, &other, "increment"), kInvalidHandle,
               "module");
  EXPECT_EQ(cuModuleUnload(module), kSuccess);
  EXPECT_FAILS(cuModuleUnload(module), kInvalidHandle, "destroyed");
  EXPECT_FAILS(launch(allocate(4), 1), kInvalidHandle, "function");
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, FreshMemoryIsPoisoned) {
  uint64_t address = allocate(12);
  EXPECT_EQ(address % 256, 0u);
  EXPECT_EQ(peek(address + 8), 0xFFFFFFFFu);
}

TEST_F(DriverTest, CopiesStayInsideOneAllocation) {
  uint64_t address = allocate(64);
  char bytes[128] = {};
  EXPECT_EQ(cuMemcpyHtoD_v2(address, bytes, 64), kSuccess);
  EXPECT_FAILS(cuMemcpyHtoD_v2(address + 4, bytes, 64), kInvalidValue,
               "byte 4 of an allocation of 64 bytes");
  EXPECT_FAILS(cuMemcpyDtoH_v2(bytes, address - 1, 2), kInvalidValue,
               "1 bytes before");
  EXPECT_FAILS(cuMemsetD8_v2(address + 64, 0, 1), kInvalidValue,
               "0 bytes past the end");
  EXPECT_FAILS(cuMemsetD32_v2(address + 2, 0, 1), kInvalidValue, "of 4");
  EXPECT_FAILS(cuMemcpyDtoH_v2(nullptr, address, 4), kInvalidValue, "null");
  EXPECT_EQ(cuMemFree_v2(address), kSuccess);
  EXPECT_FAILS(cuMemcpyDtoH_v2(bytes, address, 4), kInvalidValue,
               "freed allocation");
}

TEST_F(DriverTest, FreesWhatWasAllocated) {
  uint64_t address = allocate(64);
  size_t before, after, total;
  cuMemGetInfo_v2(&before, &total);
  EXPECT_FAILS(cuMemFree_v2(address + 4), kInvalidValue, "byte 4");
  EXPECT_EQ(cuMemFree_v2(address), kSuccess);
  EXPECT_FAILS(cuMemFree_v2(address), kInvalidValue, "freed");
  EXPECT_EQ(cuMemFree_v2(0), kSuccess);
  cuMemGetInfo_v2(&after, &total);
  EXPECT_EQ(after - before, 64u);
  EXPECT_NE(allocate(64), address);
  EXPECT_FAILS(cuMemAlloc_v2(&address, 0), kInvalidValue, "got 0");
  EXPECT_FAILS(cuMemAlloc_v2(&address, total + 1), kOutOfMemory,
               std::to_string(total + 1));
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, LaunchesRunInOrder) {
  uint64_t address = allocate(4 * 300);
  std::vector<uint32_t> words(300);
  EXPECT_EQ(cuMemsetD32Async(address, 5, 300, nullptr), kSuccess);
  EXPECT_EQ(launch(address, 300), kSuccess);
  EXPECT_EQ(launch(address, 200), kSuccess);
  EXPECT_EQ(cuMemcpyDtoH_v2(words.data(), address, 1200), kSuccess);
  EXPECT_EQ(words[0], 7u);
  EXPECT_EQ(words[199], 7u);
  EXPECT_EQ(words[299], 6u);
}

TEST_F(DriverTest, RefusesLaunchesThatDoNotFit) {
  uint64_t address = allocate(4);
  EXPECT_FAILS(launch(address, 1, nullptr, 129), kInvalidValue,
               "1 to 128, got 129 threads");
  EXPECT_FAILS(launch(address, 0), kInvalidValue, "grid dimension x");
  EXPECT_FAILS(launch(address, 1, nullptr, 0), kInvalidValue,
               "block dimension x of 1 to 1024, got 0");
  EXPECT_FAILS(launch(address, 1, nullptr, 128, 49152), kInvalidValue,
               "49088, got 49152");
  EXPECT_EQ(cuFuncSetAttribute(increment, 8, 100000), kSuccess);
  EXPECT_EQ(launch(address, 1, nullptr, 128, 100000), kSuccess);
  EXPECT_FAILS(cuFuncSetAttribute(increment, 8, 232448), kInvalidValue,
               "232384 bytes, got 232448");
  EXPECT_FAILS(cuFuncSetAttribute(increment, 77, 0), kInvalidValue, "77");
  EXPECT_FAILS(launch(address, 1, &address), kInvalidHandle, "stream");
  EXPECT_FAILS(
      cuLaunchKernel(increment, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr),
      kInvalidValue, "null for number 0");
  EXPECT_FAILS(
      cuLaunchKernel(&address, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr),
      kInvalidHandle, "function");
  int value;
  EXPECT_EQ(cuFuncGetAttribute(&value, 0, increment), kSuccess);
  EXPECT_EQ(value, 128);
  EXPECT_EQ(cuFuncGetAttribute(&value, 1, increment), kSuccess);
  EXPECT_EQ(value, 64);
}

TEST_F(DriverTest, LaunchAttributes) {
  uint64_t address = allocate(4);
  uint32_t count = 1;
  void *params[] = {&address, &count};
  LaunchAttribute attribute = {6, 0, {1}};
  LaunchConfig config = {1, 1, 1, 128, 1, 1, 0, nullptr, &attribute, 1};
  EXPECT_FAILS(cuLaunchKernelEx(nullptr, increment, params, nullptr),
               kInvalidValue, "got null");
  attribute.id = 4;
  EXPECT_FAILS(cuLaunchKernelEx(&config, increment, params, nullptr),
               kInvalidValue, "expected launch attribute 6, got 4");
  attribute = {6, 0, {0}};
  EXPECT_EQ(cuLaunchKernelEx(&config, increment, params, nullptr), kSuccess);
  EXPECT_EQ(cuStreamSynchronize(nullptr), kSuccess);
  // The kernel does not wait for those before it.
  attribute.value[0] = 1;
  EXPECT_EQ(cuLaunchKernelEx(&config, increment, params, nullptr), kSuccess);
  EXPECT_FAILS(cuStreamSynchronize(nullptr), kLaunchFailed,
               "missing-grid-wait");
}

TEST_F(DriverTest, ReportsComeWithTheNextWaitAndStay) {
  uint64_t address = allocate(64);
  EXPECT_EQ(launch(address, 17), kSuccess);
  EXPECT_EQ(cuStreamSynchronize(nullptr), kLaunchFailed);
  std::string text = getText(kLaunchFailed);
  for (const char *word : {"'increment'", "line ", "0 bytes past the end"})
    EXPECT_NE(text.find(word), std::string::npos) << text;
  EXPECT_EQ(cuMemAlloc_v2(&address, 4), kLaunchFailed);
  EXPECT_EQ(cuDevicePrimaryCtxReset_v2(0), kSuccess);
  EXPECT_EQ(cuMemAlloc_v2(&address, 4), kSuccess);
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, WorkRunsWhenItIsWaitedFor) {
  void *stream = makeStream();
  uint64_t address = allocate(4);
  uint32_t zero = 0;
  EXPECT_EQ(cuMemcpyHtoDAsync_v2(address, &zero, 4, stream), kSuccess);
  zero = 77; // The copy took its own.
  EXPECT_EQ(launch(address, 1, stream), kSuccess);
  EXPECT_EQ(peek(address), 0xFFFFFFFFu);
  EXPECT_EQ(cuStreamQuery(stream), kNotReady);
  EXPECT_EQ(peek(address), 0u);
  EXPECT_EQ(cuStreamSynchronize(stream), kSuccess);
  EXPECT_EQ(peek(address), 1u);
  EXPECT_EQ(cuStreamQuery(stream), kSuccess);
  EXPECT_EQ(cuStreamDestroy_v2(stream), kSuccess);
  EXPECT_FAILS(cuStreamSynchronize(stream), kInvalidHandle, "stream");
}

TEST_F(DriverTest, StreamsAreOrderedByEventsOnly) {
  void *first = makeStream(1), *second = makeStream(1), *event;
  uint64_t address = allocate(4), unordered = allocate(4);
  EXPECT_EQ(cuEventCreate(&event, 0), kSuccess);
  cuMemsetD32Async(address, 10, 1, first);
  cuEventRecord(event, first);
  launch(address, 1, first);
  cuMemsetD32Async(unordered, 1, 1, first);
  EXPECT_EQ(cuStreamWaitEvent(second, event, 0), kSuccess);
  launch(unordered, 1, second);
  cuStreamSynchronize(second);
  // The fill before the event is done, what came after it is not.
  EXPECT_EQ(peek(address), 10u);
  EXPECT_EQ(peek(unordered), 0u);
  EXPECT_EQ(cuEventQuery(event), kSuccess);
  EXPECT_EQ(cuEventDestroy_v2(event), kSuccess);
  EXPECT_FAILS(cuEventRecord(event, first), kInvalidHandle, "event");
}

TEST_F(DriverTest, LegacyStreamKeepsOrderWithBlockingOnes) {
  void *blocking = makeStream(0), *other = makeStream(1);
  uint64_t address = allocate(4), unordered = allocate(4);
  cuMemsetD32Async(address, 1, 1, blocking);
  cuMemsetD32Async(unordered, 1, 1, other);
  launch(address, 1, nullptr);
  launch(address, 1, blocking);
  cuStreamSynchronize(blocking);
  EXPECT_EQ(peek(address), 3u);
  EXPECT_EQ(peek(unordered), 0xFFFFFFFFu);
  EXPECT_EQ(cuCtxSynchronize(), kSuccess);
  EXPECT_EQ(peek(unordered), 1u);
}

TEST_F(DriverTest, EventsTellTime) {
  void *begin, *end;
  float milliseconds = -1;
  cuEventCreate(&begin, 0);
  cuEventCreate(&end, 0);
  EXPECT_FAILS(cuEventElapsedTime(&milliseconds, begin, end), kInvalidHandle,
               "recorded");
  cuEventRecord(begin, nullptr);
  cuEventRecord(end, nullptr);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, begin, end), kNotReady);
  EXPECT_EQ(cuEventSynchronize(end), kSuccess);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, begin, end), kSuccess);
  EXPECT_GE(milliseconds, 0);
}

TEST_F(DriverTest, MemoryFreedBeforeItsWorkRanIsNamed) {
  void *stream = makeStream();
  uint64_t address = allocate(4);
  launch(address, 1, stream);
  // As the driver's, it waits.
  EXPECT_EQ(cuMemFree_v2(address), kSuccess);
  EXPECT_EQ(cuStreamSynchronize(stream), kSuccess);
  EXPECT_EQ(launch(address, 1, stream), kSuccess);
  EXPECT_EQ(cuStreamSynchronize(stream), kLaunchFailed);
  EXPECT_NE(getText(kLaunchFailed).find("freed"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, GraphsReplayWhatWasCaptured) {
  void *stream = makeStream(1), *graph, *exec;
  uint64_t address = allocate(8), live = allocate(4);
  int status;
  cuMemsetD32_v2(address, 0, 2);
  EXPECT_EQ(cuStreamBeginCapture_v2(stream, 0), kSuccess);
  EXPECT_EQ(launch(address, 2, stream), kSuccess);
  EXPECT_EQ(launch(address, 1, stream), kSuccess);
  cuStreamIsCapturing(stream, &status);
  EXPECT_EQ(status, 1);
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), kSuccess);
  EXPECT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), kSuccess);
  EXPECT_EQ(cuGraphDestroy(graph), kSuccess);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(cuGraphLaunch(exec, stream), kSuccess);
  EXPECT_EQ(cuStreamSynchronize(stream), kSuccess);
  EXPECT_EQ(peek(address), 6u);
  EXPECT_EQ(peek(address + 4), 3u);
  EXPECT_EQ(cuGraphExecDestroy(exec), kSuccess);
  EXPECT_FAILS(cuGraphLaunch(exec, stream), kInvalidHandle, "graph");
  EXPECT_EQ(cuMemFree_v2(live), kSuccess);
}

TEST_F(DriverTest, CaptureForbidsWaitsAndAllocation) {
  void *stream = makeStream(0), *graph;
  uint64_t address = allocate(4), other;
  uint32_t word;
  auto expectBroken = [&] {
    EXPECT_FAILS(cuStreamEndCapture(stream, &graph), kCaptureInvalidated,
                 "broke");
    EXPECT_EQ(cuStreamBeginCapture_v2(stream, 0), kSuccess);
  };
  EXPECT_EQ(cuStreamBeginCapture_v2(stream, 0), kSuccess);
  EXPECT_FAILS(cuMemAlloc_v2(&other, 4), kCaptureUnsupported, "captures");
  expectBroken();
  EXPECT_FAILS(cuStreamSynchronize(stream), kCaptureUnsupported, "captures");
  expectBroken();
  EXPECT_FAILS(cuMemcpyDtoH_v2(&word, address, 4), kCaptureUnsupported,
               "captures");
  expectBroken();
  EXPECT_FAILS(launch(address, 1, nullptr), kCaptureImplicit, "legacy");
  expectBroken();
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), kSuccess);
  EXPECT_FAILS(cuStreamEndCapture(stream, &graph), kCaptureUnmatched, "began");
  EXPECT_FAILS(cuStreamBeginCapture_v2(nullptr, 0), kCaptureUnsupported,
               "legacy");
}

TEST_F(DriverTest, CaptureFollowsEvents) {
  void *stream = makeStream(1), *branch = makeStream(1), *event, *graph, *exec;
  uint64_t address = allocate(4);
  cuMemsetD32_v2(address, 0, 1);
  cuEventCreate(&event, 2);
  cuStreamBeginCapture_v2(stream, 1);
  cuEventRecord(event, stream);
  EXPECT_EQ(cuStreamWaitEvent(branch, event, 0), kSuccess);
  launch(address, 1, branch);
  EXPECT_FAILS(cuEventSynchronize(event), kCapturedEvent, "capture");
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), kSuccess);
  EXPECT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), kSuccess);
  EXPECT_EQ(cuGraphLaunch(exec, branch), kSuccess);
  EXPECT_EQ(cuStreamSynchronize(branch), kSuccess);
  EXPECT_EQ(peek(address), 1u);
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

namespace {
/// Arguments of cuTensorMapEncodeTiled, right ones at first.
struct MapArguments {
  int type = 9;
  uint32_t rank = 3;
  uint64_t address = 4096;
  uint64_t dims[5] = {128, 100, 3, 1, 1};
  uint64_t strides[4] = {256, 25600, 76800, 76800};
  uint32_t box[5] = {64, 128, 1, 1, 1};
  uint32_t steps[5] = {1, 1, 1, 1, 1};
  int interleave = 0, swizzle = 3, promotion = 3, fill = 0;
  alignas(64) unsigned char storage[192];

  int encode(size_t offset = 0) {
    return cuTensorMapEncodeTiled(
        storage + offset, type, rank, reinterpret_cast<void *>(address), dims,
        strides, box, steps, interleave, swizzle, promotion, fill);
  }
};
} // namespace

TEST_F(DriverTest, TensorMapsHoldTheirArguments) {
  MapArguments arguments;
  ASSERT_EQ(arguments.encode(), kSuccess);
  pbs::emu::TensorMap map;
  std::memcpy(&map, arguments.storage, sizeof(map));
  EXPECT_EQ(map.magic, pbs::emu::TensorMap::kMagic);
  EXPECT_EQ(map.elementBytes, 2u);
  EXPECT_EQ(map.number, pbs::emu::TensorMap::Number::BF16);
  EXPECT_EQ(map.rank, 3u);
  EXPECT_EQ(map.swizzleBytes, 128u);
  EXPECT_EQ(map.sizes[1], 100u);
  EXPECT_EQ(map.strides[1], 25600u);
  EXPECT_EQ(map.box[0], 64u);
  arguments.type = 3; // INT32
  arguments.swizzle = 0;
  ASSERT_EQ(arguments.encode(), kSuccess);
  std::memcpy(&map, arguments.storage, sizeof(map));
  EXPECT_EQ(map.elementBytes, 4u);
  EXPECT_EQ(map.number, pbs::emu::TensorMap::Number::Signed);
}

TEST_F(DriverTest, TensorMapsCheckTheirArguments) {
  auto expect = [&](const char *word, Result result, auto change,
                    size_t offset = 0) {
    MapArguments arguments;
    change(arguments);
    EXPECT_FAILS(arguments.encode(offset), result, word);
  };
  auto nothing = [](MapArguments &) {};
  expect("aligned to 64", kInvalidValue, nothing, 32);
  using A = MapArguments;
  expect("rank of 1 to 5, got 0", kInvalidValue, [](A &a) { a.rank = 0; });
  expect("rank of 1 to 5, got 6", kInvalidValue, [](A &a) { a.rank = 6; });
  expect("data type", kInvalidValue, [](A &a) { a.type = 99; });
  expect("got 4104", kInvalidValue, [](A &a) { a.address = 4104; });
  expect("globalDim[1]", kInvalidValue, [](A &a) { a.dims[1] = 0; });
  expect("globalDim[0]", kInvalidValue,
         [](A &a) { a.dims[0] = (uint64_t(1) << 32) + 1; });
  expect("globalStrides[0]", kInvalidValue, [](A &a) { a.strides[0] = 130; });
  expect("globalStrides[1]", kInvalidValue,
         [](A &a) { a.strides[1] = uint64_t(1) << 40; });
  expect("boxDim[1] of 1 to 256, got 257", kInvalidValue,
         [](A &a) { a.box[1] = 257; });
  expect("boxDim[2]", kInvalidValue, [](A &a) { a.box[2] = 0; });
  expect("16 bytes, got 120", kInvalidValue, [](A &a) { a.box[0] = 60; });
  expect("swizzle of 128 bytes, got 256", kInvalidValue,
         [](A &a) { a.box[0] = 128; });
  expect("swizzle of 64 bytes, got 128", kInvalidValue,
         [](A &a) { a.swizzle = 2; });
  expect("swizzle of 0 to 3", kInvalidValue, [](A &a) { a.swizzle = 7; });
  expect("elementStrides[1]", kInvalidValue, [](A &a) { a.steps[1] = 9; });
  expect("interleaved", kNotSupported, [](A &a) { a.interleave = 1; });
  expect("element strides", kNotSupported, [](A &a) { a.steps[1] = 2; });
  expect("NaN fill", kNotSupported, [](A &a) { a.fill = 1; });
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

TEST_F(DriverTest, ThreadsHaveTheirOwnContextAndStream) {
  void *context;
  cuCtxGetCurrent(&context);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      ASSERT_EQ(cuCtxSetCurrent(context), kSuccess);
      void *stream = makeStream(1);
      uint64_t address = allocate(4 * 256);
      for (int round = 0; round < 50; ++round) {
        cuMemsetD32Async(address, 0, 256, stream);
        launch(address, 256, stream);
        uint32_t word = 0;
        cuMemcpyDtoHAsync_v2(&word, address + 4 * 255, 4, stream);
        EXPECT_EQ(word, 1u);
      }
      EXPECT_EQ(cuMemFree_v2(address), kSuccess);
      EXPECT_EQ(cuStreamDestroy_v2(stream), kSuccess);
    });
  for (std::thread &thread : threads)
    thread.join();
}
