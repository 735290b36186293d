// SPDX-License-Identifier: MIT
#include <gantry/base/tuning.hpp>

namespace gantry::tuning {

#if defined(GANTRY_MODEL_BUILD)
inline namespace model_build {
#else
inline namespace release_build {
#endif
extern const char linked_with = 0;
}

} // namespace gantry::tuning
