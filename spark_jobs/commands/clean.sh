#!/usr/bin/env bash
# Removes everything that the pipeline created below data/. In data/raw it removes only generated samples, and keeps
# your own files. A database at DATABASE_URL keeps its rows and is released: the next warehouse that uses it empties it
# first.
set -euo pipefail
# Arguments: the folder that contains data, and the Python of the project; by default those of this checkout.
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
python=${2:-.venv/bin/python}
shopt -s nullglob
places=(data/warehouse data/warehouse.key data/postgres data/.postgres.lock data/quality data/processed data/reports data/metrics data/lineage data/logs data/airflow data/scratch data/raw/sample-*.csv data/raw/feed-*.csv)
found=()
# The database of root's runs may be in another folder (spark_jobs/postgres/embedded.py). That folder is removed only
# where it belongs to the database's user alone.
elsewhere=$(cat data/postgres/place 2>/dev/null || true)
if [ -n "$elsewhere" ]; then
  if [ "$(readlink -f "$elsewhere")" = "$elsewhere" ] && [ "$(stat -c '%U %a' "$elsewhere" 2>/dev/null)" = "pgserver 700" ] &&
    [ "$(cat "$elsewhere/of" 2>/dev/null)" = "$(readlink -f data/postgres)" ]; then
    places+=("$elsewhere")
  else
    echo "clean: $elsewhere is kept: it is not the database of this folder, or it does not belong to pgserver alone." >&2
    elsewhere=
  fi
fi
for place in "${places[@]}"; do [ -e "$place" ] && found+=("$place"); done
[ ${#found[@]} -gt 0 ] || { echo "clean: nothing to remove."; exit 0; }
if [ "${YES:-}" != 1 ]; then
  printf 'This removes %s. Continue? [y/N] ' "$(IFS=' '; echo "${found[*]}")"
  read -r answer || true
  [ "${answer:-}" = y ] || [ "${answer:-}" = Y ] || { echo "clean: nothing was removed."; exit 0; }
fi
if [ -n "${DATABASE_URL:-}" ] && [ -e data/warehouse/leases ]; then
  if [ -x "$python" ]; then
    "$python" -E -P -X utf8 -m spark_jobs.commands.clean data/warehouse || true  # it prints what to do; the files go anyway
  else
    echo "clean: without .venv, the database at DATABASE_URL cannot be released; run make handover with the next warehouse that uses it." >&2
  fi
fi
# First stop a server that still runs there.
for folder in data/postgres ${elsewhere:+"$elsewhere/data"}; do
  pid=$(head -n 1 "$folder/postmaster.pid" 2>/dev/null || true)
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$folder")" ] || continue
  kill -INT "$pid" 2>/dev/null || true
  for _ in {1..100}; do [ -e "/proc/$pid" ] || break; sleep 0.1; done
done
rm -rf "${found[@]}"
if [ -n "$elsewhere" ]; then # with the last one, the copy of the server's programs is removed too
  home=$(dirname "$elsewhere")
  others=("$home"/postgres-*)
  if [ ${#others[@]} -eq 0 ]; then
    for programs in "$home"/programs-*; do [ -e "$programs/.made-by-pipeline" ] && rm -rf "$programs"; done
    rmdir "$home" 2>/dev/null || true
  fi
fi
echo "clean: removed."
