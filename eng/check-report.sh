#!/usr/bin/env bash
# Loads DIR/report.html in a real browser and checks that every figure is drawn and that the console stays empty:
# with the interactive charts, when the report includes them, and with its scripts removed.
#
# usage: eng/check-report.sh DIR [--require-plotly] [--screenshots FOLDER]
# needs: chromium (or $CHROMIUM) and perl
set -euo pipefail

usage() { sed -n '5,6s/^# //p' "$0" >&2; exit 2; }

[[ $# -ge 1 ]] || usage
dir=$1
shift
require_plotly=false
screenshots=
while [[ $# -gt 0 ]]; do
  case $1 in
    --require-plotly) require_plotly=true ;;
    --screenshots) screenshots=${2:?--screenshots needs a folder}; shift ;;
    *) usage ;;
  esac
  shift
done

report=$dir/report.html
[[ -f $report ]] || { echo "check-report: no file $report" >&2; exit 2; }
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
[[ -n $browser ]] || { echo "check-report: no chromium on the PATH; name one in CHROMIUM" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browse() {
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
    --user-data-dir="$(mktemp -d -p "$work")" --virtual-time-budget=60000 "$@"
}

count() { { grep -oE "$1" "$2" || true; } | wc -l; }

failures=0
fail() { echo "FAIL $1"; failures=$((failures + 1)); }

# check NAME PAGE: loads the page into $work/NAME.html and looks for errors on the console.
check_console() {
  browse --enable-logging=stderr --dump-dom "file://$2" >"$work/$1.html" 2>"$work/$1.log"
  # Chromium logs every level of console message alike, and the page writes none.
  if grep ':CONSOLE' "$work/$1.log"; then
    fail "$1: messages on the console"
  fi
  # What is counted is the page itself: the text of scripts and styles would match too.
  perl -0pi -e 's/<(script|style)\b.*?<\/\1>//gs' "$work/$1.html"
}

expected=$(find "$dir/figures" -name '*.json' | wc -l)
page=$(realpath "$report")

perl -0pe 's/<script\b.*?<\/script>//gs' "$page" >"$work/static-page.html"
check_console static "$work/static-page.html"
svgs=$(count '<svg class="chart"' "$work/static.html")
[[ $svgs -eq $expected ]] || fail "static: $svgs of $expected figures drawn"
if grep -qE '(NaN|Infinity|∞)[ "]' <(grep -oE '<svg class="chart".*</svg>' "$work/static.html" | grep -oE ' (d|x|y|width|height)="[^"]*"'); then
  fail "static: a coordinate is not a number"
fi
echo "static: $svgs of $expected figures drawn"

if grep -q 'plotly.js v' "$page"; then
  check_console interactive "$page"
  charts=$(count 'class="interactive js-plotly-plot"' "$work/interactive.html")
  drawn=$(perl -0ne 'my $n = 0; for (split /class="interactive js-plotly-plot"/) { $n++ if /class="main-svg"/ } print $n' "$work/interactive.html")
  [[ $charts -eq $expected && $drawn -eq $expected ]] || fail "interactive: $drawn of $expected figures drawn"
  echo "interactive: $drawn of $expected figures drawn"
elif $require_plotly; then
  fail "interactive: the report was made without Plotly"
else
  echo "interactive: not checked, the report was made without Plotly"
fi

if [[ -n $screenshots ]]; then
  mkdir -p "$screenshots"
  shot() {
    local name=$1 from=$2 size=$3
    shift 3
    browse --window-size="$size" --screenshot="$screenshots/$name.png" "$@" "file://$from" >/dev/null 2>&1
  }
  shot light "$page" 1400,3400
  shot dark "$page" 1400,3400 --blink-settings=preferredColorScheme=0
  shot narrow "$page" 500,5200
  shot static-light "$work/static-page.html" 1400,3400
  shot static-dark "$work/static-page.html" 1400,3400 --blink-settings=preferredColorScheme=0
  echo "screenshots: $screenshots"
fi

[[ $failures -eq 0 ]] || exit 1
echo "check-report: ok"
