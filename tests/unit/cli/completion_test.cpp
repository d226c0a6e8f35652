#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

const std::vector<std::string> k_images = {"localhost/hello:latest"};

std::string candidates(std::vector<std::string> words) {
  return complete(words, k_images);
}

bool offers(const std::string& text, const std::string& word) {
  return ("\n" + text).find("\n" + word + "\t") != std::string::npos;
}

}  // namespace

TEST_CASE("the first word is a verb") {
  CHECK(offers(candidates({""}), "build"));
  CHECK(offers(candidates({"--root", "/x", "b"}), "build"));
  CHECK(offers(candidates({"--r"}), "--root"));
  CHECK(offers(candidates({"image", ""}), "ls"));
  CHECK(offers(candidates({"help", ""}), "build"));
}

TEST_CASE("flags and their values") {
  CHECK(offers(candidates({"build", "--"}), "--target"));
  CHECK(offers(candidates({"build", "--progress", ""}), "plain"));
  CHECK(offers(candidates({"build", "--progress="}), "--progress=plain"));
  CHECK(candidates({"build", "-f", ""}) == ":file\n");
  CHECK(candidates({"--root", ""}) == ":directory\n");
  CHECK(candidates({"build", "--target", ""}).empty());
  CHECK(candidates({"build", "--iidfile=x"}) == ":file\n");
  CHECK(candidates({"--root=x"}) == ":directory\n");
}

TEST_CASE("operands: images where images are meant") {
  CHECK(offers(candidates({"run", "-i", ""}), "localhost/hello:latest"));
  CHECK(offers(candidates({"image", "rm", ""}), "localhost/hello:latest"));
  CHECK(candidates({"load", ""}) == ":file\n");
  CHECK(candidates({"run", "hello", ""}) == ":file\n");
  CHECK(candidates({"run", "hello", "--"}) == ":file\n");
  CHECK(candidates({"history", "hello", ""}).empty());
}

TEST_CASE("the store is asked only where images are meant") {
  CHECK(completes_images(std::vector<std::string>{"run", ""}));
  CHECK_FALSE(completes_images(std::vector<std::string>{"build", ""}));
  CHECK_FALSE(completes_images(std::vector<std::string>{""}));
}

TEST_CASE("names come from the store that the words before the verb name") {
  const auto root = [](std::vector<std::string> words) { return typed_root(words); };
  CHECK(root({"--root", "/a", "run", ""}) == "/a");
  CHECK(root({"--root=/a", "--debug", "run", ""}) == "/a");
  CHECK(root({"--driver", "copy", "--root", "/a", "run", ""}) == "/a");
  CHECK(root({"run", "--root", "/a", ""}).empty());
  CHECK(root({"run", ""}).empty());
  CHECK(root({"--root", ""}).empty());
}
