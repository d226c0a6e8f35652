#include "build/git_source.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::build;

namespace {

GitSource parsed(const char* text, GitForms forms = GitForms::distinguishable) {
  const auto source = parse_git_source(text, forms);
  INFO(text);
  REQUIRE(source);
  REQUIRE(*source);
  return **source;
}
bool is_git(const char* text) {
  const auto source = parse_git_source(text);
  return source && *source;
}

}  // namespace

TEST_CASE("git URLs are told from others by their forms") {
  for (const char* text : {"https://host/repo.git", "http://host:8080/a/repo.git", "ssh://git@host/repo",
                           "git://host/repo", "git@host:user/repo", "user-1@sub.host:repo.git#main",
                           "https://host/repo.git#main:docs", "https://host/repo.git?ref=main"}) {
    INFO(text);
    CHECK(is_git(text));
  }
  for (const char* text : {"https://host/file.tar.gz", "https://host/repo", "./git@host:x", "../repo.git",
                           "repo.git", "dir/name@host:x", "file:///repo.git", "ext::sh -c x", "host:path",
                           "@host:path", "git@host", "github.com/user/repo", "ftp://host/repo.git"}) {
    INFO(text);
    CHECK_FALSE(is_git(text));
  }
}

TEST_CASE("a fragment has reference and directory") {
  CHECK(parsed("https://host/repo.git").remote == "https://host/repo.git");
  CHECK(parsed("https://host/repo.git").reference.empty());
  const GitSource both = parsed("https://user:word@host/repo.git#baz/qux:quux/quuz");
  CHECK(both.remote == "https://user:word@host/repo.git");
  CHECK(both.reference == "baz/qux");
  CHECK(both.subdirectory == "quux/quuz");
  CHECK(parsed("git@host:user/repo.git#:docs/").subdirectory == "docs");
  CHECK(parsed("git@host:user/repo.git#v1").remote == "git@host:user/repo.git");
  CHECK(parsed("https://host/r.git#main:../../etc").subdirectory == "etc");
  CHECK(parsed("github.com/user/repo", GitForms::context).remote == "https://github.com/user/repo");
}

TEST_CASE("a query says the same in words") {
  const GitSource source = parsed(
      "https://host/repo.git?branch=main&subdir=a%2Fb&commit=0123abc&keep-git-dir=true&submodules=false");
  CHECK(source.remote == "https://host/repo.git");
  CHECK(source.reference == "refs/heads/main");
  CHECK(source.subdirectory == "a/b");
  CHECK(source.commit == "0123abc");
  CHECK(source.keep_git_directory == true);
  CHECK(source.submodules == false);
  CHECK(parsed("https://host/repo.git?tag=v1").reference == "refs/tags/v1");
  CHECK(parsed("https://host/repo.git?ref=v1#v1:d").subdirectory == "d");
  CHECK(parsed("https://host/repo.git?keep-git-dir").keep_git_directory == true);
}

TEST_CASE("a repository is told without its password, and in whatever form") {
  CHECK(display_remote(parsed("git@host:user/repo.git#v1")) == "git@host:user/repo.git");
  CHECK(display_remote(parsed("git://host:9418/repo")) == "git://host:9418/repo");
  const std::string shown = display_remote(parsed("https://user:hidden@host/repo.git"));
  CHECK(shown.contains("host/repo.git"));
  CHECK_FALSE(shown.contains("hidden"));
}

TEST_CASE("what a git URL cannot say is an error, not a path") {
  for (const char* text :
       {"https://host/repo.git?tag=a&branch=b", "https://host/repo.git?ref=a#b", "https://host/repo.git?ref=",
        "https://host/repo.git?what=1", "https://host/repo.git?submodules=perhaps",
        "https://host/repo.git#--upload-pack=x", "https://host/repo.git#a b", "https://host/repo.git#a^",
        "https://host/repo.git?commit=xyz", "ssh://git@ho st/repo"}) {
    INFO(text);
    CHECK_FALSE(parse_git_source(text));
  }
}
