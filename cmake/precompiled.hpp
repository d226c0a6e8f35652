// What nearly every file of ours includes, read by the compiler once for a module and not once for a file
// (cmake/settings.cmake). Files include what they use all the same: not every build does this.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
