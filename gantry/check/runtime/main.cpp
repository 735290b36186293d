// SPDX-License-Identifier: MIT
// The main() of a program of models that has none of its own: it lies in the runtime's library, so a program's
// own comes before it.
#include <gantry/check/model.hpp>

#pragma GCC visibility push(default)

int main(int argc, char** argv) {
    return gantry::check::model_main(argc, argv);
}

#pragma GCC visibility pop
