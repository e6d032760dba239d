// request.h - a request sealed once under a fresh data key (DEK), and that key sealed to each candidate node (HPKE).
//
// Encapsulated key, 120 bytes: header 00 0010 0001 0001, ephemeral P-256 point (65), sealed DEK (48). The DEK has 32
// bytes, and content is AES-256-GCM although the header says AES-128-GCM: the official code picks AES by key length.
// Sources: twoway multi_sender_receiver.go, request_header.go, request_opener.go.
#pragma once

#include "crypto/hpke.h"
#include "sealed/response.h"

namespace openpcc::sealed {

// Could this open anywhere? Size, header and point; kBadEncapsulatedKey if not. Needs no key.
[[nodiscard]] Status check_encapsulated_key(ByteView encapsulated_key);

// One node that can open the request, and the client's end of the channel its response comes back on. Move-only.
class Candidate {
 public:
  // For X-Encapsulated-Key, as base64. Valid while the candidate lives.
  [[nodiscard]] const Bytes& encapsulated_key() const { return encapsulated_key_; }
  // Opens this node's response. The opener stands on its own: it may outlive the candidate.
  [[nodiscard]] Result<ResponseOpener> response_opener(std::string_view media_type,
                                                       size_t max_whole = kDefaultWholeResponse) const;

 private:
  friend class RequestSealer;
  Candidate(Bytes encapsulated_key, std::shared_ptr<const crypto::SenderContext> context);
  Bytes encapsulated_key_;
  std::shared_ptr<const crypto::SenderContext> context_;
};

// Client side. Content first or candidates first, in any order.
class RequestSealer {
 public:
  [[nodiscard]] static Result<RequestSealer> create(Mode mode, const RandomSource& random = system_random);

  [[nodiscard]] std::string_view media_type() const { return request_media_type(stream_.mode()); }
  // See StreamSealer.
  [[nodiscard]] Status write(ByteView plaintext, Bytes& out) { return stream_.write(plaintext, out); }
  [[nodiscard]] Status finish(Bytes& out) { return stream_.finish(out); }

  // Seals the DEK to one node's request encryption key (65 bytes, uncompressed). Any number of nodes.
  [[nodiscard]] Result<Candidate> encapsulate(ByteView rek_point, const RandomSource& random = system_random) const;

 private:
  RequestSealer(SecretBytes dek, StreamSealer stream) : dek_(std::move(dek)), stream_(std::move(stream)) {}
  SecretBytes dek_;
  StreamSealer stream_;
};

// Node side.
class RequestOpener {
 public:
  // Opens the DEK: one Diffie-Hellman. `rek_point` is the node's own public key. An error of `dh` itself is returned as
  // it is; everything the peer can cause is kUnknownMediaType, kBadEncapsulatedKey or kNotForThisNode. `max_sealed` is
  // capped at kHardMaxSealed and holds in both modes.
  [[nodiscard]] static Result<RequestOpener> create(std::string_view media_type, ByteView encapsulated_key,
                                                    ByteView rek_point, const crypto::DiffieHellman& dh,
                                                    size_t max_sealed = limits::kSealedRequest);

  // See StreamOpener.
  [[nodiscard]] Status feed(ByteView sealed, WipedBytes& out);
  [[nodiscard]] Status finish(WipedBytes& out);

  // The way back, in either mode, at any moment: also a refusal of the request is sealed.
  [[nodiscard]] Result<ResponseSealer> response_sealer(Mode mode, const RandomSource& random = system_random) const;

 private:
  RequestOpener(Mode mode, SecretBytes dek, std::shared_ptr<const crypto::RecipientContext> context,
                uint64_t max_sealed);
  Mode mode_;
  SecretBytes dek_;  // until the content's nonce is complete
  std::shared_ptr<const crypto::RecipientContext> context_;
  uint64_t max_sealed_;
  Bytes prefix_;
  std::optional<StreamOpener> stream_;
  std::optional<Error> dead_;
};

}  // namespace openpcc::sealed
