#!/usr/bin/env bash
# Every suite on every backend, natively and under emulation: one table of what ran and that all of it was bit-equal.
#
#   tests/exactness.sh            (EIGHTBIT_CASES=n for another number of cases; Debian 12 on x86-64)
set -euo pipefail
exec "$(dirname "$0")/emulation/run.sh" native all
