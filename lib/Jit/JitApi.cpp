//===- JitApi.cpp - Compilation in the C interface ------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionIR.h"
#include "Compiler.h"
#include "DiskCache.h"
#include "OrcLoader.h"
#include "pbs/Runtime/Factory.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/stat.h>

using namespace pbs;
using namespace pbs::jit;

namespace {
/// Loading this library makes CPU bundles loadable.
struct LoaderRegistration {
  LoaderRegistration() { registerOrcLoader(); }
} loaderRegistration;

const char *nameOf(DiskCache::Outcome outcome) {
  switch (outcome) {
  case DiskCache::Outcome::Hit:
    return "hit";
  case DiskCache::Outcome::Miss:
    return "miss";
  case DiskCache::Outcome::Damaged:
    return "damaged entry rebuilt";
  case DiskCache::Outcome::Unavailable:
    break;
  }
  return "not used";
}
} // namespace

static pbs_status fail(pbs_status code, const std::string &message) {
  return runtime::setLastError(code, message);
}

/// What tells builds of the compiler apart: size and time of the file that this
/// code is in.
static const std::string &getBuildId() {
  static const std::string id = [] {
    Dl_info info;
    struct stat file;
    if (!dladdr(reinterpret_cast<void *>(&getBuildId), &info) ||
        !info.dli_fname || stat(info.dli_fname, &file) != 0)
      return std::string("unknown");
    return std::to_string(file.st_size) + "-" +
           std::to_string(file.st_mtim.tv_sec) + "." +
           std::to_string(file.st_mtim.tv_nsec);
  }();
  return id;
}

/// Compiles `ir` or takes it from the cache.
static pbs_status compileProgram(const std::string &ir,
                                 const pbs_compile_options *options,
                                 pbs_program_t *program) {
  if (!program)
    return fail(PBS_INVALID_ARGUMENT, "expected a program, got null");
  *program = nullptr;
  pbs_compile_options defaults = {};
  defaults.struct_size = sizeof(defaults);
  if (!options)
    options = &defaults;
  if (options->struct_size < sizeof(pbs_compile_options))
    return fail(PBS_INVALID_ARGUMENT,
                "expected struct_size " +
                    std::to_string(sizeof(pbs_compile_options)) + ", got " +
                    std::to_string(options->struct_size));
  CompileOptions compileOptions;
  if (options->target)
    compileOptions.target = options->target;
  if (options->function)
    compileOptions.function = options->function;
  if (options->ptxas)
    compileOptions.ptxas = options->ptxas;
  compileOptions.fuse = !options->no_fusion;
  compileOptions.ptx = options->keep_ptx;
  if (options->pipeline_options)
    compileOptions.pipelineOptions = options->pipeline_options;

  std::string error;
  std::string description = describe(compileOptions, error);
  if (!error.empty())
    return fail(PBS_UNSUPPORTED, error);

  CompileResult result;
  runtime::Bundle bundle;
  auto compileToBytes = [&]() -> std::string {
    result = compile(ir, compileOptions);
    if (result.status != PBS_OK)
      return "";
    result.bundle.options = description;
    return runtime::serialize(result.bundle);
  };
  auto isValid = [&](const std::string &bytes) {
    return runtime::parse(bytes.data(), bytes.size(), bundle).empty() &&
           bundle.options == description;
  };

  std::string report = "cache: ";
  if (options->no_cache) {
    report += "not used\n";
    compileToBytes();
  } else {
    DiskCache cache(options->cache_dir, error);
    if (!error.empty())
      return fail(PBS_IO_ERROR, error);
    std::string parts[] = {PBS_VERSION, getBuildId(), ir, description,
                           compileOptions.function};
    DiskCache::Outcome outcome;
    cache.get(makeCacheKey(parts, std::size(parts)), isValid, compileToBytes,
              outcome);
    report += nameOf(outcome) +
              (cache.getDirectory().empty() ? ", no directory"
                                            : " in " + cache.getDirectory()) +
              "\n";
    if (outcome == DiskCache::Outcome::Hit)
      return runtime::createProgram(std::move(bundle), report, program);
  }
  if (result.status != PBS_OK)
    return fail(result.status, result.error);
  return runtime::createProgram(std::move(result.bundle),
                                report + result.report, program);
}

extern "C" pbs_status pbs_program_compile(const char *ir, size_t length,
                                          const pbs_compile_options *options,
                                          pbs_program_t *program) {
  if (!ir)
    return fail(PBS_INVALID_ARGUMENT, "expected IR, got null");
  return compileProgram(std::string(ir, length), options, program);
}

/// The IR of a configuration of the caller.
static pbs_status emitIR(const pbs_attention_config *config, std::string &ir) {
  if (!config)
    return fail(PBS_INVALID_ARGUMENT, "expected a configuration, got null");
  if (config->struct_size < sizeof(pbs_attention_config))
    return fail(PBS_INVALID_ARGUMENT,
                "expected struct_size " +
                    std::to_string(sizeof(pbs_attention_config)) + ", got " +
                    std::to_string(config->struct_size));
  if (std::string error = emitAttentionIR(*config, ir); !error.empty())
    return fail(PBS_INVALID_ARGUMENT, error);
  return PBS_OK;
}

extern "C" pbs_status pbs_attention_create(const pbs_attention_config *config,
                                           const pbs_compile_options *options,
                                           pbs_program_t *program) {
  std::string ir;
  if (pbs_status status = emitIR(config, ir); status != PBS_OK)
    return status;
  return compileProgram(ir, options, program);
}

extern "C" pbs_status pbs_attention_ir(const pbs_attention_config *config,
                                       char **ir) {
  if (!ir)
    return fail(PBS_INVALID_ARGUMENT, "expected a place for the IR, got null");
  std::string text;
  if (pbs_status status = emitIR(config, text); status != PBS_OK)
    return status;
  *ir = strdup(text.c_str());
  return *ir ? PBS_OK : fail(PBS_OUT_OF_MEMORY, "no memory for the IR");
}
