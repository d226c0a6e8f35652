#include "base/error.hpp"

#include <cstdint>
#include <cstring>

#include "base/encoding.hpp"

namespace ecrin {
namespace {

// The first field of a serialised error: two programs of different versions must not misread each other.
constexpr std::uint64_t k_format = 1;

ErrorKind kind_of(int code) {
  switch (code) {
    case ENOENT:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
      return ErrorKind::denied;
    case EEXIST:
    case EBUSY:
      return ErrorKind::conflict;
    default:
      return ErrorKind::system;
  }
}

}  // namespace

Error::Error(ErrorKind kind, std::string message) : m_kind(kind), m_message(std::move(message)) {}

Error Error::from_errno(int code, std::string_view action) {
  // strerrordesc_np: not translated, no buffer, safe from any thread.
  const char* description = ::strerrordesc_np(code);
  Error error(kind_of(code), description != nullptr ? fmt::format("{}: {}", action, description)
                                                    : fmt::format("{}: error {}", action, code));
  error.m_code = code;
  return error;
}

Error&& Error::context(std::string while_doing) && {
  m_trace.push_back(std::move(while_doing));
  return std::move(*this);
}

Error&& Error::hint(std::string what_to_do) && {
  if (m_hint.empty()) m_hint = std::move(what_to_do);
  return std::move(*this);
}

std::string Error::serialise() const {
  Encoder encoder;
  encoder.put(k_format)
      .put(static_cast<std::uint64_t>(m_kind))
      .put(std::uint64_t{static_cast<std::uint32_t>(m_code)})
      .put(m_message)
      .put(m_trace)
      .put(m_hint);
  return encoder.bytes();
}

std::optional<Error> Error::parse(std::string_view bytes) {
  Decoder decoder(bytes);
  const std::uint64_t format = decoder.get_unsigned();
  const std::uint64_t kind = decoder.get_unsigned();
  const std::uint64_t code = decoder.get_unsigned();
  std::string message = decoder.get_string();
  std::vector<std::string> trace = decoder.get_strings();
  std::string hint = decoder.get_string();
  if (!decoder.ok() || !decoder.at_end() || format != k_format) return std::nullopt;
  if (kind > static_cast<std::uint64_t>(ErrorKind::program_not_executable) || code > UINT32_MAX)
    return std::nullopt;
  Error error(static_cast<ErrorKind>(kind), std::move(message));
  error.m_code = static_cast<int>(static_cast<std::uint32_t>(code));
  error.m_trace = std::move(trace);
  error.m_hint = std::move(hint);
  return error;
}

}  // namespace ecrin
