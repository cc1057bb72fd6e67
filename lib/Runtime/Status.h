//===- Status.h - Outcome of a runtime call ---------------------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PBS_LIB_RUNTIME_STATUS_H
#define PBS_LIB_RUNTIME_STATUS_H

#include "pbs/Runtime/pbs.h"
#include <string>

namespace pbs::runtime {

/// Success, or a code with a message.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(pbs_status code, std::string message)
      : code(code), message(std::move(message)) {}

  bool ok() const { return code == PBS_OK; }
  pbs_status getCode() const { return code; }
  const std::string &getMessage() const { return message; }

private:
  pbs_status code = PBS_OK;
  std::string message;
};

inline Status invalidArgument(std::string message) {
  return {PBS_INVALID_ARGUMENT, std::move(message)};
}

} // namespace pbs::runtime

#endif // PBS_LIB_RUNTIME_STATUS_H
