#!/bin/sh
# Builds Hesse in Release and measures it against PyTorch, alternately in one run. See bench/README.md.
# usage: bench/run.sh [--quick] [--peer] [--quotients] [--first-call] [--growth] [--kernels] [--write] [--runs N] [--rows NAME…] [--python PATH] [--list] [--explain]
#        bench/run.sh --top-eigenvalue [--chunk N] [--python PATH]
# Exit code: 0 = measured and both sides computed the same; 1 = they differ, a cost grows too fast or the build failed; 2 = bad usage.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
artifacts=${HESSE_ARTIFACTS:-$root/artifacts}
dotnet build "$root/bench/Bench/Bench.fsproj" -c Release -v quiet -nologo -clp:ErrorsOnly --artifacts-path "$artifacts"
exec dotnet "$artifacts/bin/Bench/release/Hesse.Bench.dll" "$root" "$@"
