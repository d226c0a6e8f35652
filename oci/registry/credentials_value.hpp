// Credentials: what a user has for a registry, as a value. Where they come from (files, helper programs) is
// not known here.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace ecrin::oci {

struct Credentials {
  std::string username;
  Secret password;
  Secret identity_token;  // an OAuth2 refresh token; when set, it is used instead of the password
  bool operator==(const Credentials&) const = default;
};

/// The credentials for `registry` ("docker.io", "localhost:5000") and a repository in it; none: anonymous.
using CredentialsLookup = std::function<Result<std::optional<Credentials>>(const std::string& registry,
                                                                           const std::string& repository)>;

}  // namespace ecrin::oci
