#include "base/stream.hpp"

#include "base/posix.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;

namespace {

// Gives its text in pieces, and counts what happens to it.
class PiecewiseSource final : public Source {
public:
  PiecewiseSource(std::string text, std::size_t piece) : m_text(std::move(text)), m_piece(piece) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t size = std::min({m_piece, buffer.size(), m_text.size()});
    std::copy_n(as_bytes(m_text).begin(), size, buffer.begin());
    m_text.erase(0, size);
    return size;
  }

private:
  std::string m_text;
  std::size_t m_piece;
};

class RecordingSink final : public Sink {
public:
  Result<> write(std::span<const std::byte> bytes) override {
    sizes.push_back(bytes.size());
    if (fails) return fail(ErrorKind::system, "full");
    return {};
  }
  Result<> finish() override {
    ++finished;
    return {};
  }
  std::vector<std::size_t> sizes;
  int finished = 0;
  bool fails = false;
};

}  // namespace

TEST_CASE("stream: memory in, string out") {
  MemorySource source("some text");
  StringSink sink;
  CHECK(copy_stream(source, sink).value() == 9);
  CHECK(sink.bytes() == "some text");
  std::byte more;
  CHECK(source.read(std::span(&more, 1)).value() == 0);
  CHECK(source.read(std::span(&more, 1)).value() == 0);
}

TEST_CASE("stream: descriptors") {
  Pipe pipe = Pipe::create().value();
  FdSink sink(pipe.write);
  REQUIRE(sink.write(as_bytes("through a pipe")));
  pipe.write.reset();
  FdSource source(std::move(pipe.read));
  CHECK(read_all(source, 100).value() == "through a pipe");
}

TEST_CASE("stream: the buffered sink writes blocks") {
  RecordingSink target;
  BufferedSink sink(target, 4);
  REQUIRE(sink.write(as_bytes("ab")));
  CHECK(target.sizes.empty());
  REQUIRE(sink.write(as_bytes("cdefghijkl")));
  REQUIRE(sink.write(as_bytes("m")));
  REQUIRE(sink.finish());
  CHECK(target.sizes == std::vector<std::size_t>{4, 4, 4, 1});
  CHECK(target.finished == 1);
  target.fails = true;
  CHECK(!sink.write(as_bytes("long enough")));
}

TEST_CASE("stream: the buffered sink keeps the bytes in order") {
  std::string expected;
  StringSink target;
  BufferedSink sink(target, 7);
  for (int i = 0; i < 50; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 19), static_cast<char>('a' + i % 26));
    expected += piece;
    REQUIRE(sink.write(as_bytes(piece)));
  }
  REQUIRE(sink.finish());
  CHECK(target.bytes() == expected);
}

TEST_CASE("stream: counting and tee") {
  StringSink first;
  RecordingSink second;
  TeeSink tee(first, second);
  CountingSink counter(tee);
  REQUIRE(counter.write(as_bytes("abc")));
  REQUIRE(counter.write(as_bytes("de")));
  REQUIRE(counter.finish());
  CHECK(counter.count() == 5);
  CHECK(first.bytes() == "abcde");
  CHECK(second.sizes == std::vector<std::size_t>{3, 2});
  CHECK(second.finished == 1);
  second.fails = true;
  CHECK(!counter.write(as_bytes("f")));
}

TEST_CASE("stream: a source can be counted and lent") {
  CountingSource source(std::make_unique<PiecewiseSource>("12345", 2));
  std::byte first{};
  REQUIRE(BorrowedSource(source).read(std::span(&first, 1)).value() == 1);
  CHECK(source.count() == 1);
  CHECK(read_all(source, 100).value() == "2345");
  CHECK(source.count() == 5);
}

TEST_CASE("stream: the limit allows exactly its number of bytes") {
  for (const std::size_t piece : {1u, 3u, 100u}) {
    LimitSource exact(std::make_unique<PiecewiseSource>("12345", piece), 5, "the text");
    CHECK(read_all(exact, 100).value() == "12345");
    LimitSource over(std::make_unique<PiecewiseSource>("123456", piece), 5, "the text");
    const auto result = read_all(over, 100);
    REQUIRE(!result);
    CHECK(result.error().kind() == ErrorKind::limit);
    CHECK(result.error().message() == "the text has more than 5 bytes");
  }
}

TEST_CASE("stream: read_all is bounded") {
  MemorySource exact("12345");
  CHECK(read_all(exact, 5).value() == "12345");
  MemorySource over("123456");
  const auto result = read_all(over, 5);
  REQUIRE(!result);
  CHECK(result.error().kind() == ErrorKind::limit);
}
