#include "cli/error_report.hpp"

namespace ecrin::cli {
namespace {

std::string painted(std::string_view text, std::string_view code, Colour colour) {
  if (colour == Colour::no) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

}  // namespace

std::string format_error(const Error& error, Colour colour) {
  std::string_view message = error.message();
  while (message.ends_with('\n')) message.remove_suffix(1);
  std::string text = fmt::format("{} {}\n", painted("error:", "1;31", colour), message);
  for (const std::string& line : error.trace()) text += fmt::format("  while {}\n", line);
  if (!error.hint_text().empty()) {
    text += fmt::format("{} {}\n", painted("hint:", "1;36", colour), error.hint_text());
  }
  return text;
}

std::string format_warning(std::string_view message, Colour colour) {
  return fmt::format("{} {}", painted("warning:", "1;33", colour), message);
}

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::system:
      return "system";
    case ErrorKind::not_found:
      return "not-found";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::network:
      return "network";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::limit:
      return "limit";
    case ErrorKind::program_not_found:
      return "program-not-found";
    case ErrorKind::program_not_executable:
      return "program-not-executable";
  }
  return "system";
}

}  // namespace ecrin::cli
