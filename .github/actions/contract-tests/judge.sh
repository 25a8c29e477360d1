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

said="$RUNNER_TEMP/contract-tests.txt"
status=0
"$CONTRACT_TESTS" "${arguments[@]}" -- "$URL" 2>&1 | tee "$said" || status=${PIPESTATUS[0]}
{
  printf '### Contract tests: %s\n' "$URL"
  printf '````text\n'
  cat "$said"
  printf '````\n'
} >>"$GITHUB_STEP_SUMMARY"
echo "exit-code=$status" >>"$GITHUB_OUTPUT"
exit "$status"
