#include "base/compression.hpp"

#include <zlib.h>
#include <zstd.h>

#include <random>

#include "base/hash.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;

namespace {

// Text that compresses, with parts that do not.
std::string sample(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) {
    if (random() % 4 == 0) {
      for (int i = 0; i < 200; ++i) text += static_cast<char>(random());
    } else {
      text += "line " + std::to_string(random() % 1000) + " of the sample\n";
    }
  }
  text.resize(size);
  return text;
}

// One member as the gzip program writes it, with all the optional fields of the header when asked for.
std::string gzip_member(std::string_view text, bool fields = false) {
  z_stream stream = {};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string extra(3000, 'e');
  std::string name = "the-name";
  std::string comment(2000, 'c');
  gz_header header = {};
  if (fields) {
    header.extra = reinterpret_cast<Bytef*>(extra.data());
    header.extra_len = static_cast<uInt>(extra.size());
    header.name = reinterpret_cast<Bytef*>(name.data());
    header.comment = reinterpret_cast<Bytef*>(comment.data());
    header.hcrc = 1;
    header.time = 12345;
    REQUIRE(::deflateSetHeader(&stream, &header) == Z_OK);
  }
  std::string output(::deflateBound(&stream, static_cast<uLong>(text.size())) + 10000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  output.resize(stream.total_out);
  ::deflateEnd(&stream);
  return output;
}

std::string zstd_frame(std::string_view text, int level = 3) {
  std::string output(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress(output.data(), output.size(), text.data(), text.size(), level);
  REQUIRE(!ZSTD_isError(size));
  output.resize(size);
  return output;
}

std::string skippable_frame(std::string_view content) {
  std::string frame("\x5a\x2a\x4d\x18", 4);
  for (int i = 0; i < 4; ++i) frame += static_cast<char>((content.size() >> (8 * i)) & 0xff);
  return frame + std::string(content);
}

std::string member(Compression compression, std::string_view text) {
  return compression == Compression::gzip ? gzip_member(text) : zstd_frame(text);
}

// Gives pieces of random sizes, as a network does.
class RaggedSource final : public Source {
public:
  RaggedSource(std::string text, unsigned seed, std::size_t most)
      : m_text(std::move(text)), m_random(seed), m_most(most) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const std::size_t size =
        std::min({buffer.size(), m_text.size() - m_position, std::size_t{1} + m_random() % m_most});
    std::copy_n(as_bytes(m_text).begin() + static_cast<std::ptrdiff_t>(m_position), size, buffer.begin());
    m_position += size;
    return size;
  }

private:
  std::string m_text;
  std::size_t m_position = 0;
  std::mt19937 m_random;
  std::size_t m_most;
};

Result<std::string> unpack(Compression compression, std::string bytes, std::size_t most = 1 << 20,
                           std::size_t buffer_size = 64 * 1024) {
  auto source = TRY(decompress(compression, std::make_unique<RaggedSource>(std::move(bytes), 7, most)));
  std::string text;
  std::vector<std::byte> buffer(buffer_size);
  for (;;) {
    const std::size_t count = TRY(source->read(buffer));
    if (count == 0) break;
    text.append(reinterpret_cast<const char*>(buffer.data()), count);
  }
  if (TRY(source->read(buffer)) != 0) return fail(ErrorKind::invalid, "bytes after the end");
  return text;
}

std::string pack(Compression compression, std::string_view text, std::optional<int> level = {},
                 std::size_t piece = SIZE_MAX) {
  StringSink target;
  auto sink = compress(compression, level, target).value();
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t size = std::min(piece, text.size() - start);
    REQUIRE(sink->write(as_bytes(text.substr(start, size))));
    start += size;
  }
  REQUIRE(sink->finish());
  return target.bytes();
}

void check_invalid(const Result<std::string>& result, const std::string& words) {
  REQUIRE(!result);
  CHECK(result.error().kind() == ErrorKind::invalid);
  CHECK_THAT(result.error().message(), Catch::Matchers::Contains(words));
}

}  // namespace

TEST_CASE("compression: magic numbers") {
  const auto detect = [](std::string_view head) { return detect_compression(as_bytes(head)); };
  CHECK(detect(gzip_member("x")) == Compression::gzip);
  CHECK(detect(zstd_frame("x")) == Compression::zstd);
  CHECK(detect(skippable_frame("x")) == Compression::zstd);
  CHECK(detect("BZh91AY") == Compression::bzip2);
  CHECK(detect(std::string_view("\xfd"
                                "7zXZ\0",
                                6)) == Compression::xz);
  CHECK(detect("BZhx") == Compression::none);
  CHECK(detect("") == Compression::none);
  CHECK(detect("\x1f\x8b") == Compression::none);
  CHECK(detect("./etc/passwd") == Compression::none);
}

TEST_CASE("compression: what is written reads again, whatever the sizes of the pieces") {
  const auto compression = GENERATE(Compression::none, Compression::gzip, Compression::zstd);
  for (const std::size_t size : {0u, 1u, 1000u, 262144u, 262145u, 900'000u}) {
    const std::string text = sample(size);
    const std::string packed = pack(compression, text);
    CHECK(unpack(compression, packed).value() == text);
    if (size <= 1000) {
      CHECK(unpack(compression, packed, 1, 1).value() == text);
    }
    CHECK(unpack(compression, packed, 1000, 77).value() == text);
  }
}

TEST_CASE("compression: the bytes do not depend on how they were written") {
  const auto compression = GENERATE(Compression::gzip, Compression::zstd);
  const std::string text = sample(800'000);
  for (const auto level : {std::optional<int>(), std::optional<int>(1), std::optional<int>(9)}) {
    const std::string whole = pack(compression, text, level);
    CHECK(pack(compression, text, level, 4096) == whole);
    CHECK(pack(compression, text, level, 65'537) == whole);
    CHECK(pack(compression, text, level, 599'983) == whole);
  }
  CHECK(pack(compression, text, 1) != pack(compression, text, 9));
}

TEST_CASE("compression: levels") {
  CHECK(pack(Compression::gzip, "x") == pack(Compression::gzip, "x", 6));
  CHECK(pack(Compression::zstd, "x") == pack(Compression::zstd, "x", 3));
  StringSink sink;
  CHECK(compress(Compression::gzip, 10, sink).error().kind() == ErrorKind::invalid);
  CHECK(compress(Compression::gzip, -1, sink).error().kind() == ErrorKind::invalid);
  CHECK(compress(Compression::zstd, 0, sink).error().kind() == ErrorKind::invalid);
  CHECK(compress(Compression::zstd, 23, sink).error().kind() == ErrorKind::invalid);
  CHECK(compress(Compression::xz, {}, sink).error().kind() == ErrorKind::unsupported);
  CHECK(compress(Compression::bzip2, {}, sink).error().kind() == ErrorKind::unsupported);
}

TEST_CASE("compression: bzip2 and xz are read as their programs read them") {
  // "hello\n", twice.
  const std::string bzip2(
      "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xc1\xc0\x80\xe2\x00\x00\x01\x41\x00\x00\x10\x02\x44"
      "\xa0\x00\x30\xcd\x00\xc3\x46\x29\x97\x17\x72\x45\x38\x50\x90\xc1\xc0\x80\xe2",
      42);
  const std::string xz(
      "\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5"
      "\xa3\x01\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x00\x00\xa5\x60\x97\xf1\x94\xf6\xfd\xe0\x00\x01"
      "\x1e\x06\xc1\x2f\xa4\x1d\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a",
      64);
  for (const auto& [compression, packed] : {std::pair{Compression::bzip2, bzip2}, {Compression::xz, xz}}) {
    const auto read = [&, kind = compression](std::string bytes) -> Result<std::string> {
      auto source = TRY(decompress(kind, std::make_unique<MemorySource>(std::move(bytes))));
      return read_all(*source, 1u << 20);
    };
    CHECK(read(packed).value() == "hello\n");
    CHECK(read(packed + packed).value() == "hello\nhello\n");
    CHECK(read("").error().kind() == ErrorKind::invalid);
    CHECK(read(packed.substr(0, packed.size() - 1)).error().kind() == ErrorKind::invalid);
    CHECK(read(packed + "garbage").error().kind() == ErrorKind::invalid);
    std::string damaged = packed;
    damaged[packed.size() / 2] ^= 0x55;
    CHECK(read(damaged).error().kind() == ErrorKind::invalid);
  }
}

TEST_CASE("compression: the header of gzip tells nothing about the writer") {
  CHECK(pack(Compression::gzip, "x").substr(0, 10) == std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
  // A zstd frame with a checksum (bit 2 of the descriptor).
  CHECK((pack(Compression::zstd, "x")[4] & 4) != 0);
}

TEST_CASE("compression: several members and frames are one stream") {
  const auto compression = GENERATE(Compression::gzip, Compression::zstd);
  std::string packed;
  std::string text;
  for (unsigned i = 0; i < 20; ++i) {
    const std::string part = sample(i * 997 % 5000, i);
    packed += member(compression, part);
    text += part;
  }
  for (const std::size_t most : {1u, 2u, 7u, 100u, 1u << 20}) {
    CHECK(unpack(compression, packed, most).value() == text);
    CHECK(unpack(compression, packed, most, 13).value() == text);
  }
}

TEST_CASE("compression: large members in all sorts of pieces") {
  const std::string first = sample(700'000, 3);
  const std::string second = sample(300'000, 4);
  const std::string packed = gzip_member(first) + gzip_member(second);
  for (const std::size_t most : {313u, 4096u, 100'000u}) {
    for (const std::size_t buffer : {100u, 32768u, 1u << 20}) {
      CHECK(sha256_hex(unpack(Compression::gzip, packed, most, buffer).value()) ==
            sha256_hex(first + second));
    }
  }
}

TEST_CASE("compression: all fields of gzip's header are read over") {
  const std::string packed = gzip_member("text", true) + gzip_member("more", true);
  for (const std::size_t most : {1u, 100u, 1u << 20}) {
    CHECK(unpack(Compression::gzip, packed, most).value() == "textmore");
  }
}

TEST_CASE("compression: skippable frames are skipped") {
  const std::string packed = skippable_frame("before") + zstd_frame("a") +
                             skippable_frame(std::string(100'000, 'x')) + zstd_frame("b") +
                             skippable_frame("");
  CHECK(unpack(Compression::zstd, packed).value() == "ab");
  CHECK(unpack(Compression::zstd, packed, 1, 1).value() == "ab");
  Compression found = Compression::none;
  auto source = decompress_any(std::make_unique<MemorySource>(packed), &found).value();
  CHECK(found == Compression::zstd);
  CHECK(read_all(*source, 100).value() == "ab");
}

TEST_CASE("compression: every truncation is refused") {
  const auto compression = GENERATE(Compression::gzip, Compression::zstd);
  const std::string one = member(compression, sample(3000));
  const std::string two = one + member(compression, "second");
  for (std::size_t size = 0; size < two.size(); ++size) {
    if (size == one.size()) continue;
    INFO(size);
    const auto result = unpack(compression, two.substr(0, size), 50);
    REQUIRE(!result);
    CHECK(result.error().kind() == ErrorKind::invalid);
  }
  check_invalid(unpack(compression, one.substr(0, one.size() - 1)), "truncated");
}

TEST_CASE("compression: trailing garbage is refused") {
  const std::string gzip = gzip_member("text");
  check_invalid(unpack(Compression::gzip, gzip + "garbage"), "garbage");
  check_invalid(unpack(Compression::gzip, gzip + std::string(100, '\0') + "x"), "garbage");
  check_invalid(unpack(Compression::gzip, gzip + std::string(1, '\0') + gzip), "garbage");
  check_invalid(unpack(Compression::gzip, gzip + zstd_frame("x")), "garbage");
  check_invalid(unpack(Compression::zstd, zstd_frame("text") + "garbage"), "garbage");
  check_invalid(unpack(Compression::zstd, zstd_frame("text") + std::string(100, '\0')), "garbage");
  check_invalid(unpack(Compression::zstd, zstd_frame("text") + gzip), "garbage");
}

TEST_CASE("compression: zeros may follow gzip") {
  CHECK(unpack(Compression::gzip, gzip_member("text") + std::string(1'000'000, '\0')).value() == "text");
  CHECK(unpack(Compression::gzip, gzip_member("text") + '\0', 1).value() == "text");
}

TEST_CASE("compression: damage is found") {
  const auto compression = GENERATE(Compression::gzip, Compression::zstd);
  const std::string text = sample(5000);
  const std::string good = pack(compression, text);
  int unnoticed = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    const auto result = unpack(compression, bad);
    // Some bits of gzip's header mean nothing for the data.
    if (result) {
      CHECK(*result == text);
      ++unnoticed;
    }
  }
  CHECK(unnoticed <= 10);
  check_invalid(unpack(compression, "this is neither of them"), "damaged");
  check_invalid(unpack(Compression::zstd, ""), "empty");
}

TEST_CASE("compression: a zstd window beyond the limit is refused") {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 28);
  std::string output(1000, '\0');
  ZSTD_inBuffer input = {"text", 4, 0};
  ZSTD_outBuffer target = {output.data(), output.size(), 0};
  // Without the size of the whole, the frame has to tell the window.
  ZSTD_compressStream2(context, &target, &input, ZSTD_e_flush);
  ZSTD_compressStream2(context, &target, &input, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  const auto result = unpack(Compression::zstd, output.substr(0, target.pos));
  REQUIRE(!result);
  CHECK(result.error().kind() == ErrorKind::limit);
}

TEST_CASE("compression: decompress_any looks and forgets nothing") {
  for (const std::string& text : {std::string(), std::string("ab"), std::string("plain text")}) {
    Compression found = Compression::xz;
    auto source = decompress_any(std::make_unique<RaggedSource>(text, 1, 1), &found).value();
    CHECK(found == Compression::none);
    CHECK(read_all(*source, 100).value() == text);
  }
  auto source = decompress_any(std::make_unique<RaggedSource>(gzip_member("text"), 1, 2)).value();
  CHECK(read_all(*source, 100).value() == "text");
  const auto damaged = decompress_any(std::make_unique<MemorySource>("BZh91AY&SY"));
  REQUIRE(damaged);
  CHECK_FALSE(read_all(**damaged, 1u << 20));
}
