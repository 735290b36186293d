#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# root.sh FOLDER: unpacks the libraries for 64-bit Arm that tests and reports need into FOLDER. They are Debian's packages; apt works on lists
# of its own in there, so that the machine keeps its architectures and its lists.
set -euo pipefail
folder=$1
packages=(librapidcheck-dev libgtest-dev libgmock-dev libdw-dev libdw1 libelf1 zlib1g liblzma5 libbz2-1.0)
done_mark=$folder/complete
[ "$(cat "$done_mark" 2>/dev/null || true)" = "${packages[*]}" ] && exit 0
mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial"
folder=$(cd "$folder" && pwd)
: >"$folder/apt/status"
apt=(apt-get -q -o "Dir::State=$folder/apt/state" -o "Dir::State::status=$folder/apt/status"
  -o "Dir::Cache=$folder/apt/cache" -o APT::Architecture=arm64 -o APT::Architectures=arm64
  -o Acquire::Languages=none -o APT::Sandbox::User=root)
# A source that has nothing for this architecture makes apt complain; what counts is whether the packages come.
"${apt[@]}" update >"$folder/apt/log" 2>&1 || true
(cd "$folder/apt" && "${apt[@]}" download "${packages[@]}" >>log 2>&1) || {
  tail -n 20 "$folder/apt/log" >&2
  echo "root.sh: apt-get could not download for arm64: ${packages[*]}" >&2
  exit 1
}
for package in "$folder"/apt/*.deb; do
  dpkg-deb -x "$package" "$folder"
done
rm -rf "$folder/apt"
# Debian's own says what a static library would need, which is not here.
mkdir -p "$folder/pkgconfig"
cat >"$folder/pkgconfig/libdw.pc" <<PC
Name: libdw
Description: debug information
Version: 0
Libs: -L$folder/usr/lib/aarch64-linux-gnu -ldw
PC
printf '%s' "${packages[*]}" >"$done_mark"
