//===- Ptxas.cpp - PTX to cubin with NVIDIA's assembler -------------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// posix_spawn rather than fork: the caller may be a large Python process with
// threads and a CUDA context.
//
//===----------------------------------------------------------------------===//

#include "pbs/Target/Ptxas.h"
#include "SearchPath.h"
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

using namespace pbs;

static bool isExecutable(const std::string &path) {
  return !path.empty() && access(path.c_str(), X_OK) == 0;
}

std::string pbs::findPtxas(const PtxasOptions &options, std::string &error) {
  error.clear();
  if (!options.path.empty()) {
    if (isExecutable(options.path))
      return options.path;
    error = "expected an executable ptxas, got '" + options.path + "'";
    return "";
  }
  std::vector<std::string> candidates;
  candidates.push_back(environment("PBS_PTXAS"));
  for (const std::string &dir : splitPath(environment("PATH")))
    candidates.push_back(dir + "/ptxas");
  for (const std::string &home : cudaHomes())
    candidates.push_back(home + "/bin/ptxas");
  std::vector<std::string> sites = sitePackages(options);
  for (const std::string &site : sites) {
    candidates.push_back(site + "/triton/backends/nvidia/bin/ptxas");
    for (const std::string &path : expand(site + "/nvidia/*/bin/ptxas"))
      candidates.push_back(path);
  }
  for (const std::string &path : candidates)
    if (isExecutable(path))
      return path;
  error = "no ptxas found: tried PBS_PTXAS, PATH, CUDA_HOME, CUDA_PATH (or "
          "/usr/local/cuda) and the triton and nvidia packages in " +
          std::to_string(sites.size()) + " site-packages directories";
  return "";
}

namespace {
/// Exit state and output of a process.
struct ProcessResult {
  bool started = false;
  bool timedOut = false;
  int status = 0;
  int errnum = 0;
  std::string output;
};

/// A temporary file that is removed at the end.
class TemporaryFile {
public:
  explicit TemporaryFile(const char *suffix) {
    std::string dir = environment("TMPDIR");
    path = (dir.empty() ? "/tmp" : dir) + "/pbs-XXXXXX" + suffix;
    int fd = mkostemps(path.data(), int(std::strlen(suffix)), O_CLOEXEC);
    valid = fd >= 0;
    if (valid)
      close(fd);
  }
  ~TemporaryFile() {
    if (valid)
      unlink(path.c_str());
  }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  std::string path;
  bool valid;
};
} // namespace

/// Runs a program with both its outputs captured.
static ProcessResult runProcess(const std::vector<std::string> &arguments,
                                unsigned timeoutSeconds) {
  ProcessResult result;
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    result.errnum = errno;
    return result;
  }
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
  posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
  pid_t pid = -1;
  result.errnum =
      posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(fds[1]);
  if (result.errnum != 0) {
    close(fds[0]);
    return result;
  }
  result.started = true;

  using Clock = std::chrono::steady_clock;
  auto deadline = Clock::now() + std::chrono::seconds(timeoutSeconds);
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - Clock::now());
    if (left.count() <= 0) {
      result.timedOut = true;
      kill(pid, SIGKILL);
      break;
    }
    pollfd poller = {fds[0], POLLIN, 0};
    if (poll(&poller, 1, int(left.count())) <= 0)
      continue;
    char buffer[4096];
    ssize_t n = read(fds[0], buffer, sizeof buffer);
    if (n > 0)
      result.output.append(buffer, size_t(n));
    else if (n == 0 || errno != EINTR)
      break;
  }
  close(fds[0]);
  while (waitpid(pid, &result.status, 0) < 0 && errno == EINTR)
    ;
  return result;
}

std::string pbs::ptxasVersion(const std::string &path) {
  ProcessResult run = runProcess({path, "--version"}, 10);
  if (!run.started || run.timedOut || run.status != 0)
    return "";
  size_t begin = run.output.find("Cuda compilation tools");
  if (begin == std::string::npos)
    return "";
  return run.output.substr(begin, run.output.find('\n', begin) - begin);
}

PtxasResult pbs::assemblePtx(const std::string &ptx,
                             const PtxasOptions &options) {
  PtxasResult result;
  std::string ptxas = findPtxas(options, result.error);
  if (ptxas.empty())
    return result;
  TemporaryFile input(".ptx"), output(".cubin");
  bool written = input.valid && output.valid;
  if (written) {
    std::ofstream file(input.path, std::ios::binary);
    file << ptx;
    file.close();
    written = bool(file);
  }
  if (!written) {
    result.error =
        "cannot write a temporary file: " + std::string(std::strerror(errno)) +
        " (" + input.path + ")";
    return result;
  }
  ProcessResult run = runProcess({ptxas, "-arch=" + options.chip, "-O3", "-v",
                                  input.path, "-o", output.path},
                                 options.timeoutSeconds);
  result.log = run.output;
  if (!run.started) {
    result.error = "cannot start '" + ptxas +
                   "': " + std::string(std::strerror(run.errnum));
  } else if (run.timedOut) {
    result.error = "'" + ptxas + "' did not finish in " +
                   std::to_string(options.timeoutSeconds) + " s";
  } else if (run.status != 0) {
    result.error = "'" + ptxas + "' failed" +
                   (WIFSIGNALED(run.status)
                        ? " with signal " + std::to_string(WTERMSIG(run.status))
                        : "") +
                   ": " + run.output;
  } else {
    std::ifstream file(output.path, std::ios::binary);
    result.cubin.assign(std::istreambuf_iterator<char>(file), {});
    if (result.cubin.empty())
      result.error = "'" + ptxas + "' wrote no cubin: " + run.output;
  }
  return result;
}
