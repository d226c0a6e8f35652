#include "build/bootstrap_sources.hpp"

#include <algorithm>
#include <map>

#include "base/posix.hpp"
#include "base/text.hpp"

namespace ecrin::build {

namespace {

constexpr std::uint64_t k_file_limit = 1u << 20;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool is_plain(const AptSource& source) {
  // What goes into a line of sources.list must be single words without brackets.
  const auto good = [](const std::string& word) {
    return !word.empty() && word.find_first_of(" \t\n[]#") == std::string::npos;
  };
  return good(source.uri) && good(source.suite) && !source.components.empty() &&
         std::all_of(source.components.begin(), source.components.end(), good) &&
         (source.signed_by.empty() || (good(source.signed_by) && source.signed_by.starts_with('/')));
}

}  // namespace

std::vector<AptSource> parse_sources_list(std::string_view text) {
  std::vector<AptSource> sources;
  for (const std::string& line : split(text, '\n')) {
    std::string content = line.substr(0, line.find('#'));
    AptSource source;
    if (const std::size_t open = content.find('['); open != std::string::npos) {
      const std::size_t close = content.find(']', open);
      if (close == std::string::npos) continue;
      for (const std::string& option :
           words_of(std::string_view(content).substr(open + 1, close - open - 1))) {
        if (to_lower(option).starts_with("signed-by=")) source.signed_by = option.substr(10);
      }
      content.erase(open, close - open + 1);
    }
    const std::vector<std::string> words = words_of(content);
    if (words.size() < 4 || words[0] != "deb") continue;
    source.uri = words[1];
    source.suite = words[2];
    source.components.assign(words.begin() + 3, words.end());
    if (is_plain(source)) sources.push_back(std::move(source));
  }
  return sources;
}

std::vector<AptSource> parse_deb822_sources(std::string_view text) {
  std::vector<AptSource> sources;
  std::map<std::string, std::string> fields;
  std::string last;
  const auto end_stanza = [&] {
    const std::vector<std::string> types = words_of(fields["types"]);
    const std::string enabled = to_lower(trim(fields["enabled"]));
    const bool off = enabled == "no" || enabled == "false" || enabled == "0" || enabled == "off";
    if (!off && std::find(types.begin(), types.end(), "deb") != types.end()) {
      for (const std::string& uri : words_of(fields["uris"])) {
        for (const std::string& suite : words_of(fields["suites"])) {
          AptSource source{uri, suite, words_of(fields["components"]),
                           std::string(trim(fields["signed-by"]))};
          if (is_plain(source)) sources.push_back(std::move(source));
        }
      }
    }
    fields.clear();
    last.clear();
  };
  for (const std::string& line : split(text, '\n')) {
    if (trim(line).empty()) {
      end_stanza();
    } else if (line.starts_with('#')) {
      continue;
    } else if (line.starts_with(' ') || line.starts_with('\t')) {
      if (!last.empty()) fields[last] += "\n" + line;
    } else if (const std::size_t colon = line.find(':'); colon != std::string::npos) {
      last = to_lower(trim(std::string_view(line).substr(0, colon)));
      fields[last] = line.substr(colon + 1);
    }
  }
  end_stanza();
  return sources;
}

std::vector<AptSource> sources_for_suite(const std::vector<AptSource>& all, std::string_view suite) {
  const auto is = [&](const AptSource& source, std::string_view suffix) {
    return source.suite == fmt::format("{}{}", suite, suffix);
  };
  const bool has_suite =
      std::any_of(all.begin(), all.end(), [&](const AptSource& source) { return is(source, ""); });
  std::vector<AptSource> wanted;
  if (!has_suite) return wanted;
  for (const std::string_view suffix : {"", "-updates", "-security"}) {
    for (const AptSource& source : all) {
      if (is(source, suffix) && std::find(wanted.begin(), wanted.end(), source) == wanted.end()) {
        wanted.push_back(source);
      }
    }
  }
  return wanted;
}

std::string format_sources_list(const std::vector<AptSource>& sources) {
  std::string text;
  for (const AptSource& source : sources) {
    const std::string options = source.signed_by.empty() ? "" : "[signed-by=" + source.signed_by + "] ";
    text += fmt::format("deb {}{} {} {}\n", options, source.uri, source.suite, join(source.components, " "));
  }
  return text;
}

Result<std::string> bootstrap_sources(const recipes::FromBootstrap& bootstrap) {
  if (!bootstrap.snapshot.empty()) {
    if (bootstrap.mirror.empty()) {
      auto error = Error(ErrorKind::invalid, "'snapshot' needs a 'mirror' that serves snapshots");
      return std::unexpected(std::move(error).hint("give the mirror's archive URL, the time is added to it"));
    }
    const std::string slash = bootstrap.mirror.ends_with('/') ? "" : "/";
    return fmt::format("deb {}{}{} {} main\n", bootstrap.mirror, slash, bootstrap.snapshot, bootstrap.suite);
  }
  if (!bootstrap.mirror.empty()) return fmt::format("deb {} {} main\n", bootstrap.mirror, bootstrap.suite);

  std::vector<AptSource> all;
  const auto add = [&](const std::string& path, auto parse) {
    // A host without apt, or with a file that only root reads, has nothing to say.
    const auto text = posix::read_file(path, k_file_limit);
    if (!text) return;
    for (AptSource& source : parse(*text)) all.push_back(std::move(source));
  };
  add("/etc/apt/sources.list", parse_sources_list);
  const std::string directory = "/etc/apt/sources.list.d";
  if (const auto open = posix::open(directory, O_RDONLY | O_DIRECTORY)) {
    if (const auto entries = posix::list_directory(*open)) {
      for (const posix::DirectoryEntry& entry : *entries) {
        if (entry.name.ends_with(".list")) add(directory + "/" + entry.name, parse_sources_list);
        if (entry.name.ends_with(".sources")) add(directory + "/" + entry.name, parse_deb822_sources);
      }
    }
  }
  return format_sources_list(sources_for_suite(all, bootstrap.suite));
}

}  // namespace ecrin::build
