// Times as text. Own arithmetic: gmtime and strptime depend on locale tables or cannot hold all years.
#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace ecrin {
namespace {

constexpr std::int64_t k_day = 86400;

// The proleptic Gregorian calendar in eras of 400 years, with March as the first month so that the leap day
// is the last one of its year.
constexpr std::int64_t k_days_per_era = 146097;
constexpr std::int64_t k_days_to_1970 = 719468;  // from 0000-03-01

struct Date {
  std::int64_t year;
  int month;
  int day;
};

constexpr std::int64_t divide_down(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

constexpr std::int64_t days_of(const Date& date) {
  const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const std::int64_t era = divide_down(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month = (date.month + 9) % 12;
  const std::int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
  return era * k_days_per_era + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         k_days_to_1970;
}

constexpr Date date_of(std::int64_t days) {
  const std::int64_t shifted = days + k_days_to_1970;
  const std::int64_t era = divide_down(shifted, k_days_per_era);
  const std::int64_t day_of_era = shifted - era * k_days_per_era;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  const auto calendar_month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  return {
      .year = year_of_era + era * 400 + (calendar_month <= 2 ? 1 : 0), .month = calendar_month, .day = day};
}
static_assert(days_of({.year = 1970, .month = 1, .day = 1}) == 0);
static_assert(days_of({.year = 2000, .month = 2, .day = 29}) == 11016);

int days_in_month(std::int64_t year, int month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Takes fixed-width fields off the front of a text.
class Scanner {
public:
  explicit Scanner(std::string_view text) : m_rest(text) {}

  int number(std::size_t digits) {
    int value = 0;
    if (m_rest.size() < digits) m_ok = false;
    for (std::size_t i = 0; i < digits && m_ok; ++i) {
      if (m_rest[i] < '0' || m_rest[i] > '9') m_ok = false;
      value = value * 10 + (m_rest[i] - '0');
    }
    if (m_ok) m_rest.remove_prefix(digits);
    return m_ok ? value : 0;
  }
  // One character out of `choices`.
  char one_of(std::string_view choices) {
    if (m_rest.empty() || !choices.contains(m_rest.front())) m_ok = false;
    if (!m_ok) return 0;
    const char found = m_rest.front();
    m_rest.remove_prefix(1);
    return found;
  }
  void skip_fraction() {
    if (!m_ok || !m_rest.starts_with('.')) return;
    m_rest.remove_prefix(1);
    number(1);
    while (m_ok && !m_rest.empty() && m_rest.front() >= '0' && m_rest.front() <= '9') m_rest.remove_prefix(1);
  }
  bool ok() const { return m_ok; }
  bool at_end() const { return m_rest.empty(); }

private:
  std::string_view m_rest;
  bool m_ok = true;
};

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array k_units = std::to_array<Unit>(
    {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}});

}  // namespace

std::string format_time(std::int64_t seconds) {
  const std::int64_t days = divide_down(seconds, k_day);
  const std::int64_t rest = seconds - days * k_day;
  const Date date = date_of(days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", date.year, date.month, date.day, rest / 3600,
                     rest % 3600 / 60, rest % 60);
}

Result<std::int64_t> parse_time(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorKind::invalid, "'{}' is not a time (as in 2024-05-31T12:00:00Z)", printable(text, 80));
  };
  Scanner scanner(text);
  const int year = scanner.number(4);
  scanner.one_of("-");
  const int month = scanner.number(2);
  scanner.one_of("-");
  const int day = scanner.number(2);
  scanner.one_of("Tt ");
  const int hour = scanner.number(2);
  scanner.one_of(":");
  const int minute = scanner.number(2);
  scanner.one_of(":");
  const int second = scanner.number(2);
  scanner.skip_fraction();
  const char zone = scanner.one_of("Zz+-");
  std::int64_t offset = 0;
  if (zone == '+' || zone == '-') {
    const int offset_hours = scanner.number(2);
    scanner.one_of(":");
    const int offset_minutes = scanner.number(2);
    if (offset_hours > 23 || offset_minutes > 59) return bad();
    offset = (offset_hours * 60 + offset_minutes) * 60;
    if (zone == '-') offset = -offset;
  }
  if (!scanner.ok() || !scanner.at_end()) return bad();
  // A leap second (60) is counted as the first second of the next minute.
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
      second > 60) {
    return bad();
  }
  return days_of({.year = year, .month = month, .day = day}) * k_day + hour * 3600 + minute * 60 + second -
         offset;
}

Result<std::int64_t> parse_duration(std::string_view text) {
  const std::string_view whole = text;
  const auto wrong = [&] {
    return fail(ErrorKind::invalid, "'{}' is no duration like 30s, 500ms or 1m30s", printable(whole, 40));
  };
  if (text.empty()) return wrong();
  std::int64_t result = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 9) return wrong();
    const Result<std::uint64_t> number = parse_unsigned(text.substr(0, digits), 999'999'999);
    text.remove_prefix(digits);
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    const auto unit = std::find_if(k_units.begin() + static_cast<std::ptrdiff_t>(next_unit), k_units.end(),
                                   [&](const Unit& u) { return u.name == name; });
    if (!number || unit == k_units.end()) return wrong();
    std::int64_t part = 0;
    if (__builtin_mul_overflow(static_cast<std::int64_t>(*number), unit->nanoseconds, &part) ||
        __builtin_add_overflow(result, part, &result)) {
      return wrong();
    }
    next_unit = static_cast<std::size_t>(unit - k_units.begin()) + 1;
    text.remove_prefix(name.size());
  }
  return result;
}

}  // namespace ecrin
