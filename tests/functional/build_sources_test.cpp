// Files of builds that come from elsewhere: downloads, repositories and archives, alone, mixed, as named
// contexts, and in working containers.
#include <optional>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

void must(Arguments command) {
  const Outcome outcome = run(host_command(std::move(command)));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
}

std::string git(const std::string& directory, Arguments arguments) {
  Arguments all = {"git", "-C", directory, "-c", "user.name=t", "-c", "user.email=t@localhost"};
  all.insert(all.end(), {"-c", "protocol.file.allow=always"});
  all.insert(all.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run(host_command(std::move(all)));
  INFO(outcome.description);
  REQUIRE(outcome.code == 0);
  return trimmed(outcome.out);
}

/// tests/support/git_server.py over a directory of the test's own.
class Server {
public:
  explicit Server(Ecrin& ecrin) : directory(ecrin.scratch() / "served") {
    make_directory(directory);
    const std::string port = ecrin.scratch() / "port";
    m_running.emplace(
        host_command({"python3", setting().source + "/tests/support/git_server.py", directory, port}));
    REQUIRE(m_running->wait_for_output("ready"));
    url = "http://127.0.0.1:" + read_file(port);
  }
  std::string directory;
  std::string url;

private:
  std::optional<Running> m_running;
};

std::string built(const Ecrin& ecrin, Arguments flags = {}) {
  Arguments words = {"build", "-q"};
  words.insert(words.end(), flags.begin(), flags.end());
  words.push_back(ecrin.context_directory());
  return ecrin.must(std::move(words));
}

}  // namespace

TEST_CASE("sources of ADD are written in the order in which they stand", "[any-driver]") {
  Ecrin ecrin;
  const Server server(ecrin);
  write_file(server.directory + "/same", "download\n");
  ecrin.context("same", "file\n");
  ecrin.context("packed/same", "archive\n");
  must({"tar", "-C", ecrin.context_directory() + "/packed", "-cf", ecrin.context_directory() + "/a.tar",
        "same"});
  const std::string repository = server.directory + "/repo.git";
  make_directory(repository);
  git(repository, {"init", "-q", "-b", "main"});
  write_file(repository + "/same", "repository\n");
  git(repository, {"add", "."});
  git(repository, {"commit", "-qm", "1"});
  const std::string url = server.url + "/same";
  const std::string commits = server.url + "/git/repo.git";
  const auto last = [&](const std::string& sources) {
    ecrin.context("Containerfile", "FROM localhost/busybox\nADD " + sources + " /d/\n");
    return ecrin.in_container(built(ecrin), {"cat", "/d/same"});
  };
  CHECK(last("a.tar same " + url) == "download\n");
  CHECK(last(url + " a.tar same") == "file\n");
  CHECK(last(commits + " same " + url + " a.tar") == "archive\n");
  CHECK(last("same " + url + " a.tar " + commits) == "repository\n");
  ecrin.context("Containerfile", "FROM localhost/busybox\nADD <<same same a.tar /d/\nhere\nsame\n");
  CHECK(ecrin.in_container(built(ecrin), {"cat", "/d/same"}) == "here\n");
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("commits and submodules come from servers that give out no single commit", "[any-driver]") {
  Ecrin ecrin;
  const Server server(ecrin);
  for (const char* name : {"/part.git", "/whole.git"}) {
    make_directory(server.directory + name);
    git(server.directory + name, {"init", "-q", "-b", "main"});
  }
  const std::string part = server.directory + "/part.git";
  const std::string whole = server.directory + "/whole.git";
  const auto commit = [&](const std::string& repository, const std::string& name, const std::string& text) {
    write_file(repository + "/" + name, text);
    git(repository, {"add", "."});
    git(repository, {"commit", "-qm", text});
    return git(repository, {"rev-parse", "HEAD"});
  };
  commit(part, "part", "part 1");
  git(whole, {"submodule", "--quiet", "add", "../part.git", "below/part"});
  const std::string first = commit(whole, "page", "page 1");
  commit(part, "part", "part 2");
  commit(whole, "page", "page 2");
  const std::string url = server.url + "/git/whole.git";
  const auto added = [&](const std::string& source) {
    ecrin.context("Containerfile", "FROM localhost/busybox\nADD " + source + " /d/\n");
    return ecrin.in_container(built(ecrin), {"sh", "-c", "cat /d/page; cat /d/below/part/part"});
  };
  CHECK(added(url) == "page 2part 1");
  CHECK(added(url + "#" + first) == "page 1part 1");
  CHECK(contains(ecrin({"build", "-q", "--build-arg", "x=y", ecrin.context_directory()}).out, "sha256:"));
  ecrin.context("Containerfile", "FROM localhost/busybox\nADD " + url + "?submodules=false /d/\n");
  CHECK(ecrin.in_container(built(ecrin), {"ls", "/d/below/part"}).empty());
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("named contexts come from archives, their URLs and repositories", "[any-driver]") {
  Ecrin ecrin;
  const Server server(ecrin);
  write_file(server.directory + "/tree/file", "in an archive\n");
  must({"tar", "-C", server.directory + "/tree", "-czf", server.directory + "/tree.tar.gz", "file"});
  const std::string repository = server.directory + "/repo.git";
  make_directory(repository);
  git(repository, {"init", "-q", "-b", "main"});
  write_file(repository + "/sub/file", "in a repository\n");
  git(repository, {"add", "."});
  git(repository, {"commit", "-qm", "1"});
  ecrin.context("Containerfile",
                "FROM localhost/busybox\nCOPY --from=other file /a\n"
                "RUN --mount=from=other,target=/m cat /m/file > /b\n");
  const auto made = [&](const std::string& source) {
    return ecrin.in_container(built(ecrin, {"--build-context", "other=" + source}), {"cat", "/a", "/b"});
  };
  CHECK(made(server.directory + "/tree.tar.gz") == "in an archive\nin an archive\n");
  CHECK(made(server.url + "/tree.tar.gz") == "in an archive\nin an archive\n");
  CHECK(made(server.url + "/git/repo.git#main:sub") == "in a repository\nin a repository\n");
  // The same files are the same steps, wherever they come from.
  const Outcome again = ecrin({"build", "--progress", "json", "--build-context",
                               "other=" + server.url + "/tree.tar.gz", ecrin.context_directory()});
  CHECK(count_state(step_reports(again), "cached") >= 2);
  for (const std::string& bad :
       {server.url + "/nothing.tar", server.url + "/git/none.git", std::string("/nope")})
    CHECK(one_error(ecrin({"build", "--build-context", "other=" + bad, ecrin.context_directory()})));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("the password of a context's URL stays nowhere", "[any-driver]") {
  Ecrin ecrin;
  const Server server(ecrin);
  const std::string address = "http://ada:hidden-word@" + server.url.substr(7);
  write_file(server.directory + "/tree/Containerfile", "FROM localhost/busybox\nRUN false\n");
  must({"tar", "-C", server.directory + "/tree", "-czf", server.directory + "/tree.tar.gz", "Containerfile"});
  write_file(server.directory + "/recipe", "FROM localhost/busybox\nRUNN false\n");
  const auto attempt = [&](Arguments words) {
    words.insert(words.begin(), "build");
    const Outcome outcome = ecrin(words);
    INFO(outcome.description);
    CHECK(outcome.code != 0);
    CHECK_FALSE(contains(outcome.err, "hidden-word"));
  };
  attempt({address + "/tree.tar.gz"});
  attempt({"-f", "nothing", address + "/tree.tar.gz"});
  attempt({"-f", "nothing", address + "/recipe"});
  attempt({address + "/recipe"});
  attempt({address + "/missing"});
  const std::string context = ecrin.json({"debug", "--list", "--format", "json"})[0]["Context"];
  CHECK(context == server.url + "/tree.tar.gz");
  write_file(server.directory + "/good", "FROM localhost/busybox\nRUN echo 1 > /x\n");
  ecrin.must({"build", "-q", address + "/good"});
  CHECK(run(host_command({"grep", "-r", "hidden-word", ecrin.root()})).code == 1);
}

TEST_CASE("add-into takes archives, downloads and repositories", "[any-driver]") {
  Ecrin ecrin;
  const Server server(ecrin);
  write_file(server.directory + "/download", "download\n");
  ecrin.context("packed/inside", "archive\n");
  must({"tar", "-C", ecrin.context_directory() + "/packed", "-cJf", ecrin.context_directory() + "/a.tar.xz",
        "inside"});
  const std::string repository = server.directory + "/repo.git";
  make_directory(repository);
  git(repository, {"init", "-q", "-b", "main"});
  write_file(repository + "/page", "repository\n");
  git(repository, {"add", "."});
  git(repository, {"commit", "-qm", "1"});
  const std::string name = ecrin.must({"from", "busybox"});
  const auto add = [&](Arguments words) {
    Arguments all = {"add-into", "--contextdir", ecrin.context_directory()};
    all.insert(all.end(), words.begin(), words.end());
    return ecrin(all);
  };
  CHECK(add({name, "a.tar.xz", "/d/"}).code == 0);
  CHECK(add({"--chmod", "0640", "--chown", "1:2", name, server.url + "/download", "/d/"}).code == 0);
  CHECK(add({name, server.url + "/git/repo.git", "/d/repo"}).code == 0);
  const std::string right =
      "sha256:" +
      lines_of(run(host_command({"sha256sum", server.directory + "/download"})).out).front().substr(0, 64);
  CHECK(add({"--checksum", right, name, server.url + "/download", "/d/checked"}).code == 0);
  const Outcome wrong =
      add({"--checksum", "sha256:" + std::string(64, '0'), name, server.url + "/download", "/x"});
  INFO(wrong.description);
  CHECK(one_error(wrong));
  const Outcome again = add({name, "a.tar.xz", "/d/"});
  CHECK(again.code == 0);
  ecrin.must({"commit", "--rm", name, "added"});
  CHECK(ecrin.in_container("added", {"sh", "-c", "cd /d && cat inside download repo/page checked"}) ==
        "archive\ndownload\nrepository\ndownload\n");
  CHECK(ecrin.in_container("added", {"stat", "-c", "%u:%g %a", "/d/download"}) == "1:2 640\n");
  // The same steps are the same image, out of the cache.
  const std::string second = ecrin.must({"from", "busybox"});
  const Outcome cached = add({second, "a.tar.xz", "/d/"});
  CHECK(contains(cached.err, "cached"));
  CHECK(ecrin.left_behind().empty());
}

TEST_CASE("a repository whose names are SHA-256", "[any-driver]") {
  Ecrin ecrin;
  const Server server(ecrin);
  const std::string repository = server.directory + "/repo.git";
  make_directory(repository);
  git(repository, {"init", "-q", "-b", "main", "--object-format=sha256"});
  write_file(repository + "/file", "of the commit\n");
  git(repository, {"add", "."});
  git(repository, {"commit", "-qm", "1"});
  const std::string commit = git(repository, {"rev-parse", "HEAD"});
  REQUIRE(commit.size() == 64);
  const std::string url = server.url + "/git/repo.git";
  for (const std::string& source : {url + "#main", url + "#" + commit}) {
    ecrin.context("Containerfile", "FROM localhost/busybox\nADD " + source + " /d/\n");
    CHECK(ecrin.in_container(built(ecrin), {"cat", "/d/file"}) == "of the commit\n");
  }
}

TEST_CASE("a layout stands in for an image by the digest in it", "[any-driver]") {
  Ecrin ecrin;
  const std::string layout = ecrin.scratch() / "layout";
  ecrin.must({"save", "--format", "oci-dir", "-o", layout, "busybox"});
  const std::string index = read_file(layout + "/index.json");
  const std::string digest = index.substr(index.find("sha256:"), 71);
  ecrin.context("Containerfile", "FROM base\nRUN echo x > /x\n");
  CHECK(ecrin.in_container(built(ecrin, {"--build-context", "base=oci-layout://" + layout + "@" + digest}),
                           {"cat", "/x"}) == "x\n");
}
