//===- pbs-opt.cpp - Runs passes on attention IR, as shipped --------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/// In libpbs.so.
extern "C" int pbs_opt_main(int argc, char **argv);

int main(int argc, char **argv) { return pbs_opt_main(argc, argv); }
