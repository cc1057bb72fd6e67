//===- SearchPath.cpp - Where NVIDIA's tools are looked for ---------------===//
//
// Part of pbs-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchPath.h"
#include <algorithm>
#include <cstdlib>
#include <glob.h>

std::string pbs::environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::vector<std::string> pbs::splitPath(const std::string &text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= text.size()) {
    size_t end = std::min(text.find(':', begin), text.size());
    if (end > begin)
      parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> pbs::expand(const std::string &pattern) {
  std::vector<std::string> paths;
  glob_t found;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

std::vector<std::string> pbs::cudaHomes() {
  std::vector<std::string> homes;
  for (const char *name : {"CUDA_HOME", "CUDA_PATH"})
    if (std::string home = environment(name); !home.empty())
      homes.push_back(home);
  if (homes.empty())
    homes.push_back("/usr/local/cuda");
  return homes;
}

std::vector<std::string> pbs::sitePackages(const PtxasOptions &options) {
  std::vector<std::string> sites = options.sitePackages;
  for (const std::string &dir : splitPath(environment("PBS_SITE_PACKAGES")))
    sites.push_back(dir);
  if (std::string venv = environment("VIRTUAL_ENV"); !venv.empty())
    for (const std::string &dir : expand(venv + "/lib/python3*/site-packages"))
      sites.push_back(dir);
  return sites;
}
