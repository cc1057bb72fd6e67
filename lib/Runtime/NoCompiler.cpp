//===- NoCompiler.cpp - Compilation in the bare runtime -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weak, so that the definitions of PBSJit take their place where it is linked.
//
//===----------------------------------------------------------------------===//

#include "pbs/Runtime/Factory.h"

static pbs_status refuse() {
  return pbs::runtime::setLastError(
      PBS_UNSUPPORTED,
      "this is the bare runtime, which runs bundles; libpbs compiles");
}

extern "C" {
__attribute__((weak)) pbs_status pbs_program_compile(
    const char *, size_t, const pbs_compile_options *, pbs_program_t *) {
  return refuse();
}

__attribute__((weak)) pbs_status
pbs_attention_create(const pbs_attention_config *, const pbs_compile_options *,
                     pbs_program_t *) {
  return refuse();
}

__attribute__((weak)) pbs_status pbs_attention_ir(const pbs_attention_config *,
                                                  char **) {
  return refuse();
}
}
