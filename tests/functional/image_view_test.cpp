// The image file system (fs/fuse) under an overlay, as programs of an ordinary user see it. The work is done
// by image-trial inside `ecrin unshare`.
#include <sstream>

#include "tests/support/catch.hpp"
#include "tests/support/ecrin.hpp"
#include "tests/support/setting.hpp"

using namespace ecrin::tests;

namespace {

std::string image_trial() {
  return setting().test_init.substr(0, setting().test_init.rfind('/')) + "/image-trial";
}

// A scratch directory with layers, and what can be done with them.
class Layers {
public:
  explicit Layers(int count) : m_count(count) {}

  std::string directory() const { return m_ecrin.scratch() / "layers"; }
  std::string layer(int number) const { return directory() + "/" + std::to_string(number) + "/diff"; }
  /// Runs a script in the namespace. $D: the directory of the layers; L N: the path of one.
  Outcome shell(const std::string& script) {
    return m_ecrin({"unshare", "sh", "-ec", "D=" + directory() + "; L() { echo $D/$1/diff; }; " + script});
  }
  void make(const std::string& script) {
    const Outcome made = shell(script);
    INFO(made.description);
    REQUIRE(made.code == 0);
  }
  /// The trial with all layers.
  Outcome trial(const std::string& verb, const Arguments& before, const Arguments& after) {
    Arguments words = {"unshare", image_trial(), verb, std::string(m_ecrin.scratch() / "mounts")};
    words.insert(words.end(), before.begin(), before.end());
    for (int number = 0; number < m_count; ++number) words.push_back(layer(number));
    words.insert(words.end(), after.begin(), after.end());
    return m_ecrin(words);
  }
  Outcome compare(const std::string& script = "") {
    return trial("compare", {}, script.empty() ? Arguments() : Arguments{"--", "/bin/sh", "-c", script});
  }
  Outcome run(const std::string& script) {
    return trial("run", {usage_file()}, {"--", "/bin/sh", "-c", script});
  }
  std::string usage_file() const { return m_ecrin.scratch() / "usage"; }
  std::vector<std::string> usage(const std::string& kind) const {
    std::vector<std::string> lines;
    std::istringstream text(read_file(usage_file()));
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with(kind + " ")) lines.push_back(line.substr(kind.size() + 1));
    }
    return lines;
  }

private:
  int m_count;
  Ecrin m_ecrin{Ecrin::Base::none};
};

// A layer in which programs can run.
const std::string k_busybox = R"(
  mkdir -p $(L 0)/bin $(L 0)/etc $(L 0)/dir $(L 0)/tree/sub/deep
  cp /bin/busybox $(L 0)/bin/
  for name in sh cat ls stat touch mv rm cp ln chmod chown mkdir rmdir test find echo head wc sync truncate seq true; do
    ln -s busybox $(L 0)/bin/$name
  done
  echo hello > $(L 0)/etc/file; echo other > $(L 0)/etc/other; ln $(L 0)/etc/other $(L 0)/etc/hard
  for i in 1 2 3 4 5; do echo $i > $(L 0)/dir/f$i; echo x > $(L 0)/tree/sub/deep/$i; done
  ln -s ../etc/file $(L 0)/dir/link
)";

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("an overlay over the image file system shows what one over the layers shows", "[any-driver]") {
  const int seed = GENERATE(1, 2, 3, 4, 5, 6);
  Layers layers(seed);
  INFO("seed " << seed);
  layers.make(image_trial() + " make $D " + std::to_string(seed) + " " + std::to_string(seed));
  const Outcome compared = layers.compare();
  INFO(compared.description);
  CHECK(compared.code == 0);
  CHECK(contains(compared.out, "entries compared"));
}

TEST_CASE("what differs between the two trees is found", "[any-driver]") {
  Layers layers(1);
  layers.make(k_busybox);
  const Outcome compared = layers.compare("cat /proc/self/mountinfo > /dir/mounts; test -e /dir/mounts");
  INFO(compared.description);
  CHECK(compared.code == 0);  // without /proc both are empty
  // Overlay takes a work directory of volatile mounts once.
  Layers others(1);
  others.make(k_busybox);
  const Outcome differs =
      others.compare("stat -c %i /dir/f1 /etc > /inodes; case $PWD in /) ;; *) exit 1; esac");
  INFO(differs.description);
  CHECK(differs.code == 1);
  CHECK(contains(differs.out, "image: inodes"));
}

TEST_CASE("programs write over the image file system as over the layers", "[any-driver]") {
  Layers layers(2);
  layers.make(k_busybox + R"(
    mkdir -p $(L 1)/tree/sub $(L 1)/own
    mknod $(L 1)/tree/sub/deep c 0 0
    echo y > $(L 1)/tree/sub/new; echo mine > $(L 1)/own/file; chown -R 5:6 $(L 1)/own; chmod 4750 $(L 1)/own/file
    truncate -s 1M $(L 1)/sparse; echo end >> $(L 1)/sparse
  )");
  const Outcome compared = layers.compare(R"(
    set -e
    echo new > /tree/new; echo trunc > /etc/other; echo more >> /dir/f1; rm -r /tree/sub; mkdir /tree/sub
    mv /dir/f2 /dir/f9; ln /etc/hard /etc/hard2; chmod 600 /dir/f3; chown 7:8 /dir/f4; rm /dir/f5; mkdir /dir/f5
    chmod 700 /own; chown 9:9 /own/file; touch -d @77 /etc/file; mv /own /moved || true; ln -s x /dir/x; mv /dir/link /dir/l2
    echo s >> /sparse; rmdir /tree/sub; cp /bin/busybox /tree/busybox; /tree/busybox true; cp /dir/f1 /dir/f10
  )");
  INFO(compared.description);
  CHECK(compared.code == 0);
}

TEST_CASE("system calls answer over the image file system as over the layers", "[any-driver]") {
  Layers layers(3);
  layers.make(k_busybox + R"(
    mkdir -p $(L 0)/t/plain $(L 0)/t/closed $(L 0)/t/wide $(L 0)/t/gone/x $(L 0)/t/replaced $(L 0)/t/deep/a/b/c
    cp )" + setting().test_init +
              R"( $(L 0)/bin/test-init
    T=$(L 0)/t
    echo text > $T/plain/text; : > $T/plain/empty; head -c 300000 /bin/busybox > $T/plain/large
    truncate -s 1M $T/plain/hole; echo end >> $T/plain/hole; echo '#!/bin/true' > $T/plain/script
    chmod 755 $T/plain/script; cp /bin/busybox $T/plain/program; chmod 711 $T/plain/program
    chmod 4755 $T/plain/program; mkfifo -m 600 $T/plain/fifo; ln $T/plain/text $T/plain/hard
    ln -s text $T/plain/link; ln -s nothing $T/plain/dangling; ln -s loop $T/plain/loop; ln -s . $T/plain/here
    ln -s /t/plain/text $T/plain/absolute; ln -s ../plain/link $T/plain/chain; ln -s /$(printf %4000s | tr ' ' x) $T/plain/long
    echo secret > $T/closed/file; chmod 600 $T/closed/file; chmod 700 $T/closed; echo own > $T/plain/own
    chown 65534:65534 $T/plain/own; chmod 400 $T/plain/own; echo group > $T/plain/group; chown 1:65534 $T/plain/group
    chmod 040 $T/plain/group; chmod 1777 $T/deep; echo none > $T/plain/none; chmod 000 $T/plain/none
    for i in $(seq 300); do : > $T/wide/file-with-a-name-of-some-length-$i; done
    echo old > $T/replaced/file; echo old > $T/deep/a/b/c/file; echo odd > "$T/plain/ odd \ name*"
    setfattr -n user.key -v value $T/plain/text 2>/dev/null || true
    T=$(L 1)/t; mkdir -p $T/deep/a $T/wide $T/plain
    mknod $T/gone c 0 0; mknod $T/wide/file-with-a-name-of-some-length-7 c 0 0; echo new > $T/replaced
    rm -f $T/replaced; mkdir $T/replaced; setfattr -n user.overlay.opaque -v y $T/replaced; echo new > $T/replaced/new
    echo above > $T/deep/a/file; echo changed > $T/plain/text; mkdir $T/plain/empty; mknod $T/plain/script c 0 0
    T=$(L 2)/t; mkdir -p $T/deep/a/b; echo top > $T/deep/a/b/top; mkdir $T/gone; echo again > $T/gone/again
  )");
  const Arguments ask = {"--", "/bin/test-init", "ask-tree", "/t"};
  const Outcome plain = layers.trial("plain", {""}, ask);
  INFO(plain.err);
  const Outcome image = layers.trial("run", {"-"}, ask);
  INFO(image.err);
  const Lines wanted = lines_of(plain.out);
  const Lines answers = lines_of(image.out);
  CHECK(wanted.size() > 10000);
  CHECK(answers.size() == wanted.size());
  int shown = 0;
  for (std::size_t i = 0; i < std::min(answers.size(), wanted.size()) && shown < 20; ++i) {
    if (answers[i] == wanted[i]) continue;
    UNSCOPED_INFO("layers: " << wanted[i].substr(0, 300) << "\nimage:  " << answers[i].substr(0, 300));
    ++shown;
  }
  CHECK(shown == 0);
}

TEST_CASE("usage tells exactly what a program looked up, listed and read", "[any-driver]") {
  Layers layers(1);
  layers.make(k_busybox);
  const Outcome ran = layers.run(
      "/bin/cat /etc/file /dir/link; test -e /nothing; test -e /etc/none/x; /bin/ls /dir; /bin/stat -c %Y "
      "/tree/sub; "
      "echo trunc > /etc/other; echo new > /tree/new; /bin/cat /dir/../dir/f1; /bin/cat /dir/f1");
  INFO(ran.description);
  REQUIRE(ran.code == 0);
  CHECK(layers.usage("found") == Lines{"/bin", "/bin/busybox", "/bin/cat", "/bin/ls", "/bin/sh", "/bin/stat",
                                       "/dir", "/dir/f1", "/dir/f2", "/dir/f3", "/dir/f4", "/dir/f5",
                                       "/dir/link", "/etc", "/etc/file", "/etc/other", "/tree", "/tree/sub"});
  CHECK(layers.usage("absent") == Lines{"/dev", "/etc/none", "/nothing", "/proc", "/tree/new"});
  CHECK(layers.usage("listed") == Lines{"/dir"});
  CHECK(layers.usage("read") == Lines{"/bin/busybox", "/dir/f1", "/etc/file"});
  // In the order plain, before a listing, before xattrs: ls asks itself and by opendir(3), the overlay copied
  // two directories up.
  CHECK(layers.usage("asked") == Lines{"/dir 2 0 0", "/etc 0 0 1", "/tree 0 0 1", "/tree/sub 1 0 0"});
}

TEST_CASE("500 layers and programs with shared libraries work over the image file system", "[any-driver]") {
  Layers layers(500);
  layers.make(k_busybox + R"(
    i=1; while [ $i -lt 500 ]; do mkdir -p $D/$i/diff/shared; echo $i > $D/$i/diff/shared/$i; i=$((i + 1)); done
    for file in /usr/bin/env $(ldd /usr/bin/env | grep -o '/[^ ]*'); do
      mkdir -p $(L 499)$(dirname $file); cp -L $file $(L 499)$file
    done
  )");
  const Outcome ran =
      layers.run("/usr/bin/env cat /shared/1 /shared/499 && ls /shared | wc -l && stat -c %h /shared");
  INFO(ran.description);
  CHECK(ran.out == "1\n499\n499\n1\n");
}

TEST_CASE("twenty thousand files are found, listed and read by many programs at once", "[any-driver]") {
  Layers layers(2);
  layers.make(k_busybox + "mkdir $(L 0)/dev; " + image_trial() + " wide $(L 1) 50 400");
  const Outcome ran = layers.run(R"(
    for i in 1 2 3 4; do find /wide -type f > /list$i & done
    for i in 11 22 33 44; do for n in $(seq 0 399); do cat /wide/$i/$n; done > /content$i & done
    for i in 1 2 3 4; do ls -l /wide/4$i > /long$i & done
    wait
    for i in 1 2 3 4; do wc -l < /list$i; wc -l < /long$i; done
    for i in 11 22 33 44; do wc -c < /content$i; done
  )");
  INFO(ran.description);
  CHECK(ran.code == 0);
  std::string wanted;
  for (int i = 0; i < 4; ++i) wanted += "20000\n401\n";
  for (int i = 0; i < 4; ++i) wanted += "1490\n";
  CHECK(ran.out == wanted);
  CHECK(layers.usage("read").size() == 1 + 4 * 400);
  CHECK(layers.usage("listed").size() == 51);
}

TEST_CASE("a million names are found and listed", "[any-driver][heavy]") {
  Layers layers(1);
  layers.make(k_busybox);
  // In memory, which goes with the namespace: a disk takes minutes to make them and to remove them.
  const Outcome ran = layers.shell(R"(
    mkdir -p $D/1; mount -t tmpfs -o nr_inodes=0 none $D/1
    )" + image_trial() + R"( wide $(L 1) 1000 10 1000
    mkdir $D/mounts
    exec )" + image_trial() + R"( run $D/mounts $D/usage $(L 0) $(L 1) -- /bin/sh -ec '
      find /wide | wc -l
      for i in $(seq 0 99 999); do cat /wide/$i/999; stat -c %h /wide/$i/0; done
      test ! -e /wide/500/1000'
  )");
  INFO(ran.description);
  CHECK(ran.code == 0);
  std::string wanted = "1001001\n";
  for (int i = 0; i < 11; ++i) wanted += "9\n100\n";
  CHECK(ran.out == wanted);
}
