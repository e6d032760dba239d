// tpm.h - the TPM 2.0 operations of a compute node, on tpm2-tss (ESYS).
//
// Whoever holds a Tpm can use every key in it: after boot only tpm_broker does. Every session and transient object is
// flushed on every path, failures included: swtpm has room for three sessions and takes no more when three are lost.
// Templates and attributes are the official ones (confidentcompute computeboot/tpm.go, openpcc tpm/tpm.go). Not
// thread-safe: one command at a time. Numbers of handles are TPM handles (0x81000002), never ESYS ones.
#pragma once

#include <memory>
#include <vector>

#include "base/secret_bytes.h"
#include "tpm/connection.h"
#include "tpmwire/attest.h"

namespace openpcc::tpm {

inline constexpr ErrorCode kUnreachable{"tpm.unreachable"};     // cannot be opened, or somebody else holds it
inline constexpr ErrorCode kLost{"tpm.connection_lost"};        // the connection broke; this Tpm is of no more use
inline constexpr ErrorCode kFailed{"tpm.command_failed"};       // the TPM refused a command; the message has its reason
inline constexpr ErrorCode kNotFound{"tpm.not_found"};          // no object or NV index at this handle
inline constexpr ErrorCode kPolicyFailed{"tpm.policy_failed"};  // the PCRs are not those that the key is bound to
inline constexpr ErrorCode kBadPoint{"tpm.bad_point"};          // not 65 bytes 04 X Y, or not on the curve
inline constexpr ErrorCode kBadArgument{"tpm.bad_argument"};    // a handle of another kind, or data too large
inline constexpr ErrorCode kUnexpected{"tpm.unexpected"};       // an answer that contradicts the question

enum class Hierarchy { kOwner, kEndorsement };

// A signed structure, as a TPM made it.
struct Attestation {
  Bytes attest;     // TPMS_ATTEST, without a size in front
  Bytes signature;  // TPMT_SIGNATURE
};

struct Info {
  std::string manufacturer;  // "IBM", as the TPM says
  std::string vendor;        // vendor string, "SW TPM"
  uint64_t firmware_version = 0;
};

// Open handles, for the check that none was lost.
enum class HandleKind { kTransient, kLoadedSession, kSavedSession, kPersistent };

// Templates, as TPMT_PUBLIC (PROTOCOL: computeboot/simulator.go; EK profile H-8).
[[nodiscard]] tpmwire::PublicArea simulator_ak_template();
[[nodiscard]] tpmwire::PublicArea qemu_ak_template();
[[nodiscard]] tpmwire::PublicArea storage_primary_template();
[[nodiscard]] tpmwire::PublicArea rek_template(const tpmwire::Digest& policy);

class Tpm {
 public:
  // Connects. On a simulator, which has no resource manager, sessions and transient objects that an earlier client left
  // behind are flushed.
  [[nodiscard]] static Result<Tpm> open(const Connection& connection);
  ~Tpm();
  Tpm(Tpm&&) noexcept;
  Tpm& operator=(Tpm&&) noexcept;

  // TPM2_Startup(CLEAR). That it has been done before is no error.
  [[nodiscard]] Status startup();
  [[nodiscard]] Result<Info> info();

  // SHA-256 bank, any number of PCRs (eight are read at a time; the read is repeated when a PCR changed in between).
  [[nodiscard]] Result<tpmwire::PcrValues> read_pcrs(std::span<const uint32_t> indices);
  [[nodiscard]] Status extend_pcr(uint32_t index, const tpmwire::Digest& digest);

  // Makes a primary key from a template (TPMT_PUBLIC) and persists it at `handle`, in place of what was there.
  [[nodiscard]] Status create_primary(Hierarchy hierarchy, ByteView public_template, uint32_t handle);
  [[nodiscard]] Status create_ak(Hierarchy hierarchy, const tpmwire::PublicArea& public_template, uint32_t handle);
  [[nodiscard]] Status create_storage_primary(uint32_t handle);

  struct RekHandles {
    uint32_t primary = 0;          // parent, persistent
    uint32_t rek = 0;              // where the key is persisted, in place of what was there
    uint32_t creation_ticket = 0;  // NV index: TPMT_TK_CREATION
    uint32_t creation_hash = 0;    // NV index: TPM2B_DIGEST
  };
  // A request encryption key bound to these PCR values, its creation ticket and hash kept in NV.
  [[nodiscard]] Status create_rek(const RekHandles& handles, const tpmwire::PcrValues& policy);

  // TPMT_PUBLIC of a key, byte for byte, and its Name. kNotFound when nothing is there.
  struct PublicAndName {
    Bytes public_area;
    Bytes name;
  };
  [[nodiscard]] Result<PublicAndName> read_public(uint32_t handle);
  [[nodiscard]] Result<bool> is_persistent(uint32_t handle);
  // Nothing there: fine.
  [[nodiscard]] Status clear_persistent(uint32_t handle);

  // `ak` vouches that `rek` was made in this TPM, from the ticket and hash in NV. RSASSA, SHA-256, no nonce.
  [[nodiscard]] Result<Attestation> certify_creation(uint32_t ak, const RekHandles& handles);
  // Over the SHA-256 bank of these PCRs. RSASSA, SHA-256.
  [[nodiscard]] Result<Attestation> quote(uint32_t ak, const tpmwire::PcrSelectionList& selection, ByteView nonce = {});

  // The 32-byte X of (private key at `handle`) times `point` (65 bytes), in a policy session over these PCR values.
  // kPolicyFailed when they are not the current ones or not the key's; kBadPoint for a point the TPM refuses.
  [[nodiscard]] Result<SecretBytes> ecdh_zgen(uint32_t handle, const tpmwire::PcrValues& policy, ByteView point);
  // Makes the session for a later ecdh_zgen() under the same policy ahead, if none waits: two of its three commands.
  // One of the few sessions that a TPM has room for is held until then, or until this object ends.
  [[nodiscard]] Status prepare_zgen(const tpmwire::PcrValues& policy);

  // NV indices: owner and auth may read and write, empty password, no dictionary-attack protection.
  [[nodiscard]] Status nv_define(uint32_t index, size_t size);
  [[nodiscard]] Status nv_undefine(uint32_t index);  // nothing there: fine
  [[nodiscard]] Status nv_write(uint32_t index, ByteView data);
  [[nodiscard]] Result<Bytes> nv_read(uint32_t index);

  [[nodiscard]] Result<std::vector<uint32_t>> handles(HandleKind kind);
  [[nodiscard]] Result<Bytes> random(size_t count);

  // How long the TPM took for the latest operation called here, all its commands together.
  [[nodiscard]] std::chrono::nanoseconds last_duration() const;

 private:
  struct Impl;
  explicit Tpm(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace openpcc::tpm
