//===- CallTest.cpp - Checking and running calls --------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs of a host code loader that returns C++ functions, so that the path
// from the C interface to the kernel runs without a compiler.
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "SamplePlan.h"
#include "pbs/Runtime/HostCode.h"
#include "pbs/Runtime/pbs.h"
#include <atomic>
#include <cstdio>
#include <gtest/gtest.h>
#include <thread>

using namespace pbs::runtime;

namespace {
/// Fields of the expanded descriptor of a memref of rank `Rank`.
template <int Rank>
struct Slots {
  uint64_t allocated, aligned, offset, sizes[Rank], strides[Rank];
  template <typename T>
  T *data() const {
    return reinterpret_cast<T *>(aligned);
  }
};

/// z[i] = sum_j x[i, j] + y[i, j]. Reports 13 in x.
void sumKernel(const uint64_t *slots, int64_t item) {
  struct Arguments {
    Slots<2> x, y;
    Slots<1> partial, z, status;
  };
  auto &arguments = *reinterpret_cast<const Arguments *>(slots);
  const auto &[x, y, partial, z, status] = arguments;
  float sum = 0;
  for (uint64_t j = 0; j < x.sizes[1]; ++j) {
    float value = x.data<float>()[item * x.strides[0] + j];
    sum += value + y.data<float>()[item * y.strides[0] + j];
    if (value == 13) {
      int32_t *words = status.data<int32_t>();
      words[0] = 1;
      words[1] = static_cast<int32_t>(item);
      words[2] = 13;
      words[3] = 12;
    }
  }
  partial.data<float>()[item] = sum;
  z.data<float>()[item * z.strides[0]] = partial.data<float>()[item];
}

class SampleCode : public HostCode {
public:
  void *lookup(const std::string &symbol) override {
    return symbol == "sum_packed" ? reinterpret_cast<void *>(&sumKernel)
                                  : nullptr;
  }
};

std::unique_ptr<HostCode> loadSample(const CodeImage &image,
                                     std::string &error) {
  if (image.bytes == "code")
    return std::make_unique<SampleCode>();
  error = "bad code";
  return nullptr;
}

class CallTest : public ::testing::Test {
protected:
  void SetUp() override {
    setHostCodeLoader(&loadSample);
    ASSERT_EQ(load(makeSampleBundle()), PBS_OK) << pbs_last_error();
    for (int i = 0; i < kRows * 4; ++i) {
      x[i] = static_cast<float>(i % 7);
      y[i] = 1;
    }
    tensors[0] = {x, PBS_F32, PBS_CPU, 0, 2, xShape, nullptr};
    tensors[1] = {y, PBS_F32, PBS_CPU, 0, 2, yShape, nullptr};
    tensors[2] = {z, PBS_F32, PBS_CPU, 0, 1, zShape, nullptr};
  }
  void TearDown() override {
    pbs_program_destroy(program);
    setHostCodeLoader(nullptr);
  }

  pbs_status load(const Bundle &bundle) {
    std::string bytes = serialize(bundle);
    return pbs_program_load(bytes.data(), bytes.size(), &program);
  }
  pbs_status run() { return pbs_program_run(program, tensors, 3, &options); }
  /// The message of a run that has to fail.
  std::string runError(pbs_status expected = PBS_INVALID_ARGUMENT) {
    EXPECT_EQ(run(), expected);
    return pbs_last_error();
  }

  static constexpr int kRows = 6;
  pbs_program_t program = nullptr;
  float x[kRows * 4], y[kRows * 4], z[kRows];
  int64_t xShape[2] = {kRows, 4}, yShape[2] = {kRows, 4}, zShape[1] = {kRows};
  pbs_tensor tensors[3];
  pbs_run_options options = {
      sizeof(pbs_run_options), nullptr, nullptr, 0, 0, 1};
};
} // namespace

TEST_F(CallTest, Runs) {
  ASSERT_EQ(run(), PBS_OK) << pbs_last_error();
  for (int i = 0; i < kRows; ++i)
    EXPECT_EQ(z[i], x[4 * i] + x[4 * i + 1] + x[4 * i + 2] + x[4 * i + 3] + 4);
}

TEST_F(CallTest, RunsOnStridedTensors) {
  // Every second row of x; z with a stride that only one row could have.
  xShape[0] = yShape[0] = zShape[0] = 2;
  int64_t strides[2] = {8, 1};
  tensors[0].strides = strides;
  ASSERT_EQ(run(), PBS_OK) << pbs_last_error();
  EXPECT_EQ(z[1], x[8] + x[9] + x[10] + x[11] + 4);
}

TEST_F(CallTest, EmptyIsANoOp) {
  xShape[0] = yShape[0] = zShape[0] = 0;
  tensors[0].data = tensors[1].data = tensors[2].data = nullptr;
  EXPECT_EQ(run(), PBS_OK) << pbs_last_error();
}

TEST_F(CallTest, SeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      float result[kRows];
      pbs_tensor mine[3] = {tensors[0], tensors[1], tensors[2]};
      mine[2].data = result;
      for (int repeat = 0; repeat < 100; ++repeat)
        if (pbs_program_run(program, mine, 3, nullptr) != PBS_OK ||
            result[0] != x[0] + x[1] + x[2] + x[3] + 4)
          ++wrong;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(CallTest, TensorErrorsAreNamed) {
  auto error = [&](auto change) {
    pbs_tensor saved[3] = {tensors[0], tensors[1], tensors[2]};
    change();
    std::string message = runError();
    std::copy(saved, saved + 3, tensors);
    return message;
  };
  EXPECT_EQ(error([&] { tensors[0].dtype = PBS_BF16; }),
            "argument 'x': expected dtype f32, got bf16");
  EXPECT_EQ(error([&] { tensors[0].dtype = static_cast<pbs_dtype>(77); }),
            "argument 'x': unknown dtype 77");
  EXPECT_EQ(error([&] { tensors[1].device = PBS_CUDA; }),
            "argument 'y': expected a tensor on the CPU, got one on CUDA");
  EXPECT_EQ(error([&] { tensors[1].rank = 3; }),
            "argument 'y': expected rank 2, got 3");
  EXPECT_EQ(error([&] { tensors[1].shape = nullptr; }),
            "argument 'y': expected a shape, got null");
  EXPECT_EQ(error([&] { tensors[2].data = nullptr; }),
            "argument 'z': expected data, got null");
  EXPECT_EQ(error([&] { tensors[2].data = reinterpret_cast<char *>(z) + 1; }),
            "argument 'z': expected data aligned to 4 bytes");
  EXPECT_EQ(error([&] { tensors[2].data = x; }),
            "argument 'z': expected memory of its own, got that of 'x'");
  static const int64_t strided[2] = {8, 2};
  EXPECT_EQ(error([&] { tensors[0].strides = strided; }),
            "argument 'x': expected a contiguous last dimension, got stride 2");
  static const int64_t far[2] = {INT64_MAX / 2, 1};
  EXPECT_EQ(error([&] { tensors[0].strides = far; }),
            "argument 'x': stride 4611686018427387903 of dimension 0 reaches "
            "too far");
}

TEST_F(CallTest, ShapeErrorsAreNamed) {
  yShape[0] = 4;
  EXPECT_EQ(runError(), "expected x and y of the same length, got 6 and 4");
  yShape[0] = 6;
  xShape[1] = 3;
  EXPECT_EQ(runError(), "argument 'x': expected dimension 1 to be 4, got 3");
  xShape[1] = 4;
  zShape[0] = 5;
  EXPECT_EQ(runError(), "argument 'z': expected dimension 0 to be 6, got 5");
  zShape[0] = xShape[0] = yShape[0] = 5;
  EXPECT_EQ(runError(),
            "expected the length of x to be a multiple of 2, got 5 and 2");
  xShape[0] = -2;
  EXPECT_EQ(runError(), "argument 'x': expected sizes of at least 0 and at "
                        "most 281474976710656 bytes, got shape -2x4");
  xShape[0] = INT64_MAX / 2;
  EXPECT_NE(runError().find("at most 281474976710656 bytes"),
            std::string::npos);
}

TEST_F(CallTest, CallErrorsAreNamed) {
  EXPECT_EQ(pbs_program_run(program, tensors, 2, nullptr),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected 3 arguments, got 2");
  EXPECT_EQ(pbs_program_run(nullptr, tensors, 3, nullptr),
            PBS_INVALID_ARGUMENT);
  options.struct_size = 3;
  EXPECT_EQ(runError(), "expected struct_size 40, got 3");
  options.struct_size = sizeof(options);
  options.num_threads = -1;
  EXPECT_EQ(runError(), "expected num_threads of at least 0, got -1");
}

TEST_F(CallTest, Workspace) {
  size_t bytes = 0;
  ASSERT_EQ(pbs_program_workspace_size(program, tensors, 2, &bytes), PBS_OK);
  // Three buffers, each rounded up to 256 bytes.
  EXPECT_EQ(bytes, 768u);
  alignas(256) char memory[1024];
  options.workspace = memory;
  options.workspace_size = bytes - 1;
  EXPECT_EQ(runError(), "expected a workspace of 768 bytes, got 767");
  options.workspace = memory + 4;
  options.workspace_size = bytes;
  EXPECT_EQ(runError(), "expected a workspace aligned to 256 bytes");
  options.workspace = memory;
  memory[bytes] = 42;
  EXPECT_EQ(run(), PBS_OK) << pbs_last_error();
  EXPECT_EQ(memory[bytes], 42);
}

TEST_F(CallTest, TracesLieInTheWorkspace) {
  size_t count = 0;
  ASSERT_EQ(pbs_program_num_traces(program, tensors, 2, &count), PBS_OK);
  ASSERT_EQ(count, 1u);
  pbs_trace_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_EQ(pbs_program_trace(program, tensors, 2, 0, &info), PBS_OK);
  EXPECT_STREQ(info.kernel, "sum");
  EXPECT_EQ(info.offset, 512u);
  EXPECT_EQ(info.num_blocks, 1u);
  EXPECT_EQ(pbs_program_trace(program, tensors, 2, 1, &info),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected a trace below 1, got 1");
  info.struct_size = 3;
  EXPECT_EQ(pbs_program_trace(program, tensors, 2, 0, &info),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected struct_size 32, got 3");
  EXPECT_EQ(pbs_program_num_traces(program, tensors, 2, nullptr),
            PBS_INVALID_ARGUMENT);
  EXPECT_EQ(pbs_program_num_traces(program, tensors, 1, &count),
            PBS_INVALID_ARGUMENT);
}

/// Each step writes one of the buffers and reads the one before.
TEST(Workspace, BuffersShareWhatIsFree) {
  Expr one = Expr::constant(1), length = Expr::symbol(0);
  Plan plan;
  plan.symbols = {{Symbol::Kind::ArgumentDim, 0, 1}};
  plan.arguments = {{"x", false, DType::F32, {one, length}}};
  plan.workspace = {{"a", DType::F32, {length}, 0},
                    {"b", DType::F32, {one}, 0},
                    {"c", DType::BF16, {length}, 0},
                    {"d", DType::F32, {length}, 0},
                    {"status", DType::I32, {one}, 0},
                    {"trace", DType::I32, {one, Expr::constant(6)}, 0}};
  Kernel kernel;
  plan.kernels = {kernel};
  for (uint32_t i = 0; i < 4; ++i) {
    Step step{Step::Kind::Launch, 0, {one, one, one}, {}};
    step.buffers.push_back({Binding::Kind::Workspace, i});
    if (i > 0)
      step.buffers.push_back({Binding::Kind::Workspace, i - 1});
    plan.steps.push_back(step);
  }
  plan.steps[1].buffers.push_back({Binding::Kind::Workspace, 4});
  plan.steps[0].buffers.push_back({Binding::Kind::Workspace, 5});
  plan.statuses = {{4, {"bad"}}};
  plan.traces = {5};
  plan.shareWorkspace();
  auto slotOf = [&](size_t i) { return plan.workspace[i].slot; };
  // Neighbours are used at once; 'c' takes the bytes of 'a', and 'd', for which
  // those are not free, of 'b'.
  EXPECT_EQ(slotOf(2), slotOf(0));
  EXPECT_EQ(slotOf(3), slotOf(1));
  EXPECT_NE(slotOf(0), slotOf(1));
  // Statuses and traces are read at the end.
  EXPECT_NE(slotOf(4), slotOf(5));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NE(slotOf(4), slotOf(i));
    EXPECT_NE(slotOf(5), slotOf(i));
  }
  EXPECT_EQ(plan.verify(1), "");
}

/// On a GPU, 'a' and 'b' are used before the output z and 'c' together with it.
static Plan makeLendingPlan() {
  Expr one = Expr::constant(1), length = Expr::symbol(0);
  Plan plan;
  plan.symbols = {{Symbol::Kind::ArgumentDim, 0, 0}};
  plan.arguments = {{"x", false, DType::F32, {length, Expr::constant(64)}},
                    {"z", true, DType::F32, {length, Expr::constant(64)}}};
  plan.workspace = {{"counter", DType::I32, {one}},
                    {"a", DType::F32, {length}},
                    {"b", DType::F32, {length}},
                    {"c", DType::F32, {length}}};
  Kernel kernel;
  kernel.target = Kernel::Target::CUDA;
  plan.kernels = {kernel};
  auto use = [](uint32_t i) { return Binding{Binding::Kind::Workspace, i}; };
  Binding z = {Binding::Kind::Argument, 1};
  plan.steps = {{Step::Kind::Memset, 0, {}, {use(0)}}};
  std::vector<std::vector<Binding>> launches = {
      {use(0), use(1)}, {use(1), use(2)}, {use(2), use(3)}, {use(3), z}};
  for (const std::vector<Binding> &buffers : launches)
    plan.steps.push_back({Step::Kind::Launch, 0, {one, one, one}, buffers});
  plan.shareWorkspace();
  return plan;
}

TEST(Workspace, OutputsLendWhatIsNotNeededBesideThem) {
  Plan plan = makeLendingPlan();
  constexpr uint32_t nobody = WorkspaceBuffer::kNobody;
  EXPECT_EQ(plan.workspace[0].lender, nobody) << "it is set to zero";
  EXPECT_EQ(plan.workspace[1].lender, 1u);
  EXPECT_EQ(plan.workspace[2].lender, nobody) << "it lives beside 'a'";
  EXPECT_EQ(plan.workspace[3].lender, nobody) << "it lives beside z";
  EXPECT_EQ(plan.verify(1), "");
  plan.workspace[2].lender = 1;
  EXPECT_NE(plan.verify(1).find("used at the same time"), std::string::npos);
  plan.workspace[2].lender = 0;
  EXPECT_NE(plan.verify(1).find("an output that is used later"),
            std::string::npos);
}

TEST(Workspace, OnlyOutputsWithoutGapsLend) {
  Bundle bundle;
  bundle.plans = {{Expr::constant(1), makeLendingPlan()}};
  alignas(256) static float memory[2][4 * 128];
  int64_t shape[] = {4, 64}, dense[] = {64, 1}, gaps[] = {128, 1};
  pbs_tensor tensors[2] = {{memory[0], PBS_F32, PBS_CUDA, 0, 2, shape, nullptr},
                           {memory[1], PBS_F32, PBS_CUDA, 0, 2, shape, dense}};
  auto resolve = [&](size_t count) {
    Call call;
    Status status = resolveCall(bundle, PBS_CUDA, {}, tensors, count,
                                /*checkData=*/count == 2, call);
    EXPECT_TRUE(status.ok()) << status.getMessage();
    call.placeWorkspace(memory);
    return call;
  };
  Call call = resolve(2);
  int64_t bytes = call.workspaceBytes;
  EXPECT_EQ(call.workspace[1].data, memory[1]);
  EXPECT_EQ(resolve(1).workspaceBytes, bytes);
  tensors[1].strides = gaps;
  call = resolve(2);
  EXPECT_NE(call.workspace[1].data, memory[1]);
  EXPECT_GE(call.workspaceBytes, bytes);
  tensors[1].strides = dense;
  tensors[1].data = memory[1] + 4;
  EXPECT_FALSE(resolve(2).isLent[1]);
}

TEST_F(CallTest, KernelsReportBadData) {
  x[5] = 13;
  EXPECT_EQ(runError(PBS_INVALID_DATA),
            "row 1 holds 13, expected less than 12");
  options.checked = 0;
  EXPECT_EQ(run(), PBS_OK);
  x[5] = 1;
  options.checked = 1;
  // The status of the run before is cleared.
  EXPECT_EQ(run(), PBS_OK) << pbs_last_error();
}

TEST_F(CallTest, Queries) {
  EXPECT_EQ(pbs_program_num_arguments(program), 3u);
  EXPECT_EQ(pbs_program_device(program), PBS_CPU);
  pbs_argument_info info = {sizeof(info), nullptr, 0, PBS_F32, 0};
  ASSERT_EQ(pbs_program_argument(program, 2, &info), PBS_OK);
  EXPECT_STREQ(info.name, "z");
  EXPECT_TRUE(info.is_output);
  EXPECT_EQ(info.rank, 1);
  EXPECT_EQ(pbs_program_argument(program, 3, &info), PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected an argument below 3, got 3");
  int64_t shape[1];
  ASSERT_EQ(pbs_program_output_shape(program, tensors, 2, 2, shape), PBS_OK);
  EXPECT_EQ(shape[0], kRows);
  EXPECT_EQ(pbs_program_output_shape(program, tensors, 2, 0, shape),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected the index of an output, got 0");
  EXPECT_NE(std::string(pbs_program_report(program)).find("launch sum grid s0"),
            std::string::npos);
}

/// The sample plan with a batch and a head: x, y and z have rows in
/// dimension 2.
static Bundle makePackedBundle() {
  Bundle bundle = makeSampleBundle();
  Plan &plan = bundle.plans[0].plan;
  for (Argument &argument : plan.arguments)
    argument.dims.insert(argument.dims.begin(), 2, Expr::constant(1));
  for (Symbol &symbol : plan.symbols)
    symbol.dim = 2;
  // The kernel reads tensors of rank 2; what is checked here comes before it.
  plan.steps.pop_back();
  return bundle;
}

TEST_F(CallTest, PackedCallErrorsAreNamed) {
  int64_t offsets[3] = {0, 2, kRows};
  pbs_packing packing = {sizeof(packing), 2, offsets, offsets};
  auto runPacked = [&] {
    return pbs_program_run_packed(program, tensors, 3, &packing, &options);
  };
  EXPECT_EQ(runPacked(), PBS_UNSUPPORTED);
  EXPECT_STREQ(pbs_last_error(),
               "argument 'x': expected a rank of at least 3 for packed "
               "sequences, got a program in which it is 2");
  pbs_program_destroy(program);
  ASSERT_EQ(load(makePackedBundle()), PBS_OK) << pbs_last_error();
  int64_t wide[4] = {1, 1, kRows, 4}, narrow[3] = {1, 1, kRows};
  tensors[0].rank = tensors[1].rank = 4;
  tensors[0].shape = tensors[1].shape = wide;
  tensors[2].rank = 3;
  tensors[2].shape = narrow;
  EXPECT_EQ(runPacked(), PBS_OK) << pbs_last_error();
  auto expectError = [&](const char *message) {
    EXPECT_EQ(runPacked(), PBS_INVALID_ARGUMENT);
    EXPECT_STREQ(pbs_last_error(), message);
  };
  // The plan takes lengths that are multiples of 2, in each sequence.
  offsets[1] = 3;
  expectError("sequence 0: expected the length of x to be a multiple of 2, got "
              "3 and 2");
  offsets[1] = 8;
  expectError("query_offsets: expected offsets that do not decrease, got 8 and "
              "then 6 at 2");
  offsets[1] = 2;
  packing.struct_size = 8;
  expectError("expected struct_size 32, got 8");
  packing.struct_size = sizeof(packing);
  packing.key_offsets = nullptr;
  expectError("key_offsets: expected 3 offsets, got null");
  EXPECT_EQ(pbs_program_run_packed(program, tensors, 3, nullptr, &options),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected offsets of sequences, got null");
  EXPECT_EQ(pbs_program_run_packed(nullptr, tensors, 3, &packing, &options),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected a program, got null");
}

TEST_F(CallTest, GuardsChooseThePlan) {
  Bundle bundle = makeSampleBundle();
  // Lengths up to 2 have a plan of their own that launches nothing.
  GuardedPlan small = bundle.plans[0];
  small.plan.name = "small";
  small.guard = Expr::binary(ExprOp::Kind::LessOrEqual, Expr::symbol(0),
                             Expr::constant(2));
  small.plan.steps.pop_back();
  bundle.plans.insert(bundle.plans.begin(), small);
  bundle.plans[1].guard = Expr::binary(ExprOp::Kind::LessOrEqual,
                                       Expr::symbol(0), Expr::constant(6));
  pbs_program_destroy(program);
  ASSERT_EQ(load(bundle), PBS_OK) << pbs_last_error();
  z[0] = -1;
  xShape[0] = yShape[0] = zShape[0] = 2;
  EXPECT_EQ(run(), PBS_OK) << pbs_last_error();
  EXPECT_EQ(z[0], -1);
  const char *name = nullptr;
  ASSERT_EQ(pbs_program_alternative(program, tensors, 2, &name), PBS_OK);
  EXPECT_STREQ(name, "small");
  EXPECT_EQ(pbs_program_alternative(program, tensors, 2, nullptr),
            PBS_INVALID_ARGUMENT);
  EXPECT_STREQ(pbs_last_error(), "expected a place for a name, got null");
  xShape[0] = yShape[0] = zShape[0] = 4;
  ASSERT_EQ(pbs_program_alternative(program, tensors, 2, &name), PBS_OK);
  EXPECT_STREQ(name, "sample");
  EXPECT_EQ(run(), PBS_OK) << pbs_last_error();
  EXPECT_NE(z[0], -1);
  xShape[0] = yShape[0] = zShape[0] = 8;
  EXPECT_EQ(runError(), "no plan of the program is for these shapes");
}

TEST_F(CallTest, SaveAndLoad) {
  std::string path = ::testing::TempDir() + "pbs-save-and-load.pbs";
  ASSERT_EQ(pbs_program_save(program, path.c_str()), PBS_OK)
      << pbs_last_error();
  pbs_program_t copy = nullptr;
  ASSERT_EQ(pbs_program_load_file(path.c_str(), &copy), PBS_OK)
      << pbs_last_error();
  EXPECT_STREQ(pbs_program_report(copy), pbs_program_report(program));
  pbs_program_destroy(copy);
  std::remove(path.c_str());
  EXPECT_EQ(pbs_program_load_file(path.c_str(), &copy), PBS_IO_ERROR);
  EXPECT_EQ(std::string(pbs_last_error()),
            "cannot read '" + path + "': No such file or directory");
  EXPECT_EQ(pbs_program_save(program, "/nonexistent/x.pbs"), PBS_IO_ERROR);
  EXPECT_STREQ(pbs_last_error(),
               "cannot write '/nonexistent/x.pbs': No such file or directory");
}

TEST_F(CallTest, BadCodeIsNamed) {
  Bundle bundle = makeSampleBundle();
  bundle.images[0].bytes = "other";
  pbs_program_t other = nullptr;
  std::string bytes = serialize(bundle);
  EXPECT_EQ(pbs_program_load(bytes.data(), bytes.size(), &other),
            PBS_BAD_BUNDLE);
  EXPECT_STREQ(pbs_last_error(), "cannot load the code for host: bad code");
  bundle = makeSampleBundle();
  bundle.plans[0].plan.kernels[0].symbol = "product";
  bytes = serialize(bundle);
  EXPECT_EQ(pbs_program_load(bytes.data(), bytes.size(), &other),
            PBS_BAD_BUNDLE);
  EXPECT_STREQ(pbs_last_error(),
               "expected a function 'product' in the code, got none");
}

TEST(BareRuntime, DoesNotCompile) {
  pbs_program_t program = nullptr;
  EXPECT_EQ(pbs_program_compile("", 0, nullptr, &program), PBS_UNSUPPORTED);
  EXPECT_NE(std::string(pbs_last_error()).find("bare runtime"),
            std::string::npos);
  EXPECT_EQ(program, nullptr);
}
