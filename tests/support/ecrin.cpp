#include "tests/support/ecrin.hpp"

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/setting.hpp"

namespace ecrin::tests {

using nlohmann::json;

Ecrin::Ecrin(Base base) : driver(setting().driver), m_root(m_scratch / "store") {
  if (base == Base::busybox) must({"load", "-i", setting().busybox});
}

Invocation Ecrin::invocation(Arguments arguments) const {
  Invocation made = host_command({setting().ecrin, "--root", m_root});
  if (!driver.empty()) made.argv.insert(made.argv.end(), {"--driver", driver});
  made.argv.insert(made.argv.end(), arguments.begin(), arguments.end());
  made.directory = m_scratch.path();
  made.umask = umask;
  made.set("LANG", "C.UTF-8");
  for (const auto& [name, value] : environment) made.set(name, value);
  return made;
}

Outcome Ecrin::operator()(Arguments arguments) const {
  return run(invocation(std::move(arguments)));
}

std::string Ecrin::must(Arguments arguments) const {
  const Outcome outcome = (*this)(std::move(arguments));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return trimmed(outcome.out);
}

json Ecrin::json(Arguments arguments) const {
  const std::string text = must(std::move(arguments));
  INFO(text);
  auto parsed = json::parse(text, nullptr, false);
  REQUIRE(!parsed.is_discarded());
  return parsed;
}

Invocation Ecrin::build_invocation(const std::string& recipe, Arguments flags) const {
  static std::atomic<int> counter = 0;
  // Outside the context, so that the recipe's own text is never one of the files in it.
  const std::string file = m_scratch / "recipe-" + std::to_string(++counter) + ".yaml";
  write_file(file, recipe);
  make_directory(context_directory());
  Arguments arguments = {"build", "-f", file};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.push_back(context_directory());
  return invocation(std::move(arguments));
}

Outcome Ecrin::try_build(const std::string& recipe, Arguments flags) const {
  return run(build_invocation(recipe, std::move(flags)));
}

std::string Ecrin::build(const std::string& recipe, Arguments flags) const {
  flags.insert(flags.begin(), "-q");
  const Outcome outcome = try_build(recipe, std::move(flags));
  INFO(recipe << "\n" << outcome.description);
  REQUIRE(outcome.code == 0);
  const std::string id = trimmed(outcome.out);
  REQUIRE(id.starts_with("sha256:"));
  REQUIRE(id.size() == 71);
  return id;
}

std::string Ecrin::in_container(const std::string& image, Arguments command) const {
  Arguments arguments = {"run", "--rm", image};
  arguments.insert(arguments.end(), command.begin(), command.end());
  const Outcome outcome = (*this)(std::move(arguments));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

json Ecrin::inspect(const std::string& image) const {
  const nlohmann::json found = json({"inspect", image});
  REQUIRE(found.is_array());
  REQUIRE(found.size() == 1);
  return found[0];
}

std::vector<std::string> Ecrin::diff_ids(const std::string& image) const {
  return inspect(image).at("RootFS").at("Layers").get<std::vector<std::string>>();
}

void Ecrin::context(const std::string& name, std::string_view content, mode_t mode) const {
  write_file(context_directory() + "/" + name, content, mode);
}

std::string Ecrin::store_state() const {
  std::string state = (*this)({"images", "-a", "--format", "json"}).out;
  const std::set<std::string> blobs = [this] {
    const auto names = names_in(m_root + "/blobs/sha256");
    return std::set<std::string>(names.begin(), names.end());
  }();
  for (const auto& blob : blobs) state += "\n" + blob;
  for (const auto& layer : names_in(m_root + "/layers")) state += "\nlayer " + layer;
  for (const auto& left : left_behind()) state += "\ntmp " + left;
  return state;
}

std::vector<std::string> Ecrin::left_behind() const {
  // The monitor of a container that has just ended takes its directories away last.
  std::vector<std::string> names = left_now();
  for (int tries = 0; !names.empty() && tries < 100; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    names = left_now();
  }
  return names;
}

std::vector<std::string> Ecrin::left_now() const {
  auto names = names_in(m_root + "/tmp");
  // A lock that was being made when its process was killed (".new") is taken away when it is ten minutes old.
  std::erase_if(names,
                [](const std::string& name) { return name.ends_with(".lock") || name.ends_with(".new"); });
  return names;
}

Outcome run_in(const Ecrin& ecrin, Arguments flags, Arguments command, const std::string& image) {
  Arguments arguments = {"run", "--rm"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  arguments.push_back(image);
  arguments.insert(arguments.end(), command.begin(), command.end());
  return ecrin(std::move(arguments));
}

std::string out_of(const Ecrin& ecrin, Arguments flags, Arguments command, const std::string& image) {
  const Outcome outcome = run_in(ecrin, std::move(flags), std::move(command), image);
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

std::vector<StepReport> step_reports(const Outcome& build) {
  static const std::set<std::string> k_states = {"done", "cached", "failed", "cancelled"};
  std::vector<StepReport> steps;
  for (const auto& line : lines_of(build.err)) {
    const auto parsed = json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("state") ||
        !k_states.count(parsed["state"].get<std::string>()))
      continue;
    StepReport step;
    step.state = parsed["state"];
    if (parsed.contains("text")) step.text = parsed["text"];
    if (parsed.contains("reasons")) step.reasons = parsed["reasons"].get<std::vector<std::string>>();
    steps.push_back(std::move(step));
  }
  return steps;
}

std::size_t count_state(const std::vector<StepReport>& steps, const std::string& state) {
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(), [&](const StepReport& step) { return step.state == state; }));
}

std::string full_id(const std::string& id) {
  return id.starts_with("sha256:") ? id : "sha256:" + id;
}

bool one_error(const Outcome& outcome) {
  std::size_t errors = 0;
  for (const auto& line : lines_of(outcome.err)) {
    if (line.starts_with("error:") || line.starts_with("ecrin:")) ++errors;
    for (const char* sign : {"terminate called", "Assertion", "AddressSanitizer", "runtime error"})
      if (contains(line, sign)) return false;
  }
  return outcome.code != 0 && outcome.code < 128 && errors == 1;
}

}  // namespace ecrin::tests
