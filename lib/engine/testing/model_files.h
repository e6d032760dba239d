// model_files.h - where the model tests find their files, and a child process to run something in. For tests only.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "engine/testing/tiny_model.h"

namespace openpcc::engine {

inline std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The demo model: OPENPCC_TEST_MODEL, or where ./dev keeps it. A test without it fails: it must not pass unseen.
inline std::string demo_model() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  std::string path = variable("OPENPCC_TEST_MODEL");
  if (path.empty()) {
    std::string cache = variable("OPENPCC_CACHE");
    if (cache.empty()) {
      const std::string own =
          variable("XDG_CACHE_HOME").empty() ? variable("HOME") + "/.cache" : variable("XDG_CACHE_HOME");
      cache = geteuid() == 0 ? "/var/cache/openpcc" : own + "/openpcc";
    }
    path = cache + "/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  }
  if (!std::filesystem::exists(path)) {
    ADD_FAILURE() << "the demo model is not at " << path << ": run ./dev setup, or set OPENPCC_TEST_MODEL";
  }
  return path;
}

inline std::string llama3_template() {
  return read_file(OPENPCC_MODELS_DIR "/llama-3.jinja");
}

inline std::string llama3_vocabulary() {
  return OPENPCC_LLAMA_PREFIX "/share/models/ggml-vocab-llama-bpe.gguf";
}

// A folder of this test program, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "openpcc-engine-XXXXXX").string();
    path_ = mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Random weights, Llama 3's vocabulary and template; written once for the program.
inline const std::string& tiny_model() {
  static const TemporaryFolder folder;
  static const std::string path = [] {
    std::string out = folder.file("tiny.gguf");
    write_tiny_model(llama3_vocabulary(), llama3_template(), 20240418, out);
    return out;
  }();
  return path;
}

// Runs `work` in a forked child and returns what it returned; the parent starts no thread and decodes nothing.
inline std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  if (pipe(ends) != 0) {
    return "no pipe";
  }
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const std::string result = work();
    for (size_t done = 0; done < result.size();) {
      const ssize_t count = write(ends[1], result.data() + done, result.size() - done);
      if (count <= 0) {
        _exit(3);
      }
      done += static_cast<size_t>(count);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string result;
  char buffer[65536];
  for (ssize_t count = 0; (count = read(ends[0], buffer, sizeof buffer)) > 0;) {
    result.append(buffer, static_cast<size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child ended with status " << status;
  return result;
}

// The number after `key` in /proc/self/FILE.
inline long proc_number(const char* file, const std::string& key) {
  std::ifstream stream(std::string("/proc/self/") + file);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with(key)) {
      return std::strtol(line.c_str() + key.size(), nullptr, 10);
    }
  }
  return -1;
}

}  // namespace openpcc::engine
