//===- pbs-emu.cpp - Runs kernels on the emulator and counts --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A bundle runs through the runtime, as anywhere else, on libpbs_emu.so; a PTX
// file is listed, or one of its kernels launched.
//
//===----------------------------------------------------------------------===//

#include "Driver/Api.h"
#include "Emulator.h"
#include "pbs/Program.h"
#include "pbs/Tools/Synthetic.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <dlfcn.h>
#include <map>

using namespace pbs;
using pbs::tools::HostTensor;
namespace cl = llvm::cl;

static cl::OptionCategory category("pbs-emu");
static cl::opt<std::string> path(cl::Positional, cl::Required,
                                 cl::desc("<bundle or .ptx file>"),
                                 cl::cat(category));
static cl::list<std::string>
    inputs("input",
           cl::desc("a .npy or .safetensors file of tensors for a bundle"),
           cl::cat(category));
static cl::list<std::string>
    shapes("shape",
           cl::desc("make this input of a bundle up: name=1x9x4096x64; floats "
                    "are normally distributed, integers count up along the "
                    "last dimension"),
           cl::cat(category));
static cl::opt<std::string> kernelName("kernel",
                                       cl::desc("launch this kernel of a .ptx "
                                                "file"),
                                       cl::cat(category));
static cl::list<unsigned> grid("grid", cl::CommaSeparated,
                               cl::desc("its grid: x[,y[,z]]"),
                               cl::cat(category));
static cl::list<unsigned> block("block", cl::CommaSeparated,
                                cl::desc("its block: x[,y[,z]]"),
                                cl::cat(category));
static cl::opt<unsigned> sharedBytes("shared",
                                     cl::desc("its dynamic shared memory"),
                                     cl::cat(category));
static cl::list<std::string>
    params("param",
           cl::desc("its parameters in order: buffer:BYTES (zeroed), i32:N, "
                    "i64:N or f32:X"),
           cl::cat(category));

/// Throws the text of the driver for an error.
static void check(int result, const char *function) {
  if (result == 0)
    return;
  const char *text = nullptr;
  cuGetErrorString(result, &text);
  throw std::runtime_error(std::string(function) + ": " +
                           (text ? text : std::to_string(result)));
}
#define CHECK(function, ...) check(function(__VA_ARGS__), #function)

static std::string readFile(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    throw std::runtime_error(path + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

/// Memory of the device with the bytes of `bytes`.
static uint64_t upload(const std::string &bytes) {
  uint64_t address = 0;
  if (bytes.empty())
    return address;
  CHECK(cuMemAlloc_v2, &address, bytes.size());
  CHECK(cuMemcpyHtoD_v2, address, bytes.data(), bytes.size());
  return address;
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

static std::string formatDim(const llvm::json::Object &launch,
                             const char *name) {
  std::string text;
  for (const llvm::json::Value &extent : *launch.getArray(name))
    text += (text.empty() ? "" : ", ") + std::to_string(*extent.getAsInteger());
  return "(" + text + ")";
}

/// Prints what a launch did, in lines that tests can hold still.
static void print(const llvm::json::Object &launch) {
  llvm::raw_ostream &os = llvm::outs();
  auto get = [&](const char *name) { return *launch.getInteger(name); };
  os << "kernel " << *launch.getString("kernel") << " grid "
     << formatDim(launch, "grid") << " block " << formatDim(launch, "block")
     << " dynamic shared " << get("dynamic_shared_bytes") << "\n";
  os << "  global bytes: " << get("global_bytes_read") << " read, "
     << get("global_bytes_written") << " written\n";
  os << "  shared bytes: " << get("shared_bytes_read") << " read, "
     << get("shared_bytes_written") << " written\n";
  os << "  bank conflicts: " << get("bank_conflicts") << "\n";
  // Objects of JSON have no order.
  std::map<int64_t, const llvm::json::Array *> barriers;
  for (auto &[address, counts] : *launch.getObject("barriers"))
    barriers[std::stoll(address.str())] = counts.getAsArray();
  for (auto &[address, counts] : barriers)
    os << "  barrier at " << address << ": " << *(*counts)[0].getAsInteger()
       << " phases, " << *(*counts)[1].getAsInteger() << " waits, "
       << *(*counts)[2].getAsInteger() << " ready\n";
  std::map<std::string, int64_t> instructions;
  for (auto &[name, count] : *launch.getObject("instructions"))
    instructions[name.str()] = *count.getAsInteger();
  for (auto &[name, count] : instructions)
    os << "  instruction " << name << ": " << count << "\n";
}

static void printAll(const std::string &statistics) {
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(statistics).split(lines, '\n', -1, false);
  for (llvm::StringRef line : lines) {
    llvm::Expected<llvm::json::Value> launch = llvm::json::parse(line);
    if (!launch)
      throw std::runtime_error(llvm::toString(launch.takeError()));
    print(*launch->getAsObject());
  }
}

//===----------------------------------------------------------------------===//
// Bundles
//===----------------------------------------------------------------------===//

static std::vector<int64_t> parseShape(const std::string &option,
                                       llvm::StringRef text) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, 'x');
  std::vector<int64_t> shape(parts.size());
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i].getAsInteger(10, shape[i]) || shape[i] < 0)
      throw std::runtime_error("--shape: expected name=AxBxC, got '" + option +
                               "'");
  return shape;
}

/// The tensor of an input: one that a file has, or one that is made up.
static HostTensor makeInput(const ArgumentInfo &argument,
                            const std::vector<HostTensor> &given,
                            uint32_t seed) {
  for (const HostTensor &tensor : given)
    if (tensor.name == argument.name)
      return tensor;
  for (const std::string &option : shapes) {
    auto [name, sizes] = llvm::StringRef(option).split('=');
    if (name != argument.name)
      continue;
    std::vector<int64_t> shape = parseShape(option, sizes);
    if (argument.dtype != PBS_I32)
      return tools::makeNormal(argument.name, argument.dtype, shape, seed);
    HostTensor tensor;
    tensor.name = argument.name;
    tensor.dtype = PBS_I32;
    tensor.shape = shape;
    for (int64_t i = 0, e = tensor.getNumElements(); i < e; ++i) {
      auto value = static_cast<int32_t>(i % shape.back());
      tensor.bytes.append(reinterpret_cast<const char *>(&value),
                          sizeof(value));
    }
    return tensor;
  }
  throw std::runtime_error("expected a tensor '" + argument.name +
                           "' in an input file, or its --shape, got neither");
}

/// A view of a tensor, on the device if the program runs there.
static Tensor makeTensor(HostTensor &host, bool isDevice) {
  Tensor tensor;
  tensor.dtype = host.dtype;
  tensor.shape = host.shape;
  tensor.device = isDevice ? PBS_CUDA : PBS_CPU;
  tensor.data = isDevice ? reinterpret_cast<void *>(upload(host.bytes))
                         : host.bytes.data();
  return tensor;
}

static void runBundle() {
  std::vector<HostTensor> given;
  for (const std::string &file : inputs)
    if (std::string error = tools::readTensors(file, given); !error.empty())
      throw std::runtime_error(error);
  Program program = Program::load(path);
  if (program.getDevice() != PBS_CUDA)
    throw std::runtime_error(path + ": expected a program for a GPU (target "
                                    "compute_90a), got one for the CPU");
  std::vector<ArgumentInfo> arguments = program.getArguments();
  std::vector<Tensor> tensors;
  uint32_t seed = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    HostTensor tensor;
    if (arguments[i].isOutput) {
      size_t numInputs = llvm::count_if(
          arguments, [](const ArgumentInfo &a) { return !a.isOutput; });
      tensor.dtype = arguments[i].dtype;
      tensor.shape = program.getOutputShape(
          {tensors.begin(), tensors.begin() + numInputs}, i);
      tensor.bytes.resize(tensor.getNumElements() *
                          tools::sizeOf(tensor.dtype));
    } else {
      tensor = makeInput(arguments[i], given, seed++);
    }
    tensors.push_back(makeTensor(tensor, /*isDevice=*/true));
  }
  program(tensors);
  CHECK(cuCtxSynchronize);
}

//===----------------------------------------------------------------------===//
// PTX files
//===----------------------------------------------------------------------===//

static std::unique_ptr<emu::Module> parseFile() {
  std::string error;
  std::unique_ptr<emu::Module> module =
      emu::Module::parse(readFile(path), error);
  if (!module)
    throw std::runtime_error(path + ": " + error);
  return module;
}

static void listKernels() {
  std::unique_ptr<emu::Module> module = parseFile();
  llvm::outs() << "target " << module->target() << "\n";
  for (const emu::Kernel *kernel : module->kernels()) {
    llvm::outs() << "kernel " << kernel->name() << " threads "
                 << kernel->maxThreads() << " static shared "
                 << kernel->staticSharedBytes() << " parameters";
    for (const emu::Kernel::Param &param : kernel->params())
      llvm::outs() << " " << param.size;
    llvm::outs() << "\n";
  }
}

/// The value of a --param in its 8 bytes.
static uint64_t parseParam(const std::string &option) {
  auto [kind, text] = llvm::StringRef(option).split(':');
  int64_t integer = 0;
  double number = 0;
  bool isInteger = !text.getAsInteger(0, integer);
  if (kind == "buffer" && isInteger && integer > 0)
    return upload(std::string(integer, 0));
  if ((kind == "i32" || kind == "i64") && isInteger)
    return integer;
  if (kind == "f32" && !text.getAsDouble(number)) {
    auto value = static_cast<float>(number);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
  }
  throw std::runtime_error("--param: expected buffer:BYTES, i32:N, i64:N or "
                           "f32:X, got '" +
                           option + "'");
}

static void launchKernel() {
  void *module, *function;
  CHECK(cuModuleLoadData, &module, readFile(path).c_str());
  CHECK(cuModuleGetFunction, &function, module, kernelName.c_str());
  constexpr int kMaxDynamicShared = 8;
  CHECK(cuFuncSetAttribute, function, kMaxDynamicShared, int(sharedBytes));
  size_t numParams = parseFile()->find(kernelName)->params().size();
  if (params.size() != numParams)
    throw std::runtime_error("--param: expected " + std::to_string(numParams) +
                             " of them, got " + std::to_string(params.size()));
  std::vector<uint64_t> values;
  for (const std::string &param : params)
    values.push_back(parseParam(param));
  std::vector<void *> pointers;
  for (uint64_t &value : values)
    pointers.push_back(&value);
  auto get = [](const cl::list<unsigned> &list, size_t i) {
    return i < list.size() ? list[i] : 1;
  };
  CHECK(cuLaunchKernel, function, get(grid, 0), get(grid, 1), get(grid, 2),
        get(block, 0), get(block, 1), get(block, 2), sharedBytes, nullptr,
        pointers.data(), nullptr);
  CHECK(cuCtxSynchronize);
}

//===----------------------------------------------------------------------===//
// Main
//===----------------------------------------------------------------------===//

static void run() {
  bool isPtx = llvm::StringRef(path).ends_with(".ptx");
  if (isPtx && kernelName.empty())
    return listKernels();
  // The runtime opens the library that this tool is linked with.
  Dl_info info;
  if (!dladdr(reinterpret_cast<void *>(&cuInit), &info))
    throw std::runtime_error("cannot find libpbs_emu.so");
  setenv("PBS_CUDA_LIBRARY", info.dli_fname, 1);
  llvm::SmallString<128> statistics;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("pbs-emu", "json", statistics))
    throw std::runtime_error("cannot write a temporary file: " +
                             error.message());
  llvm::scope_exit remove([&] { llvm::sys::fs::remove(statistics); });
  setenv("PBS_EMU_STATISTICS", statistics.c_str(), 1);
  void *context;
  CHECK(cuInit, 0);
  CHECK(cuDevicePrimaryCtxRetain, &context, 0);
  CHECK(cuCtxSetCurrent, context);
  if (isPtx)
    launchKernel();
  else
    runBundle();
  printAll(readFile(statistics.str().str()));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Runs the kernels of a bundle or a PTX file on the emulator of Hopper "
      "GPUs and prints what they did\n\n"
      "PBS_EMU_COMPLETION=latest|earliest|random, PBS_EMU_SEED and PBS_EMU_SMS "
      "choose how they run.\n");
  try {
    run();
    return 0;
  } catch (const std::exception &error) {
    llvm::errs() << "pbs-emu: error: " << error.what() << "\n";
    return 1;
  }
}
