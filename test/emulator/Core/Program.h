//===- Program.h - Decoded kernels ------------------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel as a flat array of instructions, each with the function that
// executes it and the places of its operands in a warp's register file.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_CORE_PROGRAM_H
#define PBS_TEST_EMULATOR_CORE_PROGRAM_H

#include "Emulator.h"
#include "Ptx.h"
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pbs::emu {

class Warp;
struct Inst;
using Exec = void (*)(Warp &, const Inst &, uint32_t mask);

/// Types of PTX. The order within a size is used nowhere.
enum class Type : uint8_t {
  None,
  Pred,
  B8,
  U8,
  S8,
  B16,
  U16,
  S16,
  F16,
  BF16,
  B32,
  U32,
  S32,
  F32,
  F16x2,
  BF16x2,
  B64,
  U64,
  S64,
  F64
};
unsigned bytesOf(Type type);
Type typeNamed(std::string_view name);

/// A register, or a constant that lives in one. `id` indexes the state of
/// registers, `word` the register file in units of 32 bits: 32 lanes of 32 or
/// 64 bits each. Predicates are masks, indexed by `id`.
struct Arg {
  uint32_t id = 0;
  uint32_t word = 0;
  uint8_t bits = 0; ///< 0: no operand
  bool negated = false;
  explicit operator bool() const { return bits != 0; }
};

/// Shape and operands' layout of wgmma.mma_async.
struct WgmmaInfo {
  unsigned n = 0, k = 0;
  Type element = Type::BF16;
  bool f16Accumulator = false;
  bool aInRegisters = false;
  bool negateA = false, negateB = false, transposeA = false, transposeB = false;
};

struct Inst {
  Exec exec = nullptr;
  unsigned line = 0;
  uint32_t index = 0;
  int predicate = -1; ///< id
  bool predicateNegated = false;
  bool isBranch = false;
  int target = -1;
  int join = -1; ///< immediate post-dominator; -1: the end
  Arg d, d2, a, b, c, e;
  std::vector<Arg> list, list2;
  int64_t offset = 0;      ///< of an address in `a`
  int64_t offsets[2] = {}; ///< of further addresses
  int64_t imm = 0;
  uint32_t flags = 0;
  uint8_t size = 0; ///< bytes of an element
  Type type = Type::None;
  ptx::Space space = ptx::Space::Generic;
  std::shared_ptr<WgmmaInfo> wgmma;
  std::string text;   ///< opcode
  unsigned group = 0; ///< statistics class
};

/// Special registers that are constant while a warp runs.
enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NwarpId,
  LanemaskEq,
  LanemaskLt,
  LanemaskLe,
  LanemaskGt,
  LanemaskGe,
  SmId,
  NsmId,
  DynamicSmem,
  TotalSmem,
  Zero,
  One
};

struct Program {
  std::string name;
  std::vector<Inst> code;
  std::vector<ptx::Register> registers;
  uint32_t numIds = 0, numWords = 0;
  struct Constant {
    uint32_t id, word;
    uint8_t bits;
    uint64_t value;
  };
  std::vector<Constant> constants;
  std::vector<std::pair<Special, Arg>> specials;
  std::vector<std::string> groups; ///< names of statistics classes
  size_t paramBytes = 0;
  unsigned maxThreads = 0;
  bool exactThreads = false;
  uint32_t staticSharedEnd = 0; ///< address behind static shared memory
  uint32_t dynamicShared = 0;   ///< address where dynamic memory starts
};

/// Where shared memory starts; the hardware keeps the first KiB.
constexpr uint32_t kSharedBase = 1024;
/// Upper bits of generic addresses of shared memory and of parameters.
constexpr uint64_t kSharedWindow = uint64_t(1) << 56;
constexpr uint64_t kParamWindow = uint64_t(2) << 56;
constexpr uint64_t kWindowMask = uint64_t(0xFF) << 56;

/// Decodes one kernel; throws ptx::Error. `addressOf` has the addresses of
/// module variables.
void decode(const ptx::Function &function,
            const std::map<const ptx::Variable *, uint64_t> &addressOf,
            Program &program);

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_CORE_PROGRAM_H
