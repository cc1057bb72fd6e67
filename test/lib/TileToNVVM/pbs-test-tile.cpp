//===- pbs-test-tile.cpp - Run a lowered kernel on the emulator -----------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Takes what convert-tile-to-nvvm makes, launches it as its `tile.abi` says on
// tensors made up from a seed, and compares with the reference in f64.
//
//===----------------------------------------------------------------------===//

#include "Core/Numerics.h"
#include "Emulator.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "pbs/Conversion/PBSToNVVM/GpuModuleToPtx.h"
#include "pbs/Dialect/PBS/IR/PBS.h"
#include "pbs/Dialect/Plan/IR/Plan.h"
#include "pbs/Dialect/Tile/IR/Tile.h"
#include "pbs/Reference/Reference.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include <cstring>
#include <numeric>
#include <random>

using namespace mlir;
namespace cl = llvm::cl;
namespace emu = ::pbs::emu;
namespace reference = ::pbs::reference;

static cl::opt<std::string> input(cl::Positional, cl::init("-"));
static cl::opt<std::string> roles(
    "buffers", cl::init("q,k,v,positions,bits,o,lse"),
    cl::desc(
        "what the buffers are, in order: q, k, v, positions, ranges, bits, "
        "o, lse for attention; k, p for pooling"));
static cl::opt<unsigned> batch("batch", cl::init(1)),
    heads("heads", cl::init(1)), kvHeads("kv-heads", cl::init(1)),
    queries("queries", cl::init(256)), keys("keys", cl::init(256)),
    headDim("head-dim", cl::init(128)), segment("segment", cl::init(256)),
    poolBlock("pool-block", cl::init(128));
static cl::opt<bool> f16("f16"), f32("f32"), causal("causal");
static cl::opt<unsigned>
    density("density", cl::init(50),
            cl::desc("per cent of blocks that are listed"));
static cl::opt<unsigned> processors("processors", cl::init(2));
static cl::opt<unsigned> seed("seed", cl::init(1)),
    emulatorSeed("emulator-seed", cl::init(0));
static cl::opt<std::string> completion("completion", cl::init("latest"),
                                       cl::desc("latest | earliest | random"));
static cl::opt<unsigned> interleavings(
    "interleavings", cl::init(0),
    cl::desc("run with so many emulator seeds in each order of completion"));

namespace {
/// A tensor in device memory.
struct Buffer {
  SmallVector<int64_t> shape;
  unsigned bytes; ///< of an element
  uint64_t address = 0;

  int64_t size() const {
    return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                           std::multiplies<>());
  }
  int64_t stride(unsigned dim) const {
    return std::accumulate(shape.begin() + dim + 1, shape.end(), int64_t(1),
                           std::multiplies<>());
  }
  template <typename T>
  T *data() const {
    return reinterpret_cast<T *>(address);
  }
};

/// One launch.
class Launch {
public:
  explicit Launch(plan::CUDACodeAttr code) : code(code), random(seed) {
    problem.batch = batch;
    problem.queryHeads = heads;
    problem.kvHeads = kvHeads;
    problem.numQueries = queries;
    problem.numKeys = keys;
    problem.headDim = headDim;
    problem.causal = causal;
    problem.segment = segment;
    makeBuffers();
  }

  bool run(const emu::Kernel &kernel, emu::LaunchOptions options);

private:
  unsigned elementBytes() const { return f32 ? 4 : 2; }
  float read(const Buffer &buffer, int64_t i) const {
    if (f32)
      return buffer.data<float>()[i];
    uint16_t bits = buffer.data<uint16_t>()[i];
    return f16 ? emu::fromF16(bits) : emu::fromBF16(bits);
  }
  void makeBuffers();
  void makeBuffer(StringRef role);
  std::vector<float> fillRandom(const Buffer &buffer);
  std::vector<float> unpermute(const std::vector<float> &rows) const;
  int64_t evaluate(AffineMap map) const;
  void writeParam(Attribute attribute, std::byte *to);
  bool compareAttention() const;
  bool comparePool() const;

  plan::CUDACodeAttr code;
  std::mt19937 random;
  emu::DeviceMemory memory;
  reference::Problem problem;
  reference::Inputs inputs;
  std::vector<int32_t> positions, bits;
  SmallVector<Buffer> buffers;
  llvm::StringMap<unsigned> number;
};
} // namespace

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

std::vector<float> Launch::fillRandom(const Buffer &buffer) {
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (int64_t i = 0; i < buffer.size(); ++i) {
    float x = normal(random);
    if (f32)
      buffer.data<float>()[i] = x;
    else
      buffer.data<uint16_t>()[i] = f16 ? emu::toF16(x) : emu::toBF16(x);
    values.push_back(read(buffer, i));
  }
  return values;
}

/// Rows of keys or values in the order of their positions.
std::vector<float> Launch::unpermute(const std::vector<float> &rows) const {
  std::vector<float> result(rows.size());
  for (size_t i = 0; i < positions.size(); ++i) {
    size_t head = i / keys * keys;
    std::copy_n(rows.begin() + i * headDim, headDim.getValue(),
                result.begin() + (head + positions[i]) * headDim);
  }
  return result;
}

void Launch::makeBuffer(StringRef role) {
  int64_t queryBlocks = problem.getNumQueryBlocks();
  SmallVector<int64_t> shape;
  unsigned bytes = elementBytes();
  if (role == "q" || role == "o") {
    shape = {batch, heads, queries, headDim};
  } else if (role == "k" || role == "v") {
    shape = {batch, kvHeads, keys, headDim};
  } else if (role == "p") {
    shape = {batch, kvHeads, (keys + poolBlock - 1) / poolBlock, headDim};
    bytes = 4;
  } else {
    bytes = 4;
    if (role == "lse")
      shape = {batch, heads, queries};
    else if (role == "positions")
      shape = {batch, kvHeads, keys};
    else if (role == "ranges")
      shape = {batch, kvHeads, problem.getNumKeyBlocks(), 2};
    else
      shape = {batch, heads, queryBlocks, problem.getNumWords()};
  }
  Buffer buffer{shape, bytes};
  size_t size = buffer.size() * bytes;
  buffer.address = memory.allocate(size);
  // Nothing that is not written can pass for a result.
  std::memset(buffer.data<void>(), 0xFF, size);
  number[role] = buffers.size();
  if (role == "q")
    inputs.q = fillRandom(buffer);
  else if (role == "k")
    inputs.k = unpermute(fillRandom(buffer));
  else if (role == "v")
    inputs.v = unpermute(fillRandom(buffer));
  else if (role == "positions")
    std::memcpy(buffer.data<void>(), positions.data(), size);
  else if (role == "bits")
    std::memcpy(buffer.data<void>(), bits.data(), size);
  buffers.push_back(buffer);
}

void Launch::makeBuffers() {
  SmallVector<StringRef> names;
  StringRef(roles).split(names, ',');
  bool permuted = llvm::is_contained(names, "positions");
  for (unsigned bh = 0; bh < batch * kvHeads; ++bh) {
    std::vector<int32_t> row(keys);
    std::iota(row.begin(), row.end(), 0);
    for (unsigned s = 0; permuted && s + segment <= keys; s += segment)
      std::shuffle(row.begin() + s, row.begin() + s + segment, random);
    positions.insert(positions.end(), row.begin(), row.end());
  }
  bits = reference::listAll(problem);
  if (llvm::is_contained(names, "bits")) {
    // The first row lists nothing.
    for (size_t word = 0; word < bits.size(); ++word) {
      for (unsigned bit = 0; bit < 32; ++bit)
        if (random() % 100 >= density)
          bits[word] &= ~(1u << bit);
      if (word < size_t(problem.getNumWords()))
        bits[word] = 0;
    }
  }
  for (StringRef name : names)
    makeBuffer(name);
  if (ArrayAttr scratch = code.getScratch()) {
    for (auto entry : scratch.getAsRange<plan::ScratchAttr>()) {
      int64_t bytes = evaluate(entry.getBytes());
      Buffer buffer{{bytes / 4}, 4};
      buffer.address = memory.allocate(bytes);
      std::memset(buffer.data<void>(), entry.getZeroed() ? 0 : 0xFF, bytes);
      buffers.push_back(buffer);
    }
  }
}

//===----------------------------------------------------------------------===//
// The launch
//===----------------------------------------------------------------------===//

int64_t Launch::evaluate(AffineMap map) const {
  // Symbols are the dimensions of all buffers but the scratch, and the number
  // of processors.
  SmallVector<Attribute> symbols;
  Builder builder(map.getContext());
  for (const Buffer &buffer : buffers)
    for (int64_t size : buffer.shape)
      if (symbols.size() + 1 < map.getNumSymbols())
        symbols.push_back(builder.getIndexAttr(size));
  symbols.push_back(builder.getIndexAttr(processors));
  SmallVector<Attribute> results;
  if (failed(map.constantFold(symbols, results)))
    llvm::report_fatal_error("expected a size of the buffers' dimensions");
  int64_t least = std::numeric_limits<int64_t>::max();
  for (Attribute result : results)
    least = std::min(least, cast<IntegerAttr>(result).getInt());
  return least;
}

void Launch::writeParam(Attribute attribute, std::byte *to) {
  auto write = [&](auto value) { std::memcpy(to, &value, sizeof(value)); };
  llvm::TypeSwitch<Attribute>(attribute)
      .Case([&](plan::PointerAttr pointer) {
        write(buffers[pointer.getBuffer()].address);
      })
      .Case([&](plan::StrideAttr stride) {
        write(buffers[stride.getBuffer()].stride(stride.getDim()));
      })
      .Case([&](plan::IntegerAttr integer) {
        write(int32_t(evaluate(integer.getValue())));
      })
      .Case([&](plan::TensorMapAttr attr) {
        const Buffer &buffer = buffers[attr.getBuffer()];
        emu::TensorMap map = {};
        map.magic = emu::TensorMap::kMagic;
        map.elementBytes = buffer.bytes;
        map.rank = 4;
        map.swizzleBytes = attr.getSwizzle();
        map.address = buffer.address;
        for (unsigned i = 0; i < 4; ++i) {
          map.sizes[i] = buffer.shape[3 - i];
          map.box[i] = attr.getBox()[i];
          if (i)
            map.strides[i - 1] = buffer.stride(3 - i) * buffer.bytes;
        }
        map.number =
            f16 ? emu::TensorMap::Number::F16 : emu::TensorMap::Number::BF16;
        write(map);
      })
      .Default([](Attribute) {
        llvm::report_fatal_error("unknown kind of parameter");
      });
}

bool Launch::run(const emu::Kernel &kernel, emu::LaunchOptions options) {
  std::vector<std::byte> params(kernel.paramBytes());
  for (auto [attribute, param] :
       llvm::zip_equal(code.getParams(), kernel.params()))
    writeParam(attribute, params.data() + param.offset);
  unsigned grid = evaluate(code.getGrid()[0]);
  emu::Statistics statistics;
  emu::Report report =
      kernel.launch({grid}, {unsigned(code.getBlock()[0])}, code.getShared(),
                    params.data(), memory, options, &statistics);
  if (report) {
    llvm::outs() << report.format() << "\n";
    return false;
  }
  for (const auto &[name, count] : statistics.instructions)
    if (name == "wgmma" || name == "tma-load" || name == "tma-store")
      llvm::outs() << name << " " << count << ", ";
  llvm::outs() << "bank conflicts " << statistics.bankConflicts << ", ";
  return number.contains("p") ? comparePool() : compareAttention();
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// Larger of two errors; NaN counts as infinite.
static double worse(double error, double worst) {
  return error <= worst ? worst : std::isnan(error) ? INFINITY : error;
}

bool Launch::compareAttention() const {
  const Buffer &o = buffers[number.lookup("o")];
  double error = 0, lseError = 0;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i : reference::sampleRows(queries, 40)) {
        reference::Row row =
            reference::computeRow(problem, inputs, positions, bits, b, h, i);
        int64_t at = (b * heads + h) * queries + i;
        for (int64_t d = 0; d < headDim; ++d)
          error = worse(std::fabs(read(o, at * headDim + d) - row.output[d]),
                        error);
        if (!number.contains("lse"))
          continue;
        float lse = buffers[number.lookup("lse")].data<float>()[at];
        if (lse != row.lse)
          lseError = worse(std::fabs(lse - row.lse), lseError);
      }
  // Rounding of the probabilities and of the output to the type.
  bool ok = error < (f16 ? 4e-3 : 3e-2) && lseError < 1e-3;
  llvm::outs() << "error " << error << ", of the LSE " << lseError << ": "
               << (ok ? "ok" : "too large") << "\n";
  return ok;
}

bool Launch::comparePool() const {
  const Buffer &k = buffers[number.lookup("k")];
  const Buffer &p = buffers[number.lookup("p")];
  double error = 0;
  int64_t blocks = p.shape[2];
  for (int64_t bh = 0; bh < int64_t(batch) * kvHeads; ++bh)
    for (int64_t c = 0; c < blocks; ++c)
      for (int64_t d = 0; d < headDim; ++d) {
        int64_t begin = c * poolBlock;
        int64_t end = std::min<int64_t>(begin + poolBlock, keys);
        double sum = 0;
        for (int64_t n = begin; n < end; ++n)
          sum += read(k, (bh * keys + n) * headDim + d);
        float got = p.data<float>()[(bh * blocks + c) * headDim + d];
        error = worse(std::fabs(got - sum / (end - begin)), error);
      }
  bool ok = error < 1e-5;
  llvm::outs() << "error " << error << ": " << (ok ? "ok" : "too large")
               << "\n";
  return ok;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

static LogicalResult run() {
  DialectRegistry registry;
  registry.insert<gpu::GPUDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                  mlir::pbs::PBSDialect, mlir::plan::PlanDialect,
                  tile::TileDialect>();
  mlir::pbs::registerPtxTranslations(registry);
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(input.getValue(), sources, &context);
  if (!module)
    return failure();
  plan::CUDACodeAttr code;
  std::string name;
  module->walk([&](LLVM::LLVMFuncOp func) {
    if (auto abi = func->getAttrOfType<plan::CUDACodeAttr>("tile.abi")) {
      code = abi;
      name = func.getSymName().str();
    }
  });
  if (!code)
    return module->emitError("expected a kernel with 'tile.abi', got none");
  FailureOr<std::string> ptx = mlir::pbs::translateGpuModulesToPtx(*module, {});
  if (failed(ptx))
    return failure();
  std::string error;
  std::unique_ptr<emu::Module> program = emu::Module::parse(*ptx, error);
  if (!program) {
    llvm::errs() << error << "\n";
    return failure();
  }
  const emu::Kernel &kernel = *program->find(name);
  emu::LaunchOptions options;
  options.seed = emulatorSeed;
  options.numSMs = processors;
  options.completion = completion == "latest"     ? emu::Completion::Latest
                       : completion == "earliest" ? emu::Completion::Earliest
                                                  : emu::Completion::Random;
  if (!interleavings)
    return success(Launch(code).run(kernel, options));
  for (auto order : {emu::Completion::Latest, emu::Completion::Earliest,
                     emu::Completion::Random}) {
    for (options.seed = 0; options.seed < interleavings; ++options.seed) {
      options.completion = order;
      if (!Launch(code).run(kernel, options))
        return failure();
    }
  }
  llvm::outs() << "all " << 3 * interleavings << " runs are right\n";
  return success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv,
                              "Runs a lowered kernel on the emulator\n");
  return failed(run());
}
