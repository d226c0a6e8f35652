#include "run/embedded.hpp"

// The two files are made by the build before this one is compiled (CMakeLists.txt).
__asm__(
    ".section .rodata\n"
    ".balign 16\n"
    ".global ecrin_stage_begin\n"
    ".hidden ecrin_stage_begin\n"
    "ecrin_stage_begin:\n"
    ".incbin \"" ECRIN_STAGE_FILE
    "\"\n"
    ".global ecrin_stage_end\n"
    ".hidden ecrin_stage_end\n"
    "ecrin_stage_end:\n"
    ".balign 16\n"
    ".global ecrin_filter_begin\n"
    ".hidden ecrin_filter_begin\n"
    "ecrin_filter_begin:\n"
    ".incbin \"" ECRIN_FILTER_FILE
    "\"\n"
    ".global ecrin_filter_end\n"
    ".hidden ecrin_filter_end\n"
    "ecrin_filter_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" {
extern const std::byte ecrin_stage_begin[] __attribute__((visibility("hidden")));
extern const std::byte ecrin_stage_end[] __attribute__((visibility("hidden")));
extern const std::byte ecrin_filter_begin[] __attribute__((visibility("hidden")));
extern const std::byte ecrin_filter_end[] __attribute__((visibility("hidden")));
}

namespace ecrin::run {

std::span<const std::byte> embedded_stage() {
  return {ecrin_stage_begin, ecrin_stage_end};
}
std::span<const std::byte> embedded_seccomp_filter() {
  return {ecrin_filter_begin, ecrin_filter_end};
}

}  // namespace ecrin::run
