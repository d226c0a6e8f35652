#include "build/secrets.hpp"

#include "build/commit.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

GuardedSecrets guarded(std::vector<std::pair<std::string, std::string>> secrets) {
  GuardedSecrets result;
  for (const auto& [id, text] : secrets)
    result.push_back({id, std::make_shared<const ecrin::Secret>(std::string_view(text))});
  return result;
}

/// What the guard says of a file with this content, written in pieces of `piece` bytes.
Result<> write(const GuardedSecrets& secrets, const fs::TarEntry& entry, std::string_view content,
               std::size_t piece) {
  NullSink nothing;
  SecretGuardSink guard(nothing, secrets);
  fs::TarWriter tar(guard, [&](const fs::TarEntry& begun) { guard.begin(begun); });
  fs::TarEntry sized = entry;
  sized.size = content.size();
  TRY(tar.add(sized));
  for (; !content.empty(); content.remove_prefix(std::min(piece, content.size())))
    TRY(tar.write_data(as_bytes(content.substr(0, piece))));
  return tar.finish();
}

std::string masked(const GuardedSecrets& secrets, std::string_view text, std::size_t piece) {
  SecretMask mask(secrets);
  std::string result;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    result += mask.add(text.substr(0, piece));
  return result + mask.finish();
}

}  // namespace

TEST_CASE("a text is found across all borders, also where its beginning repeats") {
  for (const std::string_view text : {"aabaaabaaac", "abcabcabd", "xxxxxxxxy"}) {
    const std::string whole = "aabaaab" + std::string("abcabcabcabd xxxxxxxxxxxxy aabaaabaaabaaac");
    for (std::size_t piece = 1; piece < whole.size(); ++piece) {
      StreamSearch search(text);
      bool found = false;
      for (std::size_t at = 0; at < whole.size(); at += piece)
        found = found || search.find(std::string_view(whole).substr(at, piece)) != std::string_view::npos;
      CHECK(found);
    }
  }
  StreamSearch search("secret");
  CHECK(search.find("secre") == std::string_view::npos);
  CHECK(search.pending() == 5);
  CHECK(search.find("x secret y") == 8);
}

TEST_CASE("the guard of a layer finds a secret in data, names, links and attributes") {
  const GuardedSecrets secrets = guarded({{"other", "another-secret"}, {"token", "s3cret-value"}});
  const std::string content = std::string(5000, 'x') + "s3cret-value" + std::string(5000, 'y');
  for (const std::size_t piece : {1, 7, 512, 5005, 20000}) {
    const auto refused = write(secrets, {.path = "etc/conf"}, content, piece);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "'/etc/conf' in the layer holds the secret 'token'");
    CHECK(refused.error().kind() == ErrorKind::denied);
  }
  CHECK(write(secrets, {.path = "etc/conf"}, "s3cret-valu", 3));
  // A long name is torn into two fields of the header.
  const std::string long_name = std::string(90, 'd') + "/s3cret-value" + std::string(80, 'n');
  const auto in_name = write(secrets, {.path = long_name}, "", 1);
  REQUIRE_FALSE(in_name);
  CHECK_FALSE(in_name.error().message().contains("s3cret-value"));
  CHECK(in_name.error().message().contains("***"));
  CHECK_FALSE(
      write(secrets, {.path = "l", .type = fs::EntryType::symlink, .link_target = "/x/s3cret-value"}, "", 1));
  CHECK_FALSE(write(secrets, {.path = "a", .xattrs = {{"user.x", "another-secret"}}}, "", 1));
  CHECK_FALSE(write(secrets, {.path = "a", .xattrs = {{"user.s3cret-value", "x"}}}, "", 1));
}

TEST_CASE("secrets in output are masked, whatever the pieces") {
  const GuardedSecrets secrets = guarded({{"a", "hunter2-long"}, {"b", "aaaaaaab"}});
  const std::string text = "begin hunter2-long and hunter2-hunter2-long, aaaaaaaaaaab, aaaaaaa; end hunter2-";
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    CHECK(masked(secrets, text, piece) == "begin *** and hunter2-***, aaaa***, aaaaaaa; end hunter2-");
  CHECK(masked({}, text, 3) == text);
}

TEST_CASE("secrets that overlap leave nothing of each other visible") {
  const auto same = [](const GuardedSecrets& secrets, const std::string& text, const std::string& wanted) {
    CHECK(without_secrets(text, secrets) == wanted);
    for (std::size_t piece = 1; piece <= text.size(); ++piece) CHECK(masked(secrets, text, piece) == wanted);
  };
  // One begins another, whichever was given first.
  for (const auto& secrets : {guarded({{"a", "password"}, {"b", "password-of-root"}}),
                              guarded({{"b", "password-of-root"}, {"a", "password"}})}) {
    same(secrets, "a password-of-root, a password-of-me, password", "a ***, a ***-of-me, ***");
    same(secrets, "passwordpassword-of-root", "******");
  }
  // One ends where another is still going on; one is inside another.
  const auto chain = guarded({{"a", "abcdefgh"}, {"b", "efghijkl"}, {"c", "xx-abcdefgh-xx"}});
  same(chain, "1 abcdefghijkl 2 abcdefghijk", "1 *** 2 ***ijk");
  same(chain, "1 xx-abcdefgh-xx 2 xx-abcdefgh-x", "1 *** 2 xx-***-x");
  // And one overlaps itself.
  same(guarded({{"a", "abababab"}}), "-abababababa-abababab", "-***a-***");
  same(guarded({{"a", "aaaaaaaa"}}), std::string(100, 'a') + "b" + std::string(7, 'a'), "***baaaaaaa");
}

TEST_CASE("line breaks at a secret's end do not count, and short ones are not guarded") {
  const std::vector<build::Secret> given = {{.id = "line", .file = "", .value = "long-enough\r\n"},
                                            {.id = "short", .file = "", .value = "1234567\n"}};
  Secrets secrets(given);
  CHECK(secrets.guarded().empty());  // nobody has read one
  REQUIRE(secrets.read("line"));
  REQUIRE(secrets.read("short"));
  const GuardedSecrets found = secrets.guarded();
  REQUIRE(found.size() == 1);
  CHECK(found[0].bytes->reveal() == "long-enough");
  CHECK((*secrets.read("line"))->reveal() == "long-enough\r\n");
  CHECK_FALSE(secrets.read("unknown"));
  CHECK(secrets.guarded({"short", "unknown"}).empty());
}

TEST_CASE("a secret in the settings of an image is found, with its place") {
  const GuardedSecrets secrets = guarded({{"token", "s3cret-value"}});
  const auto place = [&](auto change) {
    ImageParts parts;
    change(parts);
    const auto found = find_secret(parts, secrets);
    return found ? found->place : "";
  };
  CHECK(place([](ImageParts&) {}) == "");
  CHECK(place([](ImageParts& p) { p.config.env = {"A=x s3cret-value"}; }) == "the variable 'A'");
  CHECK(place([](ImageParts& p) { p.config.labels["l"] = "s3cret-value"; }) == "the label 'l'");
  CHECK(place([](ImageParts& p) { p.config.labels["s3cret-value"] = ""; }) == "the name of a label");
  CHECK(place([](ImageParts& p) { p.config.history = {{.created_by = "RUN s3cret-value"}}; }) ==
        "the history");
  CHECK(place([](ImageParts& p) { p.config.cmd = {"s3cret-value"}; }) == "the command");
  CHECK(place([](ImageParts& p) { p.manifest.annotations["a"] = "s3cret-value"; }) == "the annotation 'a'");
}
