#include "base/byte_pipe.hpp"

#include <array>
#include <thread>

#include "tests/support/catch.hpp"

using namespace ecrin;

namespace {

constexpr std::size_t k_more_than_the_pipe_holds = 5'000'000;

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761u) >> 13);
  return text;
}

}  // namespace

TEST_CASE("a byte pipe carries any writes and reads in order") {
  const std::string text = pattern(k_more_than_the_pipe_holds);
  BytePipe pipe = BytePipe::create();
  std::thread writer([&] {
    std::size_t at = 0;
    for (std::size_t size = 1; at < text.size(); size = size * 3 + 1) {
      const std::string_view part = std::string_view(text).substr(at, size);
      REQUIRE(pipe.writer->write(as_bytes(part)));
      at += part.size();
    }
    REQUIRE(pipe.writer->finish());
  });
  const auto read = read_all(*pipe.reader, text.size() + 1);
  writer.join();
  REQUIRE(read);
  CHECK(*read == text);
  std::array<std::byte, 8> more;
  CHECK(pipe.reader->read(more).value() == 0);
}

TEST_CASE("a byte pipe whose writer goes away without an end is no short stream") {
  BytePipe pipe = BytePipe::create();
  REQUIRE(pipe.writer->write(as_bytes("some")));
  pipe.writer.reset();
  const auto read = read_all(*pipe.reader, 100);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind() == ErrorKind::cancelled);
}

TEST_CASE("a byte pipe hands the writer's error to the reader, after the bytes before it") {
  BytePipe pipe = BytePipe::create();
  REQUIRE(pipe.writer->write(as_bytes("some")));
  pipe.writer->fail_with(Error(ErrorKind::network, "the cable is cut"));
  std::array<std::byte, 8> buffer;
  CHECK(pipe.reader->read(buffer).value() == 4);
  const auto end = pipe.reader->read(buffer);
  REQUIRE_FALSE(end);
  CHECK(end.error().message() == "the cable is cut");
}

TEST_CASE("a byte pipe stops a writer that nobody reads") {
  BytePipe pipe = BytePipe::create();
  std::thread reader([&] { pipe.reader.reset(); });
  const std::string text = pattern(k_more_than_the_pipe_holds);
  const auto written = pipe.writer->write(as_bytes(text));
  reader.join();
  REQUIRE_FALSE(written);
  CHECK(written.error().kind() == ErrorKind::cancelled);
}

TEST_CASE("a background source gives what its thread makes, and its error") {
  const std::string text = pattern(k_more_than_the_pipe_holds);
  auto good = background_source([&](Sink& sink, const CancelToken&) { return sink.write(as_bytes(text)); });
  CHECK(read_all(*good, text.size()).value() == text);
  auto bad = background_source(
      [](Sink&, const CancelToken&) -> Result<> { return fail(ErrorKind::invalid, "nothing good"); });
  const auto read = read_all(*bad, 10);
  REQUIRE_FALSE(read);
  CHECK(read.error().message() == "nothing good");
}

TEST_CASE("a background source that is dropped early stops its thread") {
  bool stopped = false;
  {
    auto source = background_source([&](Sink& sink, const CancelToken& abandoned) -> Result<> {
      for (;;) {
        const Result<> written = sink.write(as_bytes(std::string(100'000, 'x')));
        if (!written) {
          stopped = abandoned.cancelled();
          return written;
        }
      }
    });
    std::array<std::byte, 8> buffer;
    REQUIRE(source->read(buffer));
  }
  CHECK(stopped);
}

TEST_CASE("reading ahead changes nothing but the time") {
  const std::string text = pattern(k_more_than_the_pipe_holds);
  auto source = read_ahead(std::make_unique<MemorySource>(text));
  CHECK(read_all(*source, text.size()).value() == text);
}
