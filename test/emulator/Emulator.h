//===- Emulator.h - A functional emulator of PTX kernels --------*- C++ -*-===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the stand-in for the CUDA driver, pbs-emu and the tests see of it: a
// module parsed from PTX, device memory, and launches that end in statistics or
// in a report of what the kernel did wrong.
//
//===----------------------------------------------------------------------===//

#ifndef PBS_TEST_EMULATOR_EMULATOR_H
#define PBS_TEST_EMULATOR_EMULATOR_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pbs::emu {

/// Memory of the device. An address is the host address of the byte, so that
/// the host side copies without translation.
class DeviceMemory {
public:
  DeviceMemory();
  ~DeviceMemory();
  /// Alignment 256, unmapped space around it. 0 if there is no room.
  uint64_t allocate(size_t bytes);
  /// False if `address` is no live allocation.
  bool free(uint64_t address);
  /// The bytes [address, address + size), or null unless they lie in one live
  /// allocation.
  std::byte *find(uint64_t address, size_t size) const;
  /// Says what lies at or near an address, for reports.
  std::string describe(uint64_t address) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// When wgmma, bulk copies and cp.async take effect.
enum class Completion {
  Latest,   ///< at the last point that the program allows
  Earliest, ///< as soon as they are issued
  Random    ///< in between, by the seed
};

struct LaunchOptions {
  Completion completion = Completion::Latest;
  /// Chooses the interleaving of warps and blocks, and random completions. 0
  /// runs warps round robin.
  uint64_t seed = 0;
  /// Multiprocessors: at most this many blocks are resident at once.
  unsigned numSMs = 4;
  /// The kernel may begin before those that it depends on have ended
  /// (CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION).
  bool isDependent = false;
  /// Report a kernel that executes more warp instructions than this.
  uint64_t maxInstructions = uint64_t(1) << 33;
};

/// What a kernel did wrong.
struct Report {
  /// One of ReportKinds.h, e.g. "deadlock", "missing-proxy-fence"; empty if
  /// there is nothing to report.
  std::string kind;
  /// A sentence with the addresses and values concerned.
  std::string message;
  unsigned line = 0; ///< of the PTX text, from 1; 0 if it has no place
  std::array<unsigned, 3> block{};
  int warp = -1, lane = -1;

  explicit operator bool() const { return !kind.empty(); }
  /// "line 12, block (0,0,0), warp 3, lane 5: kind: message (seed 7, latest)".
  std::string format() const;
  uint64_t seed = 0;
  Completion completion = Completion::Latest;
};

/// Counts over all blocks of a launch.
struct Statistics {
  /// Warp instructions by class: "wgmma", "mma", "tma-load", "ex2", ...
  std::map<std::string, uint64_t> instructions;
  uint64_t globalBytesRead = 0, globalBytesWritten = 0;
  uint64_t sharedBytesRead = 0, sharedBytesWritten = 0;
  /// Extra passes of ld/st/ldmatrix/stmatrix.shared beyond conflict-free ones.
  uint64_t bankConflicts = 0;
  /// For each mbarrier (by shared address): phases completed, and how many
  /// waits found the phase already complete.
  struct Barrier {
    uint64_t phases = 0, waits = 0, waitsReady = 0;
  };
  std::map<uint32_t, Barrier> barriers;
};

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

/// A tensor map, as cuTensorMapEncodeTiled of this emulator writes it into the
/// 128 opaque bytes and the copy unit reads it. Dimensions innermost first.
struct TensorMap {
  static constexpr uint32_t kMagic = 0x54425350;
  uint32_t magic;
  uint32_t elementBytes;
  uint32_t rank;
  uint32_t swizzleBytes; ///< 0, 32, 64 or 128
  uint64_t address;
  uint64_t sizes[5];
  uint64_t strides[4]; ///< bytes, of dimensions 1 and up
  uint32_t box[5];
  /// What reductions take the elements for.
  enum class Number : uint32_t { Unsigned, Signed, F16, BF16, F32 } number;
};
static_assert(sizeof(TensorMap) <= 128);

class Module;

/// One kernel of a module.
class Kernel {
public:
  virtual ~Kernel() = default;
  virtual const std::string &name() const = 0;
  /// Byte offset and size of each parameter, and the size of all.
  struct Param {
    size_t offset, size;
  };
  virtual const std::vector<Param> &params() const = 0;
  virtual size_t paramBytes() const = 0;
  /// .maxntid or .reqntid; 0 if not given.
  virtual unsigned maxThreads() const = 0;
  /// Bytes of static shared memory.
  virtual size_t staticSharedBytes() const = 0;
  /// Runs the grid to its end or to the first thing wrong. `params` has
  /// paramBytes() bytes.
  virtual Report launch(Dim grid, Dim block, size_t dynamicSharedBytes,
                        const std::byte *params, DeviceMemory &memory,
                        const LaunchOptions &options,
                        Statistics *statistics = nullptr) const = 0;
};

class Module {
public:
  virtual ~Module() = default;
  /// Parses PTX text. On failure gives null and sets `error` to a sentence with
  /// the line and the instruction that is not known.
  static std::unique_ptr<Module> parse(std::string_view ptx,
                                       std::string &error);
  /// Null if there is none of that name.
  virtual const Kernel *find(std::string_view name) const = 0;
  virtual std::vector<const Kernel *> kernels() const = 0;
  /// The `.target`, e.g. "sm_90a".
  virtual const std::string &target() const = 0;
};

} // namespace pbs::emu

#endif // PBS_TEST_EMULATOR_EMULATOR_H
