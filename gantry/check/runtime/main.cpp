// SPDX-License-Identifier: MIT
// The main() of a program of models. What it does lives in the runtime's library: code compiled here without
// announcements could otherwise stand in for the models' own copies of the same templates.
#include <gantry/check/model.hpp>

int main(int argc, char** argv) {
    return gantry::check::model_main(argc, argv);
}
