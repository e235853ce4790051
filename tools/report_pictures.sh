#!/usr/bin/env bash
# Makes the pictures of docs/reference/report.md again: runs the pipeline on a generated month, several runs for the last
# days, and photographs the report. Needs chromium. Everything else stays below data/pictures, which may be removed then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset DATABASE_URL
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "report_pictures: chromium is missing." >&2
  exit 1
}
place=$PWD/data/pictures
rm -rf "$place"
mkdir -p "$place/days" "$place/raw" docs/images
sets=()
for name in warehouse database quality reports metrics lineage logs; do sets+=("paths.$name=$place/$name"); done

# A month with two days without rows, four empty hours, an hour with broken rows and others with a few, and a last day
# that is not finished.
make sample ROWS=120000 DAYS=31 START=2019-10-01 OUT="$place/month.csv"
awk -F, -v OFS=, -v folder="$place/days" '
  NR == 1 { header = $0; next }
  { day = substr($1, 9, 2); hour = substr($1, 12, 2); file = folder "/" day ".csv" }
  day ~ /09|10/ || day hour ~ /0503|1502|1503|1504/ || day hour > 3117 { next }
  day hour == 2014 && NR % 3 == 0 { $2 = "viewed" }
  NR % (30 + 30 * (day % 4)) == 0 { $7 = -1 }
  !(file in begun) { print header > file; begun[file] }
  { print > file }
' "$place/month.csv"
for last in 24 25 26 28 30 31; do
  for file in "$place"/days/*.csv; do [ "$(basename "$file" .csv)" -gt "$last" ] || mv "$file" "$place/raw"; done
  make run INPUT="$place/raw" SET="${sets[*]}" || true # the hour with broken rows is stopped
done
# Rows for two earlier hours land, and nothing loads them yet.
awk -F, -v OFS=, 'NR == 1 || $1 ~ /10-29 1[12]/ && NR % 9 == 0 { print }' "$place/month.csv" >"$place/raw/late.csv"
.venv/bin/python -E -X utf8 -m spark_jobs.jobs.extract_events --start 2019-10-01 --end 2019-11-01 \
  --set "paths.raw=$place/raw" "${sets[@]/#/--set=}" || [ $? = 4 ] # the last hours have not arrived
make report SET="${sets[*]}"

sed "s|$PWD/||g" "$place/reports/latest.html" >"$place/page.html"
# photograph NAME WIDTH HEIGHT SCHEME (0: dark, 1: light)
photograph() {
  "$browser" --headless --no-sandbox --hide-scrollbars --window-size="$2,$3" --screenshot="$place/$1.png" \
    --blink-settings="preferredColorScheme=$4" "file://$place/page.html" 2>/dev/null
  .venv/bin/python -c "import sys; from PIL import Image; Image.open(sys.argv[1]).convert('RGB').quantize(256, kmeans=5).save(sys.argv[2], optimize=True)" \
    "$place/$1.png" "docs/images/$1.png"
}
photograph report-wide 1400 1700 1
photograph report-wide-dark 1400 1700 0
photograph report-narrow 390 1700 1
