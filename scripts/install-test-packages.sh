#!/usr/bin/env bash
# Installs the Debian packages that the tests start for real. Needs root; does nothing where all are there already.
# None of their services is started: the tests start what they need, on ports of their own.
set -euo pipefail

packages=(prometheus prometheus-alertmanager prometheus-node-exporter prometheus-postgres-exporter
  prometheus-redis-exporter prometheus-pushgateway victoria-metrics redis-server postgresql pgbouncer chromium
  fonts-dejavu-core python3-celery python3-redis rabbitmq-server dbus)

command -v apt-get >/dev/null || { echo "not a Debian machine: nothing installed" >&2; exit 1; }
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
