#include "base/error.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;

namespace {

Result<int> give(bool good) {
  if (good) return 7;
  return fail(ErrorKind::invalid, "bad digest '{}'", "x");
}

Result<int> add_one(bool good) {
  return TRY_WHILE(give(good), "adding {}", 1) + 1;
}

Result<> open_nothing() {
  errno = ENOENT;
  return fail_errno("cannot open '{}'", "a/b");
}

}  // namespace

TEST_CASE("error: the kind follows from the errno") {
  const auto code = GENERATE(table<int, ErrorKind>({{ENOENT, ErrorKind::not_found},
                                                    {EACCES, ErrorKind::denied},
                                                    {EPERM, ErrorKind::denied},
                                                    {EEXIST, ErrorKind::conflict},
                                                    {EBUSY, ErrorKind::conflict},
                                                    {EIO, ErrorKind::system},
                                                    {ENOTDIR, ErrorKind::system}}));
  const Error error = Error::from_errno(std::get<0>(code), "cannot do it");
  CHECK(error.kind() == std::get<1>(code));
  CHECK(error.code() == std::get<0>(code));
}

TEST_CASE("error: the message says what failed and why") {
  const auto result = open_nothing();
  REQUIRE(!result);
  CHECK(result.error().message() == "cannot open 'a/b': No such file or directory");
  CHECK(Error::from_errno(99999, "cannot jump").message() == "cannot jump: error 99999");
}

TEST_CASE("error: TRY gives the value or passes the error on") {
  CHECK(add_one(true).value() == 8);
  const auto result = add_one(false);
  REQUIRE(!result);
  CHECK(result.error().kind() == ErrorKind::invalid);
  CHECK(result.error().message() == "bad digest 'x'");
  CHECK(result.error().trace() == std::vector<std::string>{"adding 1"});
}

TEST_CASE("error: the context grows outwards and the first hint wins") {
  Error error = Error(ErrorKind::system, "m").context("a").hint("near").context("b").hint("far");
  CHECK(error.trace() == std::vector<std::string>{"a", "b"});
  CHECK(error.hint_text() == "near");
}

TEST_CASE("error: serialise and parse are inverse") {
  const Error error =
      Error::from_errno(EBUSY, "cannot mount 'x\n\xff'").context("one").context("").hint("wait");
  const auto copy = Error::parse(error.serialise());
  REQUIRE(copy);
  CHECK(copy->kind() == error.kind());
  CHECK(copy->code() == EBUSY);
  CHECK(copy->message() == error.message());
  CHECK(copy->trace() == error.trace());
  CHECK(copy->hint_text() == "wait");
}

TEST_CASE("error: parse refuses everything else") {
  for (const ErrorKind kind : {ErrorKind::program_not_found, ErrorKind::program_not_executable}) {
    const auto error = Error::parse(Error(kind, "message").serialise());
    REQUIRE(error);
    CHECK(error->kind() == kind);
  }
  const std::string good = Error(ErrorKind::limit, "message").context("c").serialise();
  REQUIRE(Error::parse(good));
  CHECK(!Error::parse(""));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK(!Error::parse(good.substr(0, size)));
  CHECK(!Error::parse(good + '\0'));
  std::string other_format = good;
  other_format[0] = 2;
  CHECK(!Error::parse(other_format));
  std::string unknown_kind = good;
  unknown_kind[8] = 50;
  CHECK(!Error::parse(unknown_kind));
  std::string wide_code = good;
  wide_code[23] = 1;
  CHECK(!Error::parse(wide_code));
}
