//===- TensorFileTest.cpp - Tensor files, whole and damaged ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "pbs/Tools/TensorFile.h"
#include <cmath>
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>

using namespace pbs::tools;

namespace {
/// A file that is removed at the end.
struct TemporaryFile {
  explicit TemporaryFile(const char *extension)
      : path(testing::TempDir() + "pbs-tensor-file-test" + extension) {}
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string read() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string path;
};
} // namespace

static std::vector<HostTensor> makeTensors() {
  HostTensor a{"a", PBS_BF16, {2, 3}, encode({1, -2, 3, 4, 5, 6}, PBS_BF16)};
  HostTensor b{"b.q", PBS_F32, {0, 4}, ""};
  HostTensor c{"c", PBS_F16, {1}, encode({0.5f}, PBS_F16)};
  return {a, b, c};
}

TEST(TensorFile, SafetensorsRoundTrip) {
  TemporaryFile file(".safetensors");
  std::vector<HostTensor> tensors = makeTensors(), read;
  ASSERT_EQ(writeTensors(file.path, tensors), "");
  ASSERT_EQ(readTensors(file.path, read), "");
  ASSERT_EQ(read.size(), tensors.size());
  for (size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].name, tensors[i].name);
    EXPECT_EQ(read[i].dtype, tensors[i].dtype);
    EXPECT_EQ(read[i].shape, tensors[i].shape);
    EXPECT_EQ(read[i].bytes, tensors[i].bytes);
  }
}

TEST(TensorFile, NpyRoundTrip) {
  for (const HostTensor &tensor : makeTensors()) {
    TemporaryFile file(".npy");
    ASSERT_EQ(writeTensors(file.path, {tensor}), "");
    std::vector<HostTensor> read;
    ASSERT_EQ(readTensors(file.path, read), "");
    EXPECT_EQ(read[0].dtype, tensor.dtype);
    EXPECT_EQ(read[0].shape, tensor.shape);
    EXPECT_EQ(read[0].bytes, tensor.bytes);
  }
}

/// Truncates and mutates a file; reading has to be an error or a tensor whose
/// data fits its shape.
template <typename Parse>
static void checkDamaged(const std::string &content, const Parse &parse) {
  for (size_t size = 0; size < content.size(); ++size)
    EXPECT_NE(parse(content.substr(0, size)), "") << size;
  std::mt19937 generator(1);
  for (int i = 0; i < 2000; ++i) {
    std::string mutated = content;
    for (int n = 1 + generator() % 3; n > 0; --n)
      mutated[generator() % mutated.size()] = char(generator());
    parse(mutated);
  }
}

TEST(TensorFile, DamagedSafetensors) {
  TemporaryFile file(".safetensors");
  ASSERT_EQ(writeTensors(file.path, makeTensors()), "");
  checkDamaged(file.read(), [](const std::string &content) {
    std::vector<HostTensor> tensors;
    std::string error = parseSafetensors(content, tensors);
    for (const HostTensor &tensor : tensors)
      EXPECT_EQ(int64_t(tensor.bytes.size()),
                tensor.getNumElements() * int64_t(sizeOf(tensor.dtype)));
    return error;
  });
}

TEST(TensorFile, DamagedNpy) {
  TemporaryFile file(".npy");
  ASSERT_EQ(writeTensors(file.path, {makeTensors()[0]}), "");
  checkDamaged(file.read(), [](const std::string &content) {
    HostTensor tensor;
    return parseNpy(content, tensor);
  });
}

TEST(Convert, RoundsToNearestEven) {
  EXPECT_EQ(toBF16(1.0f), 0x3F80);
  // Halfway between two numbers: to the even one.
  EXPECT_EQ(toBF16(1.00390625f), 0x3F80);
  EXPECT_EQ(toBF16(1.01171875f), 0x3F82);
  EXPECT_EQ(toF16(65504.0f), 0x7BFF);
  EXPECT_EQ(toF16(65520.0f), 0x7C00);
  EXPECT_EQ(toF16(0x1p-24f), 0x0001);
  EXPECT_EQ(toF16(0x1p-25f), 0x0000);
  EXPECT_TRUE(std::isnan(fromF16(toF16(NAN))));
  EXPECT_TRUE(std::isnan(fromBF16(toBF16(NAN))));
  for (uint32_t bits = 0; bits < 0x7C00; ++bits)
    EXPECT_EQ(toF16(fromF16(bits)), bits);
}
