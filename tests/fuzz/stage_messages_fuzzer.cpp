// What the stage and its parent, a monitor and its clients tell each other: any bytes are a value or one
// error, and a value survives the road.
#include "oci/runtime_config.hpp"
#include "run/monitor/control.hpp"
#include "run/plan/setup_op.hpp"
#include "tests/fuzz/fuzzer.hpp"

using namespace ecrin;
using namespace ecrin::run;
using ecrin::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  if (const auto plan = decode_plan(bytes)) {
    const auto again = decode_plan(encode_plan(*plan));
    require(again && *again == *plan);
  }
  if (const auto states = decode_states(bytes)) require(encode_states(*states) == bytes);
  if (const auto error = Error::parse(bytes)) require(error->serialise() == bytes);
  const auto [error, code] = decode_failure(bytes);
  const auto again = decode_failure(encode_failure(error, code));
  require(again.second == code && again.first.kind() == error.kind());
  return 0;
}
