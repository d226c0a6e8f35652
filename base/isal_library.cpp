#include <isa-l/igzip_lib.h>

#include "base/compression_internal.hpp"
#include "base/late_library.hpp"

namespace {
ecrin::LateLibrary g_isal("libisal.so.2", "libisal2");
}  // namespace

namespace ecrin {

Result<> load_isal() {
  return g_isal.load();
}

}  // namespace ecrin

extern "C" {

LATE_FUNCTION(g_isal, void, isal_inflate_init, (inflate_state * state), (state))
LATE_FUNCTION(g_isal, int, isal_inflate, (inflate_state * state), (state))

}  // extern "C"
