// llama_bare --tokens MODEL.gguf TEXT: its tokens, a number a line.
// llama_bare MODEL.gguf MAX_TOKENS THREADS PROMPT: the greedy answer of the bare library, on standard output; rates on
// standard error.
#include <cstdio>
#include <exception>
#include <string>

#include "engine/testing/bare.h"

int main(int argc, char** argv) {
  const bool tokens = argc == 4 && std::string(argv[1]) == "--tokens";
  if (argc != 5 && !tokens) {
    std::fprintf(stderr,
                 "usage: llama_bare MODEL.gguf MAX_TOKENS THREADS PROMPT | llama_bare --tokens MODEL.gguf TEXT\n");
    return 2;
  }
  try {
    if (tokens) {
      for (const int32_t id : openpcc::engine::tokens_of_bare_library(argv[2], argv[3])) std::printf("%d\n", id);
      return 0;
    }
    const auto answer =
        openpcc::engine::ask_bare_library(argv[1], {{"user", argv[4]}}, std::stoi(argv[2]), std::stoi(argv[3]));
    std::fwrite(answer.text.data(), 1, answer.text.size(), stdout);
    std::fprintf(stderr, "prompt %zu tokens, first token %.1f ms, then %.1f tokens/s\n", answer.prompt.size(),
                 answer.first_token_ms, answer.tokens_per_second);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
