//===- Stream.cpp - Streams, events and graphs of the stand-in ------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <algorithm>

using namespace pbs::emu;
using namespace pbs::emu::driver;
using Clock = std::chrono::steady_clock;

Result Call::checkLegacy(const Stream &stream) const {
  if (&stream != state->legacyStream.get())
    return kSuccess;
  for (const std::shared_ptr<Capture> &capture : state->captures)
    for (const std::shared_ptr<Stream> &other : capture->streams)
      if (other->isBlocking) {
        capture->isInvalid = true;
        return fail(kCaptureImplicit,
                    "the legacy stream cannot be used while a blocking stream "
                    "captures");
      }
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuStreamCreate(void **handle, unsigned flags) {
  PBS_EMU_CONTEXT_CALL();
  if (!handle)
    return call.failNull("phStream");
  // CU_STREAM_DEFAULT and CU_STREAM_NON_BLOCKING.
  if (flags > 1)
    return call.fail(kInvalidValue,
                     "expected flags 0 or 1, got " + std::to_string(flags));
  auto stream = std::make_shared<Stream>();
  stream->isBlocking = flags == 0;
  *handle = state.streams.add(std::move(stream));
  return kSuccess;
}

PBS_EMU_API int cuStreamDestroy_v2(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Stream> stream = state.streams.find(handle);
  if (!stream)
    return call.failHandle("stream");
  state.drain(*stream);
  state.streams.erase(handle);
  return kSuccess;
}

PBS_EMU_API int cuStreamSynchronize(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Stream> stream = state.findStream(handle);
  if (!stream)
    return call.failHandle("stream");
  if (stream->capture) {
    stream->capture->isInvalid = true;
    return call.fail(kCaptureUnsupported,
                     "a stream that captures cannot be waited for");
  }
  if (stream == state.legacyStream)
    for (auto &[key, other] : state.streams)
      if (other->isBlocking)
        state.drain(*other);
  return state.drain(*stream);
}

/// Runs one piece of work, so that a loop over queries comes to an end.
static Result query(State &state, Stream &stream, uint64_t last) {
  bool isDone =
      stream.pending.empty() || stream.pending.front().sequence > last;
  if (isDone)
    return kSuccess;
  Result result = state.drain(stream, stream.pending.front().sequence);
  return result == kSuccess ? kNotReady : result;
}

PBS_EMU_API int cuStreamQuery(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Stream> stream = state.findStream(handle);
  if (!stream)
    return call.failHandle("stream");
  if (stream->capture) {
    stream->capture->isInvalid = true;
    return call.fail(kCaptureUnsupported,
                     "a stream that captures cannot be queried");
  }
  return query(state, *stream, UINT64_MAX);
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuEventCreate(void **handle, unsigned flags) {
  PBS_EMU_CONTEXT_CALL();
  if (!handle)
    return call.failNull("phEvent");
  // CU_EVENT_BLOCKING_SYNC and CU_EVENT_DISABLE_TIMING.
  if (flags > 3)
    return call.fail(kInvalidValue,
                     "expected flags 0 to 3, got " + std::to_string(flags));
  *handle = state.events.add(std::make_shared<Event>());
  return kSuccess;
}

PBS_EMU_API int cuEventDestroy_v2(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  return state.events.erase(handle) ? kSuccess : call.failHandle("event");
}

PBS_EMU_API int cuEventRecord(void *handle, void *streamHandle) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Event> event = state.events.find(handle);
  if (!event)
    return call.failHandle("event");
  std::shared_ptr<Stream> stream = state.findStream(streamHandle);
  if (!stream)
    return call.failHandle("stream");
  if (Result result = call.checkLegacy(*stream))
    return result;
  event->stream = stream;
  event->capture = stream->capture;
  event->time = std::make_shared<Clock::time_point>();
  event->sequence = state.nextSequence;
  return state.enqueue(stream, [time = event->time] {
    *time = Clock::now();
    return kSuccess;
  });
}

/// Later work of the stream comes after what the event was recorded after. In a
/// capture, the stream joins that of the event.
PBS_EMU_API int cuStreamWaitEvent(void *streamHandle, void *handle,
                                  unsigned flags) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Stream> stream = state.findStream(streamHandle);
  if (!stream)
    return call.failHandle("stream");
  std::shared_ptr<Event> event = state.events.find(handle);
  if (!event)
    return call.failHandle("event");
  if (flags > 1)
    return call.fail(kInvalidValue,
                     "expected flags 0 or 1, got " + std::to_string(flags));
  if (event->capture) {
    if (stream == state.legacyStream)
      return call.fail(kCaptureImplicit,
                       "the legacy stream cannot join a capture");
    if (stream->capture != event->capture) {
      stream->capture = event->capture;
      event->capture->streams.push_back(stream);
    }
    return kSuccess;
  }
  if (!event->stream)
    return kSuccess;
  return state.enqueue(
      stream, [&state, source = event->stream, last = event->sequence] {
        return state.drain(*source, last);
      });
}

/// The event if it can be waited for.
static std::shared_ptr<Event> findEvent(const Call &call, const void *handle,
                                        Result &result) {
  std::shared_ptr<Event> event = call.getState().events.find(handle);
  result = kSuccess;
  if (!event)
    result = call.failHandle("event");
  else if (event->capture)
    result = call.fail(kCapturedEvent,
                       "expected an event that was not recorded in a capture");
  return event;
}

PBS_EMU_API int cuEventSynchronize(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  Result result;
  std::shared_ptr<Event> event = findEvent(call, handle, result);
  if (result != kSuccess || !event->stream)
    return result;
  return state.drain(*event->stream, event->sequence);
}

PBS_EMU_API int cuEventQuery(void *handle) {
  PBS_EMU_CONTEXT_CALL();
  Result result;
  std::shared_ptr<Event> event = findEvent(call, handle, result);
  if (result != kSuccess || !event->stream)
    return result;
  return query(state, *event->stream, event->sequence);
}

PBS_EMU_API int cuEventElapsedTime(float *milliseconds, void *start,
                                   void *end) {
  PBS_EMU_CONTEXT_CALL();
  if (!milliseconds)
    return call.failNull("pMilliseconds");
  Clock::time_point times[2];
  void *handles[] = {start, end};
  for (int i = 0; i < 2; ++i) {
    Result result;
    std::shared_ptr<Event> event = findEvent(call, handles[i], result);
    if (result != kSuccess)
      return result;
    if (!event->time)
      return call.fail(kInvalidHandle,
                       "expected events that were recorded before");
    if (*event->time == Clock::time_point())
      return kNotReady;
    times[i] = *event->time;
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(times[1] - times[0]).count();
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

PBS_EMU_API int cuStreamBeginCapture_v2(void *handle, int mode) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Stream> stream = state.findStream(handle);
  if (!stream)
    return call.failHandle("stream");
  if (mode < 0 || mode > 2)
    return call.fail(kInvalidValue,
                     "expected a mode of 0 to 2, got " + std::to_string(mode));
  if (stream == state.legacyStream)
    return call.fail(kCaptureUnsupported,
                     "the legacy stream cannot be captured");
  if (stream->capture)
    return call.fail(kInvalidValue, "the stream captures already");
  auto capture = std::make_shared<Capture>();
  capture->streams.push_back(stream);
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  stream->capture = capture;
  state.captures.push_back(std::move(capture));
  return kSuccess;
}

PBS_EMU_API int cuStreamEndCapture(void *handle, void **graph) {
  PBS_EMU_CONTEXT_CALL();
  if (!graph)
    return call.failNull("phGraph");
  std::shared_ptr<Stream> stream = state.findStream(handle);
  if (!stream)
    return call.failHandle("stream");
  std::shared_ptr<Capture> capture = stream->capture;
  *graph = nullptr;
  if (!capture || capture->streams.front() != stream)
    return call.fail(kCaptureUnmatched, "no capture began in this stream");
  for (const std::shared_ptr<Stream> &member : capture->streams)
    member->capture.reset();
  state.captures.erase(
      std::find(state.captures.begin(), state.captures.end(), capture));
  if (capture->isInvalid)
    return call.fail(kCaptureInvalidated, "a call broke the capture");
  auto result = std::make_shared<Graph>();
  result->work = capture->work;
  *graph = state.graphs.add(std::move(result));
  return kSuccess;
}

PBS_EMU_API int cuStreamIsCapturing(void *handle, int *status) {
  PBS_EMU_CONTEXT_CALL();
  if (!status)
    return call.failNull("captureStatus");
  std::shared_ptr<Stream> stream = state.findStream(handle);
  if (!stream)
    return call.failHandle("stream");
  // CU_STREAM_CAPTURE_STATUS_NONE, _ACTIVE, _INVALIDATED.
  *status = !stream->capture ? 0 : stream->capture->isInvalid ? 2 : 1;
  return kSuccess;
}

PBS_EMU_API int cuGraphInstantiateWithFlags(void **exec, void *graph,
                                            unsigned long long flags) {
  PBS_EMU_CONTEXT_CALL();
  if (!exec)
    return call.failNull("phGraphExec");
  if (flags != 0)
    return call.fail(kInvalidValue,
                     "expected flags 0, got " + std::to_string(flags));
  std::shared_ptr<Graph> found = state.graphs.find(graph);
  if (!found)
    return call.failHandle("graph");
  *exec = state.graphExecs.add(std::make_shared<Graph>(*found));
  return kSuccess;
}

PBS_EMU_API int cuGraphLaunch(void *exec, void *handle) {
  PBS_EMU_CONTEXT_CALL();
  std::shared_ptr<Graph> graph = state.graphExecs.find(exec);
  if (!graph)
    return call.failHandle("executable graph");
  std::shared_ptr<Stream> stream = state.findStream(handle);
  if (!stream)
    return call.failHandle("stream");
  if (Result result = call.checkLegacy(*stream))
    return result;
  for (const Work &work : graph->work)
    state.enqueue(stream, work);
  return kSuccess;
}

PBS_EMU_API int cuGraphDestroy(void *graph) {
  PBS_EMU_CONTEXT_CALL();
  return state.graphs.erase(graph) ? kSuccess : call.failHandle("graph");
}

PBS_EMU_API int cuGraphExecDestroy(void *exec) {
  PBS_EMU_CONTEXT_CALL();
  return state.graphExecs.erase(exec) ? kSuccess
                                      : call.failHandle("executable graph");
}
