// SPDX-License-Identifier: MIT
// The source of two shared libraries: one announces what it does, the other does not.
extern "C" {

int GANTRY_TEST_COUNT(int by);

int GANTRY_TEST_COUNT(int by) {
    static int count = 0;
    count += by;
    return count;
}

} // extern "C"
