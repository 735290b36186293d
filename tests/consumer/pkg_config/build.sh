#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build.sh PREFIX COMPILER OUT: builds the consumer from the package installed under PREFIX, with pkg-config alone.
set -euo pipefail
prefix=$1 compiler=$2 out=$3
pc=$(find "$prefix" -name gantry-channel.pc -print -quit)
[ -n "$pc" ] || { echo "build.sh: no gantry-channel.pc under $prefix" >&2; exit 1; }
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$pc")
mkdir -p "$out"
# shellcheck disable=SC2046
"$compiler" -std=c++23 "$(dirname "${BASH_SOURCE[0]}")/../consumer.cpp" \
  $(pkg-config --cflags --libs gantry-channel gantry-sketch) -o "$out/consumer"
"$out/consumer"
