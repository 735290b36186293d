#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# gantry_check.sh PREFIX COMPILER...: what a stranger may type, through each compiler, with the package that is installed
# under PREFIX, which is moved first.
set -u
prefix=$1
shift
# A folder whose name has a space: every path below has one.
folder=$(mktemp -d)/"a folder"
mkdir "$folder"
trap 'rm -rf "${folder%/*}"' EXIT
cp -r "$prefix" "$folder/prefix"
check=$folder/prefix/bin/gantry-check
[ -x "$check" ] || { echo "gantry_check.sh: no bin/gantry-check under $prefix" >&2; exit 1; }
cd "$folder" || exit 1
failures=0

# expect STATUS TEXT COMMAND...: the command ends with the status, and each line of the text is in what it prints, which
# stays in $printed.
expect() {
  local status=$1 text=$2 line
  shift 2
  printed=$("$@" 2>&1 </dev/null)
  local got=$?
  while read -r line; do
    if [ $got -ne "$status" ] || ! grep -qF -- "$line" <<<"$printed"; then
      printf 'FAILED: %s\n  status %d, expected %d; expected text: %s\n%s\n' "$*" $got "$status" "$line" "$printed"
      failures=$((failures + 1))
    fi
  done <<<"$text"
}

# one_line STATUS TEXT COMMAND...: the same, and it is all that is printed.
one_line() {
  expect "$@"
  if [ "$(wc -l <<<"$printed")" -ne 1 ]; then
    printf 'FAILED: more than one line: %s\n%s\n' "$*" "$printed"
    failures=$((failures + 1))
  fi
}

cat >'good one.cpp' <<'CPP'
#include "count.hpp"
#include <gantry/check/model.hpp>
#include <thread>

GANTRY_MODEL(counts) {
    counter c;
    std::thread other([&] { c.add(STEP); });
    c.add(STEP);
    other.join();
    GANTRY_CHECK(c.get() == 2 * STEP);
}
CPP
mkdir 'with headers'
cat >'with headers/count.hpp' <<'CPP'
#pragma once
#include <atomic>
class counter {
public:
    void add(int n);
    int get() const;

private:
    std::atomic<int> value_{0};
};
CPP
cat >count.cpp <<'CPP'
#include "count.hpp"
void counter::add(int n) { value_.fetch_add(n, std::memory_order_relaxed); }
int counter::get() const { return value_.load(std::memory_order_relaxed); }
CPP
cat >faulty.cpp <<'CPP'
#include <gantry/check/model.hpp>
#include <thread>

GANTRY_MODEL(races) {
    int n = 0;
    std::thread other([&] { ++n; });
    ++n;
    other.join();
}
CPP
cat >own_main.cpp <<'CPP'
#include <gantry/check/model.hpp>
#include <atomic>
#include <cstdio>
#include <thread>

int main(int argc, char**) {
    const auto result = gantry::check::model({}, [] {
        std::atomic<int> n{0};
        std::thread other([&] { n.fetch_add(1); });
        n.fetch_add(1);
        other.join();
    });
    std::printf("%d arguments, %llu graphs\n", argc - 1, static_cast<unsigned long long>(result.graphs));
    return result.ok() ? 0 : 1;
}
CPP
echo 'int answer() { return 42; }' >no_models.cpp
echo 'int answer() { return forty_two; }' >wrong.cpp

one_line 2 'which compiler, which files?' "$check"
expect 0 'EXIT STATUS' "$check" --help
expect 0 '.SH EXIT STATUS' "$check" --man
one_line 0 'gantry-check ' "$check" --version
one_line 2 'no option --no-such' "$check" --no-such g++ faulty.cpp
one_line 2 'no compiler no-such-compiler: is it installed' "$check" no-such-compiler faulty.cpp
for compiler in "$@"; do
  build=("$check" "$compiler" -std=c++23)
  expect 0 'ok     counts: 2 graphs' "${build[@]}" -O2 -Wall -Werror -I 'with headers' -D STEP=3 'good one.cpp' count.cpp
  # The command that a report prints can be typed: it leads to the same failure.
  expect 1 $'FAILED races\ndata race: plain' "${build[@]}" faulty.cpp
  again=$(sed -n 's/^replay: gantry-check //p' <<<"$printed")
  expect 1 'FAILED races: 0 graphs' bash -c "'$check' $again"
  one_line 0 'races' "${build[@]}" -fsanitize=thread faulty.cpp -- --list
  one_line 2 'no GANTRY_MODEL in this program' "${build[@]}" no_models.cpp
  expect 2 $'forty_two\ngantry-check: it could not be compiled' "${build[@]}" wrong.cpp
  one_line 0 '2 arguments, 2 graphs' "$check" "$compiler" -std=c++20 own_main.cpp -- one 'two words'
  one_line 2 'cannot read missing.cpp' "${build[@]}" missing.cpp
  one_line 2 'no source file for' "${build[@]}"
  one_line 2 '-fsanitize=address does not go with the model checker' "${build[@]}" -fsanitize=address faulty.cpp
  one_line 2 '-c: a whole program is needed' "${build[@]}" -c faulty.cpp
  # The program is left where that is asked for, by each of three ways.
  expect 1 'FAILED' "$check" --keep 'kept here' "$compiler" -std=c++23 faulty.cpp
  expect 1 'FAILED' "${build[@]}" -o 'kept too' faulty.cpp
  expect 1 'FAILED' env KEEP=kept "${build[@]}" faulty.cpp
  expect 1 'FAILED' './kept here'
  expect 1 'FAILED' './kept too'
  expect 0 '--replay' ./kept --help
  one_line 2 'no model is called nothing' ./kept nothing
  # A library of the user's own.
  "$compiler" -std=c++23 -fsanitize=thread -O1 -I'with headers' -c count.cpp -o count.o && ar rcs libcount.a count.o
  expect 0 'ok     counts: 2 graphs' "${build[@]}" '-Iwith headers' -DSTEP=1 'good one.cpp' -L. -lcount
  rm -f count.o libcount.a 'kept here' 'kept too' kept
done
[ "$failures" -eq 0 ] && echo "gantry-check: ok" || exit 1
