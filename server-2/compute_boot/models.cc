#include "compute_boot/models.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "process/fd.h"

namespace openpcc::compute_boot {

namespace {

std::string errno_text() {
  return std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): the program has one thread
}

Result<crypto::Sha256Digest> file_digest(const Model& model, const Progress& progress) {
  const process::UniqueFd file(::open(model.path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto unreadable = [&](const std::string& why) {
    return fail(kUnreadable, "model " + model.name + ": " + model.path + ": " + why);
  };
  if (!file) return unreadable(errno_text());
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return unreadable(errno_text());
  if (!S_ISREG(info.st_mode)) return unreadable("not a regular file");
  const auto total = static_cast<uint64_t>(info.st_size);
  OPENPCC_TRY(crypto::Sha256 hash, crypto::Sha256::create());
  constexpr size_t kBlock = size_t{1} << 20;
  Bytes block(kBlock);
  uint64_t done = 0;
  auto next_report = process::Clock::now() + std::chrono::seconds(2);
  while (true) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(errno_text());
    if (got == 0) break;
    OPENPCC_TRY_STATUS(hash.update(ByteView(block).first(static_cast<size_t>(got))));
    done += static_cast<uint64_t>(got);
    if (progress && process::Clock::now() >= next_report) {
      progress(model, done, total);
      next_report = process::Clock::now() + std::chrono::seconds(1);
    }
  }
  if (done != total) return unreadable("its size changed while it was read");
  return hash.finish();
}

}  // namespace

Result<crypto::Sha256Digest> model_digest(const Model& model, const Progress& progress) {
  if (model.path.empty()) {
    if (model.sha256) return *model.sha256;
    return crypto::sha256(as_bytes(model.name));
  }
  OPENPCC_TRY(const crypto::Sha256Digest digest, file_digest(model, progress));
  if (model.sha256 && *model.sha256 != digest) {
    return fail(kOtherModel, "model " + model.name + ": " + model.path + " has SHA-256 " + to_hex(digest) +
                                 ", configured is " + to_hex(*model.sha256));
  }
  return digest;
}

Result<crypto::Sha256Digest> models_digest(std::vector<Model> models, const Progress& progress) {
  if (models.empty()) return fail(kNoModels, "no model is configured");
  std::ranges::sort(models, {}, &Model::name);
  if (std::ranges::adjacent_find(models, {}, &Model::name) != models.end()) {
    return fail(kNoModels, "a model's name is configured twice");
  }
  Bytes all;
  for (const Model& model : models) {
    OPENPCC_TRY(const crypto::Sha256Digest digest, model_digest(model, progress));
    append(all, digest);
  }
  return crypto::sha256(all);
}

}  // namespace openpcc::compute_boot
