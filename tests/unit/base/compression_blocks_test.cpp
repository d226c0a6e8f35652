#include <random>

#include "base/compression.hpp"
#include "base/hash.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/process.hpp"

using namespace ecrin;

namespace {

// Words that come back from further away than a gzip block, and some noise.
std::string sample(std::size_t size) {
  std::mt19937 random(5);
  std::string text;
  text.reserve(size + 300);
  while (text.size() < size) {
    if (random() % 50 == 0) {
      for (int i = 0; i < 200; ++i) text += static_cast<char>(random());
    } else {
      text += "usr/share/doc/package-" + std::to_string(random() % 5000) + "/copyright\n";
    }
  }
  text.resize(size);
  return text;
}

std::string noise(std::size_t size) {
  std::mt19937 random(6);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string pack(Compression compression, std::optional<int> level, std::string_view text,
                 std::size_t threads, std::size_t piece = 100'003) {
  StringSink target;
  auto sink = compress(compression, level, target, threads).value();
  for (std::size_t start = 0; start < text.size(); start += piece)
    REQUIRE(sink->write(as_bytes(text.substr(start, piece))));
  REQUIRE(sink->finish());
  return std::move(target.bytes());
}

std::string unpack(Compression compression, std::string bytes) {
  auto source = decompress(compression, std::make_unique<MemorySource>(std::move(bytes))).value();
  return read_all(*source, 1u << 30).value();
}

std::string unpack_with(const std::string& program, const std::string& bytes) {
  tests::Invocation invocation = tests::host_command({program, "-dc"});
  invocation.input = bytes;
  const tests::Outcome outcome = tests::run(invocation);
  INFO(outcome.description.substr(0, 2000));
  REQUIRE(outcome.code == 0);
  return outcome.out;
}

class FullSink final : public Sink {
public:
  explicit FullSink(std::size_t space) : m_left(space) {}
  Result<> write(std::span<const std::byte> bytes) override {
    if (bytes.size() > m_left) return fail(ErrorKind::system, "the disk is full");
    m_left -= bytes.size();
    return {};
  }

private:
  std::size_t m_left;
};

}  // namespace

TEST_CASE("compression: the bytes do not depend on the number of threads") {
  const auto compression = GENERATE(Compression::gzip, Compression::zstd);
  for (const std::size_t size :
       {0u, 1u, 32u * 1024, 512u * 1024, 512u * 1024 + 1, 1u << 20, 8u << 20, (8u << 20) + 1, 20'000'000u}) {
    if (compression == Compression::gzip && size > 2u << 20) continue;  // these are zstd's borders
    const std::string text = sample(size);
    const std::string alone = pack(compression, {}, text, 1);
    CAPTURE(size);
    for (const std::size_t threads : {0u, 2u, 3u, 8u})
      CHECK((pack(compression, {}, text, threads, 65'536 * threads + 7) == alone));
    CHECK((unpack(compression, alone) == text));
  }
  for (const int level : {1, 9}) {
    const std::string text = sample(3'000'000);
    CHECK((pack(compression, level, text, 1) == pack(compression, level, text, 3)));
  }
}

TEST_CASE("compression: what is written is the same today and tomorrow") {
  const std::string text = sample(2'000'000);
  // One member, whatever the number of blocks.
  const std::string gzip = pack(Compression::gzip, {}, text, 2);
  CHECK(gzip.find(std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10), 1) == std::string::npos);
  // The last eight bytes are the checksum and the size of the whole.
  std::uint32_t size = 0;
  for (unsigned i = 0; i < 4; ++i)
    size |= static_cast<std::uint32_t>(static_cast<unsigned char>(gzip[gzip.size() - 4 + i])) << (8 * i);
  CHECK(size == text.size());
}

TEST_CASE("compression: the programs gzip and zstd read it") {
  for (const std::size_t size : {0u, 10u, 1'300'000u, 17'000'000u}) {
    const std::string text = sample(size);
    CHECK((unpack_with("gzip", pack(Compression::gzip, {}, text, 2)) == text));
    CHECK((unpack_with("zstd", pack(Compression::zstd, {}, text, 2)) == text));
  }
}

TEST_CASE("compression: all levels hold, also for what cannot be compressed") {
  const std::string text = noise(1'200'000) + sample(300'000);
  for (int level = 0; level <= 9; ++level) {
    const std::string packed = pack(Compression::gzip, level, text, 2);
    CHECK((unpack(Compression::gzip, packed) == text));
    CHECK(packed.size() < text.size() + 1000);
  }
  for (const int level : {1, 3, 12, 13, 19, 22})
    CHECK((unpack(Compression::zstd, pack(Compression::zstd, level, text, 2)) == text));
  CHECK(check_level(Compression::none, std::nullopt));
  CHECK(check_level(Compression::none, 1).error().kind() == ErrorKind::invalid);
  CHECK(check_level(Compression::gzip, 10).error().message() == "10 is not a level of gzip (0 to 9)");
  CHECK(check_level(Compression::bzip2, {}).error().kind() == ErrorKind::unsupported);
}

TEST_CASE("compression: an error of the next sink comes through and nothing hangs") {
  const auto compression = GENERATE(Compression::none, Compression::gzip, Compression::zstd);
  const std::size_t threads = GENERATE(1u, 3u);
  const std::string text = noise(30'000'000);
  FullSink full(9'000'000);
  const auto level = compression == Compression::none ? std::nullopt : std::optional(1);
  auto sink = compress(compression, level, full, threads).value();
  Result<> result;
  for (std::size_t start = 0; result && start < text.size(); start += 1'000'000)
    result = sink->write(as_bytes(std::string_view(text).substr(start, 1'000'000)));
  if (result) result = sink->finish();
  REQUIRE_FALSE(result);
  CHECK(result.error().message() == "the disk is full");
}

TEST_CASE("compression: a sink that is dropped half-way leaves nothing running") {
  StringSink target;
  auto sink = compress(Compression::zstd, {}, target, 4).value();
  REQUIRE(sink->write(as_bytes(noise(40'000'000))));
  sink.reset();
}

TEST_CASE("compression: few blocks are in memory at once") {
  struct Case {
    Compression compression;
    std::size_t block;
  };
  const Case c = GENERATE(Case{Compression::gzip, 512u * 1024}, Case{Compression::zstd, 8u << 20});
  const std::size_t threads = GENERATE(1u, 3u);
  const std::string text = noise(c.block);  // as large outside as inside
  StringSink target;
  auto sink = compress(c.compression, 1, target, threads).value();
  // Beside the one that is filled and those at work, as many small ones wait, and no large one.
  const std::size_t waiting = c.compression == Compression::gzip ? threads : 0;
  const std::size_t most = (threads + 1 + waiting) * c.block;
  for (std::size_t given = c.block; given <= 12 * c.block; given += c.block) {
    REQUIRE(sink->write(as_bytes(text)));
    CHECK(given - std::min(given, target.bytes().size()) <= most);
  }
  REQUIRE(sink->finish());
}
