#!/usr/bin/env bash
# Brings the programs that tests run against: Prometheus and Alertmanager, from Debian's packages.
# They are unpacked into .parts and not installed: no service starts, and no user is made. `make clean`
# removes that folder. One thing is outside of it: as root, where there are none yet, Alertmanager's
# templates are copied to /usr/share/prometheus/alertmanager, and stay there.
# What cannot be had is said, and its tests are skipped.
set -uo pipefail
cd "$(dirname "$0")/.."

# Program, and the Debian package that has it.
parts=(prometheus:prometheus promtool:prometheus prometheus-alertmanager:prometheus-alertmanager amtool:prometheus-alertmanager)
folder=$PWD/.parts

lacking() {
  for part in "${parts[@]}"; do
    PATH=$folder/usr/bin:$PATH command -v "${part%%:*}" >/dev/null || echo "${part##*:}"
  done | sort -u
}

fetch() { (cd "$folder" && apt-get download -q "$@" && for file in *.deb; do dpkg -x "$file" .; done && rm -- *.deb); }

# Debian's Alertmanager reads its templates from the system's folder, whatever its own one is.
templates=/usr/share/prometheus/alertmanager
settle() {
  [ -e "$templates/default.tmpl" ] || [ ! -d "$folder$templates" ] && return
  if [ "$(id -u)" -eq 0 ]; then
    mkdir -p "$templates" && cp -r "$folder$templates/." "$templates/"
  else
    rm -f "$folder/usr/bin/prometheus-alertmanager"
    echo "Alertmanager needs its templates in $templates, where only root may write: its tests are skipped" >&2
  fi
}
trap settle EXIT

mapfile -t packages < <(lacking)
[ ${#packages[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
  echo "not a Debian machine: tests with ${packages[*]} are skipped, unless you install them" >&2
  exit 0
fi
mkdir -p "$folder"
said=$(fetch "${packages[@]}" 2>&1) && exit 0
# The package lists may be missing or old; only root may fetch them.
if [ "$(id -u)" -eq 0 ] && apt-get update -q >/dev/null 2>&1; then
  said=$(fetch "${packages[@]}" 2>&1) && exit 0
fi
echo "$said" | tail -n 3 >&2
echo "cannot fetch ${packages[*]}: their tests are skipped; as root, try 'apt-get update' first" >&2
