//===- ReportKinds.h - What the emulator complains about --------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values of Report::kind. X(enumerator, name, meaning).
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_REPORTKINDS_H
#define PBS_TEST_EMULATOR_REPORTKINDS_H

#define PBS_EMU_REPORT_KINDS(X)                                                \
  X(BarrierArrivedTwice, "barrier-arrived-twice",                              \
    "A warp arrives at a named barrier again before the barrier completes.")   \
  X(Deadlock, "deadlock",                                                      \
    "No warp can go on; the message lists what each waits for.")               \
  X(DivergentAligned, "divergent-aligned",                                     \
    "An .aligned instruction is not executed by all lanes of the warp.")       \
  X(ExitWithPendingCopy, "exit-with-pending-copy",                             \
    "A block ends while a bulk copy may still access its shared memory.")      \
  X(MBarrierAccess, "mbarrier-access",                                         \
    "A load, store or copy touches the bytes of an mbarrier.")                 \
  X(MBarrierInitialisedTwice, "mbarrier-initialised-twice",                    \
    "mbarrier.init of an mbarrier in use.")                                    \
  X(Misaligned, "misaligned",                                                  \
    "An address is no multiple of what the instruction needs.")                \
  X(MissedPhase, "missed-phase",                                               \
    "An mbarrier completes a phase while a warp has not yet seen the one "     \
    "before, so that its wait may never end.")                                 \
  X(MissingGridWait, "missing-grid-wait",                                      \
    "Global memory is accessed before griddepcontrol.wait.")                   \
  X(MissingProxyFence, "missing-proxy-fence",                                  \
    "Written through the generic proxy and used through the async proxy, "     \
    "ordered but without fence.proxy.async between.")                          \
  X(MissingWait, "missing-wait",                                               \
    "An mbarrier completes a phase although nobody has waited for the one "    \
    "before (synccheck calls it a missing wait).")                             \
  X(MissingWgmmaFence, "missing-wgmma-fence",                                  \
    "A wgmma uses a register that was accessed after the last wgmma.fence.")   \
  X(NotUniform, "not-uniform",                                                 \
    "Lanes of a warp, or warps of a warpgroup, disagree on an operand that "   \
    "has to be the same.")                                                     \
  X(OutOfBounds, "out-of-bounds",                                              \
    "An access outside of an allocation, of shared memory, of parameters.")    \
  X(OverwriteInUse, "overwrite-in-use",                                        \
    "Shared memory is overwritten while a wgmma, a bulk copy or a cp.async "   \
    "may still access it.")                                                    \
  X(Race, "race",                                                              \
    "Two warps access a word of shared or global memory, at least one "        \
    "writes, and nothing orders them.")                                        \
  X(ReadBeforeArrival, "read-before-arrival",                                  \
    "Shared memory is read whose copy has not been waited for.")               \
  X(RegisterInFlight, "register-in-flight",                                    \
    "A register is accessed while a wgmma that uses it may be running.")       \
  X(StoreBeforeTensor, "store-before-tensor",                                  \
    "A tensor store or reduction whose box begins before the tensor: an "      \
    "illegal instruction on an H100.")                                         \
  X(TooManyArrivals, "too-many-arrivals",                                      \
    "More arrivals on an mbarrier than its phase still waits for.")            \
  X(TooManyInstructions, "too-many-instructions",                              \
    "The kernel exceeds LaunchOptions::maxInstructions.")                      \
  X(Trap, "trap", "The kernel executes trap.")                                 \
  X(UninitialisedMBarrier, "uninitialised-mbarrier",                           \
    "There is no mbarrier at the address.")                                    \
  X(UninitialisedRegister, "uninitialised-register",                           \
    "A register is read that was never written, accumulators included.")       \
  X(UninitialisedShared, "uninitialised-shared",                               \
    "Shared memory is read that was never written.")                           \
  X(Unsupported, "unsupported", "The emulator does not have this.")            \
  X(WrongArrivalCount, "wrong-arrival-count",                                  \
    "mbarrier.init with a count outside of 1 to 2^20 - 1.")                    \
  X(WrongBarrier, "wrong-barrier",                                             \
    "A named barrier outside of 0 to 15, or one that reduces for some warps "  \
    "only.")                                                                   \
  X(WrongClusterRank, "wrong-cluster-rank",                                    \
    "Shared memory of a block that the cluster does not have.")                \
  X(WrongLaunch, "wrong-launch",                                               \
    "Grid, block or shared memory that the kernel or the device excludes.")    \
  X(WrongMemberMask, "wrong-member-mask",                                      \
    "A lane executes a .sync instruction whose member mask excludes it.")      \
  X(WrongParity, "wrong-parity", "A phase parity other than 0 and 1.")         \
  X(WrongPhase, "wrong-phase", "An mbarrier state of another mbarrier.")       \
  X(WrongRegisterCount, "wrong-register-count",                                \
    "setmaxnreg.inc to fewer or .dec to more registers than the warp has.")    \
  X(WrongSize, "wrong-size", "cp.async reads more bytes than it writes.")      \
  X(WrongTensorMap, "wrong-tensor-map",                                        \
    "The address is not that of a tensor map of this rank.")                   \
  X(WrongThreadCount, "wrong-thread-count",                                    \
    "Warps give different, or impossible, thread counts to a named barrier.")  \
  X(WrongTxCount, "wrong-tx-count",                                            \
    "Nothing can go on, and an mbarrier waits for bytes that no copy brings, " \
    "or the count of bytes leaves its range.")

namespace pbs::emu {

enum class Kind {
#define X(enumerator, name, meaning) enumerator,
  PBS_EMU_REPORT_KINDS(X)
#undef X
};

constexpr const char *nameOf(Kind kind) {
  constexpr const char *names[] = {
#define X(enumerator, name, meaning) name,
      PBS_EMU_REPORT_KINDS(X)
#undef X
  };
  return names[static_cast<int>(kind)];
}

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_REPORTKINDS_H
