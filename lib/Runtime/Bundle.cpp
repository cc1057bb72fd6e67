//===- Bundle.cpp - Reading and writing bundles ---------------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function describes each structure for both directions, so that reading
// and writing cannot disagree. All numbers are little-endian.
//
//===----------------------------------------------------------------------===//

#include "pbs/Runtime/Bundle.h"
#include <cstring>
#include <zlib.h>

using namespace pbs::runtime;

namespace {
constexpr char kMagic[8] = {'P', 'B', 'S', 'B', 'N', 'D', 'L', '\n'};
constexpr uint32_t kFormatVersion = 5;
/// Magic, format version, size of the content, CRC-32 of the content.
constexpr size_t kHeaderSize = sizeof(kMagic) + 4 + 8 + 4;

/// Appends values to a string of bytes.
class Writer {
public:
  template <typename T>
  void number(const T &value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    output.append(bytes, sizeof(T));
  }
  void string(const std::string &value) {
    number(static_cast<uint64_t>(value.size()));
    output += value;
  }
  template <typename T>
  void enumeration(const T &value, uint8_t) {
    number(static_cast<uint8_t>(value));
  }
  template <typename T, typename Fn>
  void list(const std::vector<T> &values, Fn describe) {
    number(static_cast<uint64_t>(values.size()));
    for (const T &value : values)
      describe(*this, const_cast<T &>(value));
  }

  std::string output;
};

/// Reads values from bytes that need not be what a writer wrote. After the
/// first error every read gives zero.
class Reader {
public:
  Reader(const char *data, size_t size) : data(data), left(size) {}

  template <typename T>
  void number(T &value) {
    value = T();
    if (left < sizeof(T))
      return fail("ends inside a number");
    std::memcpy(&value, data, sizeof(T));
    advance(sizeof(T));
  }
  void string(std::string &value) {
    uint64_t size;
    number(size);
    if (size > left)
      return fail("a string of " + std::to_string(size) +
                  " bytes runs past the end");
    value.assign(data, size);
    advance(size);
  }
  template <typename T>
  void enumeration(T &value, uint8_t count) {
    uint8_t raw;
    number(raw);
    if (raw >= count) {
      fail("expected a value below " + std::to_string(count) + ", got " +
           std::to_string(raw));
      raw = 0;
    }
    value = static_cast<T>(raw);
  }
  template <typename T, typename Fn>
  void list(std::vector<T> &values, Fn describe) {
    uint64_t count;
    number(count);
    // Every element takes at least one byte, which bounds the allocation.
    if (count > left)
      return fail("a list of " + std::to_string(count) +
                  " elements runs past the end");
    for (uint64_t i = 0; i < count && error.empty(); ++i) {
      values.emplace_back();
      describe(*this, values.back());
    }
  }

  void fail(const std::string &message) {
    if (error.empty())
      error = message;
    left = 0;
  }
  bool atEnd() const { return left == 0; }

  std::string error;

private:
  void advance(size_t size) {
    data += size;
    left -= size;
  }

  const char *data;
  size_t left;
};

struct Describe {
  template <typename S>
  static void expr(S &s, Expr &expr) {
    s.list(expr.ops, [](S &s, ExprOp &op) {
      s.enumeration(op.kind, kNumExprKinds);
      s.number(op.value);
    });
  }
  template <typename S>
  static void exprs(S &s, std::vector<Expr> &exprs) {
    s.list(exprs, [](S &s, Expr &e) { expr(s, e); });
  }
  template <typename S>
  static void flag(S &s, bool &value) {
    uint8_t raw = value;
    s.enumeration(raw, 2);
    value = raw;
  }
  template <typename S>
  static void param(S &s, KernelParam &param) {
    s.enumeration(param.kind, kNumParamKinds);
    s.number(param.buffer);
    s.number(param.dim);
    expr(s, param.expr);
    s.number(param.value);
    s.list(param.box, [](S &s, uint32_t &size) { s.number(size); });
    s.number(param.swizzle);
    s.number(param.alignment);
  }
  template <typename S>
  static void kernel(S &s, Kernel &kernel) {
    s.string(kernel.name);
    s.enumeration(kernel.target, 2);
    s.string(kernel.symbol);
    s.number(kernel.image);
    for (uint32_t &size : kernel.block)
      s.number(size);
    s.number(kernel.sharedBytes);
    flag(s, kernel.isDependent);
    s.list(kernel.params, [](S &s, KernelParam &p) { param(s, p); });
  }
  template <typename S>
  static void step(S &s, Step &step) {
    s.enumeration(step.kind, 2);
    s.number(step.kernel);
    for (Expr &size : step.grid)
      expr(s, size);
    s.list(step.buffers, [](S &s, Binding &binding) {
      s.enumeration(binding.kind, 2);
      s.number(binding.index);
    });
  }
  template <typename S>
  static void plan(S &s, Plan &plan) {
    s.string(plan.name);
    s.list(plan.symbols, [](S &s, Symbol &symbol) {
      s.enumeration(symbol.kind, kNumSymbolKinds);
      s.number(symbol.argument);
      s.number(symbol.dim);
    });
    s.list(plan.arguments, [](S &s, Argument &argument) {
      s.string(argument.name);
      flag(s, argument.isOutput);
      s.enumeration(argument.dtype, kNumDTypes);
      exprs(s, argument.dims);
    });
    s.list(plan.constraints, [](S &s, Constraint &constraint) {
      s.enumeration(constraint.kind, kNumConstraintKinds);
      expr(s, constraint.lhs);
      expr(s, constraint.rhs);
      s.string(constraint.expectation);
    });
    s.list(plan.workspace, [](S &s, WorkspaceBuffer &buffer) {
      s.string(buffer.name);
      s.enumeration(buffer.dtype, kNumDTypes);
      exprs(s, buffer.dims);
      s.number(buffer.slot);
      s.number(buffer.lender);
    });
    s.list(plan.kernels, [](S &s, Kernel &k) { kernel(s, k); });
    s.list(plan.steps, [](S &s, Step &st) { step(s, st); });
    s.list(plan.statuses, [](S &s, StatusBuffer &status) {
      s.number(status.workspace);
      s.list(status.messages, [](S &s, std::string &m) { s.string(m); });
    });
    s.list(plan.traces, [](S &s, uint32_t &trace) { s.number(trace); });
  }
  template <typename S>
  static void bundle(S &s, Bundle &bundle) {
    s.string(bundle.compiler);
    s.string(bundle.name);
    s.string(bundle.options);
    s.list(bundle.plans, [](S &s, GuardedPlan &guarded) {
      expr(s, guarded.guard);
      plan(s, guarded.plan);
    });
    s.list(bundle.images, [](S &s, CodeImage &image) {
      s.enumeration(image.kind, kNumImageKinds);
      s.string(image.chip);
      s.string(image.features);
      s.string(image.bytes);
    });
  }
};
} // namespace

static uint32_t checksum(const char *data, size_t size) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef *>(data), size));
}

std::string pbs::runtime::serialize(const Bundle &bundle) {
  Writer content;
  Describe::bundle(content, const_cast<Bundle &>(bundle));
  Writer file;
  file.output.assign(kMagic, sizeof(kMagic));
  file.number(kFormatVersion);
  file.number(static_cast<uint64_t>(content.output.size()));
  file.number(checksum(content.output.data(), content.output.size()));
  return file.output + content.output;
}

std::string pbs::runtime::parse(const void *bytes, size_t size,
                                Bundle &bundle) {
  const char *data = static_cast<const char *>(bytes);
  if (size < kHeaderSize || std::memcmp(data, kMagic, sizeof(kMagic)) != 0)
    return "not a bundle: expected at least " + std::to_string(kHeaderSize) +
           " bytes that begin with PBSBNDL, got " + std::to_string(size) +
           " bytes";
  Reader header(data + sizeof(kMagic), kHeaderSize - sizeof(kMagic));
  uint32_t version, expectedChecksum;
  uint64_t contentSize;
  header.number(version);
  header.number(contentSize);
  header.number(expectedChecksum);
  if (version != kFormatVersion)
    return "expected bundle format " + std::to_string(kFormatVersion) +
           ", got " + std::to_string(version);
  const char *content = data + kHeaderSize;
  if (contentSize != size - kHeaderSize)
    return "damaged bundle: expected " + std::to_string(contentSize) +
           " bytes of content, got " + std::to_string(size - kHeaderSize);
  if (checksum(content, contentSize) != expectedChecksum)
    return "damaged bundle: the checksum does not match the content";

  Reader reader(content, contentSize);
  Bundle result;
  Describe::bundle(reader, result);
  if (!reader.error.empty())
    return "damaged bundle: " + reader.error;
  if (!reader.atEnd())
    return "damaged bundle: bytes after the end of the content";
  if (std::string error = result.verify(); !error.empty())
    return "inconsistent bundle: " + error;
  bundle = std::move(result);
  return "";
}

//===----------------------------------------------------------------------===//
// Consistency
//===----------------------------------------------------------------------===//

/// True if both plans are called in the same way.
static bool haveSameInterface(const Plan &lhs, const Plan &rhs) {
  if (lhs.symbols.size() != rhs.symbols.size() ||
      lhs.arguments.size() != rhs.arguments.size())
    return false;
  for (size_t i = 0; i < lhs.symbols.size(); ++i)
    if (lhs.symbols[i].kind != rhs.symbols[i].kind ||
        lhs.symbols[i].argument != rhs.symbols[i].argument ||
        lhs.symbols[i].dim != rhs.symbols[i].dim)
      return false;
  for (size_t i = 0; i < lhs.arguments.size(); ++i)
    if (lhs.arguments[i].name != rhs.arguments[i].name ||
        lhs.arguments[i].isOutput != rhs.arguments[i].isOutput ||
        lhs.arguments[i].dtype != rhs.arguments[i].dtype ||
        lhs.arguments[i].dims.size() != rhs.arguments[i].dims.size())
      return false;
  return true;
}

std::string Bundle::verify() const {
  if (plans.empty())
    return "expected at least one plan";
  Kernel::Target target = Kernel::Target::CPU;
  bool isFirstKernel = true;
  for (const GuardedPlan &guarded : plans) {
    if (std::string error = guarded.plan.verify(images.size()); !error.empty())
      return error;
    if (!guarded.guard.isWellFormed(guarded.plan.symbols.size()))
      return "malformed guard";
    if (!haveSameInterface(plans.front().plan, guarded.plan))
      return "expected plans with the same arguments";
    for (const Kernel &kernel : guarded.plan.kernels) {
      bool isObject = images[kernel.image].kind == CodeImage::Kind::Object;
      if (isObject != (kernel.target == Kernel::Target::CPU))
        return "kernel '" + kernel.name + "': code of another target";
      if (!isFirstKernel && kernel.target != target)
        return "expected kernels of one target";
      target = kernel.target;
      isFirstKernel = false;
    }
  }
  return "";
}
