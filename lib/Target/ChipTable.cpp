//===- ChipTable.cpp - Facts about the chips we compile for ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUDA C++ Programming Guide, "Compute Capabilities", tables of technical
// specifications; shared memory per block is the opt-in maximum.
//
//===----------------------------------------------------------------------===//

#include "pbs/Target/ChipTable.h"
#include <string>

using namespace pbs;

/// From the most to the least capable.
static constexpr ChipInfo kChips[] = {
    {"sm_90a", 9, 0, /*exact=*/true, 232448, 65536, 255, 64, true, true},
    {"sm_80", 8, 0, /*exact=*/false, 166912, 65536, 255, 64, false, false},
};

const ChipInfo *pbs::findChip(std::string_view name) {
  for (const ChipInfo &chip : kChips)
    if (chip.name == name)
      return &chip;
  return nullptr;
}

const ChipInfo *pbs::findChipOfTarget(std::string_view target,
                                      bool &isVirtual) {
  constexpr std::string_view kReal = "sm_", kVirtual = "compute_";
  isVirtual = target.substr(0, kVirtual.size()) == kVirtual;
  if (!isVirtual)
    return findChip(target);
  std::string name(kReal);
  name += target.substr(kVirtual.size());
  return findChip(name);
}

const ChipInfo *pbs::findChipFor(int major, int minor) {
  for (const ChipInfo &chip : kChips)
    if (chip.major == major &&
        (chip.exact ? chip.minor == minor : chip.minor <= minor))
      return &chip;
  return nullptr;
}
