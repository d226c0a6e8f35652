#include "build/git_source.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "build/pattern.hpp"
#include "oci/registry/http.hpp"
#include "recipes/source_kind.hpp"

namespace ecrin::build {

namespace {

constexpr std::string_view k_hex = "0123456789abcdef";

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::string decode_query(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  return decode_percent(text);
}

// The same thing said in two ways must be the same.
Result<> set_once(std::string& field, const std::string& value, std::string_view what) {
  if (!field.empty() && field != value) {
    return fail(ErrorKind::invalid, "the {} is both '{}' and '{}'", what, printable(field), printable(value));
  }
  field = value;
  return {};
}

std::string full_name(std::string_view start, const std::string& name) {
  return name.starts_with(start) ? name : std::string(start) + name;
}

Result<> read_query(GitSource& source, std::string_view query) {
  std::string reference;
  for (const std::string& part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::string key = decode_query(part.substr(0, equals));
    const std::string value = equals == std::string::npos ? "" : decode_query(part.substr(equals + 1));
    if (key == "keep-git-dir" || key == "submodules") {
      const auto yes = value.empty() ? true : parse_bool(value);
      if (!yes)
        return fail(ErrorKind::invalid, "'{}' of a git URL is true or false, not '{}'", key,
                    printable(value));
      (key == "submodules" ? source.submodules : source.keep_git_directory) = yes;
      continue;
    }
    if (value.empty()) {
      return fail(ErrorKind::invalid, "'{}' of a git URL has no value", printable(key));
    }
    if (key == "ref") {
      TRY(set_once(reference, value, "reference"));
    } else if (key == "tag") {
      TRY(set_once(reference, full_name("refs/tags/", value), "reference"));
    } else if (key == "branch") {
      TRY(set_once(reference, full_name("refs/heads/", value), "reference"));
    } else if (key == "subdir") {
      TRY(set_once(source.subdirectory, relative_to_root(value), "subdirectory"));
    } else if (key == "checksum" || key == "commit") {
      TRY(set_once(source.commit, value, "commit"));
    } else {
      auto error = Error(ErrorKind::invalid, fmt::format("a git URL has no '{}'", printable(key)));
      return std::unexpected(std::move(error).hint(
          "it may have ref, tag, branch, subdir, checksum, commit, keep-git-dir and submodules"));
    }
  }
  if (!reference.empty()) TRY(set_once(source.reference, reference, "reference"));
  return {};
}

// What would mean something else to git, or to the transports below it.
Result<> check(const GitSource& source) {
  const auto is_odd = [](std::string_view text) {
    return text.starts_with('-') || std::ranges::any_of(text, [](char c) {
             return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
           });
  };
  if (is_odd(source.remote))
    return fail(ErrorKind::invalid, "'{}' is no git repository", printable(source.remote));
  if (is_odd(source.reference) || source.reference.find_first_of(":^~?*[\\") != std::string::npos) {
    return fail(ErrorKind::invalid, "'{}' is no git reference", printable(source.reference));
  }
  if (source.commit.find_first_not_of(k_hex) != std::string::npos || source.commit.size() > 64) {
    return fail(ErrorKind::invalid, "'{}' is no git commit", printable(source.commit));
  }
  return {};
}

}  // namespace

bool is_commit_id(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) && text.find_first_not_of(k_hex) == std::string_view::npos;
}

Result<std::optional<GitSource>> parse_git_source(std::string_view text, GitForms forms) {
  if (text.starts_with("./") || text.starts_with("../")) return std::nullopt;
  const bool is_short = forms == GitForms::context && text.starts_with("github.com/");
  if (!is_short && recipes::kind_of_source(text) != recipes::SourceKind::git) return std::nullopt;
  GitSource source;
  std::string_view fragment, query;
  if (const std::size_t hash = text.find('#'); hash != std::string_view::npos) {
    fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
    query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  source.remote = (is_short ? "https://" : "") + std::string(text);
  const std::size_t colon = fragment.find(':');
  source.reference = std::string(fragment.substr(0, colon));
  if (colon != std::string_view::npos) {
    source.subdirectory = relative_to_root(fragment.substr(colon + 1));
  }
  TRY_WHILE(read_query(source, query), "reading the git URL '{}'", display_remote(source));
  TRY(check(source));
  return source;
}

std::string display_remote(const GitSource& source) {
  // "git@host:repo" is no URL, and has no place for a password.
  const bool is_url = source.remote.contains("://");
  return is_url ? oci::display_url(source.remote) : printable(source.remote);
}

}  // namespace ecrin::build
