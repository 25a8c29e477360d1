#!/usr/bin/env bash
# What action.yml runs. The inputs are variables and never part of a command's text.
set -euo pipefail

arguments=(--report-dir "$REPORT_DIR")

option() { # NAME TEXT: once for each line of TEXT that has something
  while IFS= read -r line; do
    if [ -n "$line" ]; then arguments+=("$1" "$line"); fi
  done <<<"$2"
}

option --workflow "$WORKFLOWS"
option --level "$LEVEL"
option --known "$KNOWN"
option --require "$REQUIRE"
option --max-runs "$MAX_RUNS"
option --config "$CONFIG"
option --code "$CODE"
option --allure-dir "$ALLURE_DIR"

status=0
"$CONTRACT_TESTS" "${arguments[@]}" --github -- "$URL" || status=$?
echo "exit-code=$status" >>"$GITHUB_OUTPUT"
exit "$status"
