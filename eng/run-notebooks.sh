#!/bin/sh
# Builds what the notebooks need and runs each of them. Exit code: 0 = every check in them holds, else 1.
set -u
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit 1
failed=0

run() {
    echo "== $1"
    shift

    if ! "$@"; then
        echo "   failed: $*" >&2
        failed=1
    fi
}

dotnet build src/Interop.CSharp -c Release -v quiet -nologo -clp:ErrorsOnly || exit 1

for notebook in notebooks/*.fsx; do
    run "$notebook" dotnet fsi "$notebook"
done

for notebook in notebooks/*.cs; do
    run "$notebook" dotnet run -c Release "$notebook"
done

exit "$failed"
