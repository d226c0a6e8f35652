// SecretJson: a JSON document with secrets in it. Its strings are wiped when it goes, and errors say where it
// is wrong, never what stands there.
#pragma once

#include <memory>
#include <string_view>

#include "base/json.hpp"

namespace ecrin::oci {

class SecretJson {
public:
  explicit SecretJson(Json value);
  SecretJson(SecretJson&&) noexcept;
  SecretJson& operator=(SecretJson&&) = delete;
  ~SecretJson();

  /// An object. `what` names the document in errors.
  static Result<SecretJson> parse(std::string_view text, std::string_view what);

  Json& value() { return *m_value; }
  const Json& value() const { return *m_value; }

private:
  std::unique_ptr<Json> m_value;
};

}  // namespace ecrin::oci
