#include "cli/containers/exec_request.hpp"

#include <nlohmann/json.hpp>

namespace ecrin::cli {
namespace {

constexpr std::string_view k_what = "a request to execute a program";

Result<std::uint16_t> cells(const Json& json, const char* key) {
  const auto number = TRY(json_unsigned(json, key, k_what)).value_or(0);
  if (number > 0xffff) return fail(ErrorKind::invalid, "a terminal cannot be {} cells large", number);
  return static_cast<std::uint16_t>(number);
}

}  // namespace

Json encode_exec_request(const ExecRequest& request) {
  Json json = {{"verb", "exec"},           {"args", request.args},
               {"env", request.env},       {"terminal", request.terminal},
               {"detach", request.detach}, {"privileged", request.privileged}};
  if (request.user) json["user"] = *request.user;
  if (request.workdir) json["workdir"] = *request.workdir;
  if (request.size) json.update(Json{{"height", request.size->height}, {"width", request.size->width}});
  return json;
}

Result<ExecRequest> decode_exec_request(const Json& json) {
  ExecRequest request;
  request.args = TRY(json_strings(json, "args", k_what)).value_or(std::vector<std::string>{});
  if (request.args.empty()) return fail(ErrorKind::invalid, "there is no command to execute");
  request.env = TRY(json_strings(json, "env", k_what)).value_or(std::vector<std::string>{});
  request.user = TRY(json_string(json, "user", k_what));
  request.workdir = TRY(json_string(json, "workdir", k_what));
  request.terminal = TRY(json_bool(json, "terminal", k_what)).value_or(false);
  request.privileged = TRY(json_bool(json, "privileged", k_what)).value_or(false);
  request.detach = TRY(json_bool(json, "detach", k_what)).value_or(false);
  const std::uint16_t height = TRY(cells(json, "height"));
  const std::uint16_t width = TRY(cells(json, "width"));
  if (width != 0) request.size = oci::ConsoleSize{.height = height, .width = width};
  return request;
}

}  // namespace ecrin::cli
