#include "build/mode_change.hpp"

#include "base/text.hpp"

namespace ecrin::build {

namespace {

constexpr mode_t k_everybody = S_IRWXU | S_IRWXG | S_IRWXO;
constexpr mode_t k_execute = S_IXUSR | S_IXGRP | S_IXOTH;

mode_t class_of(char letter) {
  switch (letter) {
    case 'u':
      return S_ISUID | S_IRWXU;
    case 'g':
      return S_ISGID | S_IRWXG;
    case 'o':
      return S_IRWXO;
    case 'a':
      return S_ISUID | S_ISGID | k_everybody;
    default:
      return 0;
  }
}

// The permissions of one class, given to all.
mode_t spread(mode_t three_bits) {
  return three_bits << 6 | three_bits << 3 | three_bits;
}

}  // namespace

Result<ModeChange> ModeChange::parse(std::string_view text) {
  const auto malformed = [&] {
    auto error = Error(ErrorKind::invalid, fmt::format("'{}' is not a mode", printable(text)));
    return std::unexpected(std::move(error).hint("write it as chmod does: 0755, u=rwX,go=rX or +x"));
  };
  ModeChange change;
  for (const std::string& clause : split(text, ',')) {
    std::size_t i = 0;
    mode_t who = 0;
    while (i < clause.size() && class_of(clause[i])) who |= class_of(clause[i++]);
    if (i == clause.size()) return malformed();
    const bool others_only = who == S_IRWXO;
    while (i < clause.size()) {
      Operation operation{.what = clause[i++], .who = who ? who : class_of('a')};
      if (operation.what != '+' && operation.what != '-' && operation.what != '=') return malformed();
      for (; i < clause.size(); ++i) {
        const char letter = clause[i];
        if (letter == 'r') {
          operation.bits |= S_IRUSR | S_IRGRP | S_IROTH;
        } else if (letter == 'w') {
          operation.bits |= S_IWUSR | S_IWGRP | S_IWOTH;
        } else if (letter == 'x') {
          operation.bits |= k_execute;
        } else if (letter == 'X') {
          operation.search = true;
        } else if (letter == 's') {
          // Set-id and sticky bits are not for others.
          if (!others_only) operation.bits |= S_ISUID | S_ISGID;
        } else if (letter == 't') {
          if (!others_only) {
            operation.bits |= S_ISVTX;
            operation.who |= S_ISVTX;
          }
        } else if (letter == 'u' || letter == 'g' || letter == 'o') {
          operation.copy |= class_of(letter) & k_everybody;
        } else {
          break;
        }
      }
      change.m_operations.push_back(operation);
    }
  }
  return change;
}

mode_t ModeChange::apply(mode_t mode) const {
  const bool may_search = S_ISDIR(mode) || (mode & k_execute) != 0;
  mode_t now = mode & 07777;
  for (const Operation& operation : m_operations) {
    mode_t bits = operation.bits;
    if (operation.search && (may_search || operation.what == '-')) bits |= k_execute;
    if (operation.copy & S_IRWXU) bits |= spread(now >> 6 & 7);
    if (operation.copy & S_IRWXG) bits |= spread(now >> 3 & 7);
    if (operation.copy & S_IRWXO) bits |= spread(now & 7);
    bits &= operation.who;
    if (operation.what == '=') now &= ~operation.who;
    now = operation.what == '-' ? now & ~bits : now | bits;
  }
  return now;
}

}  // namespace ecrin::build
