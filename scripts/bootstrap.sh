#!/usr/bin/env bash
# Installs what foreseed is built from on Debian 12: the packages of packages.txt that are missing. Uses sudo if it has to.
#   scripts/bootstrap.sh [--tests]     --tests: also what only tests use (test_packages.txt, and a driver for the browser)
set -eu
here=$(dirname "$(readlink -f "$0")")
lists=("$here/packages.txt")
[ "${1:-}" != --tests ] || lists+=("$here/test_packages.txt")
missing=()
while read -r package; do
  case $package in ''|'#'*) continue ;; esac
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < <(cat "${lists[@]}")
# Some builds of nodejs bring npm along, and do not go with Debian's.
if [ ${#lists[@]} -eq 2 ] && ! command -v npm >/dev/null; then missing+=(npm); fi
if [ ${#missing[@]} -eq 0 ]; then
  echo "bootstrap: everything is installed"
else
  sudo=
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  echo "bootstrap: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
browser=$here/../build/browser
if [ ${#lists[@]} -eq 2 ] && ! cmp -s "$here/../tests/report/package-lock.json" "$browser/package-lock.json"; then
  mkdir -p "$browser"
  cp "$here"/../tests/report/package*.json "$browser"
  if ! (cd "$browser" && timeout 120 npm ci --silent --no-audit --no-fund); then
    rm "$browser/package-lock.json"
    echo "bootstrap: the driver for the browser cannot be had; its test is skipped"
  fi
fi
