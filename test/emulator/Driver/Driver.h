//===- Driver.h - The stand-in for the CUDA driver --------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// State that the functions of libpbs_emu.so share. Work on streams is queued
// and runs when something waits for it, since no program may count on it
// earlier; so a wait that is missing shows as memory that nobody wrote. Names
// and values are those of cuda.h (CUDA Driver API reference).
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_DRIVER_DRIVER_H
#define PBS_TEST_EMULATOR_DRIVER_DRIVER_H

#include "Api.h"
#include "Emulator.h"
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <thread>

namespace pbs::emu::driver {

/// CUresult.
enum Result : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kInvalidPtx = 218,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kLaunchFailed = 719,
  kNotSupported = 801,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureUnmatched = 903,
  kCaptureImplicit = 906,
  kCapturedEvent = 907
};

/// Limits of the device, a Hopper one (CUDA C++ Programming Guide, "Compute
/// Capabilities").
constexpr unsigned kMaxThreadsPerBlock = 1024;
constexpr unsigned kMaxBlockDim[3] = {1024, 1024, 64};
constexpr unsigned kMaxGridDim[3] = {0x7FFFFFFF, 65535, 65535};
constexpr size_t kSharedBytesPerBlock = 49152;
constexpr size_t kSharedBytesOptin = 232448;
constexpr size_t kDeviceMemoryBytes = size_t(4) << 30;

/// What the environment chooses.
struct Options {
  /// PBS_EMU_COMPLETION, PBS_EMU_SEED, PBS_EMU_SMS.
  LaunchOptions launch;
  /// PBS_EMU_STATISTICS: gets a line of JSON for each launch.
  std::string statisticsPath;
  /// PBS_EMU_DEVICES.
  unsigned numDevices = 1;

  /// Empty, or which variable is wrong.
  std::string read();
};

/// Work on a stream.
using Work = std::function<Result()>;

struct Stream;

/// Work that is recorded in place of being run.
struct Capture {
  std::vector<Work> work;
  std::vector<std::shared_ptr<Stream>> streams;
  std::thread::id thread;
  /// CU_STREAM_CAPTURE_MODE_GLOBAL, _THREAD_LOCAL, _RELAXED.
  int mode = 0;
  bool isInvalid = false;
};

struct Stream {
  struct Item {
    uint64_t sequence;
    Work work;
  };
  /// Work of a blocking stream keeps its order with that of the legacy stream.
  bool isBlocking = true;
  std::deque<Item> pending;
  std::shared_ptr<Capture> capture;
};

struct Event {
  std::shared_ptr<Stream> stream;
  uint64_t sequence = 0;
  std::shared_ptr<Capture> capture;
  /// When the work before it was done.
  std::shared_ptr<std::chrono::steady_clock::time_point> time;
};

struct Graph {
  std::vector<Work> work;
};

struct LoadedModule;
struct State;

/// A kernel as a caller sees it.
struct Function {
  const Kernel *kernel = nullptr;
  LoadedModule *module = nullptr;
  size_t maxDynamicShared = 0;
};

struct LoadedModule {
  std::shared_ptr<Module> module;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

/// Objects by handle, which is their address.
template <typename T>
class Handles {
public:
  T *add(std::shared_ptr<T> object) {
    T *handle = object.get();
    objects[handle] = std::move(object);
    return handle;
  }
  /// Null for a handle that is none.
  std::shared_ptr<T> find(const void *handle) const {
    auto it = objects.find(handle);
    return it == objects.end() ? nullptr : it->second;
  }
  bool erase(const void *handle) { return objects.erase(handle) != 0; }
  void clear() { objects.clear(); }
  auto begin() const { return objects.begin(); }
  auto end() const { return objects.end(); }

private:
  std::map<const void *, std::shared_ptr<T>> objects;
};

/// What all devices of this process share.
struct Process {
  static Process &get();

  std::recursive_mutex mutex;
  Options options;
  bool isInitialized = false;
  std::mt19937_64 random;
  /// The primary contexts of all devices, whose handles are their addresses.
  std::vector<std::unique_ptr<State>> contexts;
};

/// A device and its primary context. `Call` holds the lock of the process.
struct State {
  explicit State(int device) : device(device) {}

  const int device;
  /// The error that made the context unusable; later calls return it too.
  Result stickyError = kSuccess;
  std::string stickyDetail;

  DeviceMemory memory;
  /// Bytes of each allocation, and of all.
  std::map<uint64_t, size_t> allocations;
  size_t allocatedBytes = 0;

  Handles<LoadedModule> modules;
  Handles<Stream> streams;
  Handles<Event> events;
  Handles<Graph> graphs, graphExecs;
  std::shared_ptr<Stream> legacyStream = std::make_shared<Stream>();
  uint64_t nextSequence = 1;
  std::vector<std::shared_ptr<Capture>> captures;

  /// Null for a handle that is none.
  std::shared_ptr<Stream> findStream(const void *handle) const;
  /// Runs the work of `stream` up to `last`, and what has to come before it.
  /// Gives the error of the context.
  Result drain(Stream &stream, uint64_t last = UINT64_MAX);
  Result drainAll();
  /// Records the work, or queues it and perhaps runs it.
  Result enqueue(const std::shared_ptr<Stream> &stream, Work work);
  /// As PrimaryCtxReset: nothing is left.
  void reset();
};

/// Contexts of this thread, the current one last.
std::vector<State *> &getContextStack();

/// One call of the interface.
class Call {
public:
  enum Needs { Nothing, Driver, Context };
  Call(const char *function, Needs needs);

  /// The error that the call begins with.
  Result getError() const { return error; }
  /// Notes `detail` for cuGetErrorString, says it on stderr, returns `result`.
  Result fail(Result result, const std::string &detail) const;
  Result failNull(const char *parameter) const {
    return fail(kInvalidValue,
                std::string("expected ") + parameter + ", got a null pointer");
  }
  Result failHandle(const char *kind) const {
    return fail(kInvalidHandle,
                std::string("expected a live ") + kind +
                    ", got a handle that is unknown or was destroyed");
  }
  /// The current context; of a call that needs none, do not ask.
  State &getState() const { return *state; }
  /// An error if a capture forbids what this call does, which may wait for the
  /// device (cuThreadExchangeStreamCaptureMode); the capture is invalid then.
  Result checkUnsafe() const;
  /// An error if `stream` is the legacy one and a blocking stream captures.
  Result checkLegacy(const Stream &stream) const;
  /// An error unless [address, address + size) is memory of the device.
  Result checkMemory(uint64_t address, size_t size) const;

  Process &process;

private:
  State *state = nullptr;
  std::unique_lock<std::recursive_mutex> lock;
  const char *function;
  Result error = kSuccess;
};

} // namespace pbs::emu::driver

/// The body of a function of the interface starts so, if it needs a current
/// context or not.
#define PBS_EMU_CALL(needs)                                                    \
  Call call(__func__, Call::needs);                                            \
  if (call.getError() != kSuccess)                                             \
  return call.getError()
#define PBS_EMU_CONTEXT_CALL()                                                 \
  PBS_EMU_CALL(Context);                                                       \
  [[maybe_unused]] State &state = call.getState()

#endif // PBS_TEST_EMULATOR_DRIVER_DRIVER_H
