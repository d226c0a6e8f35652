#include "base/text.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using Strings = std::vector<std::string>;

TEST_CASE("text: split and join") {
  CHECK(split("a,,b", ',') == Strings{"a", "", "b"});
  CHECK(split("", ',') == Strings{""});
  CHECK(split("a,", ',') == Strings{"a", ""});
  CHECK(join(Strings{"a", "", "b"}, ", ") == "a, , b");
  CHECK(join(Strings{}, ",").empty());
}

TEST_CASE("text: trim and to_lower") {
  CHECK(trim(" \t\r\n a b \v\f") == "a b");
  CHECK(trim(" \n").empty());
  CHECK(to_lower("AbZ[\xc3\x84") == "abz[\xc3\x84");
}

TEST_CASE("text: printable shows what a terminal would act on") {
  CHECK(printable("plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82") ==
        "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82");
  CHECK(printable("a\nb\tc\x1b[2J\x7f") == "a\\x0ab\\x09c\\x1b[2J\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");           // C1 control
  CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK(printable("\xff\xc3(\xed\xa0\x80") == "\\xff\\xc3(\\xed\\xa0\\x80");
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");  // overlong slash
}

TEST_CASE("text: printable is bounded") {
  CHECK(printable("12345678", 8) == "12345678");
  CHECK(printable("123456789", 8) == "12345...");
  CHECK(printable(std::string(100000, '\n'), 64).size() <= 64);
  CHECK(printable(std::string(100000, '\n'), 64).ends_with("\\x0a..."));
  CHECK(printable("abcdef", 2) == "..");
  CHECK(printable("abcdef", 0).empty());
}

TEST_CASE("text: valid UTF-8") {
  CHECK(is_valid_utf8(""));
  CHECK(is_valid_utf8("a\xc3\xa4\xe2\x82\xac\xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\xaf", "\xed\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80", "ok\xe2\x82"}) {
    CHECK(!is_valid_utf8(bad));
  }
}

TEST_CASE("text: shell_quote") {
  CHECK(shell_quote("/usr/bin/x-1.0") == "/usr/bin/x-1.0");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("it's $x") == "'it'\\''s $x'");
  CHECK(shell_quote("~") == "'~'");
}

TEST_CASE("text: human sizes") {
  CHECK(human_size(0) == "0 B");
  CHECK(human_size(999) == "999 B");
  CHECK(human_size(1000) == "1 kB");
  CHECK(human_size(1'200'000) == "1.2 MB");
  CHECK(human_size(7'733'000) == "7.73 MB");
  CHECK(human_size(999'400) == "999 kB");
  CHECK(human_size(999'900) == "1 MB");
  CHECK(human_size(UINT64_MAX) == "18.4 EB");
}

TEST_CASE("text: human durations") {
  CHECK(human_duration(0.31) == "0.3s");
  CHECK(human_duration(59.94) == "59.9s");
  CHECK(human_duration(59.96) == "1m00s");
  CHECK(human_duration(72) == "1m12s");
  CHECK(human_duration(3599.7) == "1h00m");
  CHECK(human_duration(3725) == "1h02m");
  CHECK(human_duration(-1) == "0.0s");
}

TEST_CASE("text: sizes of people") {
  CHECK(parse_size("512").value() == 512);
  CHECK(parse_size("512b").value() == 512);
  CHECK(parse_size("64k").value() == 65536);
  CHECK(parse_size("64KB").value() == 65536);
  CHECK(parse_size("1.5GiB").value() == 1610612736);
  CHECK(parse_size("2 mi").value() == 2 << 20);
  CHECK(parse_size("0.1k").value() == 102);
  CHECK(parse_size("15.999999999e").value() == (15ull << 60) +
                                                   (999999999ull << 30) / 1000000000 * (1ull << 30) +
                                                   ((999999999ull << 30) % 1000000000 << 30) / 1000000000);
  CHECK(parse_size("18446744073709551615").value() == UINT64_MAX);
  for (const char* bad :
       {"", "k", "-1", "1x", "1kk", "1..5", "1.", ".5", "1.5.2", "16e", "18446744073709551616",
        "99999999999999999999999k", "1 2", "0x10", "1  k", "inf", "1e5"}) {
    INFO(bad);
    const auto result = parse_size(bad);
    REQUIRE(!result);
    CHECK(result.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("text: unsigned numbers") {
  CHECK(parse_unsigned("0").value() == 0);
  CHECK(parse_unsigned("0042").value() == 42);
  CHECK(parse_unsigned("65535", 65535).value() == 65535);
  CHECK(parse_unsigned("18446744073709551615").value() == UINT64_MAX);
  CHECK(parse_unsigned("3", 3).value() == 3);
  for (const char* bad :
       {"", "+1", "-1", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999"}) {
    CHECK(!parse_unsigned(bad));
  }
  CHECK(!parse_unsigned("65536", 65535));
  CHECK(!parse_unsigned("4", 3));
  CHECK(!parse_unsigned("70000", 65535));
}

TEST_CASE("text: edit distance") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "abc") == 0);
  CHECK(edit_distance("entrypont", "entrypoint") == 1);
  CHECK(edit_distance("ab", "ba") == 1);
  CHECK(edit_distance("ca", "abc") == 3);  // optimal string alignment
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abcdefgh", "zyxwvuts") >= 4);
  CHECK(edit_distance("a", "abcdefgh") >= 4);
  CHECK(edit_distance("abcdefghijkl", "bacdefghikjl") == 2);
  CHECK(edit_distance("xabcdefghij", "abcdefghijx") == 2);
}

TEST_CASE("text: nearest") {
  const std::vector<std::string_view> verbs = {"build", "run", "pull", "push", "images"};
  CHECK(nearest("biuld", verbs) == "build");
  CHECK(nearest("pul", verbs) == "pull");
  CHECK(nearest("image", verbs) == "images");
  CHECK(nearest("xyz", verbs).empty());
  CHECK(nearest("", verbs).empty());
  CHECK(nearest("qq", verbs).empty());
  CHECK(nearest("lock", std::vector<std::string_view>{"locked"}) == "locked");
  CHECK(nearest("bogus", std::vector<std::string_view>{"jobs"}).empty());  // three of five: another word
}

TEST_CASE("text: times") {
  const auto pair = GENERATE(table<std::int64_t, std::string>({{0, "1970-01-01T00:00:00Z"},
                                                               {-1, "1969-12-31T23:59:59Z"},
                                                               {951782400, "2000-02-29T00:00:00Z"},
                                                               {1717156800, "2024-05-31T12:00:00Z"},
                                                               {4102444799, "2099-12-31T23:59:59Z"},
                                                               {253402300799, "9999-12-31T23:59:59Z"},
                                                               {-62167219200, "0000-01-01T00:00:00Z"}}));
  CHECK(format_time(std::get<0>(pair)) == std::get<1>(pair));
  CHECK(parse_time(std::get<1>(pair)).value() == std::get<0>(pair));
}

TEST_CASE("text: times round trip") {
  for (std::int64_t time = -62167219200; time < 253402300799; time += 86399 * 97 + 13) {
    if (parse_time(format_time(time)).value_or(-1) != time) FAIL(time);
  }
}

TEST_CASE("text: forms of RFC 3339") {
  CHECK(parse_time("2024-05-31T12:00:00.999999999Z").value() == 1717156800);
  CHECK(parse_time("2024-05-31t14:30:00+02:30").value() == 1717156800);
  CHECK(parse_time("2024-05-31 11:59:00-00:01").value() == 1717156800);
  CHECK(parse_time("2016-12-31T23:59:60Z").value() == 1483228800);
  for (const char* bad :
       {"", "2024-05-31", "2024-05-31T12:00:00", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-01-00T00:00:00Z", "2024-05-31T24:00:00Z",
        "2024-05-31T12:60:00Z", "2024-05-31T12:00:61Z", "2024-05-31T12:00:00.Z", "2024-05-31T12:00:00+24:00",
        "2024-05-31T12:00:00Zx", "-024-05-31T12:00:00Z", "2024-5-31T12:00:00Z", "1900-02-29T00:00:00Z"}) {
    INFO(bad);
    const auto result = parse_time(bad);
    REQUIRE(!result);
    CHECK(result.error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("fields of mountinfo are unescaped and what is no escape stays") {
  CHECK(unescape_mount_field("/a\\040b\\011c") == "/a b\tc");
  CHECK(unescape_mount_field("/a\\04") == "/a\\04");
  CHECK(unescape_mount_field("/a\\089\\") == "/a\\089\\");
}
