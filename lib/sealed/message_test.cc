// Requests and responses as the programs see them: Binary HTTP, sealed, opened and decoded again.
#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "sealed/request_message.h"
#include "sealed/response_message.h"
#include "sealed/test_support.h"

namespace openpcc::sealed {
namespace {

using bhttp::Fields;
using bhttp::RequestHead;
using bhttp::ResponseHead;

constexpr size_t kAll = SIZE_MAX;

struct Seen : bhttp::Handler {
  Status on_request(RequestHead head) override {
    request = std::move(head);
    return {};
  }
  Status on_response(ResponseHead head) override {
    response = std::move(head);
    return {};
  }
  Status on_content(ByteView data) override {
    append(content, data);
    return {};
  }
  Status on_trailers(Fields fields) override {
    trailers = std::move(fields);
    return {};
  }
  std::optional<RequestHead> request;
  std::optional<ResponseHead> response;
  Bytes content;
  Fields trailers;
};

template <typename Reader>
Status read_in_steps(Reader& reader, ByteView sealed, size_t step) {
  while (!sealed.empty()) {
    const ByteView piece = sealed.first(std::min(step, sealed.size()));
    OPENPCC_TRY_STATUS(reader.feed(piece));
    sealed = sealed.subspan(piece.size());
  }
  return reader.finish();
}

const crypto::KeyPair& rek() {
  static const crypto::KeyPair pair = p256_pair_for_testing(0x11);
  return pair;
}

RequestHead request_head() {
  return {"POST", "http", "confsec.invalid", "/v1/completions", {{"content-type", "application/json"}}};
}

RequestReader request_reader(std::string_view media_type, const Candidate& candidate, Seen& seen) {
  return RequestReader::create(media_type, candidate.encapsulated_key(), rek().public_key(), rek().diffie_hellman(),
                               seen)
      .value();
}

// A request that has been sent and read, for tests of what comes back.
struct Exchange {
  Exchange()
      : candidate(seal_request(request_head(), as_bytes("{}")).value().encapsulate(rek().public_key()).value()),
        reader(request_reader(kRequestMediaType, candidate, seen)) {}
  Seen seen;
  Candidate candidate;
  RequestReader reader;
};

Bytes chunked_response(const Exchange& exchange, const std::vector<Bytes>& parts, const Fields& trailers = {}) {
  ResponseWriter writer = ResponseWriter::create(exchange.reader.opener()).value();
  ResponseHead head{200, {{"content-type", "text/event-stream"}}};
  for (const auto& field : trailers) head.trailer_names.push_back(field.name);
  Bytes out;
  EXPECT_TRUE(writer.head(head, out));
  for (const Bytes& part : parts) EXPECT_TRUE(writer.content(part, out));
  EXPECT_TRUE(writer.finish(trailers, out));
  return out;
}

struct Answer {
  Seen seen;
  Status status;
};

Answer read_response(const Exchange& exchange, std::string_view media_type, ByteView sealed, size_t step = kAll) {
  Answer out;
  ResponseReader reader = ResponseReader::create(exchange.candidate, media_type, out.seen).value();
  out.status = read_in_steps(reader, sealed, step);
  return out;
}

TEST(RequestMessage, IsTheOfficialOneByteForByte) {
  const auto sealed = seal_request(request_head(), as_bytes(R"({"model":"llama3.2:1b","prompt":"hi"})"),
                                   fixed_random_for_testing(concat({counting(0x00, 32), counting(0x40, 12)})));
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->media_type(), "application/confsec-req");
  EXPECT_EQ(to_hex(*crypto::sha256(sealed->body())),
            "fe5bcf22d8db34d0eb97a645d5d11328bed3836d42ebbb50d600543714ba7ef0");
}

TEST(RequestMessage, OfEverySizeArrivesHoweverItIsFed) {
  for (const size_t size : {0U, 1U, 511U, 512U, 513U, 100000U}) {
    const Bytes body = counting(5, size);
    const auto sealed = seal_request(request_head(), body);
    ASSERT_TRUE(sealed);
    EXPECT_EQ((sealed->body().size() - kNonceSize - kTagSize) % limits::kChunkPlaintext, 0U);
    const auto candidate = sealed->encapsulate(rek().public_key());
    for (const size_t step : {size_t{1}, size_t{532}, kAll}) {
      Seen seen;
      RequestReader reader = request_reader(sealed->media_type(), *candidate, seen);
      ASSERT_TRUE(read_in_steps(reader, sealed->body(), step));
      ASSERT_TRUE(seen.request);
      EXPECT_EQ(seen.request->path, "/v1/completions");
      EXPECT_EQ(seen.content, body);
      EXPECT_FALSE(reader.finish());
    }
  }
}

TEST(RequestMessage, OfUnknownLengthGoesChunked) {
  RequestWriter writer = RequestWriter::create().value();
  EXPECT_EQ(writer.media_type(), "application/confsec-chunked-req");
  const auto candidate = writer.encapsulate(rek().public_key());
  RequestHead head = request_head();
  head.trailer_names = {"x-note"};
  Bytes sealed;
  ASSERT_TRUE(writer.head(head, sealed));
  ASSERT_TRUE(writer.content(counting(1, 1000), sealed));
  ASSERT_TRUE(writer.content({}, sealed));
  ASSERT_TRUE(writer.content(counting(2, 3), sealed));
  ASSERT_TRUE(writer.finish({{"x-note", "end"}}, sealed));
  EXPECT_FALSE(writer.content(counting(1, 1), sealed));
  for (const size_t step : {size_t{1}, size_t{100}, kAll}) {
    Seen seen;
    RequestReader reader = request_reader(writer.media_type(), *candidate, seen);
    ASSERT_TRUE(read_in_steps(reader, sealed, step));
    EXPECT_EQ(seen.content, concat({counting(1, 1000), counting(2, 3)}));
    EXPECT_EQ(seen.trailers, (Fields{{"x-note", "end"}}));
  }
}

// The framing of the message does not follow from the media type: the official readers take both in both.
TEST(RequestMessage, ReadersTakeEitherFramingInEitherMode) {
  for (const Mode mode : {Mode::kWhole, Mode::kChunked}) {
    for (const bool known : {false, true}) {
      WipedBytes message;
      if (known) {
        message = bhttp::encode_request(request_head(), as_bytes("hello"), 514).value();
      } else {
        bhttp::MessageWriter writer;
        ASSERT_TRUE(writer.request(request_head(), message));
        ASSERT_TRUE(writer.content(as_bytes("hello"), message));
        ASSERT_TRUE(writer.finish({}, message));
      }
      RequestSealer sealer = RequestSealer::create(mode).value();
      Bytes sealed;
      // As the official sender does: the first byte in a frame of its own.
      ASSERT_TRUE(sealer.write(ByteView(message).first(1), sealed));
      ASSERT_TRUE(sealer.write(ByteView(message).subspan(1), sealed));
      ASSERT_TRUE(sealer.finish(sealed));
      Seen seen;
      RequestReader reader = request_reader(sealer.media_type(), *sealer.encapsulate(rek().public_key()), seen);
      ASSERT_TRUE(read_in_steps(reader, sealed, kAll));
      EXPECT_EQ(to_bytes(as_bytes("hello")), seen.content);
    }
  }
}

TEST(RequestMessage, ARefusalCanBeSealedAfterABadRequest) {
  const auto sealed = seal_request(request_head(), as_bytes("{}"));
  const auto candidate = sealed->encapsulate(rek().public_key());
  Bytes altered = sealed->body();
  altered[100] ^= 1;
  Seen seen;
  RequestReader reader = request_reader(sealed->media_type(), *candidate, seen);
  EXPECT_EQ(read_in_steps(reader, altered, kAll).error().code, kAltered);
  EXPECT_EQ(reader.feed(Bytes(1)).error().code, kAltered);
  EXPECT_FALSE(seen.request);
  const auto refusal = seal_response(reader.opener(), {400, {}}, as_bytes("no"));
  ASSERT_TRUE(refusal);
  Seen answer;
  ResponseReader client = ResponseReader::create(*candidate, refusal->media_type, answer).value();
  ASSERT_TRUE(read_in_steps(client, refusal->body, kAll));
  EXPECT_EQ(answer.response->status, 400);
}

TEST(ResponseMessage, OfEverySizeArrivesInBothModesHoweverItIsFed) {
  const Exchange exchange;
  for (const size_t size : {0U, 1U, 511U, 512U, 513U, 100000U}) {
    const Bytes body = counting(9, size);
    const auto whole = seal_response(exchange.reader.opener(), {200, {}}, body);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->media_type, kResponseMediaType);
    const Bytes chunked = chunked_response(exchange, {body});
    for (const size_t step : {size_t{1}, size_t{532}, kAll}) {
      const Answer a = read_response(exchange, kResponseMediaType, whole->body, step);
      ASSERT_TRUE(a.status);
      EXPECT_EQ(a.seen.content, body);
      const Answer b = read_response(exchange, kChunkedResponseMediaType, chunked, step);
      ASSERT_TRUE(b.status);
      EXPECT_EQ(b.seen.response->status, 200);
      EXPECT_EQ(b.seen.content, body);
    }
  }
}

TEST(ResponseMessage, TrailersArriveOnlyWithTheEnd) {
  const Exchange exchange;
  const Fields trailers = {{"x-refund", "12"}};
  const Bytes sealed = chunked_response(exchange, {counting(1, 40)}, trailers);
  EXPECT_EQ(read_response(exchange, kChunkedResponseMediaType, sealed).seen.trailers, trailers);
}

TEST(ResponseMessage, EachPieceCanBeReadAsSoonAsItIsWritten) {
  const Exchange exchange;
  ResponseWriter writer = ResponseWriter::create(exchange.reader.opener()).value();
  Seen seen;
  ResponseReader reader = ResponseReader::create(exchange.candidate, writer.media_type(), seen).value();
  Bytes sealed;
  ASSERT_TRUE(writer.head({200, {}}, sealed));
  ASSERT_TRUE(reader.feed(sealed));
  EXPECT_TRUE(seen.response);
  Bytes sent;
  for (const size_t size : {1U, 511U, 512U, 513U, 2000U}) {
    const Bytes part = counting(3, size);
    sealed.clear();
    ASSERT_TRUE(writer.content(part, sealed));
    // 512 bytes of content make exactly one frame.
    const size_t frames = (size + limits::kUserChunk - 1) / limits::kUserChunk;
    EXPECT_LE(sealed.size(), size + frames * (limits::kChunkOnWire - limits::kUserChunk));
    ASSERT_TRUE(reader.feed(sealed));
    append(sent, part);
    EXPECT_EQ(seen.content, sent);
  }
}

TEST(ResponseMessage, CutAnywhereIsCutOffAndNeverLooksWhole) {
  const Exchange exchange;
  const Bytes sealed = chunked_response(exchange, {counting(1, 40), counting(2, 600)}, {{"x-refund", "1"}});
  ASSERT_TRUE(read_response(exchange, kChunkedResponseMediaType, sealed).status);
  for (size_t size = 0; size < sealed.size(); ++size) {
    const Answer cut = read_response(exchange, kChunkedResponseMediaType, ByteView(sealed).first(size));
    ASSERT_FALSE(cut.status) << size;
    EXPECT_EQ(cut.status.error().code, kTruncated);
    EXPECT_TRUE(is_cut_or_altered(cut.status.error().code));
  }
}

TEST(ResponseMessage, AnyAlteredByteIsRefused) {
  const Exchange exchange;
  const Bytes chunked = chunked_response(exchange, {counting(1, 900)});
  const Bytes whole = seal_response(exchange.reader.opener(), {200, {}}, counting(1, 900))->body;
  for (const bool is_whole : {false, true}) {
    Bytes sealed = is_whole ? whole : chunked;
    for (size_t at = 0; at < sealed.size(); ++at) {
      sealed[at] ^= 0x20;
      const Answer answer =
          read_response(exchange, response_media_type(is_whole ? Mode::kWhole : Mode::kChunked), sealed);
      ASSERT_FALSE(answer.status) << at;
      EXPECT_TRUE(is_cut_or_altered(answer.status.error().code)) << at << " " << answer.status.error().message;
      sealed[at] ^= 0x20;
    }
  }
}

// Go's decoder goes on after garbage that stands where it looks for a terminator; ours stops there.
TEST(ResponseMessage, GarbageBetweenFramesEndsIt) {
  const Exchange exchange;
  ResponseWriter writer = ResponseWriter::create(exchange.reader.opener()).value();
  Bytes head;
  Bytes rest;
  ASSERT_TRUE(writer.head({200, {}}, head));
  ASSERT_TRUE(writer.content(as_bytes("text"), rest));
  ASSERT_TRUE(writer.finish({}, rest));
  Bytes garbage = {20};
  garbage.resize(21, 0x77);
  const Answer answer = read_response(exchange, kChunkedResponseMediaType, concat({head, garbage, rest}));
  ASSERT_FALSE(answer.status);
  EXPECT_EQ(answer.status.error().code, kAltered);
  EXPECT_TRUE(answer.seen.content.empty());
}

TEST(ResponseMessage, ARequestOrRubbishInsideIsRefused) {
  const Exchange exchange;
  const WipedBytes request = bhttp::encode_request(request_head(), as_bytes("{}")).value();
  for (const Bytes& inside : {to_bytes(request), Bytes{0x3f, 1, 2}, Bytes{}}) {
    ResponseSealer sealer = exchange.reader.opener().response_sealer(Mode::kChunked).value();
    Bytes sealed;
    ASSERT_TRUE(sealer.write(inside, sealed));
    ASSERT_TRUE(sealer.finish(sealed));
    EXPECT_FALSE(read_response(exchange, kChunkedResponseMediaType, sealed).status);
  }
}

}  // namespace
}  // namespace openpcc::sealed
