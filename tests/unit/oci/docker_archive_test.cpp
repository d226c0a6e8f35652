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

std::string config_with(const std::vector<std::string>& layers) {
  std::string ids;
  for (const std::string& layer : layers)
    ids += (ids.empty() ? "\"" : ",\"") + Digest::of(layer).to_string() + "\"";
  // Not canonical, so that a config that is written anew would get another ID.
  return R"({ "os":"linux", "architecture":"amd64", "docker_version":"20.10", "rootfs":{"type":"layers","diff_ids":[)" +
         ids + "]} }";
}

struct Archive {
  StoreFixture store;
  std::string path = store.directory / "archive.tar";
  Result<std::vector<ImageRecord>> import(const std::vector<TarMember>& members,
                                          const ImportOptions& options = {}) {
    write_file(path, make_tar(members));
    return import_images(*store.images, path, options);
  }
  std::string layer(const ImageRecord& record, std::size_t index) {
    const Image image = must(store.images->load(record.manifest));
    return must(store.blobs->read(image.manifest.layers.at(index), 1u << 20));
  }
};

}  // namespace

TEST_CASE("what docker save wrote is imported: the ID stays, layers are plain") {
  Archive archive;
  const std::string config = config_with({"one", "two", "one"});
  const auto records = must(archive.import({
      {"aaa/layer.tar", "one"},
      {"bbb/layer.tar", gzip("two")},
      {"ccc/layer.tar", "", '2', "../aaa/layer.tar"},
      {"config.json", config},
      {"manifest.json",
       R"([{"Config":"config.json","RepoTags":["hello:latest","x.example/a:1","<none>:<none>"],)"
       R"("Layers":["aaa/layer.tar","bbb/layer.tar","ccc/layer.tar"]}])"},
  }));
  REQUIRE(records.size() == 1);
  CHECK(records[0].id.digest == Digest::of(config));
  CHECK(records[0].names == std::vector<std::string>{"docker.io/library/hello:latest", "x.example/a:1"});
  CHECK(archive.layer(records[0], 0) == "one");
  CHECK(archive.layer(records[0], 1) == "two");
  CHECK(archive.layer(records[0], 2) == "one");
  CHECK(must(archive.store.images->find("hello")).id == records[0].id);
}

TEST_CASE("an archive with several images wants a choice") {
  Archive archive;
  const std::string one = config_with({"one"});
  const std::string two = config_with({"two"});
  const std::vector<TarMember> members = {
      {"1.tar", "one"},
      {"2.tar", "two"},
      {Digest::of(one).hex() + ".json", one},
      {Digest::of(two).hex() + ".json", two},
      {"manifest.json", R"([{"Config":")" + Digest::of(one).hex() +
                            R"(.json","RepoTags":["a:1"],"Layers":["1.tar"]},)" + R"({"Config":")" +
                            Digest::of(two).hex() + R"(.json","RepoTags":null,"Layers":["2.tar"]}])"}};
  CHECK(contains(error_of(archive.import(members)), "a:1"));
  ImportOptions options;
  options.reference = "a:1";
  CHECK(must(archive.import(members, options)).at(0).id.digest == Digest::of(one));
  options.reference = Digest::of(two).to_string();
  CHECK(must(archive.import(members, options)).at(0).id.digest == Digest::of(two));
  options.reference = "b";
  CHECK(archive.import(members, options).error().kind() == ErrorKind::not_found);
  options = {};
  options.all = true;
  CHECK(must(archive.import(members, options)).size() == 2);
  options.names = {name("localhost/x:1")};
  CHECK_FALSE(archive.import(members, options));
}

TEST_CASE("a hostile or damaged docker archive is refused, and no image appears") {
  Archive archive;
  const std::string config = config_with({"one"});
  const auto manifest = [](const std::string& layers) {
    return R"([{"Config":"c.json","RepoTags":["a:1"],"Layers":[)" + layers + "]}]";
  };
  const auto [members, why] = GENERATE_COPY(table<std::vector<TarMember>, std::string>({
      {{{"manifest.json", manifest(R"("1.tar")")}, {"c.json", config}, {"1.tar", "other"}},
       "ends after|other content|longer"},
      {{{"manifest.json", manifest(R"("1.tar")")}, {"c.json", config}, {"1.tar", gzip("other")}}, "diff ID"},
      {{{"manifest.json", manifest(R"("1.tar")")}, {"c.json", config}}, "has no file '1.tar'"},
      {{{"manifest.json", manifest(R"("1.tar")")}, {"1.tar", "one"}}, "has no file 'c.json'"},
      {{{"manifest.json", manifest(R"("1.tar","1.tar")")}, {"c.json", config}, {"1.tar", "one"}}, "2 layers"},
      {{{"manifest.json", manifest("")}, {"c.json", config}}, "0 layers"},
      {{{"manifest.json", manifest(R"("../../etc/passwd")")}, {"c.json", config}},
       "has no file '../../etc/passwd'"},
      {{{"manifest.json", manifest(R"("/etc/passwd")")}, {"c.json", config}}, "has no file '/etc/passwd'"},
      {{{"manifest.json", manifest(R"("1.tar")")}, {"c.json", config}, {"1.tar", "", '2', "/etc/passwd"}},
       "has no file"},
      {{{"manifest.json", "{}"}}, "must be a list"},
      {{{"manifest.json", "[]"}}, "holds no images"},
      {{{"manifest.json", "[7]"}}, "must be an object"},
      {{{"manifest.json", R"([{"Layers":[]}])"}}, "Config is missing"},
      {{{"manifest.json", std::string(5u << 20, ' ')}}, "more than the 4194304 allowed"},
      {{{"manifest.json", std::string(1u << 20, '[')}}, "manifest.json"},
  }));
  CAPTURE(why);
  CHECK_THAT(error_of(archive.import(members)), Catch::Matchers::Matches("[^]*(" + why + ")[^]*"));
  CHECK(must(archive.store.images->list()).empty());
}

TEST_CASE("an exported archive is read again, and its layers are plain and its ID stays") {
  StoreFixture source;
  const std::string packed = gzip("packed layer");
  MadeImage made = make_image(*source.blobs, {"plain layer"});
  made.config.diff_ids.push_back({Digest::of("packed layer")});
  made.config.diff_ids.push_back({Digest::of("plain layer")});
  ImageManifest manifest = must(ImageManifest::parse(must(source.blobs->read(made.manifest, 1u << 20)), "m"));
  manifest.layers.push_back(must(source.blobs->put_bytes(media_type::k_layer_gzip, packed)));
  manifest.layers.push_back(manifest.layers[0]);
  manifest.config = must(source.blobs->put_bytes(media_type::k_config, made.config.to_bytes()));
  const Descriptor descriptor = must(source.blobs->put_bytes(media_type::k_manifest, manifest.to_bytes()));
  const ImageRecord record = must(source.images->add(descriptor, {}));

  const std::string path = source.directory / "out.tar";
  const std::vector<ExportItem> items = {{record.manifest, {name("localhost/a:1")}},
                                         {record.manifest, {name("localhost/b:2")}}};
  must(export_images(*source.images, items, ArchiveFormat::docker_archive, path));
  const std::string bytes = read_file(path);
  must(export_images(*source.images, items, ArchiveFormat::docker_archive, path));
  CHECK(read_file(path) == bytes);
  CHECK(contains(bytes, R"("RepoTags":["localhost/a:1","localhost/b:2"])"));

  Archive target;
  write_file(target.path, bytes);
  const auto records = must(import_images(*target.store.images, target.path, {}));
  REQUIRE(records.size() == 1);
  CHECK(records[0].id == record.id);
  CHECK(records[0].names == std::vector<std::string>{"localhost/a:1", "localhost/b:2"});
  CHECK(target.layer(records[0], 1) == "packed layer");
  CHECK(target.layer(records[0], 2) == "plain layer");
}

TEST_CASE("a layer whose diff ID lies is not exported") {
  StoreFixture source;
  MadeImage made = make_image(*source.blobs, {});
  made.config.diff_ids.push_back({Digest::of("something else")});
  ImageManifest manifest = must(ImageManifest::parse(must(source.blobs->read(made.manifest, 1u << 20)), "m"));
  manifest.layers.push_back(must(source.blobs->put_bytes(media_type::k_layer_gzip, gzip("content"))));
  manifest.config = must(source.blobs->put_bytes(media_type::k_config, made.config.to_bytes()));
  const Descriptor descriptor = must(source.blobs->put_bytes(media_type::k_manifest, manifest.to_bytes()));
  must(source.images->add(descriptor, {}));
  const auto result = export_images(*source.images, {{descriptor.digest, {}}}, ArchiveFormat::docker_archive,
                                    source.directory / "out.tar");
  CHECK(contains(error_of(result), "does not have the diff ID"));
  CHECK_FALSE(exists(source.directory / "out.tar"));
}
