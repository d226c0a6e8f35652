#include "run/monitor/container_log.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_directory.hpp"

using namespace ecrin;
using namespace ecrin::run;
using ecrin::test::TempDirectory;

namespace {

constexpr std::int64_t k_time = 1'795'687'200'000'000'123;  // 2026-11-26T10:00:00.000000123Z

std::vector<LogEntry> read_all(LogReader& reader) {
  std::vector<LogEntry> entries;
  for (;;) {
    const auto entry = reader.next();
    REQUIRE(entry);
    if (!*entry) return entries;
    entries.push_back(**entry);
  }
}

std::string text_of(const std::vector<LogEntry>& entries) {
  std::string text;
  for (const LogEntry& entry : entries) text += entry.text + (entry.ends_line ? "\n" : "");
  return text;
}

}  // namespace

TEST_CASE("a log entry has the form of the container runtime interface") {
  const LogEntry entry{.time = k_time, .stream = LogStream::error, .ends_line = true, .text = "hello  there"};
  CHECK(format_log_entry(entry) == "2026-11-26T10:00:00.000000123Z stderr F hello  there\n");
  CHECK(parse_log_entry("2026-11-26T10:00:00.000000123Z stderr F hello  there").value() == entry);
}

TEST_CASE("log entries are read back as they were written") {
  for (const LogStream stream : {LogStream::output, LogStream::error})
    for (const bool ends_line : {true, false})
      for (const std::string text : {"", " ", "a", "stdout F x", "\r", "\xff\xfe"}) {
        const LogEntry entry{.time = k_time, .stream = stream, .ends_line = ends_line, .text = text};
        std::string line = format_log_entry(entry);
        line.pop_back();
        CHECK(parse_log_entry(line).value() == entry);
      }
}

TEST_CASE("what is no log entry is none") {
  for (const char* line :
       {"", "x", "2026-11-26T10:00:00.000000123Z", "2026-11-26T10:00:00.000000123Z stdout F",
        "2026-11-26T10:00:00.000000123Z stdin F x", "2026-11-26T10:00:00.000000123Z stdout X x",
        "2026-11-26T10:00:00.00000012xZ stdout F x", "2026-13-26T10:00:00.000000123Z stdout F x",
        "2026-11-26T10:00:00.000000123Z  stdout F x", "8913-11-26T10:00:15.000000001Z stdout F x",
        "1969-12-31T23:59:59.999999999Z stdout F x"})
    CHECK_FALSE(parse_log_entry(line));
}

TEST_CASE("a log keeps lines and parts of lines") {
  const TempDirectory directory;
  const Fd place = posix::open(directory.path(), O_RDONLY | O_DIRECTORY).value();
  auto writer = LogWriter::open(place, 1 << 20);
  REQUIRE(writer);
  REQUIRE(writer->write(LogStream::output, "one\ntwo", k_time));
  REQUIRE(writer->write(LogStream::error, "other\n", k_time + 1));
  REQUIRE(writer->write(LogStream::output, " and a half\n\n", k_time + 2));
  auto reader = LogReader::open(place);
  REQUIRE(reader);
  const auto entries = read_all(*reader);
  REQUIRE(entries.size() == 5);
  CHECK(entries[1] ==
        LogEntry{.time = k_time, .stream = LogStream::output, .ends_line = false, .text = "two"});
  CHECK(entries[2].stream == LogStream::error);
  CHECK(text_of(entries) == "one\ntwoother\n and a half\n\n");
  SECTION("a reader goes on where it was") {
    REQUIRE(writer->write(LogStream::output, "more\n", k_time + 3));
    CHECK(text_of(read_all(*reader)) == "more\n");
  }
}

TEST_CASE("a log that gets too large begins anew, and readers follow") {
  const TempDirectory directory;
  const Fd place = posix::open(directory.path(), O_RDONLY | O_DIRECTORY).value();
  auto writer = LogWriter::open(place, 4096);
  REQUIRE(writer);
  auto reader = LogReader::open(place);
  REQUIRE(reader);
  std::string followed;
  for (int i = 0; i < 300; ++i) {
    REQUIRE(writer->write(LogStream::output, fmt::format("line {}\n", i), k_time));
    followed += text_of(read_all(*reader));
  }
  std::string expected;
  for (int i = 0; i < 300; ++i) expected += fmt::format("line {}\n", i);
  CHECK(followed == expected);
  CHECK(posix::lstat_at(place, "log").value().st_size <= 4096);
  CHECK(posix::lstat_at(place, "log.1").value().st_size <= 4096);
  auto late = LogReader::open(place);
  REQUIRE(late);
  const std::string kept = text_of(read_all(*late));
  CHECK(expected.ends_with(kept));
  CHECK(kept.size() > 1000);
}

TEST_CASE("many lines at once keep the bound, too") {
  const TempDirectory directory;
  const Fd place = posix::open(directory.path(), O_RDONLY | O_DIRECTORY).value();
  auto writer = LogWriter::open(place, 4096);
  REQUIRE(writer);
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += fmt::format("line {}\n", i);
  REQUIRE(writer->write(LogStream::output, lines, k_time));
  CHECK(posix::lstat_at(place, "log").value().st_size <= 4096);
  CHECK(posix::lstat_at(place, "log.1").value().st_size <= 4096);
  auto reader = LogReader::open(place);
  REQUIRE(reader);
  CHECK(lines.ends_with(text_of(read_all(*reader))));
}

TEST_CASE("a damaged log is read as far as it goes") {
  const TempDirectory directory;
  const Fd place = posix::open(directory.path(), O_RDONLY | O_DIRECTORY).value();
  {
    const Fd file = posix::open_at(place, "log", O_WRONLY | O_CREAT, 0600).value();
    REQUIRE(posix::write_full(file, std::string(3 << 20, 'x')));
    REQUIRE(posix::write_full(
        file, std::string_view("\n\0\n2026-11-26T10:00:00.000000123Z stdout F good\nhalf", 52)));
  }
  auto reader = LogReader::open(place);
  REQUIRE(reader);
  CHECK(text_of(read_all(*reader)) == "good\n");
}
