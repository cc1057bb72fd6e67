//===- BundleTest.cpp - Reading and writing bundles -----------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SamplePlan.h"
#include "pbs/Runtime/pbs.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <zlib.h>

using namespace pbs::runtime;

namespace {
/// Offset of the content and of its checksum in a bundle file.
constexpr size_t kChecksumOffset = 8 + 4 + 8;
constexpr size_t kContentOffset = kChecksumOffset + 4;

/// Makes the checksum right again, so that damage reaches the reader behind it.
void fixChecksum(std::string &bytes) {
  uint32_t value = static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef *>(bytes.data()) + kContentOffset,
              bytes.size() - kContentOffset));
  std::memcpy(&bytes[kChecksumOffset], &value, sizeof(value));
}

std::string parseError(const std::string &bytes) {
  Bundle bundle;
  return parse(bytes.data(), bytes.size(), bundle);
}
} // namespace

TEST(Bundle, RoundTrip) {
  Bundle bundle = makeSampleBundle();
  ASSERT_EQ(bundle.verify(), "");
  std::string bytes = serialize(bundle);
  Bundle copy;
  ASSERT_EQ(parse(bytes.data(), bytes.size(), copy), "");
  EXPECT_EQ(serialize(copy), bytes);
  EXPECT_EQ(copy.plans[0].plan.str(), bundle.plans[0].plan.str());
  EXPECT_EQ(copy.images[0].bytes, "code");
}

TEST(Bundle, EveryTruncationIsFound) {
  std::string bytes = serialize(makeSampleBundle());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(parseError(bytes.substr(0, size)), "") << size;
  EXPECT_NE(parseError(bytes + '\0'), "");
}

TEST(Bundle, EveryDamagedByteIsFound) {
  std::string bytes = serialize(makeSampleBundle());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 0x10;
    EXPECT_NE(parseError(damaged), "") << i;
  }
}

TEST(Bundle, ForeignFilesAreNamed) {
  EXPECT_NE(parseError("").find("not a bundle"), std::string::npos);
  EXPECT_NE(parseError(std::string(100, 'x')).find("not a bundle"),
            std::string::npos);
  std::string bytes = serialize(makeSampleBundle());
  bytes[8] = 99;
  EXPECT_EQ(parseError(bytes), "expected bundle format 5, got 99");
}

/// Mutations behind the checksum reach every check of the reader. None may
/// crash, and what is accepted must be consistent and survive loading.
TEST(Bundle, MutationsDoNotCrash) {
  const std::string original = serialize(makeSampleBundle());
  std::mt19937_64 random(1);
  int accepted = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = original;
    for (int edits = 1 + random() % 4; edits > 0; --edits) {
      size_t at = kContentOffset + random() % (bytes.size() - kContentOffset);
      switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] ^= static_cast<char>(1 << random() % 8);
        break;
      case 2:
        bytes.erase(at, 1 + random() % 8);
        break;
      case 3:
        bytes.insert(at, 1 + random() % 8, static_cast<char>(random()));
        break;
      }
      if (bytes.size() <= kContentOffset)
        bytes = original;
    }
    uint64_t size = bytes.size() - kContentOffset;
    std::memcpy(&bytes[12], &size, sizeof(size));
    fixChecksum(bytes);

    Bundle bundle;
    if (parse(bytes.data(), bytes.size(), bundle).empty()) {
      ++accepted;
      EXPECT_EQ(bundle.verify(), "");
      (void)bundle.plans[0].plan.str();
    }
    pbs_program_t program = nullptr;
    EXPECT_NE(pbs_program_load(bytes.data(), bytes.size(), &program), PBS_OK);
    EXPECT_NE(std::string(pbs_last_error()), "");
  }
  // Changed names and numbers are legal; if nothing got through, the mutations
  // would test the checksum alone.
  EXPECT_GT(accepted, 20);
  EXPECT_LT(accepted, 1900);
}

TEST(Bundle, InconsistencyIsNamed) {
  auto errorOf = [](auto change) {
    Bundle bundle = makeSampleBundle();
    change(bundle);
    EXPECT_EQ(parseError(serialize(bundle)),
              "inconsistent bundle: " + bundle.verify());
    return bundle.verify();
  };
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans.clear(); }),
            "expected at least one plan");
  EXPECT_EQ(errorOf([](Bundle &b) { b.images.clear(); }),
            "kernel 'sum': code image out of range");
  EXPECT_EQ(errorOf([](Bundle &b) { b.images[0].kind = CodeImage::Kind::PTX; }),
            "kernel 'sum': code of another target");
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans[0].guard.ops.clear(); }),
            "malformed guard");
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans[0].plan.steps[1].kernel = 7; }),
            "kernel of a launch out of range");
  EXPECT_EQ(
      errorOf([](Bundle &b) { b.plans[0].plan.steps[1].buffers[0].index = 9; }),
      "buffer of a step out of range");
  EXPECT_EQ(
      errorOf([](Bundle &b) { b.plans[0].plan.statuses[0].workspace = 0; }),
      "status buffer out of range");
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans[0].plan.traces[0] = 3; }),
            "trace out of range");
  EXPECT_EQ(errorOf([](Bundle &b) {
              b.plans[0].plan.workspace[2].dims[1] = Expr::constant(5);
            }),
            "workspace 'sum': expected a trace of 6 words for each block");
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans[0].plan.symbols[0].dim = 2; }),
            "symbol of a dimension that does not exist");
  EXPECT_EQ(
      errorOf([](Bundle &b) { b.plans[0].plan.arguments[0].dims.clear(); }),
      "argument 'x': expected rank 1 to 8, got 0");
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans[0].plan.workspace[1].slot = 3; }),
            "workspace 'status': slot out of range");
  EXPECT_EQ(errorOf([](Bundle &b) { b.plans[0].plan.workspace[1].slot = 0; }),
            "workspace 'status': expected a slot of its own, got that of "
            "'partial', which is used at the same time");
  EXPECT_EQ(errorOf([](Bundle &b) {
              b.plans.push_back(b.plans[0]);
              b.plans[1].plan.arguments[0].name = "w";
            }),
            "expected plans with the same arguments");
}

TEST(Bundle, CPUCodeNeedsALoader) {
  std::string bytes = serialize(makeSampleBundle());
  pbs_program_t program = nullptr;
  EXPECT_EQ(pbs_program_load(bytes.data(), bytes.size(), &program),
            PBS_UNSUPPORTED);
  EXPECT_EQ(program, nullptr);
  EXPECT_STREQ(pbs_last_error(),
               "the bundle holds code for the CPU, which only libpbs can load");
}
