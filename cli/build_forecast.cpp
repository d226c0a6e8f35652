#include "cli/build_forecast.hpp"

#include <filesystem>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::cli {

Result<std::vector<std::string>> context_paths(const std::vector<std::string>& given,
                                               const std::string& context_directory) {
  namespace filesystem = std::filesystem;
  std::vector<std::string> paths;
  const filesystem::path context = filesystem::path(context_directory).lexically_normal();
  for (const std::string& text : given) {
    std::error_code error;
    filesystem::path path = filesystem::path(text).lexically_normal();
    const bool is_there = path.is_relative() && filesystem::exists(context / path, error);
    if (!is_there) {
      const filesystem::path here = (filesystem::current_path(error) / path).lexically_normal();
      const filesystem::path below = here.lexically_relative(context);
      const bool is_below = !below.empty() && *below.begin() != "..";
      if (is_below && (path.is_absolute() || filesystem::exists(here, error)))
        path = below;
      else if (path.is_absolute() || (path.begin() != path.end() && *path.begin() == ".."))
        return fail(ErrorKind::invalid, "'{}' is not in the context '{}'", printable(text),
                    printable(context_directory));
    }
    std::string name = path.string();
    while (name.ends_with('/')) name.pop_back();
    paths.push_back(name == "." ? "" : name);
  }
  return paths;
}

std::string forecast_text(const std::vector<build::StepForecast>& forecasts) {
  std::string text;
  std::size_t running = 0;
  for (const build::StepForecast& forecast : forecasts) {
    if (!forecast.runs) continue;
    ++running;
    text += fmt::format("[{}/{}] {}\n  {}\n", forecast.step.number, forecast.step.total,
                        printable(forecast.step.text, 100), printable(forecast.reason));
  }
  text += fmt::format("{} of {} steps with layers would run again\n", running, forecasts.size());
  return text;
}

}  // namespace ecrin::cli
