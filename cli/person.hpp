// Who runs this program, as other programs shall see it: the entries of passwd and group. To be asked before
// a user namespace is entered: inside, everybody who does so is root.
#pragma once

#include <sys/types.h>

#include <string>

#include "cli/environment.hpp"

namespace ecrin::cli {

struct Person {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;   // "user" where nobody knows one
  std::string group;  // the same
  std::string gecos;
  std::string home;   // of $HOME, else the passwd entry; "" = none
  std::string shell;  // of the passwd entry, else $SHELL; "" = none
};
Person this_person(const Environment& environment);

/// The text of a system's /etc/passwd in which this person is found by number and by name.
std::string with_person(const std::string& passwd, const Person& person, const std::string& shell);
/// The same of /etc/group.
std::string with_group(const std::string& group, const Person& person);

}  // namespace ecrin::cli
