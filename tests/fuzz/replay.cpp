// All fuzzers without libFuzzer: what each has in its corpus must still pass. For ./dev test, with any
// compiler.
//
//   fuzz_replay NAME DIRECTORY...
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

// FUZZER(name) for each, made by CMakeLists.txt.
#define FUZZER(name) extern "C" int fuzz_##name(const unsigned char* data, std::size_t size);
#include "fuzzers.inc"
#undef FUZZER

namespace {

using Entry = int (*)(const unsigned char*, std::size_t);
const std::map<std::string, Entry> k_fuzzers = {
#define FUZZER(name) {#name, fuzz_##name},
#include "fuzzers.inc"
#undef FUZZER
};

void run(Entry fuzzer, const std::string& bytes) {
  fuzzer(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const auto fuzzer = k_fuzzers.find(argc > 2 ? argv[1] : "");
  if (fuzzer == k_fuzzers.end()) {
    std::fputs("usage: fuzz_replay NAME DIRECTORY...\n", stderr);
    return 2;
  }
  run(fuzzer->second, "");
  int count = 0;
  for (int i = 2; i < argc; ++i) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!file.is_regular_file()) continue;
      std::printf("%s\n", file.path().c_str());
      std::fflush(stdout);  // who aborts is the last one
      std::ifstream stream(file.path(), std::ios::binary);
      run(fuzzer->second, {std::istreambuf_iterator<char>(stream), {}});
      ++count;
    }
  }
  if (count == 0) std::fputs("the corpus is empty\n", stderr);
  return count == 0 ? 1 : 0;
}
