// make_tiny_model VOCABULARY.gguf TEMPLATE.jinja SEED OUT.gguf
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>

#include "engine/testing/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: make_tiny_model VOCABULARY.gguf TEMPLATE.jinja SEED OUT.gguf\n");
    return 2;
  }
  try {
    std::ifstream stream(argv[2], std::ios::binary);
    const std::string chat_template{std::istreambuf_iterator<char>(stream), {}};
    openpcc::engine::write_tiny_model(argv[1], chat_template, std::strtoull(argv[3], nullptr, 10), argv[4]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
