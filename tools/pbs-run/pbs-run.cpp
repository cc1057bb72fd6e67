//===- pbs-run.cpp - Runs attention on tensors ----------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"
#include "Job.h"
#include "pbs/Tools/Synthetic.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include <new>
#include <set>
#include <thread>

using namespace pbs;
using namespace pbs::run;
using pbs::tools::HostTensor;
namespace cl = llvm::cl;

static cl::OptionCategory category("pbs-run");

static cl::opt<std::string> irPath(cl::Positional, cl::desc("[file of IR]"),
                                   cl::cat(category));
static cl::opt<std::string> bundlePath("bundle",
                                       cl::desc("run this bundle instead"),
                                       cl::cat(category));
static cl::opt<bool>
    attention("attention",
              cl::desc("run the whole method on q, k and v instead"),
              cl::cat(category));
static cl::opt<bool> denseOnly("dense", cl::desc("run dense attention instead"),
                               cl::cat(category));
static cl::list<std::string>
    inputs("input",
           cl::desc("a .npy or .safetensors file; groups of tensors are called "
                    "<group>.q, <group>.k, <group>.v, or q, k, v"),
           cl::cat(category));
static cl::list<std::string> groups("group",
                                    cl::desc("run this group of tensors only"),
                                    cl::cat(category));
static cl::opt<std::string>
    synthetic("synthetic",
              cl::desc("make tensors up: B=1,Hq=9,Hkv=3,M=4096,N=4096,D=64,"
                       "dtype=f32,seed=0,kind=clustered|normal"),
              cl::cat(category));
static cl::list<std::string>
    shapes("shape", cl::desc("make this input up: name=1x9x4096x64"),
           cl::cat(category));
static cl::opt<std::string>
    outputPath("output",
               cl::desc("write results to this .npy or .safetensors file"),
               cl::cat(category));
static cl::opt<std::string>
    pngPath("png",
            cl::desc("draw the block masks of a group; %s in the name "
                     "stands for the group"),
            cl::cat(category));
static cl::opt<std::string> jsonPath("json", cl::desc("write figures to this"),
                                     cl::cat(category));
static cl::opt<bool> check("check", cl::desc("compare with the f64 reference"),
                           cl::cat(category));
static cl::opt<int64_t> checkRows(
    "check-rows",
    cl::desc("rows of each head to compare and to measure the covered mass of; "
             "0: all"),
    cl::init(256), cl::cat(category));
static cl::opt<bool>
    timing("time",
           cl::desc("time runs, beside dense ones; on a GPU by its events"),
           cl::cat(category));
static cl::opt<unsigned> repetitions("repetitions", cl::desc("runs to time"),
                                     cl::init(5), cl::cat(category));
static cl::opt<bool> report("report",
                            cl::desc("print plan, kernels, compile times"),
                            cl::cat(category));

static cl::opt<bool> causal("causal", cl::desc("causal attention"),
                            cl::init(true), cl::cat(category));
static cl::opt<double> scale("scale", cl::desc("default 1/sqrt(D)"),
                             cl::cat(category));
static cl::opt<int> queryBlock("query-block", cl::init(128), cl::cat(category));
static cl::opt<int> keyBlock("key-block", cl::init(128), cl::cat(category));
static cl::opt<int> segment("segment", cl::init(256), cl::cat(category));
static cl::opt<double> threshold("threshold",
                                 cl::desc("share of the mass to cover"),
                                 cl::init(0.9), cl::cat(category));
static cl::opt<int> topK("top-k", cl::desc("take this many candidates instead"),
                         cl::cat(category));
static cl::opt<bool> unpermuted("unpermuted",
                                cl::desc("leave keys where they are"),
                                cl::cat(category));
static cl::opt<pbs_sharing>
    sharing("sharing",
            cl::values(clEnumValN(PBS_SHARE_MEAN, "share-mean", ""),
                       clEnumValN(PBS_AVERAGE_QUERY, "average-query", ""),
                       clEnumValN(PBS_PER_QUERY_HEAD, "per-query-head", "")),
            cl::cat(category));
static cl::opt<pbs_proxy>
    proxy("proxy",
          cl::values(clEnumValN(PBS_LAST_ROWS, "last-rows", ""),
                     clEnumValN(PBS_STRIDED_ROWS, "strided-rows", ""),
                     clEnumValN(PBS_RANDOM_ROWS, "random-rows", "")),
          cl::cat(category));
static cl::opt<int> proxyRows("proxy-rows", cl::init(128), cl::cat(category));

static cl::opt<std::string>
    target("target",
           cl::desc("host, a GPU chip (sm_90a), "
                    "compute_90a, which is PTX of it, or "
                    "auto: a GPU if there is one and "
                    "code for it, else the host"),
           cl::init("auto"), cl::cat(category));
static cl::opt<std::string> function("function", cl::desc("function of the IR"),
                                     cl::cat(category));
static cl::opt<bool> noFusion("no-fusion", cl::cat(category));
static cl::opt<std::string> pipelineOptions(
    "pipeline-options",
    cl::desc("options of the pass pipeline, such as \"stages=2\""),
    cl::cat(category));
static cl::opt<bool> noCache("no-cache", cl::cat(category));
static cl::opt<std::string> cacheDir("cache-dir", cl::cat(category));
static cl::opt<int> threads("num-threads", cl::desc("threads to use at most"),
                            cl::cat(category));
static cl::opt<bool> checked("checked", cl::desc("check contents of lists"),
                             cl::cat(category));

static JobOptions getJobOptions() {
  JobOptions options;
  options.compile.target = target.c_str();
  options.compile.function = function.empty() ? nullptr : function.c_str();
  options.compile.no_cache = noCache;
  options.compile.cache_dir = cacheDir.empty() ? nullptr : cacheDir.c_str();
  options.compile.no_fusion = noFusion;
  options.compile.pipeline_options = pipelineOptions.c_str();
  options.run.num_threads = threads;
  options.run.checked = checked;
  options.repetitions = timing ? std::max(1u, unsigned(repetitions)) : 0;
  options.check = check;
  options.checkRows = checkRows;
  options.report = report;
  options.outputPath = outputPath;
  AttentionConfig &config = options.config;
  config.kind = denseOnly ? PBS_ATTENTION_DENSE : PBS_ATTENTION_PERMUTED;
  config.causal = causal;
  config.scale = scale;
  config.query_block = queryBlock;
  config.key_block = keyBlock;
  config.segment = segment;
  config.threshold = threshold;
  config.stop_rule = topK.getNumOccurrences() ? PBS_TOP_K : PBS_TOP_P;
  config.count = topK;
  config.unpermuted = unpermuted;
  config.sharing = sharing;
  config.proxy = proxy;
  config.proxy_rows = proxyRows;
  return options;
}

static std::vector<HostTensor> readInputs() {
  std::vector<HostTensor> tensors;
  for (const std::string &path : inputs)
    if (std::string error = tools::readTensors(path, tensors); !error.empty())
      throw UserError(error);
  if (!synthetic.empty()) {
    tools::SyntheticSpec spec;
    if (std::string error = tools::parseSynthetic(synthetic, spec);
        !error.empty())
      throw UserError("--synthetic: " + error);
    for (HostTensor &tensor : tools::makeSynthetic(spec))
      tensors.push_back(std::move(tensor));
  }
  return tensors;
}

static std::vector<std::pair<std::string, std::vector<int64_t>>> parseShapes() {
  std::vector<std::pair<std::string, std::vector<int64_t>>> result;
  for (const std::string &text : shapes) {
    auto [name, sizes] = llvm::StringRef(text).split('=');
    result.emplace_back(name.str(), std::vector<int64_t>());
    llvm::SmallVector<llvm::StringRef> parts;
    sizes.split(parts, 'x');
    for (llvm::StringRef part : parts) {
      int64_t size;
      if (part.getAsInteger(10, size) || size < 0)
        throw UserError("--shape: expected name=AxBxC, got '" + text + "'");
      result.back().second.push_back(size);
    }
    if (std::string error = tools::checkShape(result.back().second);
        !error.empty())
      throw UserError("--shape: " + error);
  }
  return result;
}

static HostTensor take(std::vector<HostTensor> &tensors,
                       const std::string &name) {
  for (HostTensor &tensor : tensors)
    if (tensor.name == name)
      return std::move(tensor);
  throw UserError("expected a tensor '" + name + "' in the input, got none");
}

/// Runs all groups of tensors through attention.
static llvm::json::Array runGroups(JobOptions options, bool &failed) {
  std::vector<HostTensor> tensors = readInputs();
  std::set<std::string> names;
  for (const HostTensor &tensor : tensors)
    if (tensor.name == "q" || llvm::StringRef(tensor.name).ends_with(".q"))
      names.insert(tensor.name.substr(0, tensor.name.size() - 1));
  if (!groups.empty()) {
    names.clear();
    for (const std::string &group : groups)
      names.insert(group + ".");
  }
  if (names.empty())
    throw UserError("expected --input with tensors q, k, v, or --synthetic, "
                    "got neither");
  if (names.size() > 1 && !outputPath.empty())
    throw UserError("--output: expected one group of tensors (--group), got " +
                    std::to_string(names.size()));
  llvm::json::Array results;
  for (const std::string &prefix : names) {
    std::string name =
        prefix.empty() ? "attention" : prefix.substr(0, prefix.size() - 1);
    options.pngPath = pngPath;
    if (size_t at = options.pngPath.find("%s"); at != std::string::npos)
      options.pngPath.replace(at, 2, name);
    else if (names.size() > 1 && !options.pngPath.empty())
      throw UserError("--png: expected %s in the name for several groups, got "
                      "'" +
                      pngPath + "'");
    results.push_back(runAttention(
        name, take(tensors, prefix + "q"), take(tensors, prefix + "k"),
        take(tensors, prefix + "v"), options, failed));
  }
  return results;
}

static Program loadProgram(const JobOptions &options) {
  if (!bundlePath.empty())
    return Program::load(bundlePath);
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(irPath);
  if (!buffer)
    throw UserError(irPath + ": " + buffer.getError().message());
  std::optional<Program> program;
  std::string reason = compileFor(target, [&](const std::string &chosen) {
    CompileOptions compile = options.compile;
    compile.target = chosen.c_str();
    program = Program::compile((*buffer)->getBuffer().str(), compile);
  });
  if (!reason.empty())
    llvm::errs() << "pbs-run: on the CPU: " << reason << "\n";
  return std::move(*program);
}

static int runAll() {
  int modes =
      int(attention || denseOnly) + !irPath.empty() + !bundlePath.empty();
  if (modes != 1)
    throw UserError("expected one of --attention, --dense, --bundle and a file "
                    "of IR, got " +
                    std::to_string(modes));
  JobOptions options = getJobOptions();
  bool failed = false;
  llvm::json::Object figures;
  if (attention || denseOnly) {
    figures["groups"] = runGroups(options, failed);
  } else {
    Program program = loadProgram(options);
    if (report)
      llvm::outs() << program.getReport();
    figures = runProgram(program, readInputs(), parseShapes(), options);
  }
  figures["version"] = pbs_version();
  figures["cpu"] = llvm::sys::getHostCPUName();
  figures["threads"] =
      threads ? int64_t(threads) : int64_t(std::thread::hardware_concurrency());
  if (!jsonPath.empty()) {
    std::string text;
    llvm::raw_string_ostream(text)
        << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(figures)));
    if (std::string error = tools::writeFile(jsonPath, text); !error.empty())
      throw UserError(error);
  }
  return failed;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // LLVM's handler ends the process; here std::bad_alloc is reported.
  std::set_new_handler(nullptr);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Runs attention IR, a bundle, or permuted block-sparse attention\n");
  try {
    return runAll();
  } catch (const std::bad_alloc &) {
    llvm::errs() << "pbs-run: error: not enough memory for the tensors\n";
    return 1;
  } catch (const std::exception &error) {
    llvm::errs() << "pbs-run: error: " << error.what() << "\n";
    return 1;
  }
}
