#include "sealed/stream.h"

#include <gtest/gtest.h>

#include "base/varint.h"
#include "sealed/test_support.h"

namespace openpcc::sealed {
namespace {

const Bytes kKey(32, 0x42);
const NonceBytes kBase = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xfe};
constexpr crypto::Aead kAead = crypto::Aead::kAes256Gcm;

StreamSealer sealer(Mode mode) {
  return StreamSealer::create(mode, kAead, kKey, kBase, {}).value();
}

StreamOpener opener(Mode mode) {
  return StreamOpener::create(mode, kAead, kKey, kBase, UINT64_MAX).value();
}

Opened open(Mode mode, ByteView sealed, size_t step = 100000) {
  StreamOpener stream = opener(mode);
  return open_in_steps(stream, sealed, step);
}

// One frame for each part. As the official senders do, the final frame is empty.
std::vector<Bytes> frames_of(const std::vector<Bytes>& parts) {
  StreamSealer stream = sealer(Mode::kChunked);
  std::vector<Bytes> frames;
  for (const Bytes& part : parts) EXPECT_TRUE(stream.write(part, frames.emplace_back()));
  EXPECT_TRUE(stream.finish(frames.emplace_back()));
  return frames;
}

Bytes join(const std::vector<Bytes>& frames) {
  Bytes out;
  for (const Bytes& frame : frames) append(out, frame);
  return out;
}

// A frame made by hand, for what our sealer never sends.
Bytes frame_by_hand(uint8_t counter, ByteView plaintext, bool final) {
  NonceBytes nonce = kBase;
  nonce[11] ^= counter;
  const Bytes sealed = crypto::aead_seal(kAead, kKey, nonce, as_bytes(final ? "final" : ""), plaintext).value();
  Bytes out;
  append_varint(out, final ? 0 : sealed.size());
  append(out, sealed);
  return out;
}

TEST(Stream, EverySizeComesBackHoweverItIsFed) {
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    for (const size_t size : {0U, 1U, 15U, 16U, 511U, 512U, 513U, 514U, 515U, 1028U, 1029U, 100000U}) {
      const Bytes plaintext = counting(7, size);
      StreamSealer stream = sealer(mode);
      Bytes sealed;
      ASSERT_TRUE(stream.write(plaintext, sealed));
      ASSERT_TRUE(stream.finish(sealed));
      const size_t frames = (size + limits::kChunkPlaintext - 1) / limits::kChunkPlaintext;
      EXPECT_LE(sealed.size(), mode == Mode::kWhole ? size + 16 : size + frames * 18 + 17);
      for (const size_t step : {1U, 2U, 18U, 531U, 532U, 533U, 100000U}) {
        const Opened opened = open(mode, sealed, step);
        EXPECT_FALSE(opened.error) << size << " bytes in steps of " << step;
        EXPECT_EQ(opened.plaintext, plaintext);
      }
    }
  }
}

TEST(Stream, APieceWrittenIsAFrameThatCanBeReadAtOnce) {
  StreamSealer stream = sealer(Mode::kChunked);
  StreamOpener other = opener(Mode::kChunked);
  for (const size_t size : {1U, 511U, 512U, 513U, 100000U}) {
    const Bytes part = counting(1, size);
    Bytes sealed;
    WipedBytes out;
    ASSERT_TRUE(stream.write(part, sealed));
    ASSERT_TRUE(other.feed(sealed, out));
    EXPECT_EQ(to_bytes(out), part);
  }
}

TEST(Stream, AWholeMessageGivesNothingOutBeforeItsEnd) {
  StreamSealer stream = sealer(Mode::kWhole);
  Bytes sealed;
  ASSERT_TRUE(stream.write(Bytes(5000, 1), sealed));
  ASSERT_TRUE(stream.finish(sealed));
  StreamOpener other = opener(Mode::kWhole);
  WipedBytes out;
  ASSERT_TRUE(other.feed(sealed, out));
  EXPECT_TRUE(out.empty());
  ASSERT_TRUE(other.finish(out));
  EXPECT_EQ(out.size(), 5000U);
}

// What Go peers may send: any partition, empty frames, data in the final frame, lengths in a longer form.
TEST(Stream, AcceptsEmptyFramesDataInTheFinalOneAndLongLengths) {
  const Bytes largest(limits::kChunkPlaintext, 9);
  Bytes long_form = {0x80, 0, 0, 16 + 3};  // 4-byte varint
  append(long_form, ByteView(frame_by_hand(3, as_bytes("ghi"), false)).subspan(1));
  const Bytes sealed = join({frame_by_hand(0, {}, false), frame_by_hand(1, as_bytes("abc"), false),
                             frame_by_hand(2, largest, false), long_form, frame_by_hand(4, largest, true)});
  for (const size_t step : {1U, 3U, 532U, 100000U}) {
    const Opened opened = open(Mode::kChunked, sealed, step);
    EXPECT_FALSE(opened.error);
    EXPECT_EQ(opened.plaintext, concat({as_bytes("abc"), largest, as_bytes("ghi"), largest}));
  }
}

TEST(Stream, CutAtAnyLengthIsTruncatedAndGivesOnlyGenuineBytes) {
  const Bytes plaintext = counting(0, 1100);
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    StreamSealer stream = sealer(mode);
    Bytes sealed;
    ASSERT_TRUE(stream.write(plaintext, sealed));
    ASSERT_TRUE(stream.finish(sealed));
    for (size_t size = 0; size < sealed.size(); ++size) {
      for (const size_t step : {size_t{1}, size_t{100000}}) {
        const Opened opened = open(mode, ByteView(sealed).first(size), step);
        ASSERT_TRUE(opened.error) << "cut at " << size;
        // A whole message that is cut cannot be told from an altered one once it is as long as a tag.
        EXPECT_EQ(*opened.error, mode == Mode::kWhole && size >= kTagSize ? kAltered : kTruncated) << size;
        EXPECT_EQ(opened.plaintext, to_bytes(ByteView(plaintext).first(opened.plaintext.size())));
      }
    }
  }
}

TEST(Stream, EverySingleAlteredByteIsRefused) {
  const Bytes plaintext = counting(0, 1024);
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    StreamSealer stream = sealer(mode);
    Bytes sealed;
    ASSERT_TRUE(stream.write(plaintext, sealed));
    ASSERT_TRUE(stream.finish(sealed));
    for (size_t at = 0; at < sealed.size(); ++at) {
      for (const uint8_t flip : Bytes{0x01, 0x40, 0x80}) {
        Bytes altered = sealed;
        altered[at] ^= flip;
        const Opened opened = open(mode, altered, 1 + at % 700);
        ASSERT_TRUE(opened.error) << at;
        // A longer length may ask for bytes that never come.
        EXPECT_TRUE(*opened.error == kAltered || *opened.error == kTruncated) << at;
        EXPECT_EQ(opened.plaintext, to_bytes(ByteView(plaintext).first(opened.plaintext.size())));
      }
    }
  }
}

TEST(Stream, FramesRepeatedDroppedInsertedOrExchangedAreRefused) {
  const std::vector<Bytes> parts = {counting(1, 10), counting(2, 514), counting(3, 514), counting(4, 100)};
  const std::vector<Bytes> good = frames_of(parts);
  ASSERT_FALSE(open(Mode::kChunked, join(good)).error);
  const auto expect_refused = [&](const std::vector<Bytes>& frames, std::string_view what, size_t at) {
    for (const size_t step : {1U, 7U, 532U, 100000U}) {
      const Opened opened = open(Mode::kChunked, join(frames), step);
      ASSERT_TRUE(opened.error) << what << " " << at;
      EXPECT_TRUE(*opened.error == kAltered || *opened.error == kTruncated) << what << " " << at;
      const Bytes whole = join(parts);
      EXPECT_EQ(opened.plaintext, to_bytes(ByteView(whole).first(opened.plaintext.size()))) << what << " " << at;
    }
  };
  for (size_t at = 0; at < good.size(); ++at) {
    auto frames = good;
    const auto position = frames.begin() + static_cast<std::ptrdiff_t>(at);
    frames.insert(position, good[at]);
    expect_refused(frames, "repeated", at);
    frames = good;
    frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(at));
    expect_refused(frames, "dropped", at);
    for (const size_t garbage : {0U, 1U, 15U, 16U, 17U, 530U}) {
      frames = good;
      Bytes inserted;
      append_varint(inserted, garbage);
      inserted.resize(inserted.size() + garbage, 0x5a);
      frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(at), inserted);
      expect_refused(frames, "inserted before", at);
    }
    for (size_t with = at + 1; with < good.size(); ++with) {
      frames = good;
      std::swap(frames[at], frames[with]);
      expect_refused(frames, "exchanged", at);
    }
  }
  // The final frame is one, and only the final frame is.
  auto demoted = good;
  demoted.back() = frame_by_hand(4, {}, false);
  expect_refused(demoted, "final frame without its mark", 4);
  auto promoted = good;
  promoted.back()[0] = 0;
  promoted.resize(promoted.size() - 1);
  promoted.back() = join({{0}, to_bytes(ByteView(frame_by_hand(3, parts[3], false)).subspan(2))});
  expect_refused(promoted, "ordinary frame marked as final", 3);
  auto trailing = good;
  trailing.push_back({0});
  expect_refused(trailing, "a byte after the end", 5);
  trailing.back() = Bytes(2000, 0);
  expect_refused(trailing, "many bytes after the end", 5);
}

TEST(Stream, LengthsThatNoFrameCanHaveAreRefusedBeforeTheirBytesCome) {
  for (const uint64_t length : {uint64_t{1}, uint64_t{15}, uint64_t{531}, uint64_t{16384}, kVarintMax}) {
    Bytes sealed;
    append_varint(sealed, length);
    StreamOpener stream = opener(Mode::kChunked);
    WipedBytes out;
    const Status status = stream.feed(sealed, out);
    ASSERT_FALSE(status) << length;
    EXPECT_EQ(status.error().code, kAltered);
  }
}

TEST(Stream, NothingComesAfterTheFirstBadFrame) {
  std::vector<Bytes> frames = frames_of({Bytes(5, 1), Bytes(5, 2), Bytes(5, 3)});
  StreamOpener stream = opener(Mode::kChunked);
  WipedBytes out;
  ASSERT_TRUE(stream.feed(frames[0], out));
  Bytes bad = frames[1];
  bad.back() ^= 1;
  EXPECT_EQ(stream.feed(bad, out).error().code, kAltered);
  EXPECT_EQ(stream.feed(frames[1], out).error().code, kAltered);
  EXPECT_EQ(stream.feed({}, out).error().code, kAltered);
  EXPECT_EQ(stream.finish(out).error().code, kAltered);
  EXPECT_EQ(to_bytes(out), Bytes(5, 1));
}

TEST(Stream, CallsAfterTheEndAreMisuse) {
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    StreamSealer stream = sealer(mode);
    Bytes sealed;
    ASSERT_TRUE(stream.finish(sealed));
    const Bytes whole = sealed;
    EXPECT_EQ(stream.write(Bytes(1), sealed).error().code, kMisuse);
    EXPECT_EQ(stream.finish(sealed).error().code, kMisuse);
    EXPECT_EQ(sealed, whole);
    StreamOpener other = opener(mode);
    WipedBytes out;
    ASSERT_TRUE(other.feed(sealed, out));
    ASSERT_TRUE(other.finish(out));
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(other.feed(Bytes(1), out).error().code, kMisuse);
    EXPECT_EQ(other.finish(out).error().code, kMisuse);
  }
}

}  // namespace
}  // namespace openpcc::sealed
