#include "fs/tar.hpp"

#include <cstring>
#include <map>
#include <random>

#include "base/hash.hpp"
#include "tests/unit/fs/support.hpp"

using namespace ecrin;
using namespace ecrin::fs;
using namespace ecrin::fs::test;

namespace {

struct Read {
  TarEntry entry;
  std::string content;  // holes as zeros
};

Result<std::vector<Read>> read_tar(std::string bytes) {
  auto reader = TRY(TarReader::open(std::make_unique<MemorySource>(std::move(bytes))));
  std::vector<Read> all;
  while (auto entry = TRY(reader->next())) {
    Read read{.entry = *entry, .content = std::string(static_cast<std::size_t>(entry->size), '\0')};
    while (const auto block = TRY(reader->next_block())) {
      if (block->offset + block->bytes.size() > read.content.size())
        return fail(ErrorKind::invalid, "too long");
      std::memcpy(read.content.data() + block->offset, block->bytes.data(), block->bytes.size());
    }
    all.push_back(std::move(read));
  }
  return all;
}

// Entries one after another, with all that ustar cannot hold.
std::vector<Item> all_kinds() {
  std::vector<Item> items;
  items.push_back(directory_item("etc"));
  items.push_back(file_item("etc/passwd", "root:x:0:0::/:\n"));
  items.push_back(file_item("empty", "", 04755));
  items.push_back(file_item(std::string(90, 'p') + "/" + std::string(90, 'n'), "prefix"));
  items.push_back(file_item("d/" + std::string(255, 'n'), "pax path"));
  items.push_back(file_item("caf\xc3\xa9", "utf-8"));
  items.push_back(file_item("raw\xff\xfe", "raw"));
  items.push_back(file_item("raw\xff" + std::string(200, 'x'), "raw pax"));
  items.push_back(file_item("new\nline", "newline"));
  items.push_back(link_item(EntryType::symlink, "link", std::string(300, 't')));
  items.push_back(link_item(EntryType::symlink, "link-raw", "\xff" + std::string(150, 't')));
  items.push_back(link_item(EntryType::hardlink, "hard", "etc/passwd"));
  items.push_back(link_item(EntryType::hardlink, "hard-long", "d/" + std::string(255, 'n')));
  items.push_back({.entry = {.path = "null",
                             .type = EntryType::character_device,
                             .mode = 0666,
                             .device_major = 1,
                             .device_minor = 1048575},
                   .content = ""});
  items.push_back(
      {.entry = {.path = "disk", .type = EntryType::block_device, .mode = 0660, .device_major = 8},
       .content = ""});
  items.push_back({.entry = {.path = "pipe", .type = EntryType::fifo, .mode = 0600}, .content = ""});
  Item big = file_item("ids", "x");
  big.entry.uid = 3000000000u;
  big.entry.gid = 2097152;
  big.entry.mtime = -5;
  items.push_back(big);
  Item far = file_item("far", "x");
  far.entry.mtime = 077777777777 + 1LL;
  far.entry.xattrs = {{.name = "security.capability", .value = std::string("\1\0\0\2\n=", 6)},
                      {.name = "user.name", .value = "value"}};
  items.push_back(far);
  for (Item& item : items) {
    if (item.entry.path != "ids") item.entry.uid = item.entry.gid = 0;
  }
  return items;
}

std::string without_end(std::string tar) {
  tar.resize(tar.size() - 1024);
  return tar;
}

void check_refused(std::string tar, const std::string& part) {
  const auto read = read_tar(std::move(tar));
  REQUIRE_FALSE(read);
  CHECK(read.error().kind() == ErrorKind::invalid);
  INFO(read.error().message());
  CHECK(read.error().message().find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("what is written is read back the same") {
  const std::vector<Item> items = all_kinds();
  const auto read = must(read_tar(make_tar(items)));
  REQUIRE(read.size() == items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const TarEntry& wanted = items[i].entry;
    const TarEntry& got = read[i].entry;
    INFO(wanted.path);
    CHECK(got.path == (wanted.type == EntryType::directory ? wanted.path + "/" : wanted.path));
    CHECK(got.type == wanted.type);
    CHECK(got.mode == wanted.mode);
    CHECK(got.uid == wanted.uid);
    CHECK(got.gid == wanted.gid);
    CHECK(got.mtime == wanted.mtime);
    CHECK(got.link_target == wanted.link_target);
    CHECK(got.device_major == wanted.device_major);
    CHECK(got.device_minor == wanted.device_minor);
    CHECK(got.xattrs == wanted.xattrs);
    CHECK(read[i].content == items[i].content);
  }
}

TEST_CASE("the bytes of a tar are a promise") {
  CHECK(sha256_hex(make_tar({})) == "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
  CHECK(sha256_hex(make_tar(all_kinds())) ==
        "4a99c824f2828fc9d91dc4cfa3b12afe8ba70e4dd64dd0959c5a12d05a9284ae");
}

TEST_CASE("ustar alone is used where it can be") {
  CHECK(make_tar({file_item("a", "x")}).size() == 512 + 512 + 1024);
  // A name of 100 bytes, a split at a slash, and names beyond ASCII need no PAX header.
  CHECK(make_tar({file_item(std::string(100, 'a'))}).size() == 512 + 1024);
  CHECK(make_tar({file_item(std::string(155, 'a') + "/" + std::string(100, 'b'))}).size() == 512 + 1024);
  CHECK(make_tar({file_item("\xff")}).size() == 512 + 1024);
  CHECK(make_tar({directory_item(std::string(99, 'a'))}).size() == 512 + 1024);
  CHECK(make_tar({file_item(std::string(156, 'a') + "/" + std::string(100, 'b'))}).size() == 3 * 512 + 1024);
  CHECK(make_tar({file_item(std::string(101, 'a'))}).size() == 3 * 512 + 1024);
  CHECK(make_tar({directory_item(std::string(100, 'a'))}).size() == 3 * 512 + 1024);
}

TEST_CASE("a header has exactly the fields of ustar") {
  Item item = file_item("name", "data", 0640);
  item.entry.uid = 1;
  item.entry.gid = 2;
  const std::string tar = make_tar({item});
  CHECK(tar.substr(100, 48) == std::string("0000640\0"
                                           "0000001\0"
                                           "0000002\0"
                                           "00000000004\0"
                                           "00000001750\0",
                                           48));
  CHECK(tar[156] == '0');
  CHECK(tar.substr(257, 8) == std::string("ustar\0"
                                          "00",
                                          8));
  CHECK(tar.substr(265, 64) == std::string(64, '\0'));
  CHECK(tar.substr(329, 16) == std::string("0000000\0"
                                           "0000000\0",
                                           16));
  CHECK(tar.substr(345, 167) == std::string(167, '\0'));
  CHECK(tar.substr(512, 6) == std::string("data\0\0", 6));
}

TEST_CASE("a record's length counts its own digits") {
  // 99 -> 100: the lengths at which a digit more is needed.
  for (std::size_t size = 60; size < 120; ++size) {
    Item item = file_item("x");
    item.entry.xattrs = {{.name = "user.k", .value = std::string(size, 'v')}};
    const auto read = must(read_tar(make_tar({item})));
    REQUIRE(read[0].entry.xattrs == item.entry.xattrs);
  }
}

TEST_CASE("an xattr that PAX cannot say is left out") {
  Item item = file_item("x");
  item.entry.xattrs = {{.name = "user.empty", .value = ""}, {.name = "user.k=v", .value = "x"}};
  CHECK(make_tar({item}).size() == 512 + 1024);
}

TEST_CASE("a file of 9 GiB has its size in a PAX record") {
  NullSink null;
  CountingSink sink(null);
  TarWriter writer(sink);
  TarEntry entry{.path = "big", .mode = 0644, .size = 9ull << 30};
  must(writer.add(entry));
  CHECK(sink.count() == 3 * 512);
  must(writer.write_zeros(entry.size));
  must(writer.finish());
  CHECK(sink.count() == 3 * 512 + (9ull << 30) + 1024);

  StringSink head;
  TarWriter head_writer(head);
  must(head_writer.add(entry));
  CHECK(head.bytes().find("19 size=9663676416\n") != std::string::npos);
  const auto reader = must(TarReader::open(std::make_unique<MemorySource>(head.bytes())));
  CHECK(must(reader->next())->size == 9ull << 30);
}

TEST_CASE("data must have the size that was announced") {
  StringSink sink;
  TarWriter writer(sink);
  must(writer.add(file_item("a", "1234").entry));
  CHECK_FALSE(writer.write_data(as_bytes("12345")));
  must(writer.write_data(as_bytes("123")));
  CHECK_FALSE(writer.add(file_item("b").entry));
  CHECK_FALSE(writer.finish());
  must(writer.write_data(as_bytes("4")));
  must(writer.finish());
  CHECK(sink.bytes().size() == 512 + 512 + 1024);
}

TEST_CASE("names that no tar can hold are refused") {
  StringSink sink;
  TarWriter writer(sink);
  CHECK_FALSE(writer.add({.path = ""}));
  CHECK_FALSE(writer.add({.path = std::string("a\0b", 3)}));
  CHECK_FALSE(writer.add({.path = "a", .type = EntryType::symlink}));
  CHECK_FALSE(writer.add({.path = "a", .type = EntryType::character_device, .device_major = 1u << 22}));
}

TEST_CASE("an empty source and an archive without end mark are read") {
  CHECK(must(read_tar("")).empty());
  CHECK(must(read_tar(make_tar({}))).empty());
  CHECK(must(read_tar(without_end(make_tar({file_item("a", "x")})))).size() == 1);
}

TEST_CASE("padding of zeros after the end mark is read to the end") {
  const std::string tar = make_tar({file_item("a", "x")}) + std::string(1 << 20, '\0');
  struct Counting final : Source {
    MemorySource source;
    std::size_t& count;
    Counting(std::string bytes, std::size_t& total) : source(std::move(bytes)), count(total) {}
    Result<std::size_t> read(std::span<std::byte> buffer) override {
      const std::size_t size = TRY(source.read(buffer));
      count += size;
      return size;
    }
  };
  std::size_t count = 0;
  const auto reader = must(TarReader::open(std::make_unique<Counting>(tar, count)));
  REQUIRE(must(reader->next()));
  REQUIRE_FALSE(must(reader->next()));
  CHECK(count == tar.size());
  REQUIRE_FALSE(must(reader->next()));
}

TEST_CASE("data after the end mark is refused") {
  const std::string tar = make_tar({file_item("a", "x")});
  check_refused(tar + tar, "after its end mark");
  check_refused(tar + std::string(1 << 20, '\0') + "x", "after its end mark");
  check_refused(tar + "x", "after its end mark");
  // One zero block ends the archive, too.
  check_refused(without_end(tar) + std::string(512, '\0') + tar, "after its end mark");
}

TEST_CASE("damaged archives are refused") {
  const std::string tar = make_tar({file_item("a", std::string(5000, 'x')), file_item("b", "y")});
  check_refused(tar.substr(0, 3000), "");
  check_refused(tar.substr(0, 300), "");
  check_refused(std::string(4096, 'z'), "");
  std::string flipped = tar;
  flipped[5632 + 3] = 'q';  // in the second header: its checksum is wrong
  check_refused(flipped, "");
}

TEST_CASE("a header that says two sizes is refused when the data is longer than the file") {
  std::string tar = make_tar({file_item("a", "xyz")});
  std::memcpy(tar.data() + 257, "ustar  ", 8);       // GNU's
  std::memcpy(tar.data() + 483, "00000000001", 12);  // the size without holes, as GNU has it
  std::memcpy(tar.data() + 148, "        ", 8);
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[i]);
  std::memcpy(tar.data() + 148, fmt::format("{:06o}", sum).c_str(), 7);
  check_refused(tar, "does not lie within its size");
}

TEST_CASE("an error of the source comes through as it is") {
  struct Broken final : Source {
    Result<std::size_t> read(std::span<std::byte>) override {
      return fail(ErrorKind::network, "line is dead");
    }
  };
  auto reader = TarReader::open(std::make_unique<Broken>());
  const Error error = reader ? (*reader)->next().error() : reader.error();
  CHECK(error.kind() == ErrorKind::network);
  CHECK(error.message() == "line is dead");
}

TEST_CASE("sparse files and long names as GNU tar writes them") {
  for (const char* name : {"sparse_gnu.tar", "sparse_pax.tar"}) {
    INFO(name);
    const auto read =
        must(read_tar(must(posix::read_file(std::string(ECRIN_TEST_DATA) + "/unit/fs/data/" + name))));
    REQUIRE(read.size() == 2);
    CHECK(read[0].entry.path == "long/" + std::string(120, 'n'));
    CHECK(read[0].content == "end of a long name\n");
    CHECK(read[1].entry.path == "sparse");
    REQUIRE(read[1].entry.size == 1 << 20);
    CHECK(read[1].content.substr(0, 4) == "head");
    CHECK(read[1].content.substr((1 << 19), 6) == "middle");
    CHECK(read[1].content.find_last_not_of('\0') == (1 << 19) + 5);
  }
}

TEST_CASE("random entries survive writing and reading") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string name;
    for (unsigned i = 0, size = 1 + static_cast<unsigned>(random() % 300); i < size; ++i) {
      name += static_cast<char>(1 + random() % 255);
    }
    while (name.ends_with('/')) name.back() = 'x';
    if (name.front() == '/') name.front() = 'x';
    Item item = file_item(name, std::string(random() % 2000, 'c'));
    item.entry.mtime = static_cast<std::int64_t>(random()) - (1 << 30);
    item.entry.uid = static_cast<uid_t>(random() % UINT32_MAX);
    const auto read = must(read_tar(make_tar({item})));
    REQUIRE(read.size() == 1);
    REQUIRE(read[0].entry.path == name);
    REQUIRE(read[0].entry.mtime == item.entry.mtime);
    REQUIRE(read[0].entry.uid == item.entry.uid);
    REQUIRE(read[0].content == item.content);
  }
}

TEST_CASE("a name in CESU-8, which is no UTF-8, is not made into another") {
  const std::string name = std::string(120, 'n') + "\xed\xa0\xbd\xed\xb8\x80";
  CHECK(must(read_tar(make_tar({file_item(name)})))[0].entry.path == name);
}
