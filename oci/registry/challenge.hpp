// Challenge: what a server wants to see, as its WWW-Authenticate headers say (RFC 9110, section 11).
#pragma once

#include <map>
#include <string>
#include <vector>

namespace ecrin::oci {

struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case; the first of a name counts
  /// "" when it is not there.
  std::string parameter(const std::string& name) const;
};

/// All challenges of all these headers, in their order. What cannot be understood is left out together with
/// the rest of its header; so is what is beyond a generous bound. Never fails: no challenge is an answer.
std::vector<Challenge> parse_challenges(const std::vector<std::string>& headers);

}  // namespace ecrin::oci
