#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "oci/copy_image.hpp"
#include "oci/endpoints.hpp"
#include "oci/transport.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/oci/fixture.hpp"

using namespace ecrin;
using namespace ecrin::oci;
using namespace ecrin::tests;

namespace {

Reference name(const std::string& text) {
  return must(Reference::parse(text));
}

std::string blob_file(const std::string& layout, const Digest& digest) {
  return layout + "/blobs/" + digest.algorithm_name() + "/" + digest.hex();
}

// An image with two layers and a name, exported into a directory of the fixture.
struct Layout {
  Layout() {
    made = make_image(*source.blobs, {"layer one", "layer two"});
    must(source.images->add(made.manifest, {}));
    must(export_images(*source.images, {{made.manifest.digest, {name("localhost/hello:latest")}}},
                       ArchiveFormat::oci_directory, path));
  }
  StoreFixture source;
  StoreFixture target;
  MadeImage made;
  std::string path = source.directory / "layout";

  Result<std::vector<ImageRecord>> import(const ImportOptions& options = {}) {
    return import_images(*target.images, path, options);
  }
  void write_index(const std::string& entries) {
    write_file(path + "/index.json", R"({"schemaVersion":2,"manifests":[)" + entries + "]}");
  }
  static std::string entry(const Descriptor& descriptor, const std::string& more) {
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", descriptor.media_type,
                       descriptor.digest.to_string(), descriptor.size, more);
  }
  static std::string named(const std::string& ref_name) {
    return R"(,"annotations":{"org.opencontainers.image.ref.name":")" + ref_name + R"("})";
  }
  // Puts a document of our own into the layout.
  Descriptor put(std::string_view type, const std::string& bytes) {
    Descriptor descriptor{.media_type = std::string(type), .digest = Digest::of(bytes), .size = bytes.size()};
    write_file(blob_file(path, descriptor.digest), bytes);
    return descriptor;
  }
};

}  // namespace

TEST_CASE("a layout directory has the bytes that other tools look for") {
  Layout layout;
  CHECK(read_file(layout.path + "/oci-layout") == R"({"imageLayoutVersion":"1.0.0"})");
  CHECK(read_file(layout.path + "/index.json") ==
        fmt::format(R"({{"manifests":[{{"annotations":{{"io.containerd.image.name":"localhost/hello:latest",)"
                    R"("org.opencontainers.image.ref.name":"latest"}},"digest":"{}",)"
                    R"("mediaType":"application/vnd.oci.image.manifest.v1+json","size":{}}}],)"
                    R"("mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}})",
                    layout.made.manifest.digest.to_string(), layout.made.manifest.size));
  CHECK(read_file(blob_file(layout.path, Digest::of("layer one"))) == "layer one");
  CHECK(read_file(blob_file(layout.path, Digest::of(layout.made.config.to_bytes()))) ==
        layout.made.config.to_bytes());
}

TEST_CASE("what was exported is imported again, in every format of the layout") {
  const std::size_t which = GENERATE(0u, 1u, 2u);
  Layout layout;
  const std::string archive = layout.source.directory / "image.tar";
  must(export_images(*layout.source.images, {{layout.made.manifest.digest, {name("localhost/hello:latest")}}},
                     ArchiveFormat::oci_archive, archive));
  write_file(archive + ".gz", gzip(read_file(archive)));
  const std::string path = std::vector<std::string>{layout.path, archive, archive + ".gz"}.at(which);
  CAPTURE(path);
  const auto records = must(import_images(*layout.target.images, path, {}));
  REQUIRE(records.size() == 1);
  CHECK(records[0].manifest == layout.made.manifest.digest);
  CHECK(records[0].names == std::vector<std::string>{"localhost/hello:latest"});
  const Image image = must(layout.target.images->load(records[0].manifest));
  CHECK(must(layout.target.blobs->read(image.manifest.layers[1], 100)) == "layer two");
}

TEST_CASE("archives are equal byte for byte, and written whole or not at all") {
  Layout layout;
  const auto write = [&](const std::string& file) {
    must(export_images(*layout.source.images,
                       {{layout.made.manifest.digest, {name("localhost/b:1"), name("localhost/a:1")}}},
                       ArchiveFormat::oci_archive, layout.source.directory / file));
    return read_file(layout.source.directory / file);
  };
  CHECK(write("one.tar") == write("two.tar"));
  must(layout.source.blobs->remove(Digest::of("layer two")));
  write_file(layout.source.directory / "old.tar", "old");
  CHECK_FALSE(export_images(*layout.source.images, {{layout.made.manifest.digest, {}}},
                            ArchiveFormat::oci_archive, layout.source.directory / "old.tar"));
  CHECK(read_file(layout.source.directory / "old.tar") == "old");
}

TEST_CASE("a copy to an archive has the bytes of an export") {
  Layout layout;
  const std::string exported = layout.source.directory / "exported.tar";
  const std::string copied = layout.source.directory / "copied.tar";
  must(export_images(*layout.source.images, {{layout.made.manifest.digest, {name("localhost/hello:latest")}}},
                     ArchiveFormat::oci_archive, exported));
  const EndpointContext context{.images = *layout.source.images};
  const auto source =
      must(open_source(must(TransportName::parse(layout.made.manifest.digest.to_string())), context));
  const auto destination = must(open_destination(
      must(TransportName::parse("oci-archive:" + copied + ":localhost/hello:latest")), context));
  CopyObserver nobody;
  must(copy_image(*source, *destination, {}, nobody, nullptr));
  CHECK(read_file(copied) == read_file(exported));
}

TEST_CASE("several images go into one archive and come out of it, with what they share once") {
  const ArchiveFormat format =
      GENERATE(ArchiveFormat::oci_archive, ArchiveFormat::docker_archive, ArchiveFormat::oci_directory);
  Layout layout;
  const MadeImage second = make_image(*layout.source.blobs, {"layer one", "another"});
  must(layout.source.images->add(second.manifest, {}));
  layout.path = layout.source.directory / "several";
  must(export_images(*layout.source.images,
                     {{layout.made.manifest.digest, {name("localhost/a:1"), name("localhost/a:2")}},
                      {second.manifest.digest, {name("localhost/b:1")}}},
                     format, layout.path));
  if (format != ArchiveFormat::oci_directory) {
    const std::string bytes = read_file(layout.path);
    const std::size_t first = bytes.find("layer one");
    CHECK(first != std::string::npos);
    CHECK(bytes.find("layer one", first + 1) == std::string::npos);
  }
  REQUIRE(must(layout.import({.all = true})).size() == 2);
  ImageStore& images = *layout.target.images;
  CHECK(must(images.find("a:2")).id.digest == Digest::of(layout.made.config.to_bytes()));
  CHECK(must(images.find("b:1")).id.digest == Digest::of(second.config.to_bytes()));
}

TEST_CASE("of several images either all come in or none") {
  Layout layout;
  const MadeImage second = make_image(*layout.source.blobs, {"another"});
  must(layout.source.images->add(second.manifest, {}));
  must(export_images(*layout.source.images, {{second.manifest.digest, {name("localhost/b:1")}}},
                     ArchiveFormat::oci_directory, layout.path));
  write_file(blob_file(layout.path, Digest::of("another")), "anotheR");
  CHECK_FALSE(layout.import({.all = true}));
  CHECK(must(layout.target.images->list()).empty());
}

TEST_CASE("a built layer is exported from its provider") {
  Layout layout;
  must(layout.source.blobs->remove(Digest::of("layer two")));
  layout.source.blobs->set_provider(
      [](const Digest& digest) -> Result<std::optional<std::unique_ptr<Source>>> {
        if (digest != Digest::of("layer two")) return std::nullopt;
        return std::make_unique<MemorySource>("layer two");
      });
  const std::string other = layout.source.directory / "other";
  must(export_images(*layout.source.images, {{layout.made.manifest.digest, {}}}, ArchiveFormat::oci_directory,
                     other));
  CHECK(read_file(blob_file(other, Digest::of("layer two"))) == "layer two");
}

TEST_CASE("a second image joins a layout, and the same name moves to it") {
  Layout layout;
  const MadeImage second = make_image(*layout.source.blobs, {"second"});
  must(layout.source.images->add(second.manifest, {}));
  const auto add = [&](const std::string& text) {
    must(export_images(*layout.source.images, {{second.manifest.digest, {name(text)}}},
                       ArchiveFormat::oci_directory, layout.path));
  };
  add("localhost/second:v2");
  ImportOptions all;
  all.all = true;
  CHECK(must(layout.import(all)).size() == 2);
  add("localhost/hello:latest");
  const auto records = must(layout.import(all));
  REQUIRE(records.size() == 1);
  CHECK(records[0].manifest == second.manifest.digest);
  CHECK(must(layout.target.images->find("hello")).manifest == second.manifest.digest);
}

TEST_CASE("two images with one tag get their full names in one layout") {
  Layout layout;
  const MadeImage second = make_image(*layout.source.blobs, {"second"});
  must(layout.source.images->add(second.manifest, {}));
  layout.path = layout.source.directory / "both";
  must(export_images(*layout.source.images,
                     {{layout.made.manifest.digest, {name("localhost/a:1")}},
                      {second.manifest.digest, {name("localhost/b:1")}}},
                     ArchiveFormat::oci_directory, layout.path));
  ImportOptions options;
  options.reference = "localhost/b:1";
  CHECK(must(layout.import(options)).at(0).manifest == second.manifest.digest);
  options.reference = "a:1";
  CHECK(must(layout.import(options)).at(0).manifest == layout.made.manifest.digest);
  options.reference = second.manifest.digest.to_string();
  CHECK(must(layout.import(options)).at(0).manifest == second.manifest.digest);
  options.reference = "c";
  CHECK(layout.import(options).error().kind() == ErrorKind::not_found);
  const auto unclear = layout.import();
  CHECK(contains(error_of(unclear), "holds several images"));
  CHECK(contains(error_of(unclear), "localhost/a:1"));
}

TEST_CASE("a directory that is no layout is left alone") {
  Layout layout;
  const std::string home = layout.source.directory / "home";
  REQUIRE(mkdir(home.c_str(), 0755) == 0);
  write_file(home + "/letter", "dear");
  const auto result = export_images(*layout.source.images, {{layout.made.manifest.digest, {}}},
                                    ArchiveFormat::oci_directory, home);
  REQUIRE_FALSE(result);
  CHECK(result.error().kind() == ErrorKind::conflict);
  CHECK_FALSE(exists(home + "/blobs"));
  CHECK(export_images(*layout.source.images, {{layout.made.manifest.digest, {}}}, ArchiveFormat::oci_archive,
                      home)
            .error()
            .kind() == ErrorKind::conflict);
}

TEST_CASE("names in annotations: full ones count, tags do not") {
  Layout layout;
  const auto [annotations, expected] = GENERATE(table<std::string, std::string>({
      {R"("org.opencontainers.image.ref.name":"latest")", ""},
      {R"("org.opencontainers.image.ref.name":"localhost/x:1")", "localhost/x:1"},
      {R"("org.opencontainers.image.ref.name":"docker.io/library/x")", "docker.io/library/x:latest"},
      {R"("org.opencontainers.image.ref.name":"x:1")", "localhost/x:1"},
      {R"("org.opencontainers.image.ref.name":"1","io.containerd.image.name":"docker.io/library/x:1")",
       "docker.io/library/x:1"},
      {R"("org.opencontainers.image.ref.name":"UPPER/x:1")", ""},
      {R"("org.opencontainers.image.ref.name":"")", ""},
  }));
  CAPTURE(annotations);
  layout.write_index(Layout::entry(layout.made.manifest, ",\"annotations\":{" + annotations + "}"));
  const auto records = must(layout.import());
  REQUIRE(records.size() == 1);
  CHECK(records[0].names ==
        (expected.empty() ? std::vector<std::string>() : std::vector<std::string>{expected}));
}

TEST_CASE("names can be given, or not kept") {
  Layout layout;
  ImportOptions options;
  options.keep_names = false;
  CHECK(must(layout.import(options)).at(0).names.empty());
  options.names = {name("localhost/mine:1")};
  CHECK(must(layout.import(options)).at(0).names == std::vector<std::string>{"localhost/mine:1"});
}

TEST_CASE("the image for the platform is taken from nested and flat indexes") {
  Layout layout;
  const auto platform = [](const char* architecture) {
    return fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})", architecture);
  };
  const MadeImage other = make_image(*layout.source.blobs, {"other"});
  const std::string entries = Layout::entry(other.manifest, platform("arm64")) + "," +
                              Layout::entry(layout.made.manifest, platform("amd64"));
  ImportOptions options;
  options.platform = must(Platform::parse("linux/amd64"));
  SECTION("nested") {
    const Descriptor inner =
        layout.put(media_type::k_index, R"({"schemaVersion":2,"manifests":[)" + entries + "]}");
    layout.write_index(Layout::entry(inner, Layout::named("localhost/x:1")));
    const auto records = must(layout.import(options));
    CHECK(records.at(0).manifest == layout.made.manifest.digest);
    CHECK(records.at(0).names == std::vector<std::string>{"localhost/x:1"});
    options.platform = must(Platform::parse("linux/s390x"));
    CHECK(contains(error_of(layout.import(options)), "linux/s390x"));
  }
  SECTION("flat") {
    layout.write_index(entries);
    CHECK(must(layout.import(options)).at(0).manifest == layout.made.manifest.digest);
  }
  SECTION("too deep") {
    Descriptor inner = layout.made.manifest;
    for (int i = 0; i < 6; ++i)
      inner = layout.put(media_type::k_index,
                         R"({"schemaVersion":2,"manifests":[)" + Layout::entry(inner, "") + "]}");
    layout.write_index(Layout::entry(inner, ""));
    CHECK(layout.import(options).error().kind() == ErrorKind::limit);
  }
}

TEST_CASE("a hostile or damaged layout is refused, and no image appears") {
  Layout layout;
  const Digest layer = Digest::of("layer two");
  std::string why;
  SECTION("a truncated layer") {
    write_file(blob_file(layout.path, layer), "layer");
    why = "ends after 5 of the 9 bytes";
  }
  SECTION("a longer layer") {
    write_file(blob_file(layout.path, layer), "layer two!");
    why = "longer than the 9 bytes";
  }
  SECTION("a flipped bit") {
    write_file(blob_file(layout.path, layer), "layer tvo");
    why = "other content";
  }
  SECTION("a missing layer") {
    REQUIRE(::remove(blob_file(layout.path, layer).c_str()) == 0);
    why = "has no file 'blobs/sha256/" + layer.hex();
  }
  SECTION("a FIFO as a layer") {
    REQUIRE(::remove(blob_file(layout.path, layer).c_str()) == 0);
    REQUIRE(mkfifo(blob_file(layout.path, layer).c_str(), 0644) == 0);
    why = "not a regular file";
  }
  SECTION("a manifest of 200 MB, said openly") {
    Descriptor huge = layout.made.manifest;
    huge.size = 200u << 20;
    REQUIRE(truncate(blob_file(layout.path, huge.digest).c_str(), 200 << 20) == 0);
    layout.write_index(Layout::entry(huge, ""));
    why = "more than the 4194304 allowed";
  }
  SECTION("a manifest of 200 MB, said to be small") {
    REQUIRE(truncate(blob_file(layout.path, layout.made.manifest.digest).c_str(), 200 << 20) == 0);
    why = "longer than";
  }
  SECTION("an index.json of 200 MB") {
    REQUIRE(truncate((layout.path + "/index.json").c_str(), 200 << 20) == 0);
    why = "more than the 4194304 allowed";
  }
  SECTION("a digest that is a path") {
    layout.write_index(
        R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:../../../etc/passwd","size":7})");
    why = "invalid digest";
  }
  SECTION("an index that calls itself a manifest") {
    const Descriptor inner = layout.put(
        media_type::k_manifest,
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
    layout.write_index(Layout::entry(inner, ""));
    why = "but it was announced as";
  }
  SECTION("a document that is both") {
    const Descriptor inner =
        layout.put(media_type::k_manifest, R"({"schemaVersion":2,"config":{},"layers":[],"manifests":[]})");
    layout.write_index(Layout::entry(inner, ""));
    why = "could be read as either";
  }
  SECTION("a newer layout") {
    write_file(layout.path + "/oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
    why = "not 1.0.0";
  }
  SECTION("deep JSON") {
    write_file(layout.path + "/index.json", std::string(1u << 20, '['));
    why = "index.json";
  }
  SECTION("no images") {
    layout.write_index("");
    why = "holds no images";
  }
  CHECK_THAT(error_of(layout.import()), Catch::Matchers::Contains(why));
  CHECK(must(layout.target.images->list()).empty());
}

TEST_CASE("a file that is no image says so") {
  StoreFixture fixture;
  const std::string path = fixture.directory / "file";
  const auto [bytes, why] = GENERATE(table<std::string, std::string>({
      {"", "holds no images"},
      {"just some text that is longer than nothing", "holds no images"},
      {std::string(4096, 'x'), "not a tar archive"},
      {make_tar({{"etc/passwd", "root"}}), "holds no images"},
  }));
  write_file(path, bytes);
  const auto result = import_images(*fixture.images, path, {});
  CHECK_THAT(error_of(result), Catch::Matchers::Contains(why));
  write_file(path, gzip(bytes));
  CHECK_THAT(error_of(import_images(*fixture.images, path, {})), Catch::Matchers::Contains(why));
  CHECK(import_images(*fixture.images, fixture.directory / "none", {}).error().kind() ==
        ErrorKind::not_found);
}
