//===- Factory.h - Programs for the library that compiles them --*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_RUNTIME_FACTORY_H
#define PBS_RUNTIME_FACTORY_H

#include "pbs/Runtime/Bundle.h"
#include "pbs/Runtime/pbs.h"

namespace pbs::runtime {

/// Makes a program of a bundle. `report` is put in front of what
/// pbs_program_report says of it. On failure pbs_last_error is set.
pbs_status createProgram(Bundle bundle, const std::string &report,
                         pbs_program_t *program);

/// Sets the message of pbs_last_error and returns `code`.
pbs_status setLastError(pbs_status code, const std::string &message);

} // namespace pbs::runtime

#endif // PBS_RUNTIME_FACTORY_H
