//===- Plan.h - A launch plan as data ---------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the compiler hands to the runtime: kernels, grids, workspace and
// argument bindings, with every size an integer expression over shape symbols
// and device symbols. No MLIR, no allocation, no host synchronisation is needed
// to run it.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_RUNTIME_PLAN_H
#define PBS_RUNTIME_PLAN_H

#include <cstdint>
#include <string>
#include <vector>

namespace pbs::runtime {

/// Element types of buffers.
enum class DType : uint8_t { F32, F16, BF16, I32 };
constexpr uint8_t kNumDTypes = 4;

/// Bytes of one element.
int64_t sizeOf(DType type);
/// "f32", "f16", "bf16", "i32".
const char *nameOf(DType type);

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// One operation of a postfix expression.
struct ExprOp {
  enum class Kind : uint8_t {
    Constant, ///< pushes `value`
    Symbol,   ///< pushes symbol number `value`
    Add,
    Sub,
    Mul,
    FloorDiv,
    CeilDiv,
    Mod,
    Min,
    Max,
    Equal,       ///< 1 or 0
    LessOrEqual, ///< 1 or 0
    And          ///< 1 if both are not 0
  };
  Kind kind;
  int64_t value = 0;
};
constexpr uint8_t kNumExprKinds = 13;

/// An integer expression in postfix order; evaluation detects overflow and
/// division by zero.
struct Expr {
  std::vector<ExprOp> ops;

  static Expr constant(int64_t value) {
    return {{{ExprOp::Kind::Constant, value}}};
  }
  static Expr symbol(int64_t index) {
    return {{{ExprOp::Kind::Symbol, index}}};
  }
  static Expr binary(ExprOp::Kind kind, const Expr &lhs, const Expr &rhs);

  /// Computes the value; false if it overflows 64 bits, divides by zero or is
  /// not well formed.
  bool evaluate(const std::vector<int64_t> &symbols, int64_t &result) const;

  /// True if evaluation leaves exactly one value and every symbol is below
  /// `numSymbols`.
  bool isWellFormed(size_t numSymbols) const;

  /// The expression with infix operators, symbols as `s0`, `s1`, ...
  std::string str() const;
};

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

/// Where the value of a symbol comes from.
struct Symbol {
  enum class Kind : uint8_t {
    ArgumentDim, ///< dimension `dim` of argument `argument`
    NumSMs,      ///< streaming multiprocessors of the device
    NumThreads   ///< threads that run CPU kernels
  };
  Kind kind;
  uint32_t argument = 0;
  uint32_t dim = 0;
};
constexpr uint8_t kNumSymbolKinds = 3;

/// A tensor that the caller gives. The last dimension is contiguous.
struct Argument {
  std::string name;
  bool isOutput = false;
  DType dtype = DType::F32;
  /// Expected dimensions.
  std::vector<Expr> dims;
};

/// What has to hold of a call; a violation reads "expected `expectation`, got
/// LHS and RHS", of AtMost without RHS.
struct Constraint {
  enum class Kind : uint8_t { Equal, Multiple, AtMost };
  Kind kind;
  Expr lhs;
  Expr rhs;
  std::string expectation;
};

constexpr uint8_t kNumConstraintKinds = 3;

/// A buffer of the workspace, row-major. It has the bytes of its slot, together
/// with buffers that are not used at the same time. Slots are laid out in
/// order, each at a multiple of kWorkspaceAlignment bytes and as large as its
/// largest buffer.
///
/// An output may lend its memory to a buffer that is not needed any more when
/// the output is first used. It does in a call in which it has no gaps, begins
/// at a multiple of kWorkspaceAlignment and is large enough; the buffer takes
/// nothing of its slot then.
struct WorkspaceBuffer {
  /// Value of `lender` if there is none.
  static constexpr uint32_t kNobody = UINT32_MAX;

  std::string name;
  DType dtype = DType::F32;
  std::vector<Expr> dims;
  uint32_t slot = 0;
  /// The argument that lends.
  uint32_t lender = kNobody;
};
constexpr int64_t kWorkspaceAlignment = 256;

/// One parameter of a CUDA kernel. CPU kernels take every buffer as a memref
/// descriptor and have no parameter list.
struct KernelParam {
  enum class Kind : uint8_t {
    Pointer,   ///< address of `buffer`
    TensorMap, ///< 4-D tensor map of `buffer` (CUtensorMap, by value)
    Int32,     ///< `expr`, in 32 bits
    Int64,     ///< `expr`, in 64 bits
    Stride,    ///< stride in elements of dimension `dim` of `buffer`, 64 bits
    Float      ///< `value`
  };
  Kind kind;
  /// Index into the buffers of the launch.
  uint32_t buffer = 0;
  uint32_t dim = 0;
  Expr expr;
  float value = 0;
  /// Tensor maps: elements of the box, innermost first, and the swizzle in
  /// bytes (0, 32, 64 or 128).
  std::vector<uint32_t> box;
  uint32_t swizzle = 0;
  /// Pointers: what the address and, but for the last dimension, the strides
  /// are multiples of, in bytes.
  uint32_t alignment = 1;
};
constexpr uint8_t kNumParamKinds = 6;

/// A kernel and how it is called.
struct Kernel {
  enum class Target : uint8_t { CPU, CUDA };
  std::string name;
  Target target = Target::CPU;
  /// Symbol in the code image. CPU: `void (const uint64_t *slots, int64_t
  /// item)`.
  std::string symbol;
  uint32_t image = 0;
  /// CUDA: threads of a block and bytes of dynamic shared memory.
  uint32_t block[3] = {1, 1, 1};
  uint32_t sharedBytes = 0;
  /// CUDA: the kernel itself waits for the kernels before it to end
  /// (griddepcontrol.wait), so that it may be launched before they do.
  bool isDependent = false;
  std::vector<KernelParam> params;
};

/// A buffer of a launch.
struct Binding {
  enum class Kind : uint8_t { Argument, Workspace };
  Kind kind;
  uint32_t index;
};

/// One step of a plan.
struct Step {
  enum class Kind : uint8_t { Launch, Memset };
  Kind kind;
  /// Launch: the kernel, its grid, and its buffers. A CPU kernel's grid is the
  /// number of independent work items, in `grid[0]`.
  uint32_t kernel = 0;
  Expr grid[3];
  std::vector<Binding> buffers;
  /// Memset: the buffer `buffers[0]` is set to zero bytes.
};

/// A kernel may report an error of its input in a status buffer of `i32`: word
/// 0 is 0 or the number of a message (from 1), the other words are its details.
struct StatusBuffer {
  uint32_t workspace;
  /// Messages with `{0}`, `{1}`, ... for the details.
  std::vector<std::string> messages;
};

/// Bytes that a block has in a trace: three 64-bit integers.
constexpr int64_t kTraceBytes = 24;

/// The steps from the first that uses a buffer of the workspace to the last.
struct Lifetime {
  size_t first;
  size_t last;

  bool overlaps(const Lifetime &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// A sequence of steps for shapes that satisfy its constraints.
struct Plan {
  /// By which it can be told apart from other plans of a bundle.
  std::string name;
  std::vector<Symbol> symbols;
  std::vector<Argument> arguments;
  std::vector<Constraint> constraints;
  std::vector<WorkspaceBuffer> workspace;
  std::vector<Kernel> kernels;
  std::vector<Step> steps;
  std::vector<StatusBuffer> statuses;
  /// Buffers of the workspace in which blocks of a launch, by whose kernel they
  /// are called, say when they ran: `i32 [blocks, kTraceBytes / 4]`.
  std::vector<uint32_t> traces;

  /// The lifetime of each buffer of the workspace. What holds a status or a
  /// trace lives until the end, and what no step uses for the whole plan.
  std::vector<Lifetime> getLifetimes() const;

  /// The first step that uses each argument, the number of steps if none does.
  std::vector<size_t> getFirstUses() const;

  /// Lets outputs on a GPU lend their memory, largest buffers first. Those that
  /// are set to zero have memory of their own, so that they lie side by side.
  void lendOutputs();

  /// Gives every buffer of the workspace a slot: in the order of their first
  /// uses, the free one that has to grow least, or a new one. Sizes are those
  /// for nominal shapes; the workspace is never larger than with a slot for
  /// each buffer, whatever the shapes.
  void shareWorkspace();

  /// Empty if the plan is consistent (every index in range, every expression
  /// well formed, no two buffers of a slot used at once), else what is wrong.
  std::string verify(size_t numImages) const;

  /// The plan as text, one line for each entry.
  std::string str() const;
};

/// A plan and the condition on the symbols under which it is taken.
struct GuardedPlan {
  Expr guard;
  Plan plan;
};

/// Machine code or PTX.
struct CodeImage {
  enum class Kind : uint8_t { Object, Cubin, PTX };
  Kind kind;
  /// Chip or CPU that the code was made for.
  std::string chip;
  std::string bytes;
  /// Features of the CPU that the code uses, e.g. "avx2,fma".
  std::string features;
};
constexpr uint8_t kNumImageKinds = 3;

} // namespace pbs::runtime

#endif // PBS_RUNTIME_PLAN_H
