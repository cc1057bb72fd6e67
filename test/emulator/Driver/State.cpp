//===- State.cpp - Options, errors and queues of the stand-in -------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <cstdio>
#include <cstdlib>

using namespace pbs::emu;
using namespace pbs::emu::driver;

/// What the last failure of this thread was, for cuGetErrorString.
static thread_local Result lastResult = kSuccess;
static thread_local std::string lastDetail;

Process &Process::get() {
  // Never destroyed: programs may unload their modules while the process ends.
  static Process *process = new Process;
  return *process;
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

/// Reads an integer in [least, most]; empty or what is wrong.
static std::string readInteger(const char *variable, uint64_t least,
                               uint64_t most, uint64_t &value) {
  const char *text = std::getenv(variable);
  if (!text || !*text)
    return "";
  char *end;
  unsigned long long number = std::strtoull(text, &end, 10);
  if (*end || *text == '-' || number < least || number > most)
    return std::string(variable) + ": expected a number from " +
           std::to_string(least) + " to " + std::to_string(most) + ", got '" +
           text + "'";
  value = number;
  return "";
}

std::string Options::read() {
  if (const char *text = std::getenv("PBS_EMU_COMPLETION"); text && *text) {
    std::string name = text;
    if (name != "latest" && name != "earliest" && name != "random")
      return "PBS_EMU_COMPLETION: expected latest, earliest or random, got '" +
             name + "'";
    launch.completion = name == "latest"     ? Completion::Latest
                        : name == "earliest" ? Completion::Earliest
                                             : Completion::Random;
  }
  uint64_t numSMs = launch.numSMs, devices = numDevices;
  for (const std::string &error :
       {readInteger("PBS_EMU_SEED", 0, UINT64_MAX, launch.seed),
        readInteger("PBS_EMU_SMS", 1, 1024, numSMs),
        readInteger("PBS_EMU_DEVICES", 1, 16, devices)})
    if (!error.empty())
      return error;
  launch.numSMs = static_cast<unsigned>(numSMs);
  numDevices = static_cast<unsigned>(devices);
  if (const char *text = std::getenv("PBS_EMU_STATISTICS"))
    statisticsPath = text;
  return "";
}

//===----------------------------------------------------------------------===//
// Queues
//===----------------------------------------------------------------------===//

std::shared_ptr<Stream> State::findStream(const void *handle) const {
  // Null and CU_STREAM_LEGACY.
  if (reinterpret_cast<uintptr_t>(handle) <= 1)
    return legacyStream;
  return streams.find(handle);
}

Result State::drain(Stream &stream, uint64_t last) {
  while (stickyError == kSuccess && !stream.pending.empty() &&
         stream.pending.front().sequence <= last) {
    Stream::Item item = std::move(stream.pending.front());
    stream.pending.pop_front();
    // The legacy stream waits for all blocking ones, and they for it (CUDA
    // Driver API, "Stream synchronization behavior").
    if (&stream == legacyStream.get()) {
      for (auto &[handle, other] : streams)
        if (other->isBlocking)
          drain(*other, item.sequence);
    } else if (stream.isBlocking) {
      drain(*legacyStream, item.sequence);
    }
    if (stickyError == kSuccess)
      item.work();
  }
  return stickyError;
}

Result State::drainAll() {
  drain(*legacyStream);
  for (auto &[handle, stream] : streams)
    drain(*stream);
  return stickyError;
}

Result State::enqueue(const std::shared_ptr<Stream> &stream, Work work) {
  if (stream->capture) {
    stream->capture->work.push_back(std::move(work));
    return kSuccess;
  }
  stream->pending.push_back({nextSequence++, std::move(work)});
  Process &process = Process::get();
  Completion completion = process.options.launch.completion;
  if (completion == Completion::Earliest ||
      (completion == Completion::Random && process.random() % 2 == 0))
    drain(*stream);
  return kSuccess;
}

void State::reset() {
  for (const std::shared_ptr<Capture> &capture : captures)
    for (const std::shared_ptr<Stream> &stream : capture->streams)
      stream->capture.reset();
  captures.clear();
  graphs.clear();
  graphExecs.clear();
  events.clear();
  streams.clear();
  legacyStream->pending.clear();
  modules.clear();
  for (auto &[address, size] : allocations)
    memory.free(address);
  allocations.clear();
  allocatedBytes = 0;
  stickyError = kSuccess;
  stickyDetail.clear();
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Call::Call(const char *function, Needs needs)
    : process(Process::get()), lock(process.mutex), function(function) {
  std::vector<State *> &stack = getContextStack();
  if (!stack.empty())
    state = stack.back();
  if (needs == Nothing)
    return;
  if (!process.isInitialized) {
    error = fail(kNotInitialized, "expected cuInit before");
    return;
  }
  if (needs != Context)
    return;
  if (!state) {
    error = fail(kInvalidContext, "expected a current context, got none");
  } else if (state->stickyError != kSuccess) {
    error = state->stickyError;
  }
}

Result Call::fail(Result result, const std::string &detail) const {
  lastResult = result;
  lastDetail = std::string(function) + ": " + detail;
  std::fprintf(stderr, "pbs-emu: %s\n", lastDetail.c_str());
  return result;
}

Result Call::checkUnsafe() const {
  for (const std::shared_ptr<Capture> &capture : state->captures) {
    bool forbids =
        capture->mode == 0 ||
        (capture->mode == 1 && capture->thread == std::this_thread::get_id());
    if (!forbids)
      continue;
    capture->isInvalid = true;
    return fail(kCaptureUnsupported, "not allowed while a stream captures");
  }
  return kSuccess;
}

Result Call::checkMemory(uint64_t address, size_t size) const {
  if (state->memory.find(address, size))
    return kSuccess;
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(address));
  return fail(kInvalidValue, "expected " + std::to_string(size) +
                                 " bytes of one allocation, got " + text +
                                 ", " + state->memory.describe(address));
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

namespace {
struct ErrorName {
  Result result;
  const char *name, *text;
};
} // namespace

static constexpr ErrorName kErrors[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE",
     "device kernel image is invalid"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {kInvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {kNotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {kCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not initiated in this stream"},
    {kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking "
     "stream"},
    {kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing "
     "stream"},
};

static const ErrorName *findError(int result) {
  for (const ErrorName &error : kErrors)
    if (error.result == result)
      return &error;
  return nullptr;
}

PBS_EMU_API int cuGetErrorName(int result, const char **name) {
  Call call(__func__, Call::Nothing);
  if (!name)
    return call.failNull("pStr");
  const ErrorName *error = findError(result);
  *name = error ? error->name : nullptr;
  return error ? kSuccess : kInvalidValue;
}

/// The text names what was wrong, if the last failure of this thread was
/// `result`. It is valid until the next call of this function in this thread.
PBS_EMU_API int cuGetErrorString(int result, const char **text) {
  Call call(__func__, Call::Nothing);
  if (!text)
    return call.failNull("pStr");
  const ErrorName *error = findError(result);
  *text = nullptr;
  if (!error)
    return kInvalidValue;
  static thread_local std::string full;
  full = error->text;
  std::vector<State *> &stack = getContextStack();
  if (result != kSuccess && !stack.empty() &&
      result == stack.back()->stickyError)
    full += ": " + stack.back()->stickyDetail;
  else if (result != kSuccess && result == lastResult)
    full += ": " + lastDetail;
  *text = full.c_str();
  return kSuccess;
}
