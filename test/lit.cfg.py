# Configuration of lit for the whole test suite.
import os
import subprocess

import lit.formats
from lit.llvm import llvm_config

config.name = "pbs"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "lib"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.pbs_obj_root, "test")

bin_dir = os.path.join(config.pbs_obj_root, "bin")
lib_dir = os.path.join(config.pbs_obj_root, "lib")

llvm_config.with_environment(
    "PATH", [bin_dir, config.llvm_tools_dir], append_path=True)
# No test reads or fills the user's cache.
llvm_config.with_environment(
    "PBS_CACHE_DIR", os.path.join(config.test_exec_root, "cache"))
llvm_config.with_environment(
    "PYTHONPATH", os.path.join(config.pbs_src_root, "python"),
    append_path=True)
llvm_config.with_environment("PBS_LIBRARY", os.path.join(lib_dir, "libpbs.so"))
llvm_config.with_system_environment(
    ["CUDA_HOME", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LD_PRELOAD"])

config.substitutions.append(("%bin", bin_dir))
config.substitutions.append(("%obj", config.pbs_obj_root))
config.substitutions.append(("%lib", lib_dir))
config.substitutions.append(("%src", config.pbs_src_root))
if config.pbs_sanitize:
    config.available_features.add("sanitizer")
    # Python does not bring the runtime that libpbs.so needs. It and MLIR keep
    # memory to the end. LLVM's allocators poison memory where their inline code
    # is instrumented and do not unpoison it in the packaged libraries, which
    # are not.
    config.python = f"env LD_PRELOAD={config.sanitizer_runtime} {config.python}"
    # What is found aborts, so that no test takes it for an expected error.
    config.environment.setdefault(
        "ASAN_OPTIONS",
        "detect_leaks=0:allow_user_poisoning=0:abort_on_error=1")
    config.environment.setdefault(
        "UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
config.substitutions.append(("%python", config.python))

if llvm_config.use_llvm_tool("ptxas", search_env="PTXAS") or os.path.exists(
        "/usr/local/cuda/bin/ptxas"):
    config.available_features.add("ptxas")

for module in ("torch", "transformers"):
    if subprocess.run([*config.python.split(), "-c", "import importlib.util, sys; "
                       f"sys.exit(importlib.util.find_spec('{module}') is None)"],
                      env={**os.environ, **config.environment},
                      check=False).returncode == 0:
        config.available_features.add(module)

llvm_config.use_default_substitutions()
