#include "cli/installed_programs.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "base/posix.hpp"
#include "base/text.hpp"
#include "build/pattern.hpp"

namespace ecrin::cli {
namespace {

constexpr std::array<std::string_view, 1> k_schema = {R"(
CREATE TABLE installed_programs (
  path TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  image TEXT NOT NULL,
  created INTEGER NOT NULL
) WITHOUT ROWID;
)"};
constexpr std::string_view k_mark = "#!/bin/sh\n# A program that 'ecrin install' put here";
constexpr std::size_t k_name_limit = 100;

enum class Found { nothing, ours, another };

Result<Found> look_at(const Fd& directory, const std::string& name) {
  const auto status = posix::lstat_at(directory, name);
  if (!status && status.error().kind() == ErrorKind::not_found) return Found::nothing;
  if (!S_ISREG(TRY(status).st_mode)) return Found::another;
  const Fd file = TRY(posix::open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  std::string beginning(k_mark.size(), '\0');
  const auto read = posix::read_full(file, std::as_writable_bytes(std::span(beginning)));
  return read && beginning == k_mark ? Found::ours : Found::another;
}

Result<Fd> open_place(const std::string& path) {
  return posix::open(build::parent_path(path), O_RDONLY | O_DIRECTORY);
}

}  // namespace

bool is_program_name(std::string_view name) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("_.+-").contains(c);
  };
  return !name.empty() && name.size() <= k_name_limit && name.front() != '.' && name.front() != '-' &&
         std::ranges::all_of(name, allowed);
}

std::string program_script(const InstalledProgram& program, const std::vector<std::string>& words) {
  std::string command;
  for (const std::string& word : words) command += shell_quote(word) + " ";
  return fmt::format("{} (image {}). It goes by: ecrin uninstall {}\nexec {}\"$@\"\n", k_mark,
                     printable(program.image), program.name, command);
}

Result<InstalledPrograms> InstalledPrograms::open(Store& store) {
  TRY(store.database().migrate("installed_programs", k_schema));
  return InstalledPrograms(store);
}

Result<> InstalledPrograms::add(const InstalledProgram& program, const std::string& script) {
  const Fd directory = TRY(open_place(program.path));
  const std::string name = build::base_name(program.path);
  const Found found = TRY(look_at(directory, name));
  if (found == Found::another) {
    return std::unexpected(
        Error(ErrorKind::conflict, fmt::format("'{}' is there already, and 'ecrin install' did not make it",
                                               printable(program.path)))
            .hint("take another name (--as) or directory (--bin-dir)"));
  }
  const std::string draft = fmt::format(".{}.{}", name, Store::unique_name());
  {
    Fd file = TRY(posix::open_at(directory, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(posix::write_full(file, script));
    TRY(posix::fchmod(file, 0755));
    TRY(file.close());
  }
  // Whatever came there meanwhile stays.
  const unsigned how = found == Found::ours ? 0 : RENAME_NOREPLACE;
  if (auto moved = posix::rename_at(directory, draft, directory, name, how); !moved) {
    (void)posix::unlink_at(directory, draft);
    return std::unexpected(std::move(moved).error());
  }
  const auto lock = m_store->database().lock();
  auto insert = TRY(m_store->database().prepare(
      "INSERT OR REPLACE INTO installed_programs (path, name, image, created) VALUES (?1, ?2, ?3, ?4)"));
  return insert.bind(1, program.path)
      .bind(2, program.name)
      .bind(3, program.image)
      .bind(4, program.created)
      .run();
}

Result<std::vector<InstalledProgram>> InstalledPrograms::list() {
  const auto lock = m_store->database().lock();
  auto select = TRY(m_store->database().prepare(
      "SELECT path, name, image, created FROM installed_programs ORDER BY name, path"));
  std::vector<InstalledProgram> programs;
  while (TRY(select.step()) == Statement::Step::row)
    programs.push_back({.path = select.text(0),
                        .name = select.text(1),
                        .image = select.text(2),
                        .created = select.integer(3)});
  return programs;
}

Result<bool> InstalledPrograms::is_there(const InstalledProgram& program) {
  const auto directory = open_place(program.path);
  if (!directory) return false;
  return TRY(look_at(*directory, build::base_name(program.path))) == Found::ours;
}

Result<> InstalledPrograms::remove(const InstalledProgram& program) {
  if (TRY(is_there(program)))
    TRY(posix::unlink_at(TRY(open_place(program.path)), build::base_name(program.path)));
  const auto lock = m_store->database().lock();
  auto remove = TRY(m_store->database().prepare("DELETE FROM installed_programs WHERE path = ?1"));
  return remove.bind(1, program.path).run();
}

}  // namespace ecrin::cli
