#include "cli/person.hpp"

#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/text.hpp"

namespace ecrin::cli {
namespace {

constexpr std::size_t k_entry_limit = 64 * 1024;

std::string text_of(const char* text) {
  return text == nullptr ? "" : text;
}

// A text that stands between colons of a line.
bool is_field(const std::string& text) {
  return text.find_first_of(":\n\r") == std::string::npos && text.find('\0') == std::string::npos;
}

// Lines of "name:password:number:..." without those of this name or number.
std::string without(const std::string& text, const std::string& name, unsigned number) {
  std::string rest;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> fields = split(line, ':');
    const bool is_same = fields.size() > 2 && (fields[0] == name || fields[2] == std::to_string(number));
    if (!is_same) rest += line + "\n";
  }
  return rest;
}

}  // namespace

Person this_person(const Environment& environment) {
  Person person{.uid = ::getuid(), .gid = ::getgid()};
  std::string buffer(k_entry_limit, '\0');
  struct passwd user = {};
  struct passwd* found = nullptr;
  if (::getpwuid_r(person.uid, &user, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    person.name = text_of(user.pw_name);
    person.gecos = text_of(user.pw_gecos);
    person.home = text_of(user.pw_dir);
    person.shell = text_of(user.pw_shell);
  }
  std::string group_buffer(k_entry_limit, '\0');
  struct group group = {};
  struct group* found_group = nullptr;
  if (::getgrgid_r(person.gid, &group, group_buffer.data(), group_buffer.size(), &found_group) == 0 &&
      found_group != nullptr)
    person.group = text_of(group.gr_name);
  if (const auto home = environment("HOME"); home && home->starts_with('/')) person.home = *home;
  if (const auto shell = environment("SHELL"); person.shell.empty() && shell && shell->starts_with('/'))
    person.shell = *shell;
  for (std::string* field : {&person.name, &person.group, &person.gecos, &person.home, &person.shell})
    if (!is_field(*field)) field->clear();
  if (person.name.empty()) person.name = person.uid == 0 ? "root" : "user";
  if (person.group.empty()) person.group = person.name;
  return person;
}

std::string with_person(const std::string& passwd, const Person& person, const std::string& shell) {
  return without(passwd, person.name, person.uid) +
         fmt::format("{}:x:{}:{}:{}:{}:{}\n", person.name, person.uid, person.gid, person.gecos,
                     person.home.empty() ? "/" : person.home, shell);
}

std::string with_group(const std::string& group, const Person& person) {
  return without(group, person.group, person.gid) + fmt::format("{}:x:{}:\n", person.group, person.gid);
}

}  // namespace ecrin::cli
