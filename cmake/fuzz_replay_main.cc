// Replays a fuzz corpus without libFuzzer: each file whole, cut at every length up to 4 KiB, and with single bits
// flipped.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// A copy of exactly the right size, so that a sanitizer sees any read past the end.
void run(const std::vector<uint8_t>& bytes, size_t size) {
  std::vector<uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::exists(argv[i])) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
      ++files;
      run(bytes, bytes.size());
      constexpr size_t kMaxCuts = 4096;
      for (size_t n = 0; n < bytes.size() && n < kMaxCuts; ++n) run(bytes, n);
      const size_t step = bytes.size() / 1024 + 1;
      for (size_t n = 0; n < bytes.size(); n += step) {
        const auto flip = static_cast<uint8_t>(1U << (n % 8));
        bytes[n] ^= flip;
        run(bytes, bytes.size());
        bytes[n] ^= flip;
      }
    }
  }
  if (files == 0) {
    std::fprintf(stderr, "fuzz replay: no corpus file found\n");
    return 1;
  }
  std::printf("replayed %zu corpus files, whole, cut and with flipped bits\n", files);
  return 0;
}
