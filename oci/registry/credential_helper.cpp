#include "oci/registry/credential_helper.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/child.hpp"
#include "base/defer.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "oci/registry/secret_json.hpp"

namespace ecrin::oci {
namespace {

constexpr std::size_t k_output_limit = 1u << 20;
// As the username of an answer: the secret is an identity token.
constexpr std::string_view k_token_user = "<token>";

bool says_not_found(std::string_view output) {
  return to_lower(output).contains("credentials not found");
}

// What a helper says about its failure is for people; what looks like an answer may hold the secret.
std::string complaint(const Output& output) {
  std::string_view said = trim(output.standard_output);
  if (said.empty()) said = trim(output.standard_error);
  if (said.empty() || said.contains('{')) return output.status.to_string();
  return printable(said.substr(0, said.find('\n')), 300);
}

}  // namespace

Result<CredentialHelper> CredentialHelper::create(const std::string& name, const HelperSettings& settings) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '+';
  };
  if (name.empty() || name.size() > 200 || !std::ranges::all_of(name, fine))
    return fail(ErrorKind::invalid, "'{}' is not the name of a credential helper", printable(name, 100));
  return CredentialHelper("docker-credential-" + name, settings);
}

bool CredentialHelper::installed() const {
  return !find_program(m_program, m_settings.search_path).empty();
}

// Empty: it knows nothing of this server.
Result<std::optional<std::string>> CredentialHelper::run(const std::string& verb, std::string_view input,
                                                         const std::string& server) const {
  auto output = run_command({.argv = {m_program, verb}, .search_path = m_settings.search_path}, input,
                            k_output_limit, m_settings.timeout);
  if (!output && output.error().kind() == ErrorKind::not_found) {
    return std::unexpected(
        Error(ErrorKind::not_found,
              fmt::format("the credential helper '{}' is not installed", printable(m_program)))
            .hint("install it, or take it out of the file with credentials that names it"));
  }
  if (!output) return std::unexpected(std::move(output).error());
  const Defer wipe_output([&output] { wipe(output->standard_output); });
  if (output->status.success()) return output->standard_output;
  if (says_not_found(output->standard_output) || says_not_found(output->standard_error)) return std::nullopt;
  return std::unexpected(Error(ErrorKind::denied, fmt::format("'{} {}' failed for '{}': {}", m_program, verb,
                                                              printable(server, 300), complaint(*output)))
                             .hint(fmt::format("try it by hand: echo {} | {} {}", shell_quote(server),
                                               m_program, verb == "get" ? "get" : "list")));
}

Result<std::optional<Credentials>> CredentialHelper::get(const std::string& server) const {
  auto text = TRY(run("get", server, server));
  if (!text) return std::nullopt;
  const Defer wipe_text([&text] { wipe(*text); });
  const std::string what = fmt::format("the answer of '{}'", m_program);
  SecretJson answer = TRY(SecretJson::parse(*text, what));
  const auto username = TRY(json_string(answer.value(), "Username", what));
  auto secret = TRY(json_string(answer.value(), "Secret", what));
  if (!secret || secret->empty()) return std::nullopt;
  Credentials credentials{.username = username.value_or(""), .password = {}, .identity_token = {}};
  if (credentials.username == k_token_user) {
    credentials.username.clear();
    credentials.identity_token = Secret(*secret);
  } else {
    credentials.password = Secret(*secret);
  }
  wipe(*secret);
  return credentials;
}

Result<> CredentialHelper::store(const std::string& server, const Credentials& credentials) const {
  const bool token = !credentials.identity_token.empty();
  SecretJson request(Json{{"ServerURL", server},
                          {"Username", token ? std::string(k_token_user) : credentials.username},
                          {"Secret", (token ? credentials.identity_token : credentials.password).reveal()}});
  std::string text = dump_json(request.value());
  const Defer wipe_text([&text] { wipe(text); });
  if (!TRY(run("store", text, server)))
    return fail(ErrorKind::denied, "'{}' did not store the credentials of '{}'", m_program,
                printable(server, 300));
  return {};
}

Result<CredentialHelper::Erased> CredentialHelper::erase(const std::string& server) const {
  return TRY(run("erase", server, server)) ? Erased::yes : Erased::no;
}

}  // namespace ecrin::oci
