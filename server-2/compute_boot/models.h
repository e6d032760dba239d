// models.h - which models a node serves, as one digest: the value that goes into PCR 12 before any key is made.
//
// The digest is SHA-256 over the models' digests, 32 bytes each, one after the other, in byte order of the models'
// names. A model's digest is the SHA-256 of its file. Where the file is not ours to read (engines http and noop) it is
// the configured sha256, or, where none is configured, the SHA-256 of the model's name: such a digest says what the
// operator claims, not what is loaded.
#pragma once

#include <functional>
#include <optional>

#include "crypto/digest.h"

namespace openpcc::compute_boot {

inline constexpr ErrorCode kNoModels{"compute_boot.no_models"};      // none configured, or one name twice
inline constexpr ErrorCode kUnreadable{"compute_boot.unreadable"};   // a model file cannot be read to its end
inline constexpr ErrorCode kOtherModel{"compute_boot.other_model"};  // a file has another digest than configured

struct Model {
  std::string name;
  std::string path;  // empty: there is no file to read
  std::optional<crypto::Sha256Digest> sha256;
};

// Called some times a second while a large file is read: bytes done, bytes in all.
using Progress = std::function<void(const Model& model, uint64_t done, uint64_t total)>;

[[nodiscard]] Result<crypto::Sha256Digest> model_digest(const Model& model, const Progress& progress = {});
[[nodiscard]] Result<crypto::Sha256Digest> models_digest(std::vector<Model> models, const Progress& progress = {});

}  // namespace openpcc::compute_boot
