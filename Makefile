# The commands of pbs-mlir. Everything is built in $(BUILD) by CMake and Ninja.
#
#   make demo      set up, build, run the method on real tensors
#   make test      set up, build, run all tests
#   make sanitize  run all tests under AddressSanitizer and UBSan
#   make dist      pack libpbs.so, tools and Python for hosts without LLVM
#   make docs      generate the reference of ops and passes
#   make format    format all sources

BUILD ?= build
JOBS ?= $(shell nproc)
# Debian's own Python has the packages that scripts/setup.sh installs.
PYTHON ?= $(shell command -v /usr/bin/python3 || command -v python3)
CMAKE_ARGS ?=
LIT_ARGS ?=

configure_args = -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DPython3_EXECUTABLE=$(PYTHON) \
  $(if $(MLIR_DIR),-DMLIR_DIR=$(MLIR_DIR)) \
  $(if $(shell command -v ccache),-DCMAKE_C_COMPILER_LAUNCHER=ccache \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache) $(CMAKE_ARGS)

.PHONY: all setup configure build demo test sanitize dist docs format clean

all: build

setup:
	@scripts/setup.sh

configure: setup
	@if [ ! -f $(BUILD)/build.ninja ] || [ -n "$(CMAKE_ARGS)" ]; then \
	  cmake -S . -B $(BUILD) $(configure_args); fi

build: configure
	@ninja -C $(BUILD) -j $(JOBS)

test: configure
	@ninja -C $(BUILD) -j $(JOBS) pbs-test-depends
	@$(PYTHON) scripts/run_tests.py --build $(BUILD) --jobs $(JOBS) $(LIT_ARGS)

sanitize:
	@$(MAKE) test BUILD=$(BUILD)-sanitize \
	  CMAKE_ARGS="-DPBS_SANITIZE=address,undefined"

demo: configure
	@ninja -C $(BUILD) -j $(JOBS) pbs-run
	@BUILD=$(BUILD) scripts/demo.sh

dist: configure
	@ninja -C $(BUILD) -j $(JOBS) pbs-dist
	@$(PYTHON) scripts/make_dist.py --build $(BUILD) --output dist

docs: configure
	@ninja -C $(BUILD) mlir-doc pbs-opt
	@$(PYTHON) scripts/collect_docs.py --build $(BUILD)
	@$(PYTHON) scripts/update_excerpts.py --pbs-opt $(BUILD)/bin/pbs-opt \
	  --input test/Dialect/Tile/Inputs/attention.mlir --nest tile.func \
	  --page docs/Tile.md
	@$(PYTHON) scripts/update_excerpts.py --pbs-opt $(BUILD)/bin/pbs-opt \
	  --input test/Dialect/PBS/Inputs/method.mlir --page docs/Method.md

format:
	@git ls-files '*.cpp' '*.h' | xargs clang-format-22 -i

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize
