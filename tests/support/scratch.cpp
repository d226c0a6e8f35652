#include "tests/support/scratch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/process.hpp"
#include "tests/support/setting.hpp"

namespace ecrin::tests {

Outcome run_with_all_ids(Arguments argv) {
  Arguments full = {"unshare", "--map-root-user", "--map-auto", "--"};
  full.insert(full.end(), argv.begin(), argv.end());
  Outcome outcome = run(host_command(std::move(full)));
  // Without ranges there are no files of other ids either.
  return outcome ? outcome : run(host_command(std::move(argv)));
}

Scratch::Scratch() {
  std::string path = setting().directory + "/t.XXXXXX";
  if (!mkdtemp(path.data())) throw std::runtime_error("cannot make a directory in " + setting().directory);
  m_path = path;
}

Scratch::~Scratch() {
  if (!getenv("ECRIN_TEST_KEEP")) remove_all_ids(m_path);
}

void write_file(const std::string& path, std::string_view content, mode_t mode) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file || chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot write " + path);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void make_directory(const std::string& path, mode_t mode) {
  std::filesystem::create_directories(path);
  if (chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot make " + path);
}

bool exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void remove_all_ids(const std::string& path) {
  run_with_all_ids({"rm", "-rf", "--one-file-system", path});
}

std::string list_tree(const std::string& directory, std::vector<std::string> flags) {
  Arguments argv = {setting().test_init, "list", directory};
  argv.insert(argv.end(), flags.begin(), flags.end());
  const Outcome outcome = run_with_all_ids(std::move(argv));
  if (!outcome) throw std::runtime_error("cannot list " + directory + ": " + outcome.err);
  return outcome.out;
}

std::vector<std::string> everything_in(const std::string& directory) {
  auto names = lines_of(run_with_all_ids({"find", directory, "-mindepth", "1"}).out);
  std::sort(names.begin(), names.end());
  return names;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

std::string difference(std::string_view first, std::string_view second) {
  const auto a = lines_of(first), b = lines_of(second);
  std::string text;
  for (const auto& line : a)
    if (std::find(b.begin(), b.end(), line) == b.end()) text += "\n- " + line;
  for (const auto& line : b)
    if (std::find(a.begin(), a.end(), line) == a.end()) text += "\n+ " + line;
  if (text.empty() && a != b) text = "the same lines in another order or number";
  return text;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace ecrin::tests
