//===- CApi.cpp - The C interface -----------------------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "pbs/Runtime/Factory.h"
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace pbs::runtime;

/// Message of the last failure of each thread.
static thread_local std::string lastError;

pbs_status pbs::runtime::report(const Status &status) {
  if (!status.ok())
    lastError = status.getMessage();
  return status.getCode();
}

pbs_status pbs::runtime::setLastError(pbs_status code,
                                      const std::string &message) {
  return report({code, message});
}

static pbs_status fail(pbs_status code, const std::string &message) {
  return setLastError(code, message);
}

extern "C" const char *pbs_version(void) { return PBS_VERSION; }

extern "C" const char *pbs_last_error(void) { return lastError.c_str(); }

extern "C" const char *pbs_status_name(pbs_status status) {
  switch (status) {
  case PBS_OK:
    return "ok";
  case PBS_INVALID_ARGUMENT:
    return "invalid argument";
  case PBS_UNSUPPORTED:
    return "unsupported";
  case PBS_COMPILE_ERROR:
    return "compile error";
  case PBS_BAD_BUNDLE:
    return "bad bundle";
  case PBS_OUT_OF_MEMORY:
    return "out of memory";
  case PBS_DEVICE_ERROR:
    return "device error";
  case PBS_IO_ERROR:
    return "input/output error";
  case PBS_INVALID_DATA:
    return "invalid data";
  }
  return "unknown status";
}

extern "C" void pbs_free(void *memory) { std::free(memory); }

//===----------------------------------------------------------------------===//
// Loading and saving
//===----------------------------------------------------------------------===//

pbs_status pbs::runtime::createProgram(Bundle bundle, const std::string &report,
                                       pbs_program_t *program) {
  bool isCUDA = false;
  for (const Kernel &kernel : bundle.plans.front().plan.kernels)
    isCUDA |= kernel.target == Kernel::Target::CUDA;
  std::unique_ptr<pbs_program> result;
  if (Status status = isCUDA ? createCUDAProgram(std::move(bundle), result)
                             : createCPUProgram(std::move(bundle), result);
      !status.ok())
    return pbs::runtime::report(status);
  result->report = report + "program '" + result->bundle.name + "' by " +
                   result->bundle.compiler + ", options " +
                   result->bundle.options + "\n";
  for (const CodeImage &image : result->bundle.images)
    result->report += "code for " + image.chip + ": " +
                      std::to_string(image.bytes.size()) + " bytes\n";
  for (const GuardedPlan &guarded : result->bundle.plans)
    result->report += "plan '" + guarded.plan.name + "' if " +
                      guarded.guard.str() + "\n" + guarded.plan.str();
  *program = result.release();
  return PBS_OK;
}

extern "C" pbs_status pbs_program_load(const void *bytes, size_t size,
                                       pbs_program_t *program) {
  if (!program || (size && !bytes))
    return fail(PBS_INVALID_ARGUMENT, "expected a bundle and a program, got "
                                      "null");
  *program = nullptr;
  Bundle bundle;
  if (std::string error = parse(bytes, size, bundle); !error.empty())
    return fail(PBS_BAD_BUNDLE, error);
  return createProgram(std::move(bundle), "", program);
}

/// Reads a whole file; false with errno set on failure.
static bool readFile(const char *path, std::string &content) {
  FILE *file = std::fopen(path, "rb");
  if (!file)
    return false;
  char buffer[1 << 16];
  size_t count;
  while ((count = std::fread(buffer, 1, sizeof(buffer), file)) > 0)
    content.append(buffer, count);
  bool ok = !std::ferror(file);
  std::fclose(file);
  return ok;
}

extern "C" pbs_status pbs_program_load_file(const char *path,
                                            pbs_program_t *program) {
  if (!path || !program)
    return fail(PBS_INVALID_ARGUMENT, "expected a path and a program, got "
                                      "null");
  *program = nullptr;
  std::string content;
  if (!readFile(path, content))
    return fail(PBS_IO_ERROR, std::string("cannot read '") + path +
                                  "': " + std::strerror(errno));
  pbs_status code = pbs_program_load(content.data(), content.size(), program);
  if (code != PBS_OK)
    lastError = std::string("'") + path + "': " + lastError;
  return code;
}

extern "C" pbs_status pbs_program_save(pbs_program_t program,
                                       const char *path) {
  if (!program || !path)
    return fail(PBS_INVALID_ARGUMENT, "expected a program and a path, got "
                                      "null");
  // Written beside the target and renamed, so that nobody sees half of it.
  static std::atomic<unsigned> numSaved{0};
  std::string temporary = std::string(path) + ".tmp" +
                          std::to_string(getpid()) + "-" +
                          std::to_string(numSaved++);
  std::string content = serialize(program->bundle);
  FILE *file = std::fopen(temporary.c_str(), "wb");
  bool ok = file;
  if (file) {
    ok = std::fwrite(content.data(), 1, content.size(), file) == content.size();
    ok &= std::fclose(file) == 0;
    ok = ok && std::rename(temporary.c_str(), path) == 0;
  }
  if (ok)
    return PBS_OK;
  std::string reason = std::strerror(errno);
  if (file)
    std::remove(temporary.c_str());
  return fail(PBS_IO_ERROR,
              std::string("cannot write '") + path + "': " + reason);
}

extern "C" void pbs_program_destroy(pbs_program_t program) { delete program; }

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

extern "C" pbs_device pbs_program_device(pbs_program_t program) {
  return program ? program->device() : PBS_CPU;
}

extern "C" size_t pbs_program_num_arguments(pbs_program_t program) {
  return program ? program->plan().arguments.size() : 0;
}

extern "C" pbs_status pbs_program_argument(pbs_program_t program, size_t index,
                                           pbs_argument_info *info) {
  if (!program || !info)
    return fail(PBS_INVALID_ARGUMENT, "expected a program and an info, got "
                                      "null");
  const std::vector<Argument> &arguments = program->plan().arguments;
  if (index >= arguments.size())
    return fail(PBS_INVALID_ARGUMENT, "expected an argument below " +
                                          std::to_string(arguments.size()) +
                                          ", got " + std::to_string(index));
  if (info->struct_size < sizeof(pbs_argument_info))
    return fail(PBS_INVALID_ARGUMENT,
                "expected struct_size " +
                    std::to_string(sizeof(pbs_argument_info)) + ", got " +
                    std::to_string(info->struct_size));
  const Argument &argument = arguments[index];
  info->name = argument.name.c_str();
  info->is_output = argument.isOutput;
  info->dtype = static_cast<pbs_dtype>(argument.dtype);
  info->rank = static_cast<int32_t>(argument.dims.size());
  return PBS_OK;
}

/// Resolves a call from its inputs alone, or from all arguments.
static Status resolveInputs(pbs_program_t program, const pbs_tensor *inputs,
                            size_t numInputs, Call &call) {
  if (!program)
    return invalidArgument("expected a program, got null");
  DeviceSymbols symbols;
  symbols.deviceId = getDeviceId(inputs, numInputs);
  pbs_run_options options = {};
  options.struct_size = sizeof(options);
  if (Status status = program->getDeviceSymbols(options, symbols); !status.ok())
    return status;
  bool isWhole = numInputs == program->plan().arguments.size();
  return resolveCall(program->bundle, program->device(), symbols, inputs,
                     numInputs, /*checkData=*/isWhole, call);
}

extern "C" pbs_status pbs_program_output_shape(pbs_program_t program,
                                               const pbs_tensor *inputs,
                                               size_t num_inputs, size_t index,
                                               int64_t *shape) {
  Call call;
  if (Status status = resolveInputs(program, inputs, num_inputs, call);
      !status.ok())
    return report(status);
  if (!shape)
    return fail(PBS_INVALID_ARGUMENT, "expected a shape, got null");
  std::vector<int64_t> sizes;
  if (Status status = resolveOutputShape(call, index, sizes); !status.ok())
    return report(status);
  std::memcpy(shape, sizes.data(), sizes.size() * sizeof(int64_t));
  return PBS_OK;
}

extern "C" pbs_status pbs_program_workspace_size(pbs_program_t program,
                                                 const pbs_tensor *inputs,
                                                 size_t num_inputs,
                                                 size_t *bytes) {
  Call call;
  if (Status status = resolveInputs(program, inputs, num_inputs, call);
      !status.ok())
    return report(status);
  if (!bytes)
    return fail(PBS_INVALID_ARGUMENT, "expected a size, got null");
  *bytes = static_cast<size_t>(call.workspaceBytes);
  return PBS_OK;
}

extern "C" pbs_status pbs_program_alternative(pbs_program_t program,
                                              const pbs_tensor *inputs,
                                              size_t num_inputs,
                                              const char **name) {
  Call call;
  if (Status status = resolveInputs(program, inputs, num_inputs, call);
      !status.ok())
    return report(status);
  if (!name)
    return fail(PBS_INVALID_ARGUMENT, "expected a place for a name, got null");
  *name = call.plan->name.c_str();
  return PBS_OK;
}

extern "C" pbs_status pbs_program_num_traces(pbs_program_t program,
                                             const pbs_tensor *inputs,
                                             size_t num_inputs, size_t *count) {
  Call call;
  if (Status status = resolveInputs(program, inputs, num_inputs, call);
      !status.ok())
    return report(status);
  if (!count)
    return fail(PBS_INVALID_ARGUMENT, "expected a place for a number, got "
                                      "null");
  *count = call.plan->traces.size();
  return PBS_OK;
}

extern "C" pbs_status pbs_program_trace(pbs_program_t program,
                                        const pbs_tensor *inputs,
                                        size_t num_inputs, size_t index,
                                        pbs_trace_info *info) {
  Call call;
  if (Status status = resolveInputs(program, inputs, num_inputs, call);
      !status.ok())
    return report(status);
  if (!info)
    return fail(PBS_INVALID_ARGUMENT, "expected a place for a trace, got null");
  if (info->struct_size < sizeof(pbs_trace_info))
    return fail(PBS_INVALID_ARGUMENT,
                "expected struct_size " +
                    std::to_string(sizeof(pbs_trace_info)) + ", got " +
                    std::to_string(info->struct_size));
  const std::vector<uint32_t> &traces = call.plan->traces;
  if (index >= traces.size())
    return fail(PBS_INVALID_ARGUMENT, "expected a trace below " +
                                          std::to_string(traces.size()) +
                                          ", got " + std::to_string(index));
  uint32_t buffer = traces[index];
  info->kernel = call.plan->workspace[buffer].name.c_str();
  info->offset = static_cast<size_t>(call.workspaceOffsets[buffer]);
  info->num_blocks = static_cast<size_t>(call.workspace[buffer].shape[0]);
  return PBS_OK;
}

extern "C" const char *pbs_program_report(pbs_program_t program) {
  return program ? program->report.c_str() : "";
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status pbs::runtime::readStatus(const StatusBuffer &buffer,
                                const int32_t *words, size_t numWords) {
  if (numWords == 0 || words[0] == 0)
    return {};
  size_t index = static_cast<size_t>(words[0]) - 1;
  if (index >= buffer.messages.size())
    return {PBS_DEVICE_ERROR,
            "a kernel reported unknown error " + std::to_string(words[0])};
  std::string message = buffer.messages[index];
  for (size_t i = 1; i < numWords; ++i) {
    std::string placeholder = "{" + std::to_string(i - 1) + "}";
    if (size_t at = message.find(placeholder); at != std::string::npos)
      message.replace(at, placeholder.size(), std::to_string(words[i]));
  }
  return {PBS_INVALID_DATA, message};
}

Status pbs::runtime::readOptions(const pbs_run_options *options,
                                 pbs_run_options &result) {
  result = {};
  result.struct_size = sizeof(result);
  if (!options)
    return {};
  if (options->struct_size < sizeof(pbs_run_options))
    return invalidArgument("expected struct_size " +
                           std::to_string(sizeof(pbs_run_options)) + ", got " +
                           std::to_string(options->struct_size));
  result = *options;
  return {};
}

Status pbs::runtime::checkWorkspace(const pbs_run_options &options,
                                    int64_t bytes) {
  if (!options.workspace)
    return {};
  if (options.workspace_size < static_cast<size_t>(bytes))
    return invalidArgument("expected a workspace of " + std::to_string(bytes) +
                           " bytes, got " +
                           std::to_string(options.workspace_size));
  if (reinterpret_cast<uintptr_t>(options.workspace) % kWorkspaceAlignment)
    return invalidArgument("expected a workspace aligned to " +
                           std::to_string(kWorkspaceAlignment) + " bytes");
  return {};
}

Status pbs_program::run(const pbs_tensor *tensors, size_t numTensors,
                        const pbs_run_options &options) {
  DeviceSymbols symbols;
  symbols.deviceId = getDeviceId(tensors, numTensors);
  if (Status status = getDeviceSymbols(options, symbols); !status.ok())
    return status;
  Call call;
  if (Status status = resolveCall(bundle, device(), symbols, tensors,
                                  numTensors, /*checkData=*/true, call);
      !status.ok())
    return status;
  if (Status status = checkWorkspace(options, call.workspaceBytes);
      !status.ok())
    return status;
  return run(call, options);
}

extern "C" pbs_status pbs_program_run(pbs_program_t program,
                                      const pbs_tensor *arguments,
                                      size_t num_arguments,
                                      const pbs_run_options *given) {
  if (!program)
    return fail(PBS_INVALID_ARGUMENT, "expected a program, got null");
  pbs_run_options options;
  if (Status status = readOptions(given, options); !status.ok())
    return report(status);
  return report(program->run(arguments, num_arguments, options));
}
