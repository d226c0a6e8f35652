// The command line, declared: every verb describes its flags and operands once, as data. Parsing, --help,
// shell completion and the test that compares the man pages all read the same description.
//
// The grammar is the one of podman and docker: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, clusters of
// switches (-it), switches with an explicit value (--rm=false), "--" ends flags, "-" is an operand.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace ecrin::cli {

class Session;
class Arguments;

/// What the user sees when a verb fails: the error and the exit code. 125 is "ecrin itself failed".
struct Failure {
  Failure(Error cause) : error(std::move(cause)) {}  // NOLINT(google-explicit-constructor): TRY converts
  Failure(Error cause, int code) : error(std::move(cause)), exit_code(code) {}
  Error error;
  int exit_code = 125;
  bool told = false;  // by the progress of a build: nothing is left to print
};
/// The exit code of a verb that did what it was told.
using Outcome = std::expected<int, Failure>;

/// What a shell offers for a flag's value or for an operand.
enum class Completion { nothing, file, directory, image, word };
enum class Occurs { once, often };

struct Flag {
  std::string_view name;   // without dashes
  char letter = 0;         // 0 = none
  std::string_view value;  // how help calls the value; "" = a switch
  std::string_view help;   // one sentence
  Occurs occurs = Occurs::once;
  Completion completion = Completion::nothing;
  std::vector<std::string_view> words = {};  // the only values allowed; empty = any
  std::string_view alone = {};               // what the flag without "=VALUE" means; "" = it needs a value
};

enum class Order {
  mixed,        // flags may follow operands
  flags_first,  // the first operand ends the flags: the rest belongs to a program
};

struct Verb {
  std::string_view name;
  std::string_view operands;  // for the usage line: "IMAGE [COMMAND [ARG...]]"
  std::string_view summary;   // one line
  std::string_view details;   // more for --help; may be empty
  std::vector<Flag> flags;
  std::size_t least_operands = 0;
  std::size_t most_operands = std::numeric_limits<std::size_t>::max();
  Order order = Order::mixed;
  Completion completion = Completion::nothing;  // of operands
  std::vector<std::string_view> words = {};     // of operands, with Completion::word
  Outcome (*run)(Session& session, const Arguments& arguments) = nullptr;
};

class Arguments {
public:
  /// Was the flag given?
  bool has(std::string_view flag) const { return m_values.contains(flag); }
  /// A switch: its last value, or `otherwise` when it was not given.
  bool on(std::string_view flag, bool otherwise = false) const;
  /// The last value, or `otherwise`.
  std::string value(std::string_view flag, std::string_view otherwise = "") const;
  std::optional<std::string> find(std::string_view flag) const;
  /// All values in order.
  std::vector<std::string> values(std::string_view flag) const;
  /// Of a flag whose values are lists with commas: all their words.
  std::vector<std::string> words(std::string_view flag) const;
  const std::vector<std::string>& operands() const { return m_operands; }
  /// How many of them stood before a "--" that ended the flags; all, when there was none.
  std::size_t before_dashes() const { return m_before_dashes.value_or(m_operands.size()); }
  /// --help or -h was given: operands are not checked, the caller prints help.
  bool help() const { return m_help; }

private:
  friend Result<Arguments> parse_arguments(const Verb&, std::span<const std::string>);
  std::map<std::string, std::vector<std::string>, std::less<>> m_values;
  std::vector<std::string> m_operands;
  std::optional<std::size_t> m_before_dashes;
  bool m_help = false;
};

/// `words` is what follows the verb. Every mistake is ErrorKind::invalid, with a hint where one is near.
Result<Arguments> parse_arguments(const Verb& verb, std::span<const std::string> words);

/// The text of `ecrin help VERB`.
std::string help_text(const Verb& verb);
/// "did you mean 'x'?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

/// The flags of `ecrin` itself, before the verb.
const Verb& program();

}  // namespace ecrin::cli
