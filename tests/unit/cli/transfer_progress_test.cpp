#include "cli/transfer_progress.hpp"

#include "tests/support/catch.hpp"

using namespace ecrin;
using namespace ecrin::cli;

namespace {

oci::Descriptor layer(std::uint64_t size) {
  oci::Descriptor descriptor;
  descriptor.media_type = oci::media_type::k_layer_gzip;
  descriptor.digest = oci::Digest::sha256(std::string(64, 'a'));
  descriptor.size = size;
  return descriptor;
}

struct Shown {
  std::string text;
  StatusLine console{[this](std::string_view more) { text += more; }, nullptr};
  double now = 0;
  std::unique_ptr<TransferProgress> make(ProgressKind kind) {
    return make_transfer_progress(kind, console, {}, [this] { return now; });
  }
};

}  // namespace

TEST_CASE("a bar is as long as the part that has come") {
  CHECK(transfer_bar(0, 100, 12, false) == "[----------]");
  CHECK(transfer_bar(50, 100, 12, false) == "[#####-----]");
  CHECK(transfer_bar(100, 100, 12, false) == "[##########]");
  CHECK(transfer_bar(300, 100, 12, false) == "[##########]");
  CHECK(transfer_bar(0, 0, 12, false) == "[##########]");
  CHECK(transfer_bar(1, 2, 0, false) == "[]");
}

TEST_CASE("the state of a transfer tells speed and time only when they are known") {
  CHECK(transfer_state(1'000'000, 2'000'000, 0) == "1 MB / 2 MB");
  CHECK(transfer_state(1'000'000, 2'000'000, 500'000) == "1 MB / 2 MB  500 kB/s  2.0s");
  CHECK(transfer_state(2'000'000, 2'000'000, 500'000) == "2 MB / 2 MB  500 kB/s");
}

TEST_CASE("the speed of a transfer is that of the last seconds") {
  TransferSpeed speed;
  CHECK(speed.at(0) == 0);
  speed.add(0, 0);
  speed.add(1, 1000);
  CHECK(speed.at(1) == Approx(1000));
  for (int second = 2; second <= 20; ++second)
    speed.add(second, 1000 + static_cast<std::uint64_t>(second) * 10);
  CHECK(speed.at(20) == Approx(10));
  CHECK(speed.at(40) < 5);  // nothing comes any more
}

TEST_CASE("in a pipe each blob is a line, and a long one tells how far it is") {
  Shown shown;
  auto progress = shown.make(ProgressKind::automatic);
  const auto blob = layer(100'000'000);
  progress->blob_started(blob, 25'000'000);
  progress->blob_progress(blob, 30'000'000);
  shown.now = 11;
  progress->blob_progress(blob, 50'000'000);
  progress->blob_progress(blob, 60'000'000);
  progress->blob_finished(blob, oci::BlobOutcome::copied);
  CHECK(shown.text ==
        "layer aaaaaaaaaaaa: going on after 25 MB of 100 MB\n"
        "layer aaaaaaaaaaaa: 50 MB of 100 MB\n"
        "layer aaaaaaaaaaaa: done, 100 MB\n");
}

TEST_CASE("programs get one JSON object a line") {
  Shown shown;
  auto progress = shown.make(ProgressKind::json);
  const auto blob = layer(7);
  progress->blob_started(blob, 0);
  progress->blob_finished(blob, oci::BlobOutcome::present);
  CHECK(shown.text ==
        "{\"bytes\":0,\"digest\":\"sha256:" + std::string(64, 'a') +
            "\",\"event\":\"started\",\"size\":7}\n{\"digest\":\"sha256:" + std::string(64, 'a') +
            "\",\"event\":\"finished\",\"size\":7,\"state\":\"present\"}\n");
}

TEST_CASE("quiet says nothing") {
  Shown shown;
  shown.make(ProgressKind::quiet)->blob_finished(layer(7), oci::BlobOutcome::copied);
  CHECK(shown.text.empty());
}
