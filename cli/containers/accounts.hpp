// The user of a container's program as programs there find it: /etc/passwd and /etc/group with an entry for a
// number that the image has none for.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "cli/person.hpp"

namespace ecrin::cli {

/// Files that take the place of the image's; none where it knows users and groups already, or has a file that
/// nothing can be added to. `people`: in the form that the entries shall have.
std::vector<std::pair<std::string, std::string>> account_files(const Fd& rootfs,
                                                               const std::vector<Person>& people);

/// An entry's text for a number that nobody has a name for.
Person nameless_person(uid_t uid, gid_t gid, const std::string& home);

/// The text with an entry for this person, at its end; none: it has one for the number.
std::optional<std::string> with_user_added(const std::string& passwd, const Person& person);
std::optional<std::string> with_group_added(const std::string& group, const Person& person);

}  // namespace ecrin::cli
