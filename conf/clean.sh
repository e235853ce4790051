#!/usr/bin/env bash
# Removes what the pipeline made below data/. Files of your own in data/raw are kept: only generated samples go.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shopt -s nullglob
places=(data/warehouse data/postgres data/quality data/processed data/reports data/metrics data/lineage data/logs data/airflow data/raw/sample-*.csv data/raw/feed-*.csv)
found=()
for place in "${places[@]}"; do [ -e "$place" ] && found+=("$place"); done
[ ${#found[@]} -gt 0 ] || { echo "clean: nothing to remove."; exit 0; }
if [ "${YES:-}" != 1 ]; then
  printf 'This removes %s. Go on? [y/N] ' "$(IFS=' '; echo "${found[*]}")"
  read -r answer || true
  [ "${answer:-}" = y ] || [ "${answer:-}" = Y ] || { echo "clean: nothing was removed."; exit 0; }
fi
rm -rf "${found[@]}"
echo "clean: removed."
