#include "recipes/symbols.hpp"

#include <fmt/core.h>

#include <optional>

namespace ecrin::recipes {
namespace {

// Between words that nobody writes; the name in hex, since names of images are in lower case.
constexpr std::string_view k_begin = "q0ecrin0arg0";
constexpr std::string_view k_end = "0gra0q";

std::optional<std::string> from_hex(std::string_view hex) {
  std::string name;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    name += static_cast<char>(high * 16 + low);
  }
  return name;
}

class Filler {
public:
  explicit Filler(const std::map<std::string, std::string>& values) : m_values(values) {}

  void operator()(std::string& text) const {
    std::string result;
    for (const SymbolPiece& piece : cut_at_symbols(text)) {
      const auto found = piece.is_argument ? m_values.find(piece.text) : m_values.end();
      result +=
          found == m_values.end() ? (piece.is_argument ? symbol_of(piece.text) : piece.text) : found->second;
    }
    text = std::move(result);
  }
  void operator()(std::vector<std::string>& texts) const {
    for (std::string& text : texts) (*this)(text);
  }
  void operator()(std::vector<KeyValue>& pairs) const {
    for (auto& [name, value] : pairs) {
      (*this)(name);
      (*this)(value);
    }
  }
  void operator()(std::vector<InlineFile>& files) const {
    for (InlineFile& file : files) (*this)(file);
  }
  void operator()(InlineFile& file) const {
    (*this)(file.name);
    (*this)(file.content);
  }
  void operator()(Mount& mount) const {
    for (std::string* text : {&mount.target, &mount.source, &mount.from, &mount.id, &mount.environment})
      (*this)(*text);
  }

  void operator()(RunStep& step) const {
    std::visit(*this, step.command);
    for (Mount& mount : step.mounts) (*this)(mount);
    (*this)(step.user);
    (*this)(step.env);
  }
  void operator()(CopyStep& step) const {
    (*this)(step.from);
    transfer(step);
  }
  void operator()(AddStep& step) const {
    (*this)(step.checksum);
    transfer(step);
  }
  void operator()(WriteStep& step) const {
    for (std::string* text : {&step.destination, &step.content, &step.owner}) (*this)(*text);
  }
  void operator()(EnvStep& step) const { (*this)(step.variables); }
  void operator()(WorkdirStep& step) const { (*this)(step.path); }
  void operator()(UserStep& step) const { (*this)(step.user); }
  void operator()(LabelStep& step) const { (*this)(step.labels); }
  void operator()(CmdStep& step) const { (*this)(step.arguments); }
  void operator()(EntrypointStep& step) const { (*this)(step.arguments); }
  void operator()(ExposeStep& step) const { (*this)(step.ports); }
  void operator()(VolumeStep& step) const { (*this)(step.paths); }
  void operator()(StopSignalStep& step) const { (*this)(step.signal); }
  void operator()(HealthcheckStep& step) const { (*this)(step.healthcheck.test); }
  void operator()(ShellStep& step) const { (*this)(step.shell); }
  void operator()(OnBuildStep& step) const { (*this)(step.trigger); }
  void operator()(AuthorStep& step) const { (*this)(step.author); }

  void operator()(FromScratch&) const {}
  void operator()(FromStage& from) const { (*this)(from.name); }
  void operator()(FromImage& from) const { (*this)(from.reference); }
  void operator()(FromOciLayout& from) const {
    for (std::string* text : {&from.directory, &from.reference}) (*this)(*text);
  }
  void operator()(FromArchive& from) const {
    for (std::string* text : {&from.file, &from.reference}) (*this)(*text);
  }
  void operator()(FromRootfs& from) const {
    for (std::string* text : {&from.location, &from.sha256}) (*this)(*text);
  }
  void operator()(FromBootstrap& from) const {
    for (std::string* text : {&from.distribution, &from.suite, &from.variant, &from.mirror, &from.snapshot}) {
      (*this)(*text);
    }
    (*this)(from.include);
  }

private:
  template <class Step>
  void transfer(Step& step) const {
    (*this)(step.sources);
    (*this)(step.files);
    for (std::string* text : {&step.destination, &step.owner, &step.mode_change}) (*this)(*text);
    (*this)(step.exclude);
  }
  const std::map<std::string, std::string>& m_values;
};

}  // namespace

std::string symbol_of(std::string_view argument) {
  std::string result(k_begin);
  for (const char c : argument) result += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return result += k_end;
}

std::vector<SymbolPiece> cut_at_symbols(std::string_view text) {
  std::vector<SymbolPiece> pieces;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = text.find(k_begin, at);
    const std::size_t end =
        begin == std::string_view::npos ? begin : text.find(k_end, begin + k_begin.size());
    if (end == std::string_view::npos) break;
    const auto name = from_hex(text.substr(begin + k_begin.size(), end - begin - k_begin.size()));
    if (!name) break;
    if (begin > at) pieces.push_back({std::string(text.substr(at, begin - at))});
    pieces.push_back({*name, true});
    at = end + k_end.size();
  }
  if (at < text.size()) pieces.push_back({std::string(text.substr(at))});
  return pieces;
}

Recipe with_values(Recipe recipe, const std::map<std::string, std::string>& values) {
  const Filler fill(values);
  for (Stage& stage : recipe.stages) {
    fill(stage.name);
    std::visit(fill, stage.from);
    fill(stage.shell);
    for (Step& step : stage.steps) {
      std::visit(fill, step.kind);
      fill(step.text);
    }
    fill(stage.annotations);
  }
  for (Argument& arg : recipe.args) fill(arg.value);
  return recipe;
}

}  // namespace ecrin::recipes
