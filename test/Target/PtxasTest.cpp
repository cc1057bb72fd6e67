//===- PtxasTest.cpp - Tests of the search for NVIDIA's assembler ---------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Assemblers are shell scripts in a directory of each test.
//
//===----------------------------------------------------------------------===//

#include "pbs/Target/Ptxas.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace pbs;
namespace fs = std::filesystem;

namespace {
class PtxasTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ptxas-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir = pattern;
    path = std::getenv("PATH");
    // Nothing of this machine is found.
    setenv("PATH", "/usr/bin:/bin", 1);
    setenv("CUDA_HOME", "/nowhere", 1);
    for (const char *name : {"PBS_PTXAS", "PBS_NVJITLINK", "PBS_SITE_PACKAGES",
                             "CUDA_PATH", "VIRTUAL_ENV"})
      unsetenv(name);
  }

  void TearDown() override {
    setenv("PATH", path.c_str(), 1);
    fs::remove_all(dir);
  }

  /// Path of a new script below `dir`.
  std::string makeScript(const fs::path &name, const std::string &body = "") {
    fs::path file = dir / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "#!/bin/sh\n" << body << "\n";
    fs::permissions(file, fs::perms::owner_all);
    return file.string();
  }

  std::string find(const PtxasOptions &options = {}) {
    return findPtxas(options, error);
  }

  /// Result of a script run as ptxas: -arch, -O3, -v, input, -o, output.
  PtxasResult assemble(const std::string &body, unsigned timeoutSeconds = 20) {
    PtxasOptions options;
    options.path = makeScript("ptxas", body);
    options.timeoutSeconds = timeoutSeconds;
    return assemblePtx("some ptx", options);
  }

  fs::path dir;
  std::string path, error;
};
} // namespace

TEST_F(PtxasTest, PlacesAreTriedInOrder) {
  EXPECT_EQ(find(), "");
  EXPECT_NE(error.find("no ptxas found: tried PBS_PTXAS, PATH, CUDA_HOME"),
            std::string::npos)
      << error;
  // From the last place to the first.
  std::string venv =
      makeScript("venv/lib/python3.12/site-packages/nvidia/cu13/bin/ptxas");
  setenv("VIRTUAL_ENV", (dir / "venv").c_str(), 1);
  EXPECT_EQ(find(), venv);
  std::string triton = makeScript("site/triton/backends/nvidia/bin/ptxas");
  setenv("PBS_SITE_PACKAGES", ("/nowhere:" + (dir / "site").string()).c_str(),
         1);
  EXPECT_EQ(find(), triton);
  PtxasOptions options;
  options.sitePackages = {(dir / "own").string()};
  std::string own = makeScript("own/nvidia/cuda_nvcc/bin/ptxas");
  EXPECT_EQ(find(options), own);
  std::string cudaPath = makeScript("cuda-path/bin/ptxas");
  setenv("CUDA_PATH", (dir / "cuda-path").c_str(), 1);
  EXPECT_EQ(find(options), cudaPath);
  std::string cudaHome = makeScript("cuda-home/bin/ptxas");
  setenv("CUDA_HOME", (dir / "cuda-home").c_str(), 1);
  EXPECT_EQ(find(options), cudaHome);
  std::string onPath = makeScript("bin/ptxas");
  setenv("PATH", ("/nowhere:" + (dir / "bin").string()).c_str(), 1);
  EXPECT_EQ(find(options), onPath);
  std::string named = makeScript("named");
  setenv("PBS_PTXAS", named.c_str(), 1);
  EXPECT_EQ(find(options), named);
  options.path = makeScript("option");
  EXPECT_EQ(find(options), options.path);
}

TEST_F(PtxasTest, TheOptionIsTheOnlyPlace) {
  setenv("PBS_PTXAS", makeScript("ptxas").c_str(), 1);
  PtxasOptions options;
  options.path = (dir / "missing").string();
  EXPECT_EQ(find(options), "");
  EXPECT_EQ(error, "expected an executable ptxas, got '" + options.path + "'");
  EXPECT_EQ(assemblePtx("", options).error, error);
}

TEST_F(PtxasTest, FilesThatAreNotExecutableArePassedOver) {
  std::string first = makeScript("a/ptxas"), second = makeScript("b/ptxas");
  fs::permissions(first, fs::perms::owner_read);
  setenv("PATH", ((dir / "a").string() + ":" + (dir / "b").string()).c_str(),
         1);
  EXPECT_EQ(find(), second);
}

TEST_F(PtxasTest, TheVersionIsALineOfItsOutput) {
  EXPECT_EQ(ptxasVersion(makeScript(
                "ptxas", "echo ptxas: NVIDIA\n"
                         "echo Cuda compilation tools, release 13.0")),
            "Cuda compilation tools, release 13.0");
  EXPECT_EQ(ptxasVersion(makeScript("other", "echo hello")), "");
  EXPECT_EQ(ptxasVersion("/nowhere/ptxas"), "");
}

TEST_F(PtxasTest, TheCubinIsWhatItWrites) {
  PtxasResult result = assemble("echo $1 used 7 registers; cp $4 $6");
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.cubin, "some ptx");
  EXPECT_EQ(result.log, "-arch=sm_90a used 7 registers\n");
}

TEST_F(PtxasTest, FailuresSayWhatHappened) {
  auto expect = [](const PtxasResult &result, const std::string &text) {
    EXPECT_EQ(result.cubin, "");
    EXPECT_NE(result.error.find(text), std::string::npos) << result.error;
  };
  expect(assemble("echo line 3: bad register >&2; exit 1"),
         "failed: line 3: bad register");
  expect(assemble("kill -9 $$"), "failed with signal 9");
  expect(assemble("exec sleep 30", 1), "did not finish in 1 s");
  expect(assemble("true"), "wrote no cubin");
}

TEST_F(PtxasTest, ThreadsAssembleAtOnce) {
  PtxasOptions options;
  options.path = makeScript("ptxas", "cp $4 $6");
  std::vector<std::string> cubins(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < cubins.size(); ++i)
    threads.emplace_back([&, i] {
      cubins[i] = assemblePtx("ptx " + std::to_string(i), options).cubin;
    });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < cubins.size(); ++i)
    EXPECT_EQ(cubins[i], "ptx " + std::to_string(i));
}

TEST_F(PtxasTest, NvJitLinkNamedByTheEnvironmentIsTheOnlyOne) {
  setenv("PBS_NVJITLINK", "/nowhere/libnvJitLink.so", 1);
  EXPECT_EQ(findNvJitLink({}, error), "");
  EXPECT_NE(error.find("cannot load nvJitLink: /nowhere/libnvJitLink.so"),
            std::string::npos)
      << error;
  setenv("PBS_NVJITLINK", "libm.so.6", 1);
  EXPECT_EQ(linkPtx("", {}).error, "expected an nvJitLink with "
                                   "'nvJitLinkCreate', libm.so.6 has none");
}

TEST_F(PtxasTest, NvJitLinkAssembles) {
  unsetenv("CUDA_HOME");
  std::string library = findNvJitLink({}, error);
  if (library.empty())
    GTEST_SKIP() << error;
  EXPECT_EQ(nvJitLinkVersion(library).rfind("nvJitLink 1", 0), 0u);
  PtxasResult result =
      linkPtx(".version 8.0\n.target sm_90a\n.address_size 64\n"
              ".visible .entry f() { ret; }\n",
              {});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.cubin.substr(0, 4), "\x7f"
                                       "ELF");
  result = linkPtx(".version 8.0\n.target sm_90a\nnonsense\n", {});
  EXPECT_EQ(result.cubin, "");
  EXPECT_NE(result.error.find("nvJitLinkAddData of '" + library + "' failed"),
            std::string::npos)
      << result.error;
}
