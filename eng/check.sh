#!/usr/bin/env bash
# The one check: build with warnings as errors, formatting, all tests, the notebooks.
# Ends with a line "N passed, N failed"; the exit code is 0 exactly when everything holds.
#   eng/check.sh            everything
#   eng/check.sh --tests    build and tests only
set -uo pipefail
cd "$(dirname "$0")/.."

tests_only=false
[ "${1:-}" = "--tests" ] && tests_only=true
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A step that is one check by itself: its output is shown only when it fails.
step() {
    local name=$1
    shift
    printf '%-28s ' "$name"
    if "$@" >"$log" 2>&1; then
        echo ok
        passed=$((passed + 1))
    else
        echo FAILED
        tail -n 60 "$log"
        failed=$((failed + 1))
        return 1
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

step "build" dotnet build Toolkit.sln -c Release -nologo -v quiet || finish

if ! $tests_only; then
    step "tools" dotnet tool restore &&
        step "format F#" dotnet fantomas --check src tests bench notebooks
    # Whitespace only: the code style rules are warnings, hence errors, of the build.
    step "format C#" dotnet format whitespace . --folder --verify-no-changes
fi

printf '%-28s\n' "tests"
dotnet test Toolkit.sln -c Release --no-build -nologo 2>&1 | tee "$log" | grep -Ev '^(Test run for|VSTest version|Starting test execution|A total of|$)'
test_status=${PIPESTATUS[0]}
read -r ok bad < <(awk '
    /Failed: *[0-9]+, Passed: *[0-9]+/ {
        match($0, /Failed: *[0-9]+/); f += substr($0, RSTART + 7, RLENGTH - 7)
        match($0, /Passed: *[0-9]+/); p += substr($0, RSTART + 7, RLENGTH - 7)
    }
    END { print p + 0, f + 0 }' "$log")
passed=$((passed + ok))
failed=$((failed + bad))
# A test host that dies without a count is a failure too.
if [ "$test_status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    failed=$((failed + 1))
fi

if ! $tests_only; then
    step "notebooks" eng/run-notebooks.sh
fi

finish
