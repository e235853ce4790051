#!/usr/bin/env bash
# Creates .env from .env.example, once: each change-me becomes a different secret. An existing .env is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ ! -e .env ] || { echo "env: .env exists and is kept."; exit 0; }
umask 077
while IFS= read -r line; do
  case $line in
    FERNET_KEY=change-me) line=FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_') ;;
    *=change-me) line=${line%change-me}$(head -c 24 /dev/urandom | base64 | tr -d '+/=') ;;
  esac
  printf '%s\n' "${line%%[[:space:]]#*}"
done < .env.example | sed 's/[[:space:]]*$//' > .env
echo "env: .env is created, with new secrets; the UI's password is AIRFLOW_ADMIN_PASSWORD in it."
