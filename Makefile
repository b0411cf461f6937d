# The front door. Every target installs what it needs, builds, and runs.
.PHONY: help setup build quickstart test test-all check soak bench bench-full format clean

BIN := build/release/bin

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup:  ## packages of the system, LibTorch into .venv
	@tools/setup

build: setup  ## compile everything into build/release
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release

quickstart: build  ## train a small network on a real clip, at most two minutes, and compare it with bicubic
	@$(BIN)/lrti-vsr train configs/quickstart.yaml

test: build  ## every test; slow ones that passed are skipped while nothing that they see has changed
	@LRTI_SKIP_UNCHANGED=1 ctest --preset release

test-all: build  ## every test, whatever passed before
	@ctest --preset release

check: build  ## all that a change must pass besides the tests: format, docs, sanitizers, the CUDA build
	@tools/setup check
	@tools/check

soak: build  ## kill a coordinator at a thousand random points, and look for what was lost or done twice
	@LRTI_KILL_POINTS=1000 build/release/services/coordinator/engine/lrti_services_coordinator_engine_test --gtest_filter='Kill*'

bench: build  ## time and memory side by side: truncated training, every network against eager; rows go to build/bench.json
	@python3 tests/bench/bench.py

bench-full: build  ## the same at the published networks' sizes
	@python3 tests/bench/bench.py --full

format:  ## clang-format every source file
	@tools/setup check
	@git ls-files '*.h' '*.cc' '*.cu' | xargs clang-format-16 -i

clean:  ## remove everything that was built
	rm -rf build
