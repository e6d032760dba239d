// Openers under hostile bytes, with fixed keys. The first byte chooses the target, the second the size of the pieces.
//
// Properties: fed whole or in pieces, an opener gives out the same bytes and ends the same way; of a genuine message
// that was altered, only a genuine beginning comes out, and never with a good end.
#include <algorithm>
#include <cstdlib>

#include "sealed/test_support.h"

namespace {

using namespace openpcc;
using namespace openpcc::sealed;

struct Fixture {
  explicit Fixture(Mode which)
      : mode(which),
        rek(p256_pair_for_testing(0x11)),
        sealer(fixed_request_sealer_for_testing(mode)),
        candidate(fixed_candidate_for_testing(sealer, rek.public_key())),
        node(opener_for_testing(mode, candidate, rek)) {}

  RequestOpener request_opener() const { return opener_for_testing(mode, candidate, rek); }
  ResponseOpener response_opener() const { return candidate.response_opener(response_media_type(mode)).value(); }

  Mode mode;
  crypto::KeyPair rek;
  RequestSealer sealer;
  Candidate candidate;
  RequestOpener node;
};

const Fixture& fixture(Mode mode) {
  static const Fixture whole(Mode::kWhole);
  static const Fixture chunked(Mode::kChunked);
  return mode == Mode::kWhole ? whole : chunked;
}

template <typename Make>
Opened same_however_fed(Make make, ByteView sealed, size_t step) {
  auto at_once = make();
  auto in_pieces = make();
  Opened first = open_in_steps(at_once, sealed, std::max<size_t>(sealed.size(), 1));
  const Opened second = open_in_steps(in_pieces, sealed, step);
  if (first.plaintext != second.plaintext || first.error != second.error) std::abort();
  return first;
}

void encapsulated_key(ByteView bytes) {
  const Fixture& f = fixture(Mode::kWhole);
  const auto opened = RequestOpener::create(kRequestMediaType, bytes, f.rek.public_key(), f.rek.diffie_hellman());
  if (opened && !std::ranges::equal(bytes, f.candidate.encapsulated_key())) std::abort();
}

// A genuine response of five frames, altered as the input says: pairs of position and XOR.
void altered(Mode mode, ByteView edits, size_t step) {
  const Fixture& f = fixture(mode);
  ResponseSealer sealer =
      f.node.response_sealer(mode, fixed_random_for_testing(counting(0x80, kResponseNonceSize))).value();
  const Bytes plaintext = counting(0, 200);
  Bytes sealed;
  Status done;
  for (size_t at = 0; at < plaintext.size() && done; at += 50)
    done = sealer.write(ByteView(plaintext).subspan(at, 50), sealed);
  if (!done || !sealer.finish(sealed)) std::abort();
  const Bytes genuine = sealed;
  for (size_t i = 0; i + 2 < edits.size(); i += 3) {
    const size_t at = (static_cast<size_t>(edits[i]) << 8 | edits[i + 1]) % sealed.size();
    sealed[at] = static_cast<uint8_t>(sealed[at] ^ edits[i + 2]);
  }
  const Opened opened = same_however_fed([&] { return f.response_opener(); }, sealed, step);
  if (opened.error.has_value() == (sealed == genuine)) std::abort();
  if (opened.plaintext.size() > plaintext.size() ||
      !std::equal(opened.plaintext.begin(), opened.plaintext.end(), plaintext.begin())) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const ByteView bytes(data + 2, size - 2);
  const size_t step = size_t{1} + data[1];
  switch (data[0]) {
    case 'w':
      (void)same_however_fed([] { return fixture(Mode::kWhole).request_opener(); }, bytes, step);
      break;
    case 'c':
      (void)same_however_fed([] { return fixture(Mode::kChunked).request_opener(); }, bytes, step);
      break;
    case 'W':
      (void)same_however_fed([] { return fixture(Mode::kWhole).response_opener(); }, bytes, step);
      break;
    case 'C':
      (void)same_however_fed([] { return fixture(Mode::kChunked).response_opener(); }, bytes, step);
      break;
    case 'a':
      altered(Mode::kChunked, bytes, step);
      break;
    case 'A':
      altered(Mode::kWhole, bytes, step);
      break;
    case 'k':
      encapsulated_key(bytes);
      break;
    default:
      break;
  }
  return 0;
}
