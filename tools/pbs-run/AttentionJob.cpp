//===- AttentionJob.cpp - Attention beside its reference and dense --------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceTensors.h"
#include "Job.h"
#include "pbs/Reference/Reference.h"
#include "pbs/Tools/Picture.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>

using namespace pbs;
using namespace pbs::run;
using pbs::reference::Check;
using pbs::reference::Inputs;
using pbs::reference::Problem;
using pbs::tools::HostTensor;

/// Heads that a picture shows.
static constexpr int64_t kMaxPictureHeads = 2;

static std::string format(const char *pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

static std::string percent(double share) {
  return format("%.1f %%", share * 100);
}

//===----------------------------------------------------------------------===//
// Set-up
//===----------------------------------------------------------------------===//

static void checkShapes(const HostTensor &q, const HostTensor &k,
                        const HostTensor &v) {
  for (const HostTensor *tensor : {&q, &k, &v})
    if (tensor->shape.size() != 4)
      throw UserError("tensor '" + tensor->name +
                      "': expected rank 3 or 4, got " +
                      std::to_string(tensor->shape.size()));
}

/// Sizes and dtype of the tensors put into the configuration.
static AttentionConfig complete(AttentionConfig config, const HostTensor &q,
                                const HostTensor &k) {
  config.query_heads = q.shape[1];
  config.kv_heads = k.shape[1];
  config.head_dim = q.shape[3];
  config.dtype = q.dtype;
  return config;
}

static Problem makeProblem(const AttentionConfig &config, const HostTensor &q,
                           const HostTensor &k) {
  auto orDefault = [](int64_t value, int64_t other) {
    return value ? value : other;
  };
  Problem problem;
  problem.batch = q.shape[0];
  problem.queryHeads = q.shape[1];
  problem.kvHeads = k.shape[1];
  problem.numQueries = q.shape[2];
  problem.numKeys = k.shape[2];
  problem.headDim = q.shape[3];
  problem.dtype = q.dtype == PBS_BF16  ? reference::DType::BF16
                  : q.dtype == PBS_F16 ? reference::DType::F16
                                       : reference::DType::F32;
  problem.causal = config.causal;
  problem.scale = config.scale;
  problem.queryBlock = orDefault(config.query_block, 128);
  problem.keyBlock = orDefault(config.key_block, 128);
  problem.segment = orDefault(config.segment, 256);
  problem.unpermuted = config.unpermuted;
  problem.proxy = static_cast<reference::Proxy>(config.proxy);
  problem.proxyRows = orDefault(config.proxy_rows, 128);
  problem.proxySeed = config.proxy_seed;
  problem.sharing = static_cast<reference::Sharing>(config.sharing);
  problem.stopRule = static_cast<reference::StopRule>(config.stop_rule);
  problem.threshold = config.threshold != 0 ? config.threshold : 0.9;
  problem.count = config.count;
  problem.wholeOwn = config.whole_own;
  return problem;
}

namespace {
/// A program and its results on one input.
struct Run {
  Run(AttentionConfig config, int outputs, const JobOptions &options,
      const std::vector<Tensor> &inputs)
      : program((config.outputs = outputs, config), options.compile) {
    results = allocateOutputs(program, inputs);
    std::vector<Tensor> host = inputs;
    for (HostTensor &tensor : results)
      host.push_back(getView(tensor));
    arguments = std::make_unique<DeviceTensors>(program.getDevice(), host,
                                                results.size());
  }

  /// Seconds of one run.
  double time(const JobOptions &options) {
    return arguments->time(options.run.stream,
                           [&] { program(arguments->get(), options.run); });
  }
  /// Runs it and waits.
  void operator()(const JobOptions &options) {
    program(arguments->get(), options.run);
    arguments->wait();
  }
  /// Runs it and puts the outputs into `results`.
  void fetch(const JobOptions &options) {
    (*this)(options);
    arguments->download();
  }

  const HostTensor &get(const std::string &name) const {
    for (const HostTensor &tensor : results)
      if (tensor.name == name)
        return tensor;
    throw std::logic_error("no output " + name);
  }
  std::vector<float> getFloats(const std::string &name) const {
    const HostTensor &tensor = get(name);
    return tools::decode(tensor.bytes, tensor.dtype);
  }
  std::vector<int32_t> getInts(const std::string &name) const {
    const HostTensor &tensor = get(name);
    std::vector<int32_t> values(tensor.getNumElements());
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

  Attention program;
  std::vector<HostTensor> results;
  std::unique_ptr<DeviceTensors> arguments;
};
} // namespace

/// Outputs that the checks need.
static int getDebugOutputs(const AttentionConfig &config) {
  int outputs = PBS_OUTPUT_LSE | PBS_OUTPUT_POSITIONS | PBS_OUTPUT_SCORES |
                PBS_OUTPUT_BLOCK_LIST;
  return config.unpermuted ? outputs : outputs | PBS_OUTPUT_IMPORTANCE;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// Relative L2 distance of two tensors.
static double getDistance(const std::vector<float> &a,
                          const std::vector<float> &b) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
    norm += double(b[i]) * b[i];
  }
  return error == 0 ? 0 : std::sqrt(error / norm);
}

static void printCheck(const char *stage, const Check &check,
                       llvm::json::Object &figures, bool &failed) {
  llvm::outs() << "  " << llvm::left_justify(stage, 14)
               << (check.ok ? "ok    " : "FAILED")
               << format("  largest error %.2e", check.error);
  if (check.bound > 0)
    llvm::outs() << format(", bound %.2e", check.bound);
  llvm::outs() << "\n";
  if (!check.ok) {
    llvm::outs() << "    " << check.message << "\n";
    failed = true;
  }
  figures[stage] = llvm::json::Object{
      {"ok", check.ok}, {"error", check.error}, {"bound", check.bound}};
}

static llvm::json::Object checkStages(const Problem &problem,
                                      const Inputs &inputs, const Run &run,
                                      int64_t rows, bool &failed) {
  llvm::json::Object figures;
  std::vector<float> importance, scores = run.getFloats("scores");
  std::vector<int32_t> positions = run.getInts("positions");
  std::vector<int32_t> list = run.getInts("block_list");
  llvm::outs() << "against the f64 reference:\n";
  if (!problem.unpermuted) {
    importance = run.getFloats("importance");
    printCheck("importance",
               reference::checkImportance(problem, inputs, importance), figures,
               failed);
    printCheck(
        "permutation",
        reference::checkPermutation(problem, inputs, importance, positions),
        figures, failed);
  }
  printCheck("scores",
             reference::checkScores(problem, inputs, positions, scores),
             figures, failed);
  printCheck("selection",
             reference::checkSelection(problem, positions, scores, list),
             figures, failed);
  printCheck("selection f64",
             reference::checkSelectionF64(problem, inputs, positions, list),
             figures, failed);
  printCheck("output",
             reference::checkOutput(problem, inputs, positions, list,
                                    run.getFloats("output"), rows),
             figures, failed);
  printCheck("lse",
             reference::checkLse(problem, inputs, positions, list,
                                 run.getFloats("lse"), rows),
             figures, failed);
  return figures;
}

//===----------------------------------------------------------------------===//
// Pictures
//===----------------------------------------------------------------------===//

static tools::Mask makeMask(const std::string &title, const Problem &problem,
                            const Run &run, const Inputs &inputs, int64_t head,
                            int64_t checkRows) {
  tools::Mask mask;
  mask.title = title;
  mask.rows = problem.getNumQueryBlocks();
  mask.columns = problem.getNumKeyBlocks();
  std::vector<int32_t> positions = run.getInts("positions");
  std::vector<int32_t> list = run.getInts("block_list");
  double listed = 0, visible = 0;
  for (int64_t row = 0; row < mask.rows; ++row) {
    reference::Candidates candidates =
        reference::getCandidates(problem, positions, 0, head, row);
    int64_t last =
        std::min((row + 1) * problem.queryBlock, problem.numQueries) - 1;
    for (int64_t column = 0; column < mask.columns; ++column) {
      int64_t word =
          (head * mask.rows + row) * problem.getNumWords() + column / 32;
      bool isListed = uint32_t(list[word]) >> (column % 32) & 1;
      bool isVisible = !problem.causal ||
                       column * problem.keyBlock <= problem.getPosition(last);
      bool isForced =
          std::find(candidates.forced.begin(), candidates.forced.end(),
                    column) != candidates.forced.end();
      listed += isListed;
      visible += isVisible;
      mask.cells.push_back(isListed    ? isForced ? tools::Cell::Forced
                                                  : tools::Cell::Chosen
                           : isVisible ? tools::Cell::Skipped
                                       : tools::Cell::Invisible);
    }
  }
  double covered = 0;
  std::vector<int64_t> rows =
      reference::sampleRows(problem.numQueries, checkRows);
  for (int64_t row : rows)
    covered +=
        reference::computeRow(problem, inputs, positions, list, 0, head, row)
            .covered;
  mask.caption = "density " + percent(listed / visible) + ", mass " +
                 percent(covered / double(rows.size()));
  return mask;
}

static void drawPicture(const std::string &name, const Problem &problem,
                        const Run &permuted, const Inputs &inputs,
                        const std::vector<Tensor> &tensors,
                        AttentionConfig config, const JobOptions &options) {
  config.unpermuted = 1;
  Run straight(config, getDebugOutputs(config), options, tensors);
  straight.fetch(options);
  Problem unpermuted = problem;
  unpermuted.unpermuted = true;
  std::vector<std::pair<tools::Mask, tools::Mask>> pairs;
  for (int64_t head = 0; head < std::min(problem.queryHeads, kMaxPictureHeads);
       ++head) {
    std::string title = "head " + std::to_string(head) + ": ";
    pairs.emplace_back(makeMask(title + "not permuted", unpermuted, straight,
                                inputs, head, options.checkRows),
                       makeMask(title + "permuted", problem, permuted, inputs,
                                head, options.checkRows));
  }
  std::string title = name + ": " + std::to_string(problem.numKeys) +
                      " keys, blocks of " + std::to_string(problem.keyBlock) +
                      ", segments of " + std::to_string(problem.segment);
  if (std::string error =
          tools::writeFile(options.pngPath, tools::drawMasks(title, pairs));
      !error.empty())
    throw UserError(error);
  llvm::outs() << "picture: " << options.pngPath << "\n";
}

//===----------------------------------------------------------------------===//
// The job
//===----------------------------------------------------------------------===//

/// Whether these options of the pass pipeline let rows keep a maximum, which
/// is checked with another bound.
static bool keepsMaximum(llvm::StringRef options) {
  bool keeps = false;
  for (llvm::StringRef word : llvm::split(options, ' '))
    if (word.consume_front("keep-maximum"))
      keeps = word.empty() || word == "=1" || word == "=true";
  return keeps;
}

llvm::json::Object run::runAttention(const std::string &name, HostTensor q,
                                     HostTensor k, HostTensor v,
                                     const JobOptions &given, bool &failed) {
  for (HostTensor *tensor : {&q, &k, &v})
    if (tensor->shape.size() == 3)
      tensor->shape.insert(tensor->shape.begin(), 1);
  checkShapes(q, k, v);
  JobOptions options = given;
  std::string target;
  AttentionConfig config = complete(options.config, q, k);
  bool isSparse = config.kind == PBS_ATTENTION_PERMUTED;
  std::vector<Tensor> inputs = {getView(q), getView(k), getView(v)};
  llvm::json::Object figures;

  showProgress(name + ": compiling");
  // What is asked for is the method, also where dense attention is faster.
  if (isSparse)
    config.dense_below = -1;
  AttentionConfig denseConfig = config;
  denseConfig.kind = PBS_ATTENTION_DENSE;
  std::unique_ptr<Run> fast, denseRun, debugRun;
  double compile = 0;
  std::string onHost =
      compileFor(given.compile.target, [&](const std::string &chosen) {
        target = chosen;
        options.compile.target = target.c_str();
        compile = measure([&] {
          fast = std::make_unique<Run>(config, config.outputs, options, inputs);
        });
        denseRun = std::make_unique<Run>(denseConfig, 0, options, inputs);
        if (isSparse)
          debugRun = std::make_unique<Run>(config, getDebugOutputs(config),
                                           options, inputs);
      });
  Run &dense = *denseRun;
  if (options.report)
    llvm::outs() << fast->program.getReport();

  showProgress(name + ": running");
  double first = measure([&] { (*fast)(options); });
  fast->arguments->download();
  dense.fetch(options);
  std::vector<float> output = fast->getFloats("output");
  std::string cache = fast->program.getReport();
  cache = cache.substr(0, cache.find('\n'));
  const char *backend = fast->program.getDevice() == PBS_CUDA ? "CUDA" : "CPU";
  llvm::outs() << "== " << name << ": "
               << (isSparse ? "permuted block-sparse" : "dense")
               << " attention, q " << tools::nameOf(q.dtype) << " ["
               << q.shape[0] << "," << q.shape[1] << "," << q.shape[2] << ","
               << q.shape[3] << "], k [" << k.shape[0] << "," << k.shape[1]
               << "," << k.shape[2] << "," << k.shape[3] << "]\n"
               << "backend: " << backend
               << (onHost.empty() ? "" : " (" + onHost + ")")
               << "\ncompile: " << format("%.1f ms", compile * 1e3) << " ("
               << cache << ")\nfirst run: " << format("%.2f ms", first * 1e3)
               << "\n";
  figures["name"] = name;
  figures["backend"] = backend;
  figures["compile_ms"] = compile * 1e3;
  figures["cache"] = cache;
  figures["query_shape"] = llvm::json::Array(q.shape);
  figures["key_shape"] = llvm::json::Array(k.shape);
  figures["dtype"] = tools::nameOf(q.dtype);

  Problem problem = makeProblem(config, q, k);
  problem.roundsProbabilities = fast->program.getDevice() == PBS_CUDA;
  problem.roundsMaximum = problem.roundsProbabilities &&
                          keepsMaximum(given.compile.pipeline_options);
  Inputs values{tools::decode(q.bytes, q.dtype),
                tools::decode(k.bytes, k.dtype),
                tools::decode(v.bytes, v.dtype)};
  if (isSparse) {
    Run &debug = *debugRun;
    debug.fetch(options);
    std::vector<int32_t> positions = debug.getInts("positions");
    std::vector<int32_t> list = debug.getInts("block_list");
    double density = reference::computeDensity(problem, list);
    showProgress(name + ": measuring the covered mass in f64");
    double covered = reference::computeCoveredMass(problem, values, positions,
                                                   list, options.checkRows);
    double distance = getDistance(output, dense.getFloats("output"));
    llvm::outs() << "density: " << percent(density)
                 << " of the blocks of dense attention\ncovered: "
                 << percent(covered)
                 << " of the attention mass\nagainst dense attention: "
                 << format("%.2e", distance) << " relative L2 error\n";
    figures["density"] = density;
    figures["covered_mass"] = covered;
    figures["error_against_dense"] = distance;
    if (debug.getFloats("output") != output) {
      llvm::outs() << "FAILED: debug outputs change the result\n";
      failed = true;
    }
    if (options.check) {
      showProgress(name + ": checking against the f64 reference");
      figures["checks"] =
          checkStages(problem, values, debug, options.checkRows, failed);
    }
    if (!options.pngPath.empty()) {
      showProgress(name + ": drawing");
      drawPicture(name, problem, debug, values, inputs, config, options);
    }
  } else if (options.check) {
    showProgress(name + ": checking against the f64 reference");
    problem.unpermuted = true;
    llvm::json::Object checks;
    llvm::outs() << "against the f64 reference:\n";
    printCheck("output",
               reference::checkOutput(
                   problem, values, reference::sortSegments<float>(problem, {}),
                   reference::listAll(problem), output, options.checkRows),
               checks, failed);
    figures["checks"] = std::move(checks);
  }

  if (options.repetitions > 0) {
    showProgress(name + ": timing");
    std::vector<double> times, denseTimes;
    for (unsigned i = 0; i < options.repetitions; ++i) {
      times.push_back(fast->time(options));
      denseTimes.push_back(dense.time(options));
    }
    double median = getMedian(times), denseMedian = getMedian(denseTimes);
    llvm::outs() << "run: " << format("%.2f ms", median * 1e3) << ", dense "
                 << format("%.2f ms", denseMedian * 1e3) << ", "
                 << format("%.2fx", denseMedian / median) << " (medians of "
                 << options.repetitions << ", interleaved, "
                 << fast->arguments->getClock() << ")\n";
    figures["run_ms"] = median * 1e3;
    figures["dense_run_ms"] = denseMedian * 1e3;
    figures["repetitions"] = options.repetitions;
    figures["clock"] = fast->arguments->getClock();
  }
  if (!options.outputPath.empty())
    if (std::string error =
            tools::writeTensors(options.outputPath, fast->results);
        !error.empty())
      throw UserError(error);
  return figures;
}
